"""What no history of a server may show, whatever happened to it (security-and-reliability study, I1 to I5, I10): read from
its database and its logs after the test, so that every test that keeps a server checks it."""

# From a state to those that may follow (pipelines/model/job_state.cpp). A job is born waiting, ready, held or not_selected;
# events tell of changes, so what it was born as may be missing.
NEXT = {
    "waiting": {"ready", "held", "not_selected", "blocked", "cancelled", "errored", "failed"},
    "held": {"ready", "cancelled", "errored"},
    "ready": {"running", "cancelled", "errored"},
    "running": {"ready", "passed", "warned", "failed", "errored", "cancelled"},
}


def check(server):
    """Asserts the invariants over everything that the server has recorded."""
    _epochs_grow(server)
    _states_follow_each_other(server)
    _waiting_has_a_reason(server)
    _logs_are_as_long_as_told(server)


def _epochs_grow(server):
    """I1: attempts of a job are numbered 1, 2 …, in the order of their making, and at most the newest one is live."""
    by_job = {}
    for row in server.rows("SELECT id, job_id, epoch, state FROM attempts ORDER BY id"):
        by_job.setdefault(row["job_id"], []).append(row)
    for job, attempts in by_job.items():
        assert [a["epoch"] for a in attempts] == list(range(1, len(attempts) + 1)), (job, attempts)
        live = [a for a in attempts if a["state"] in ("leased", "running", "unreachable")]
        assert len(live) <= 1 and all(a is attempts[-1] for a in live), (job, attempts)


def _states_follow_each_other(server):
    """I2: a terminal state is the last word on a job and on a run; others follow as the model says."""
    told, runs = {}, {}
    for row in server.rows("SELECT type, run_id, job_id, state FROM events ORDER BY id"):
        if row["type"] == "job.changed":
            before = told.get(row["job_id"])
            if before == row["state"] == "running":
                continue  # its steps went on
            assert before is None or row["state"] in NEXT.get(before, set()), \
                f"job {row['job_id']} went from {before} to {row['state']}"
            told[row["job_id"]] = row["state"]
        elif row["type"] == "run.finished":
            assert row["run_id"] not in runs, f"run {row['run_id']} ended twice"
            runs[row["run_id"]] = row["state"]
    for row in server.rows("SELECT id, state FROM jobs"):
        assert told.get(row["id"], row["state"]) == row["state"], f"job {row['id']}: {told[row['id']]}, {row['state']}"
    # I5 of jobs: a run has ended exactly when its last job has.
    for row in server.rows("SELECT r.id, r.state, count(j.id) AS jobs, count(j.finished_at) AS done FROM runs r "
                           "LEFT JOIN jobs j ON j.run_id = r.id GROUP BY r.id"):
        assert (row["state"] == "active") == (row["jobs"] > row["done"]), row
        assert row["state"] == "active" or runs.get(row["id"]) == row["state"], (row, runs)


def _waiting_has_a_reason(server):
    """I10: what has not ended says what it waits for."""
    for row in server.rows("SELECT key, state, wait_reason FROM jobs WHERE finished_at IS NULL"):
        assert row["wait_reason"], row


def _logs_are_as_long_as_told(server):
    """I3: the log that people read is of exactly the size that its runner vouched for."""
    for row in server.rows("SELECT id, key, log_attempt, log_size FROM jobs WHERE log_attempt <> 0 "
                           "AND finished_at IS NOT NULL AND carried_from IS NULL"):
        told = server.rows("SELECT state, log_size FROM attempts WHERE id = ?", row["log_attempt"])[0]
        if told["state"] == "finished":
            assert told["log_size"] == row["log_size"], (row, told)
