"""A change to the pipeline's own files: what the gate says of it, and what an approval is worth."""

import json

import pytest

from harness import Flag, by_key

TARGET = """
version: 1
on: {push: {}, manual: {}}
gate: {branches: [main], require: [test]}
jobs:
  lint: {run: "true"}
  test: {run: sh test.sh}
"""


@pytest.fixture
def guarded(project, ci):
    """A project whose main asks for `test`."""
    project.push_and_end({".ci.yml": TARGET, "test.sh": "true\n"}, "passed")
    return project


def policy(project, word):
    project.server.sluice("project", "protect", project.name, "--config-changes", word)


def change(project, files, state="passed", branch="topic", message="change"):
    """A commit on another branch, run to its end."""
    detail, _ = project.push_and_end(files, state, branch=branch, message=message)
    return detail["run"]["sha"]


def edited(*pairs):
    text = TARGET
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return {".ci.yml": text}


def gate(project, sha, branch="main"):
    return project.gate(sha=sha, branch=branch)


def check(verdict, name):
    return next(one for one in verdict["checks"] if one["name"] == name)


def approve(project, verdict, **more):
    body = {"sha": verdict["sha"], "branch": verdict["branch"], "digest": verdict["config_change"]["digest"], **more}
    return project.server.call("POST", f"{project.path}/gate/approve", body)


def test_a_change_that_leaves_the_pipeline_alone_says_nothing(guarded):
    verdict = gate(guarded, change(guarded, {"a": "1"}))
    assert (verdict["verdict"], verdict["config_change"]) == ("green", None)
    assert verdict["config_sha"] != verdict["sha"] and verdict["rules"] == "file"


def test_a_redefined_required_job_waits_for_an_approval_and_then_counts(guarded, ci):
    sha = change(guarded, edited(("sh test.sh", "echo all is well")))
    verdict = gate(guarded, sha)
    assert verdict["verdict"] == "pending"
    assert verdict["summary"] == "the edit of .ci.yml waits for an approval (test)"
    assert (check(verdict, "test")["state"], check(verdict, "test")["color"]) == ("held", "pending")
    edit = verdict["config_change"]
    assert (edit["files"], edit["jobs"], edit["gate"], edit["state"]) == ([".ci.yml"], ["test"], False, "waiting")

    shown = ci.sluice("gate", sha, "--project", guarded.name, "--branch", "main", check=False)
    assert shown.returncode == 2
    assert "edits   .ci.yml; required jobs that change: test" in shown.stdout
    command = f"sluice gate approve {sha} --project {guarded.name} --branch main"
    assert command in shown.stdout, "the way out can be copied"
    after = ci.sluice(*command.split()[1:], "--reason", "looked at it")
    assert after.stdout.startswith("green") and "approved by admin: looked at it" in after.stdout
    verdict = gate(guarded, sha)
    assert verdict["verdict"] == "green" and verdict["config_change"]["state"] == "approved"
    assert verdict["summary"] == "1 of 1 checks green; edits .ci.yml, approved by admin"
    (audited,) = ci.rows("SELECT * FROM audit WHERE action = 'gate.approve' AND subject = ?", guarded.name)
    assert (audited["actor"], audited["detail"]) == ("admin", f"{sha} into main: .ci.yml; looked at it")


def test_a_deselected_required_job_cannot_turn_the_gate_green_whatever_the_policy(guarded):
    sha = change(guarded, edited(("{run: sh test.sh}", "{run: sh test.sh, if: branch == 'other'}")))
    for word in ("notice", "required", "approve"):
        policy(guarded, word)
        assert gate(guarded, sha)["verdict"] == "pending", word
    assert approve(guarded, gate(guarded, sha)).json["verdict"] == "green"


def test_the_policy_decides_what_edits_need(guarded):
    harmless = change(guarded, edited(('lint: {run: "true"}', "lint: {run: echo other}")), branch="a")
    weakened = change(guarded, edited(("sh test.sh", "echo")), branch="b")
    expected = {"notice": ("green", "green"), "required": ("green", "pending"), "approve": ("pending", "pending")}
    for word, verdicts in expected.items():
        policy(guarded, word)
        found = (gate(guarded, harmless), gate(guarded, weakened))
        assert tuple(one["verdict"] for one in found) == verdicts, word
        assert all(one["config_change"]["policy"] == word for one in found)
    assert gate(guarded, harmless)["summary"] == "the edit of .ci.yml waits for an approval"


