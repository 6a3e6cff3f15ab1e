"""The checker of histories sees what it is there for: each invariant is broken on purpose in the database, or the files, of
a server that did real work and is sound before."""

import hashlib
import json
import sqlite3

import pytest

import history
from forges import GitHub
from harness import EmbeddedAgent
from wire import wait_for

SECRET = "canary-/+ \"of the\" checker"
PIPELINE = """version: 1
on: {push: {}}
gate: {branches: [main], require: [a]}
jobs:
  a: {run: 'echo made > out; echo printed', artifacts: [out], secrets: {S: canary}}
"""


@pytest.fixture
def sound(world, request):
    """A stopped server with a run, its statuses (which nobody takes), an artifact and a secret."""
    server = world.server()
    project = server.project("app", forge="github")
    project.server.sluice("secret", "set", "canary", "--project", "app", stdin=SECRET)
    sha = project.repo.commit({".ci.yml": PIPELINE})
    project.repo.push("main")
    reply = GitHub().send(project, *GitHub().push("refs/heads/main", "0" * 40, sha))
    assert reply.status == 202
    server.ended(project.run_of(sha), "passed")
    history.settle(server)
    server.kill()
    history.check(server)
    world.programs.remove(server)  # what follows is no history of a server
    return server


def change(server, *statements):
    connection = sqlite3.connect(server.data / "sluice.db", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = OFF")
    for statement in statements:
        connection.execute(*statement) if isinstance(statement, tuple) else connection.execute(statement)
    connection.close()


def status(server, context, state, where="runs", sha=None):
    """A status as the server would have made it."""
    run = server.rows("SELECT id, sha FROM runs")[0]
    job = server.rows("SELECT id FROM jobs")[0]
    sha = sha or run["sha"]
    url = f"http://ci/{where}/{run['id'] if where == 'runs' else job['id']}" + ("?x" if where == "gate" else "")
    payload = {"state": state, "sha": sha, "context": context, "description": "", "url": url}
    return ("INSERT INTO outbox (target, project_id, payload, next_at, state, created_at) VALUES (?, 1, ?, 0, 'sent', 0)",
            (f"1:{sha}:{context}", json.dumps(payload)))


def asked(state):
    """A row of the outbox that asks for a verdict."""
    return ("INSERT INTO outbox (target, project_id, payload, next_at, state, created_at) "
            f"VALUES ('1:x:gate?', 1, '{{}}', 0, '{state}', 0)")


BREAKS = {
    "I1: two live attempts": ([
        "INSERT INTO attempts (id, job_id, run_id, agent_id, epoch, state, token_hash, session, claim_seq, deadline, "
        "replayable, timeout_ms, created_at) SELECT id + 99, job_id, run_id, agent_id, 2, 'running', '', '', 0, 0, 1, 1, 0 "
        "FROM attempts",
        "UPDATE attempts SET state = 'running'"], "'running'"),
    "I2: a job left its terminal state": ([
        "INSERT INTO events (type, project_id, run_id, job_id, state, at) SELECT 'job.changed', 1, run_id, id, 'failed', 0 "
        "FROM jobs"], "from passed to failed"),
    "I3: a log is shorter than told": (["UPDATE jobs SET log_size = log_size - 1"], "log_size"),
    "I4: a delivery without an outcome": (["UPDATE deliveries SET outcome = ''"], "without an outcome"),
    "I4: an acknowledged delivery is gone": (["DELETE FROM deliveries"], "acknowledged and lost"),
    "I5: a run's last status is another": ([lambda s: status(s, "sluice", "pending")], "was told pending"),
    "I6: a run that passed over a job that did not": ([
        "UPDATE jobs SET state = 'failed'",
        "UPDATE events SET state = 'failed' WHERE type = 'job.changed' AND state = 'passed'"], "its job 1 failed"),
    "I6: a job that passed without an attempt": ([
        "UPDATE attempts SET outcome = '{\"result\": \"failed\"}'"], "no attempt did"),
    "I6: green on another commit": ([lambda s: status(s, "sluice/job/a", "passed", "jobs", "f" * 40)], "sluice/job/a"),
    "I6: a green gate over a red job": ([
        lambda s: status(s, "sluice/gate", "passed", "gate"),
        lambda s: status(s, "sluice/job/a", "failed", "jobs")], "green over"),
    "I6: a green gate over a job that has not ended": ([
        lambda s: status(s, "sluice/gate", "passed", "gate"),
        lambda s: status(s, "sluice/job/a", "pending", "jobs")], "green over"),
    "I10: a job waits without a reason": ([
        "UPDATE jobs SET state = 'ready', finished_at = NULL, wait_reason = ''",
        "DELETE FROM events WHERE type = 'job.changed' OR type = 'run.finished'",
        "UPDATE runs SET state = 'active', finished_at = NULL"], "'wait_reason': ''"),
    "I11: a reference to a blob that is gone": (["DELETE FROM blobs"], "refers to a blob that is gone"),
    "I11: references of a pack that is gone": (["DELETE FROM packs"], "its references are not"),
    "I12: sent out of order": ([asked("pending"), asked("sent")], "was sent before"),
    "I12: given up without a word": ([asked("dead")], "without a word"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_history_is_seen(sound, what):
    statements, message = BREAKS[what]
    change(sound, "PRAGMA ignore_check_constraints = ON",
           *[statement(sound) if callable(statement) else statement for statement in statements])
    with pytest.raises(AssertionError, match=message):
        history.check(sound)


@pytest.mark.parametrize("how", ["removed", "cut off"])
def test_a_blob_that_is_not_whole_is_seen(sound, how):
    blob = next((sound.data / "blobs").glob("??/*"))
    blob.unlink() if how == "removed" else blob.write_bytes(blob.read_bytes()[:-1])
    with pytest.raises(AssertionError, match="I11|no file|cut off"):
        history.check(sound)


def test_a_blob_that_nobody_knows_is_seen(sound):
    name = hashlib.sha256(b"stray").hexdigest()
    (sound.data / "blobs" / name[:2]).mkdir(exist_ok=True)
    (sound.data / "blobs" / name[:2] / name).write_bytes(b"stray")
    assert history.stray_blobs(sound) == {name}


def test_a_status_that_is_never_tried_is_seen(sound):
    assert history.untried(sound) == []
    change(sound, "INSERT INTO outbox (target, project_id, payload, next_at, state, created_at) VALUES "
                  "('1:x:gate?', 1, '{}', 0, 'pending', 0)")
    assert [row["target"] for row in history.untried(sound)] == ["1:x:gate?"]


@pytest.mark.parametrize("form", range(7))
def test_a_secret_in_a_sink_is_seen_in_each_of_its_forms(sound, form):
    shown = list(history._forms(SECRET))[form]
    (sound.data / "logs" / "shown").write_bytes(b"x" * 5000 + shown + b"\n")
    with pytest.raises(AssertionError, match="shows the secret"):
        history.check(sound)


def test_a_token_that_still_opens_something_is_seen(world):
    """A live attempt's token, as if its attempt had ended."""
    server = world.server()
    project = server.project("app", hooks=())
    flag = world.root / "go"
    run = project.run_of(project.push({".ci.yml": f"version: 1\non: {{push: {{}}}}\njobs:\n  a:\n    run: "
                                                  f"'while [ ! -e {flag} ]; do sleep 0.02; done'\n"}))
    wait_for(lambda: server.detail(run)["jobs"][0]["state"] == "running", "the job to run")
    EmbeddedAgent(server).attempt()
    with pytest.raises(AssertionError, match="never ended"):
        history._ended_attempts_open_nothing(server)
    real, server.rows = server.rows, lambda sql, *values: [{"id": 1, "state": "lost"}]
    with pytest.raises(AssertionError, match="renew says"):
        history._ended_attempts_open_nothing(server)
    server.rows = real
    flag.write_text("up")
    server.ended(run, "passed")
