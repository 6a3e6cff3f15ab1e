-- Who holds or waits for a slot of a concurrency group. A row lives as long as its job or run has not ended.
CREATE TABLE slots (
    id        INTEGER PRIMARY KEY,
    run_id    INTEGER NOT NULL REFERENCES runs(id),
    job_id    INTEGER NOT NULL,            -- 0 = the run as a whole
    group_key TEXT NOT NULL,               -- project and group
    asked     TEXT NOT NULL,               -- model::Concurrency, JSON
    holds     INTEGER NOT NULL,            -- 0 = waits
    UNIQUE (run_id, job_id)
);
CREATE INDEX slots_by_group ON slots (group_key, run_id, id);

-- Jobs that wait for a person because their file says so.
CREATE TABLE approvals (
    job_id     INTEGER PRIMARY KEY REFERENCES jobs(id),
    expires_at INTEGER NOT NULL,           -- wall clock; the job is cancelled then
    spec_hash  TEXT NOT NULL,              -- what is approved
    decision   TEXT NOT NULL DEFAULT '' CHECK (decision IN ('', 'approved', 'rejected', 'expired')),
    decided_by TEXT NOT NULL DEFAULT '',
    reason     TEXT NOT NULL DEFAULT '',
    decided_at INTEGER
);
CREATE INDEX approvals_open ON approvals (expires_at) WHERE decision = '';
