-- Environments that a project protects, and what went where (docs/decisions/0027).
CREATE TABLE environments (
    id              INTEGER PRIMARY KEY,
    project_id      INTEGER NOT NULL REFERENCES projects(id),
    name            TEXT NOT NULL,
    approvers       TEXT NOT NULL,          -- JSON array of roles and people; [] = the role write
    approvals       INTEGER NOT NULL,       -- how many different people must agree; 0 = nobody is asked
    reason_required INTEGER NOT NULL CHECK (reason_required IN (0, 1)),
    expires_ms      INTEGER NOT NULL,       -- an approval is given within, or never
    wait_ms         INTEGER NOT NULL,       -- a job waits as long before it goes, approved or not
    events          TEXT NOT NULL,          -- JSON array of event kinds; [] = all but pull requests and queue entries
    branches        TEXT NOT NULL,          -- JSON array of globs; without these and tags: what is protected
    tags            TEXT NOT NULL,
    set_by          TEXT NOT NULL,
    set_at          INTEGER NOT NULL,
    UNIQUE (project_id, name)
);

-- Jobs for an environment, from the moment that nothing but people or agents was missing.
CREATE TABLE deployments (
    job_id      INTEGER PRIMARY KEY REFERENCES jobs(id),
    project_id  INTEGER NOT NULL,
    run_id      INTEGER NOT NULL,
    environment TEXT NOT NULL,
    url         TEXT NOT NULL
);
CREATE INDEX deployments_by_environment ON deployments (project_id, environment, run_id);

ALTER TABLE approvals ADD COLUMN not_before INTEGER;                     -- wall clock; NULL = at once
ALTER TABLE approvals ADD COLUMN outdated_by INTEGER NOT NULL DEFAULT 0; -- number of the newer run that has deployed
CREATE INDEX approvals_waiting ON approvals (not_before) WHERE decision = '' AND not_before IS NOT NULL;

-- Who agreed to a job that is still held.
CREATE TABLE approval_votes (
    job_id INTEGER NOT NULL REFERENCES jobs(id),
    person TEXT NOT NULL,
    role   TEXT NOT NULL,
    PRIMARY KEY (job_id, person)
) WITHOUT ROWID;
