-- Secrets of a project, sealed (docs/decisions/0022): ciphertext and the id of its key, never a value.
CREATE TABLE secrets (
    id          INTEGER PRIMARY KEY,
    project_id  INTEGER NOT NULL REFERENCES projects(id),
    name        TEXT NOT NULL,             -- `path/name`, as the pipeline says it
    environment TEXT NOT NULL DEFAULT '',  -- only jobs of that environment; '' = whatever no other row is for
    events      TEXT NOT NULL DEFAULT '[]',-- JSON array of event kinds; [] = all but pull requests and queue entries
    branches    TEXT NOT NULL DEFAULT '[]',-- JSON array of globs; [] = protected branches and tags
    sealed      TEXT NOT NULL,             -- KEY.BASE64, bound to project, name and environment
    set_by      TEXT NOT NULL,
    set_at      INTEGER NOT NULL,
    UNIQUE (project_id, name, environment)
);
