"""Deliveries of forges: signature, run, duplicates, pull requests."""

import uuid

import pytest

from forges import FORGES, ZERO, Git, GitHub

PIPELINE = """
version: 1
on: {push: {}, tag: ["*"], pull_request: {branches: [main]}}
jobs:
  a:
    env: {FROM: "${{ pr.source_branch ?? '' }}"}
    run: 'echo "$CI_EVENT ${CI_PR_NUMBER:-} ${CI_PR_TARGET_BRANCH:-} $FROM"'
"""


@pytest.fixture(params=sorted(FORGES))
def forge(request):
    return FORGES[request.param]


@pytest.fixture
def told(ci, name, forge):
    """A project that only the forge's deliveries tell about: its repository has no hook."""
    project = ci.project(name, forge=forge.name)
    project.first = project.push({".ci.yml": PIPELINE})
    return project


def accepted(reply):
    assert reply.status == 202 and reply.json["outcome"] == "accepted", reply
    return reply.json["delivery"]


def ignored(reply):
    assert reply.status == 202 and reply.json["outcome"] == "ignored", reply
    return reply.json["reason"]


def test_a_push_is_built(told, forge, ci):
    delivery = accepted(forge.send(told, *forge.push("refs/heads/main", ZERO, told.first)))
    run = ci.ended(told.settled(delivery)["run_id"], "passed")["run"]
    assert (run["event"], run["branch"], run["sha"], run["actor"]) == ("push", "main", told.first, "ada")
    second = told.push({"a": "1"})
    accepted(forge.send(told, *forge.push("refs/heads/main", told.first, second)))
    ci.ended(told.run_of(second), "passed")


def test_a_tag_is_built(told, forge, ci):
    told.repo.git("tag", "v1")
    told.repo.push("v1")
    accepted(forge.send(told, *forge.push("refs/tags/v1", ZERO, told.first)))
    assert ci.ended(told.run_of(told.first), "passed")["run"]["tag"] == "v1"


def test_a_pull_request_is_built_again_when_it_moves_and_not_when_it_closes(told, forge, ci):
    def head(files):
        sha = told.repo.commit(files, branch="topic")
        told.repo.push(f"+{sha}:{forge.pr_ref.format(7)}")
        return sha

    first = head({"b": "1"})
    accepted(forge.send(told, *forge.pull_request("opened", first)))
    detail = ci.ended(told.run_of(first), "passed")
    run = detail["run"]
    assert (run["event"], run["pr_number"], run["sha"]) == ("pull_request", 7, first)
    assert ci.log_of(detail["jobs"][0]["id"]) == b"pull_request 7 main topic\n"

    second = head({"b": "2"})
    accepted(forge.send(told, *forge.pull_request(forge.synchronize, second)))
    ci.ended(told.run_of(second), "passed")

    delivery = accepted(forge.send(told, *forge.pull_request("closed", second)))
    closed = told.settled(delivery)
    assert closed["run_id"] is None and "closed" in closed["outcome"]
    assert len(told.runs(sha=second)) == 1


def test_a_delivery_that_comes_twice_is_built_once(told, forge, ci):
    delivery = str(uuid.uuid4())
    push = forge.push("refs/heads/main", ZERO, told.first)
    accepted(forge.send(told, *push, delivery=delivery))
    again = forge.send(told, *push, delivery=delivery)
    assert again.status == 202 and again.json["outcome"] == "duplicate"
    ci.ended(told.run_of(told.first), "passed")
    assert len(told.runs()) == 1 and len(told.deliveries()) == 1


def test_what_starts_nothing_is_acknowledged_and_says_why(told, forge):
    assert ignored(forge.send(told, *forge.ping())).startswith("ignored: ")
    assert ignored(forge.send(told, *forge.push("refs/heads/main", told.first, ZERO))) == "branch_deleted"
    assert told.runs() == []
    assert {row["state"] for row in told.deliveries()} == {"ignored"}


def test_a_wrong_secret_is_refused_and_leaves_no_trace(told, forge):
    reply = forge.send(told, *forge.push("refs/heads/main", ZERO, told.first), secret="wrong")
    assert reply.status == 401 and reply.json["error"] == "signature_mismatch", reply
    assert told.deliveries() == []


def test_an_unsigned_delivery_is_refused_and_the_header_named(told, forge):
    event, body = forge.push("refs/heads/main", ZERO, told.first)
    signing = [header for header in forge.headers(event, b"", "x", "x") if "ignature" in header or "Token" in header]
    reply = forge.send(told, event, body, drop=signing)
    assert reply.status == 401 and reply.json["error"] == "signature_missing", reply
    assert "header" in reply.json["message"] and told.deliveries() == []


def test_a_new_secret_ends_the_old_one_at_once(told, forge, ci):
    old = told.secret
    told.secret = ci.post(f"{told.path}/hook-secret")["hook_secret"]
    push = forge.push("refs/heads/main", ZERO, told.first)
    assert forge.send(told, *push, secret=old).status == 401
    accepted(forge.send(told, *push))
    ci.ended(told.run_of(told.first), "passed")


def test_a_github_signature_of_sha1_alone_is_too_weak(ci, name):
    project = ci.project(name, forge="github")
    reply = GitHub().send(
        project,
        *GitHub().push("refs/heads/main", ZERO, "1" * 40),
        drop=["X-Hub-Signature-256"],
        extra={"X-Hub-Signature": "sha1=" + "0" * 40},
    )
    assert reply.status == 401 and reply.json["error"] == "signature_weak"


def test_a_fork_is_known_as_one(ci, name):
    project = ci.project(name, forge="github")
    guarded = PIPELINE.replace("  a:\n", "  a:\n    if: trusted\n")
    project.push({".ci.yml": guarded})
    sha = project.repo.commit({"b": "1"}, branch="topic")
    project.repo.push(f"{sha}:refs/pull/7/head")
    accepted(GitHub().send(project, *GitHub().pull_request("opened", sha, fork=True)))
    detail = ci.ended(project.run_of(sha))
    assert detail["jobs"][0]["state"] == "not_selected"


def test_what_the_hook_sends_can_be_sent_by_hand(ci, name):
    project = ci.project(name)
    sha = project.push({".ci.yml": PIPELINE})
    accepted(Git().send(project, *Git().push("refs/heads/main", ZERO, sha)))
    assert ci.ended(project.run_of(sha), "passed")["run"]["actor"] == "ada"
