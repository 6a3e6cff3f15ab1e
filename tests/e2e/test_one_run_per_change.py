"""A push to the branch of an open pull request gives one run, and newer events end the runs they stand for."""

import pytest

from forges import ZERO, GitHub
from harness import Flag, by_key
from wire import wait_for

GITHUB = GitHub()
PIPELINE = "version: 1\non: {push: {}, pull_request: {}}\njobs:\n  a: {run: echo hello}\n"


@pytest.fixture
def forge(ci, name):
    """A project whose pushes and pull requests come by webhooks, with a first commit on main."""
    project = ci.project(name, forge="github", hooks=())
    project.push({".ci.yml": PIPELINE})
    return project


def branch(project, files, name="topic"):
    sha = project.repo.commit(files, branch=name)
    project.repo.push(name)
    return sha


def pushed(project, sha, name="topic", before=ZERO):
    reply = GITHUB.send(project, *GITHUB.push(f"refs/heads/{name}", before, sha))
    return project.settled(reply.json["delivery"])


def pull_request(project, action, sha, **more):
    reply = GITHUB.send(project, *GITHUB.pull_request(action, sha, **more))
    return project.settled(reply.json["delivery"])


def test_a_push_to_the_branch_of_an_open_pull_request_gives_no_run_of_its_own(forge, ci):
    first = branch(forge, {"a": "1"})
    ci.ended(pull_request(forge, "opened", first)["run_id"], "passed")
    second = branch(forge, {"a": "2"})
    told = pushed(forge, second, before=first)
    assert told["run_id"] is None and "pull request #7" in told["outcome"]
    assert ci.ended(pull_request(forge, "synchronize", second)["run_id"], "passed")["run"]["event"] == "pull_request"
    assert len(forge.runs(sha=second)) == 1


def test_after_the_pull_request_is_closed_pushes_run_again(forge, ci):
    first = branch(forge, {"a": "1"})
    pull_request(forge, "opened", first)
    pull_request(forge, "closed", first)
    assert pushed(forge, first)["run_id"]


def test_a_restarted_server_remembers_the_open_pull_requests(world):
    server = world.server()
    project = server.project("app", forge="github", hooks=())
    project.push({".ci.yml": PIPELINE})
    first = branch(project, {"a": "1"})
    pull_request(project, "opened", first)
    server.stop()
    server.start()
    assert pushed(project, first)["run_id"] is None


def test_a_file_without_a_pull_request_trigger_still_runs_on_the_push(forge, ci):
    first = branch(forge, {".ci.yml": "version: 1\non: {push: {}}\njobs:\n  a: {run: echo push only}\n"})
    assert pull_request(forge, "opened", first)["run_id"] is None
    ci.ended(pushed(forge, first)["run_id"], "passed")


def test_a_branch_with_a_gate_runs_on_the_push_too(forge, ci):
    gated = PIPELINE + "gate: {branches: [main, topic], require: [a]}\n"
    first = branch(forge, {".ci.yml": gated})
    pull_request(forge, "opened", first)
    assert pushed(forge, first)["run_id"]


def test_opening_a_pull_request_ends_the_push_run_of_its_branch(forge, ci):
    flag = Flag(ci.root)
    slow = PIPELINE.replace("echo hello", f"{flag.mark()}; sleep 300") + "  b: {needs: [a], run: 'true'}\n"
    sha = branch(forge, {".ci.yml": slow})
    push_run = pushed(forge, sha)["run_id"]
    flag.await_it()
    pull_run = pull_request(forge, "opened", sha)["run_id"]
    ended = ci.ended(push_run, "cancelled")
    waiting = by_key(ended)["b"]
    number = ci.detail(pull_run)["run"]["number"]
    assert (waiting["cause"], waiting["message"]) == ("superseded", f"superseded by run #{number}")
    ci.post(f"/api/v1/runs/{pull_run}/cancel")
    ci.ended(pull_run, "cancelled")


def test_a_newer_commit_of_a_pull_request_ends_its_older_run(forge, ci):
    flag = Flag(ci.root)
    first = branch(forge, {".ci.yml": PIPELINE.replace("echo hello", f"{flag.mark()}; sleep 300")})
    older = pull_request(forge, "opened", first)["run_id"]
    flag.await_it()
    newer = pull_request(forge, "synchronize", branch(forge, {".ci.yml": PIPELINE}))["run_id"]
    ci.ended(older, "cancelled")
    ci.ended(newer, "passed")
    wait_for(lambda: forge.gate(sha=ci.detail(newer)["run"]["sha"], branch="main")["verdict"] == "green", "a green gate")
