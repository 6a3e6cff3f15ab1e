-- Open pull requests: one run per change needs to know whether a pushed branch has one.
CREATE TABLE pull_requests (
    project_id INTEGER NOT NULL REFERENCES projects(id),
    number     INTEGER NOT NULL,
    event      TEXT NOT NULL,           -- its newest event, JSON
    PRIMARY KEY (project_id, number)
) WITHOUT ROWID;
CREATE INDEX runs_active_by_project ON runs (project_id, branch, id) WHERE state = 'active';
