-- Of a shard: the id that all shards of its job share; '' = no shard.
ALTER TABLE jobs ADD COLUMN shard_of TEXT NOT NULL DEFAULT '';
-- The job that this one was compared with while it ran; 0 = it did not ask.
ALTER TABLE jobs ADD COLUMN base_job INTEGER NOT NULL DEFAULT 0;

-- What the reports of a job (of all its shards together) say in numbers: baselines and charts.
CREATE TABLE report_metrics (
    run_id     INTEGER NOT NULL REFERENCES runs(id),
    key        TEXT NOT NULL,              -- of the job, without its shard
    project_id INTEGER NOT NULL REFERENCES projects(id),
    job_id     INTEGER NOT NULL,           -- of shards: the one that ended last
    metrics    TEXT NOT NULL,              -- name → number, JSON
    PRIMARY KEY (run_id, key)
);
CREATE INDEX report_metrics_by_key ON report_metrics (project_id, key, run_id DESC);

-- Tests that failed in an attempt, also those that passed when they ran again. Passes are not kept: a million rows a day.
CREATE TABLE test_failures (
    id         INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES projects(id),
    key        TEXT NOT NULL,              -- as in report_metrics
    suite      TEXT NOT NULL,
    name       TEXT NOT NULL,
    sha        TEXT NOT NULL,
    run_id     INTEGER NOT NULL,
    job_id     INTEGER NOT NULL,
    attempt_id INTEGER NOT NULL,
    flaky      INTEGER NOT NULL,           -- it has passed on this commit, too
    message    TEXT NOT NULL,
    at         INTEGER NOT NULL,
    UNIQUE (attempt_id, suite, name)
);
CREATE INDEX test_failures_by_commit ON test_failures (project_id, key, sha);
CREATE INDEX test_failures_by_time ON test_failures (project_id, at);
