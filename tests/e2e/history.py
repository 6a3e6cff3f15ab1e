"""What no history of a server may show, whatever happened to it (security-and-reliability study, I1 to I12; I9 is
leftovers.py): read from its database and its files after the test, so that every test that keeps a server checks it.
tests/faults/test_history.py breaks each of them on purpose."""

import base64
import json
import mmap
import pathlib
import time
import urllib.parse

from wire import Client, wait_for

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
    _deliveries_have_an_outcome(server)
    _runs_are_told(server)
    _green_is_earned(server)
    _gates_are_green_by_their_jobs(server)
    _outbox_keeps_its_order(server)
    _blobs_are_here(server)
    _no_sink_shows_a_secret(server)


def settle(server):
    """Waits, on a server that lives, for what it does by and by; and asks it what only it can answer."""
    wait_for(lambda: server.rows("SELECT id FROM deliveries WHERE state = 'received'") == [],
             "deliveries to be handled (I4)")
    wait_for(lambda: untried(server) == [], "every status to be sent, or to have a reason why not (I12)")
    wait_for(lambda: stray_blobs(server) == set(), "files of blobs that nobody knows to be removed (I11)")
    _ended_attempts_open_nothing(server)


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
            if before == row["state"] and before in ("running", "held"):
                continue  # its steps went on; it waits for another person or for its environment
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


def _deliveries_have_an_outcome(server):
    """I4: what was acknowledged is one row, and that says what became of it."""
    rows = {row["id"]: row for row in server.rows("SELECT id, state, outcome, run_id FROM deliveries")}
    assert server.acknowledged <= rows.keys(), f"deliveries {server.acknowledged - rows.keys()} were acknowledged and lost"
    runs = {row["id"] for row in server.rows("SELECT id FROM runs")}
    for row in rows.values():
        assert row["state"] == "received" or row["outcome"], f"delivery {row['id']} ended without an outcome: {row}"
        assert row["run_id"] is None or row["run_id"] in runs, row


def _told(server):
    """Statuses in the order of their making, with their payloads read."""
    for row in server.rows("SELECT * FROM outbox ORDER BY id"):
        if not row["target"].endswith(":gate?"):
            yield row, json.loads(row["payload"])


def _runs_are_told(server):
    """I5: the last status of a run that ended says so."""
    last = {}
    for row, status in _told(server):
        if status["context"] in ("sluice", "sluice/pr"):
            last[int(status["url"].rpartition("/")[2])] = status["state"]
    for run in server.rows("SELECT id, state FROM runs WHERE finished_at IS NOT NULL"):
        told = last.get(run["id"])
        assert told in (None, run["state"]), f"run {run['id']} is {run['state']}, its commit was told {told}"


def _green_is_earned(server):
    """I6: green is only said of what succeeded on that very commit."""
    jobs = {row["id"]: row for row in server.rows(
        "SELECT j.id, j.state, j.run_id, j.attempts, j.carried_from, r.sha FROM jobs j JOIN runs r ON r.id = j.run_id")}
    runs = {row["id"]: row for row in server.rows("SELECT id, state, sha FROM runs")}
    results = {}
    for row in server.rows("SELECT job_id, outcome FROM attempts WHERE state = 'finished'"):
        results.setdefault(row["job_id"], set()).add(json.loads(row["outcome"] or "{}").get("result"))
    for job in jobs.values():
        if runs[job["run_id"]]["state"] == "passed":
            assert job["state"] in ("passed", "not_selected"), \
                f"run {job['run_id']} passed, its job {job['id']} {job['state']}"
        if job["state"] == "passed" and job["attempts"] and job["carried_from"] is None:
            assert "passed" in results.get(job["id"], ()), f"job {job['id']} passed, no attempt did: {results}"
    for row, status in _told(server):
        what, _, number = status["url"].rpartition("/")
        if status["state"] != "passed" or not number.isdigit():
            continue
        known = runs.get(int(number)) if what.endswith("/runs") else jobs.get(int(number))
        assert known and known["sha"] == status["sha"] and known["state"] in ("passed", "not_selected"), (status, known)


def _gates_are_green_by_their_jobs(server):
    """I6: as long as a commit's gate is said to be green, no job that it rests on is said to be anything else. A gate is of
    one branch, and is told before the jobs that it rests on."""
    now, branches = {}, {}
    for row, status in [*_told(server), (None, None)]:
        commit = status and (row["project_id"], status["sha"])
        gate = status and status["context"] == "sluice/gate"
        if gate:
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(status["url"]).query)
            branches[commit] = query.get("branch", [""])[0]
        key = status and (*commit, branches.get(commit, ""))
        # A verdict is looked at when all of its jobs have been told: at the next one, and at the end.
        for told, contexts in list(now.items()):
            if status and (not gate or told != key):
                continue
            if contexts.get("sluice/gate") in ("passed", "warned"):
                wrong = {name: state for name, state in contexts.items() if state not in ("passed", "warned")}
                assert not wrong, f"the gate of {told} was green over {wrong}"
        if status:
            now.setdefault(key, {})[status["context"]] = status["state"]