def test_an_edit_of_the_gate_is_shown_and_holds_after_merging_only(guarded, ci):
    loosened = edited(("require: [test]", "require: [lint]"), ("sh test.sh", "exit 1"))
    sha = change(guarded, loosened, "failed")
    verdict = gate(guarded, sha)
    assert verdict["summary"] == "test failed" and verdict["config_change"]["gate"]
    assert "in force after merging" in ci.sluice("gate", sha, "--branch", "main", "--project", guarded.name,
                                                 check=False).stdout
    assert approve(guarded, verdict).json["verdict"] == "red", "an approval is of the edit, not of the jobs"
    guarded.repo.push(f"{sha}:refs/heads/main")
    ci.ended(guarded.run_of(sha, count=2))
    verdict = guarded.gate(branch="main")
    assert (verdict["sha"], verdict["config_sha"], verdict["verdict"]) == (sha, sha, "green")
    assert verdict["config_change"] is None, "what the branch has is no change to it"


def test_a_broken_gate_in_the_change_is_refused_before_merging(guarded):
    sha = change(guarded, edited(("require: [test]", "requires: [test]")), "errored")
    verdict = gate(guarded, sha)
    assert verdict["verdict"] == "red" and "requires" in verdict["summary"]


def test_a_removed_job_is_missed_also_by_a_gate_without_names(project):
    plain = TARGET.replace("gate: {branches: [main], require: [test]}\n", "")
    project.push_and_end({".ci.yml": plain, "test.sh": "true\n"}, "passed")
    sha = change(project, {".ci.yml": plain.replace("  test: {run: sh test.sh}\n", "")})
    verdict = gate(project, sha)
    assert (verdict["verdict"], verdict["rules"]) == ("pending", "absent")
    assert check(verdict, "test")["state"] == "removed"
    assert approve(project, verdict).json["verdict"] == "green"


def test_the_first_pipeline_of_a_repository_weakens_nothing(project):
    project.push({"README": "empty\n"})
    sha = change(project, {".ci.yml": TARGET, "test.sh": "true\n"})
    verdict = gate(project, sha)
    assert (verdict["verdict"], verdict["rules"]) == ("green", "absent")
    assert verdict["config_change"]["state"] == "noted"


def test_files_beside_the_main_one_count_too(guarded):
    sha = change(guarded, {".ci/more.yml": "version: 1\njobs: {more: {run: 'true'}}\n", ".ci/run": "#!/bin/sh\n"})
    verdict = gate(guarded, sha)
    assert verdict["config_change"]["files"] == [".ci/more.yml", ".ci/run"]
    assert verdict["verdict"] == "green", "no required job is touched"


def test_an_approval_is_bound_to_the_commit_the_branch_and_the_files_that_were_seen(guarded, ci):
    sha = change(guarded, edited(("sh test.sh", "echo")))
    seen = gate(guarded, sha)
    wrong = {**seen, "config_change": {**seen["config_change"], "digest": "0" * 64}}
    reply = approve(guarded, wrong)
    assert (reply.status, reply.json["error"]) == (409, "config_changed")
    assert approve(guarded, seen).status == 200
    # The next commit of the same branch asks again …
    later = change(guarded, {"b": "1"})
    assert gate(guarded, later)["verdict"] == "pending"
    # … and so does this one once main's side of the comparison is another.
    guarded.push_and_end(edited(("sh test.sh", "sh -e test.sh")), "passed")
    assert gate(guarded, sha)["verdict"] == "pending"
    reply = approve(guarded, seen)
    assert (reply.status, reply.json["error"]) == (409, "config_changed")


def test_nothing_is_approved_where_nothing_is_edited(guarded, ci):
    sha = change(guarded, {"a": "1"})
    reply = ci.call("POST", f"{guarded.path}/gate/approve", {"sha": sha, "branch": "main", "digest": ""})
    assert (reply.status, reply.json["error"]) == (409, "nothing_to_approve")
    words = ("gate", "approve", sha, "--project", guarded.name, "--branch", "main")
    refused = ci.sluice(*words, check=False)
    assert refused.returncode != 0 and "does not edit the configuration of main" in refused.stderr


