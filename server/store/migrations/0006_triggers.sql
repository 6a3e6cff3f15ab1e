-- `timeout.queue`: the service time at which a job that no agent took is given up; 0 = never.
ALTER TABLE jobs ADD COLUMN queue_until INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_queue_until ON jobs (queue_until) WHERE state = 'ready' AND queue_until > 0;

-- `on.schedule` of the default branches' tips.
CREATE TABLE schedules (
    id         INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES projects(id),
    name       TEXT NOT NULL,
    spec       TEXT NOT NULL,              -- schedule::Schedule, JSON
    since      INTEGER NOT NULL,           -- wall clock; ticks up to here have been noticed
    active     INTEGER NOT NULL,           -- 0 = the file does not have it any more
    UNIQUE (project_id, name)
);

-- What became of each tick. A slot is never given twice, whatever crashes (rule 27).
CREATE TABLE schedule_ticks (
    id          INTEGER PRIMARY KEY,
    schedule_id INTEGER NOT NULL REFERENCES schedules(id),
    slot        INTEGER NOT NULL,          -- wall clock, the instant
    date        TEXT NOT NULL,             -- nominal, on the schedule's own clock
    time        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('due', 'fired', 'skipped')),
    waits       INTEGER NOT NULL,          -- 1 = while an earlier run is active it waits, 0 = it is skipped
    attempts    INTEGER NOT NULL DEFAULT 0,
    reason      TEXT NOT NULL DEFAULT '',
    run_id      INTEGER REFERENCES runs(id),
    UNIQUE (schedule_id, slot),
    CHECK ((state = 'fired') = (run_id IS NOT NULL))
);
CREATE INDEX schedule_ticks_due ON schedule_ticks (schedule_id, slot) WHERE state = 'due';