def untried(server):
    """Statuses that are due and were never tried: heads of their targets, all others wait for these."""
    return server.rows(
        "SELECT id, target FROM outbox o WHERE state = 'pending' AND attempts = 0 AND next_at <= ? AND NOT EXISTS "
        "(SELECT 1 FROM outbox p WHERE p.target = o.target AND p.state = 'pending' AND p.id < o.id)",
        int(time.time() * 1000))


def _outbox_keeps_its_order(server):
    """I12: of one target what was made first is sent first, and what is not sent says why."""
    waits = {}
    for row in server.rows("SELECT id, target, state, attempts, error FROM outbox ORDER BY id"):
        if row["state"] == "pending":
            waits.setdefault(row["target"], row["id"])
        assert row["state"] != "sent" or row["target"] not in waits, f"{row} was sent before {waits[row['target']]}"
        assert row["state"] != "dead" or row["error"], f"{row} was given up without a word"
        assert row["state"] != "pending" or row["attempts"] == 0 or row["error"], f"{row} waits without a reason"


def _blob_files(server):
    folder = pathlib.Path(server.data) / "blobs"
    return {path.name: path for path in folder.glob("??/*")}


def stray_blobs(server):
    """Files of blobs without a row. A crash may leave them, and the next start removes them; a kill that is the test's last
    act may leave them, too, so this is asked of servers that live."""
    files = set(_blob_files(server))
    return files - {row["digest"] for row in server.rows("SELECT digest FROM blobs")}


def _blobs_are_here(server):
    """I11: whatever is referred to is there, with all its bytes. What an object store has, its tests compare."""
    files, sizes = _blob_files(server), {}
    remote = any(row["value"] for row in server.rows("SELECT value FROM meta WHERE key = 'blob_place'"))
    for row in server.rows("SELECT digest, stored FROM blobs"):
        sizes[row["digest"]] = row["stored"]
        if remote and row["digest"] not in files:
            continue
        assert row["digest"] in files, f"blob {row['digest']} has a row and no file"
        assert files[row["digest"]].stat().st_size == row["stored"], f"blob {row['digest']} is cut off"
    for table in ("pack_blobs", "blob_pins"):
        for row in server.rows(f"SELECT * FROM {table}"):
            assert row["digest"] in sizes, f"{table} refers to a blob that is gone: {row}"
    packs = {row["id"] for row in server.rows("SELECT id FROM packs")}
    for row in server.rows("SELECT pack_id FROM pack_blobs"):
        assert row["pack_id"] in packs, f"pack {row['pack_id']} is gone, its references are not"


def _ended_attempts_open_nothing(server):
    """I8: the token of an attempt that has ended opens nothing any more, as far as a test came to know it."""
    states = {row["id"]: row["state"] for row in server.rows("SELECT id, state FROM attempts")}
    client = Client(server.url, ca=server.tls.ca if server.tls else None)
    for attempt, token in server.lease_tokens.items():
        assert states.get(attempt) not in ("leased", "running", "unreachable"), f"attempt {attempt} never ended"
        headers = {"Authorization": f"Lease {token}"}
        for what, body in (("renew", {"runner_instance": "late", "wait_ms": 0}), ("start", {"runner_instance": "late"}),
                           ("secrets", {"runner_instance": "late", "public_key": base64.b64encode(bytes(32)).decode()})):
            reply = client.call("POST", f"/agent/v1/attempts/{attempt}/{what}", body, headers)
            assert reply.status in (401, 403, 404, 409, 410), f"attempt {attempt} has ended, {what} says {reply}"


def _forms(value):
    """A secret as programs write it by themselves."""
    raw = value.encode()
    yield raw
    yield raw.hex().encode()
    yield urllib.parse.quote(value, safe="").encode()
    yield json.dumps(value)[1:-1].encode()
    for shift in range(3):
        # What comes before and after changes the first and the last of the letters.
        yield base64.b64encode(b"x" * shift + raw)[4 if shift else 0:-4]


def _no_sink_shows_a_secret(server):
    """I7: no value of a secret in anything that was kept or printed. Too short ones would be found by chance."""
    wanted = {form: value for value in server.canaries for form in _forms(value) if len(value) >= 8}
    if not wanted:
        return
    folders = [server.data, *pathlib.Path(server.root).glob("agent-*")]
    files = [path for folder in folders for path in pathlib.Path(folder).rglob("*")
             if path.is_file() and not path.is_symlink()]
    for path in [*files, *pathlib.Path(server.root).glob("*.log")]:
        if path.stat().st_size == 0:
            continue
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for form, value in wanted.items():
                assert content.find(form) < 0, f"{path} shows the secret {value!r} as {form!r}"