def test_only_who_may_write_approves(guarded, ci, name):
    verdict = gate(guarded, change(guarded, edited(("sh test.sh", "echo"))))
    reader = ci.as_person(ci.post("/api/v1/tokens", {"name": name, "role": "read"})["token"])
    body = {"sha": verdict["sha"], "branch": "main", "digest": verdict["config_change"]["digest"]}
    assert reader.call("POST", f"{guarded.path}/gate/approve", body).status == 403
    writer = ci.as_person(ci.post("/api/v1/tokens", {"name": f"{name}-w", "role": "write"})["token"])
    assert writer.call("POST", f"{guarded.path}/gate/approve", body).json["config_change"]["approved_by"] == f"{name}-w"


def test_an_approval_while_jobs_run_does_not_wait_for_them(guarded, ci):
    flag = Flag(ci.root)
    sha = guarded.push(edited(("sh test.sh", json.dumps(flag.wait()))), branch="topic")
    run = guarded.run_of(sha)
    assert approve(guarded, gate(guarded, sha)).json["verdict"] == "pending"
    flag.raise_it()
    ci.ended(run, "passed")
    assert gate(guarded, sha)["verdict"] == "green"


def test_what_main_got_meanwhile_is_no_edit_of_an_older_change(guarded):
    sha = change(guarded, {"a": "1"})
    guarded.push_and_end(edited(("sh test.sh", "sh -e test.sh")), "passed")
    verdict = gate(guarded, sha)
    assert (verdict["verdict"], verdict["config_change"]) == ("green", None)
    older = guarded.repo.git("rev-parse", "main~1").stdout.strip()
    assert gate(guarded, older)["config_change"] is None, "nor of main's own history"


def test_main_moves_to_an_edit_only_once_it_is_approved(ci, name):
    project = ci.project(name, hooks=("--protect", "main"))
    project.push_and_end({".ci.yml": TARGET, "test.sh": "true\n"}, "passed")
    sha = change(project, edited(("sh test.sh", "echo")))
    refused = project.repo.push(f"{sha}:refs/heads/main", check=False)
    assert refused.returncode != 0 and "waits for an approval (test)" in refused.stderr
    ci.sluice("gate", "approve", sha, "--project", project.name, "--branch", "main")
    project.repo.push(f"{sha}:refs/heads/main")
    ci.ended(project.run_of(sha, count=2))


def test_jobs_of_the_change_run_before_anybody_approves(guarded):
    """The approval is about merging: what a pull request's jobs may reach is decided by its tier."""
    detail, jobs = guarded.push_and_end(edited(("sh test.sh", "echo")), "passed", branch="topic")
    assert {job["state"] for job in by_key(detail).values()} == {"passed"} and len(jobs) == 2


def test_an_edit_of_a_fragment_redefines_the_jobs_that_call_it(project):
    caller = TARGET.replace("test: {run: sh test.sh}", "test: {uses: ./.ci/lib/test.yml}")
    fragment = "version: 1\njobs: {unit: {run: sh test.sh}}\n"
    project.push_and_end({".ci.yml": caller, ".ci/lib/test.yml": fragment, "test.sh": "true\n"}, "passed")
    assert [one["name"] for one in project.gate(branch="main")["checks"]] == ["test/unit"]
    sha = change(project, {".ci/lib/test.yml": fragment.replace("sh test.sh", "echo")})
    verdict = gate(project, sha)
    assert verdict["summary"] == "the edit of .ci/lib/test.yml waits for an approval (test/unit)"
    assert approve(project, verdict).json["verdict"] == "green"


def test_the_command_to_copy_is_safe_for_a_shell_whatever_the_branch_is_called(guarded, ci):
    main = guarded.repo.git("rev-parse", "main").stdout.strip()
    guarded.repo.push(f"{main}:refs/heads/$(id)'")
    sha = change(guarded, edited(("sh test.sh", "echo")))
    words = ("gate", sha, "--project", guarded.name, "--branch", "$(id)'")
    shown = ci.sluice(*words, check=False).stdout
    assert "--branch '$(id)'\\'''" in shown
    for run in guarded.runs(sha=main):
        ci.ended(run["id"])
