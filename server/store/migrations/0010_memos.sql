-- Passed jobs by what they depended on (docs/decisions/0017).
CREATE TABLE memos (
    id         INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES projects(id),
    scope      TEXT NOT NULL,           -- whose it is, as of caches
    job        TEXT NOT NULL,           -- its key in the run
    parts      TEXT NOT NULL,           -- protocol::MemoParts, JSON with sorted names
    run_id     INTEGER NOT NULL,
    job_id     INTEGER NOT NULL,
    attempt_id INTEGER NOT NULL,
    at         INTEGER NOT NULL
);
CREATE INDEX memos_by_job ON memos (project_id, scope, job, id DESC);

-- Where the files came from: commit, params, digests of inputs, metrics, environment. JSON.
ALTER TABLE packs ADD COLUMN lineage TEXT NOT NULL DEFAULT '';
