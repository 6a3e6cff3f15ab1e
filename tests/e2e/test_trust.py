"""How far a run is trusted: computed by the server from event and policy, frozen with the run, shown everywhere."""

import pytest

from forges import GitHub
from harness import by_key

GITHUB = GitHub()
PIPELINE = """
version: 1
on: {push: {}, pull_request: {}, manual: {}, tag: ["*"]}
jobs:
  open: {run: "true"}
  internal: {if: trusted, run: "true"}
"""


def tier_of(project, run):
    return project.server.detail(run)["run"]["tier"]


def protect(project, *words, check=True):
    return project.server.sluice("project", "protect", project.name, *words, check=check)


def test_pushes_are_trusted_by_the_branch_they_move(project, ci):
    protect(project, "--branch", "release/*", "--tag", "v*")
    main = project.push({".ci.yml": PIPELINE})
    assert tier_of(project, project.run_of(main)) == "T3", "the default branch is protected without a word"
    for branch, tier in (("topic", "T2"), ("release/1", "T3"), ("release/2/fix", "T2")):
        sha = project.push({branch.replace("/", "-"): "x"}, branch=branch)
        detail = ci.ended(project.run_of(sha), "passed")
        assert detail["run"]["tier"] == tier, branch
        assert by_key(detail)["internal"]["state"] == "passed"
    for tag, tier in (("v1", "T3"), ("nightly", "T2")):
        project.repo.git("tag", tag, main)
        project.repo.push(tag)
        assert tier_of(project, project.run_of(main, "tag", count=1 if tag == "v1" else 2)) == tier, tag
    for run in project.runs(limit=50):
        ci.ended(run["id"])


def test_a_pull_request_is_trusted_less_than_the_branch_it_wants_into(ci, name):
    project = ci.project(name, forge="github")
    project.push({".ci.yml": PIPELINE})
    sha = project.repo.commit({"b": "1"}, branch="topic")
    project.repo.push("topic")
    GITHUB.send(project, *GITHUB.pull_request("opened", sha))
    detail = ci.ended(project.run_of(sha), "passed")
    assert detail["run"]["tier"] == "T1" and by_key(detail)["internal"]["state"] == "passed"
    shown = ci.sluice("run", "show", str(detail["run"]["id"])).stdout
    assert "  T1  passed" in shown.splitlines()[0]


def test_an_approved_fork_is_t1_but_never_trusted(ci, name):
    project = ci.project(name, forge="github")
    project.push({".ci.yml": PIPELINE})
    sha = project.repo.commit({"b": "1"}, branch="topic")
    project.repo.push(f"{sha}:refs/pull/7/head")
    GITHUB.send(project, *GITHUB.pull_request("opened", sha, number=7, fork=True))
    run = project.run_of(sha)
    assert tier_of(project, run) == "T0"
    ci.sluice("run", "approve", str(run))
    detail = ci.ended(run, "passed")
    assert detail["run"]["tier"] == "T1"
    assert by_key(detail)["internal"]["state"] == "not_selected"
    again = ci.post(f"/api/v1/runs/{run}/retry?all=1")
    assert again["tier"] == "T0", "the approval was of that run"
    ci.post(f"/api/v1/runs/{again['id']}/cancel")
    ci.ended(again["id"])


def test_a_run_by_hand_has_the_trust_of_a_branch_only_at_its_tip(project, ci):
    old = project.push({".ci.yml": PIPELINE})
    ci.ended(project.run_of(old))
    new = project.push({"a": "1"})
    ci.ended(project.run_of(new))
    started = {
        "tip": project.start(branch="main"),
        "the tip by its id": project.start(branch="main", sha=new),
        "a commit that somebody says is main's": project.start(branch="main", sha=old),
        "a commit of no branch": project.start(sha=new),
    }
    tiers = {what: ci.ended(run)["run"]["tier"] for what, run in started.items()}
    assert tiers == dict(zip(started, ("T3", "T3", "T2", "T2")))


def test_the_tier_is_frozen_a_later_policy_lifts_no_run_that_was_made_before(project, ci):
    sha = project.push({".ci.yml": PIPELINE}, branch="topic")
    run = project.run_of(sha)
    ci.ended(run)
    protect(project, "--branch", "topic")
    assert tier_of(project, run) == "T2"
    again = ci.post(f"/api/v1/runs/{run}/retry?all=1")
    assert ci.ended(again["id"])["run"]["tier"] == "T2", "a retry is of that event"
    fresh = project.push({"a": "1"}, branch="topic")
    assert ci.ended(project.run_of(fresh))["run"]["tier"] == "T3"


def test_a_policy_is_set_shown_and_changed_member_by_member(project, ci, name):
    policy = ci.get(project.path)["policy"]
    assert policy == {
        "protected_branches": [],
        "protected_tags": [],
        "config_changes": "required",
        "job_statuses": True,
    }
    printed = protect(project, "--branch", "release/*", "--branch", "hotfix/*", "--tag", "v*").stdout
    assert "main, release/*, hotfix/*; tags v*" in printed
    printed = protect(project, "--config-changes", "approve", "--job-statuses", "off").stdout
    assert "release/*" in printed and "approve" in printed and "off" in printed
    assert protect(project).stdout == printed
    assert "release/*" in ci.sluice("project", "show", project.name).stdout
    protect(project, "--branch", "")
    assert ci.get(project.path)["policy"]["protected_branches"] == []
    assert ci.get(project.path)["policy"]["protected_tags"] == ["v*"]
    audited = ci.rows("SELECT action, subject, actor FROM audit WHERE subject = ?", project.name)
    assert {"action": "project.policy", "subject": project.name, "actor": "admin"} in audited


@pytest.mark.parametrize(
    "body, error",
    [
        ({"protected_branches": [""]}, "bad_glob"),
        ({"protected_tags": ["x" * 256]}, "bad_glob"),
        ({"protected_branches": "main"}, "bad_field"),
        ({"config_changes": "never"}, "bad_config_changes"),
        ({"protected_branch": ["a"]}, "unknown_field"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_and_changes_nothing(project, ci, body, error):
    reply = ci.call("PATCH", f"{project.path}/policy", body)
    assert (reply.status, reply.json["error"]) == (400, error)
    assert ci.get(project.path)["policy"]["config_changes"] == "required"


def test_only_an_admin_decides_what_is_protected(project, ci, name):
    writer = ci.as_person(ci.post("/api/v1/tokens", {"name": name, "role": "write"})["token"])
    assert writer.call("PATCH", f"{project.path}/policy", {"config_changes": "notice"}).status == 403


def test_a_policy_outlives_the_server(world):
    server = world.server()
    project = server.project("app", hooks=())
    protect(project, "--branch", "release/*", "--config-changes", "approve")
    server.stop()
    server.restart()
    policy = server.get(project.path)["policy"]
    assert (policy["protected_branches"], policy["config_changes"]) == (["release/*"], "approve")
    sha = project.push({".ci.yml": PIPELINE}, branch="release/1")
    assert server.ended(project.run_of(sha))["run"]["tier"] == "T3"
