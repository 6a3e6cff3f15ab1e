-- How long the environment of a job that fails is kept for a person's shell; 0 = not at all.
ALTER TABLE runs ADD COLUMN keep_ms INTEGER NOT NULL DEFAULT 0;
-- Shells that people asked for in what was kept.
CREATE TABLE shells (
    id          INTEGER PRIMARY KEY,
    attempt_id  INTEGER NOT NULL REFERENCES attempts(id),
    job_id      INTEGER NOT NULL REFERENCES jobs(id),
    agent       TEXT NOT NULL,
    opened_by   TEXT NOT NULL,
    decided_by  TEXT NOT NULL DEFAULT '',  -- who let it through or refused it; '' = nobody had to
    state       TEXT NOT NULL CHECK (state IN ('requested', 'waiting', 'open', 'ended')),
    asked_at    INTEGER NOT NULL,
    opened_at   INTEGER,
    ended_at    INTEGER,
    exit_code   INTEGER,
    ending      TEXT NOT NULL DEFAULT '',  -- why it ended, where it did not end by itself
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
);
CREATE INDEX shells_by_job ON shells (job_id, id DESC);
CREATE INDEX shells_live ON shells (state) WHERE state <> 'ended';
