"""From a push to the verdict: what a person sees who changes a repository."""

import sys

from harness import Flag, by_key
from wire import wait_for

GATED = """
version: 1
on: {push: {}}
gate: {branches: [main], require: [lint, test]}
jobs:
  lint: {run: "true"}
  test: {needs: [lint], run: sh test.sh}
"""

TESTED = f"""
version: 1
on: {{push: {{}}}}
gate: {{branches: [main], require: [test]}}
jobs:
  test:
    run: {sys.executable} -m pytest -q -p no:cacheprovider --junitxml=out/junit.xml
    reports: {{junit: out/junit.xml}}
"""

SUM_TEST = """from total import total


def test_of_nothing():
    assert total([]) == 0


def test_of_two():
    assert total([1, 2]) == 3
"""


def test_a_push_turns_its_gate_green(project):
    sha = project.push({".ci.yml": GATED, "test.sh": "echo all is well\n"})
    detail = project.server.ended(project.run_of(sha), "passed")
    assert [job["key"] for job in detail["jobs"]] == ["lint", "test"]
    gate = project.gate(sha=sha)
    assert (gate["verdict"], gate["summary"]) == ("green", "2 of 2 checks green")
    assert gate["config_sha"] == sha and gate["run_id"] == detail["run"]["id"]
    assert project.server.log_of(detail["jobs"][1]["id"]) == b"all is well\n"


def test_a_failing_test_turns_the_gate_red_and_is_shown_with_its_line(project):
    good = project.push({".ci.yml": TESTED, "total.py": "total = sum\n", "test_total.py": SUM_TEST})
    project.server.ended(project.run_of(good), "passed")
    assert project.gate(branch="main")["verdict"] == "green"

    bad = project.push({"total.py": "def total(numbers):\n    return 0\n"}, "break it")
    detail = project.server.ended(project.run_of(bad), "failed")
    job = detail["jobs"][0]
    tests = job["reports"]["tests"]
    assert (tests["total"], tests["passed"], tests["failed"]) == (2, 1, 1)
    failure = tests["failures"][0]
    assert (failure["name"], failure["file"], failure["line"]) == ("test_of_two", "test_total.py", 9)
    assert "assert 0 == 3" in failure["message"] + failure["detail"]
    assert (job["cause"], job["exit_code"]) == ("script", 1)
    gate = project.gate(branch="main")
    assert (gate["verdict"], gate["sha"]) == ("red", bad)
    assert gate["checks"][0]["job_id"] == job["id"]
    assert project.gate(sha=good)["verdict"] == "green", "the verdict belongs to the commit"

    shown = project.server.sluice("run", "show", str(detail["run"]["id"])).stdout
    assert "test_total.py:9" in shown


def test_a_gate_is_pending_while_a_required_job_runs(project, ci):
    flag = Flag(ci.root)
    sha = project.push({".ci.yml": GATED, "test.sh": flag.wait()})
    project.run_of(sha)
    gate = wait_for(lambda: (lambda g: g if g["verdict"] == "pending" else None)(project.gate(sha=sha)), "pending")
    assert {check["color"] for check in gate["checks"]} <= {"pending", "green"}
    flag.raise_it()
    ci.ended(project.run_of(sha), "passed")
    assert project.gate(sha=sha)["verdict"] == "green"


def test_a_commit_without_a_run_is_red_and_says_so(project, ci):
    sha = project.repo.commit({".ci.yml": GATED.replace("push: {}", "manual: {}"), "test.sh": "true"})
    project.repo.push("main")
    gate = project.gate(sha=sha)
    assert gate["verdict"] == "red" and "no run" in gate["summary"] and gate["run_id"] is None
    # Right after a push there may be no run yet: for scripts that is "unknown", not "no".
    assert ci.sluice("gate", sha, "--project", project.name, check=False).returncode == 2


def test_a_required_job_that_the_file_does_not_have_is_missing(project, ci):
    detail, _ = project.push_and_end({".ci.yml": GATED.replace("[lint, test]", "[lint, audit]"), "test.sh": "true"})
    gate = project.gate(sha=detail["run"]["sha"])
    assert gate["verdict"] == "red"
    assert [check["state"] for check in gate["checks"] if check["name"] == "audit"] == ["missing"]


def test_the_gate_is_read_at_the_target_branch_not_in_the_change(project, ci):
    project.push_and_end({".ci.yml": GATED, "test.sh": "true"}, "passed")
    loosened = GATED.replace("[lint, test]", "[lint]")
    detail, _ = project.push_and_end({".ci.yml": loosened, "test.sh": "exit 1"}, "failed", branch="change")
    sha = detail["run"]["sha"]
    assert project.gate(sha=sha, branch="main")["verdict"] == "red"


def test_waiting_for_a_gate_ends_with_its_verdict_as_exit_code(project, ci):
    flag = Flag(ci.root)
    good = project.push({".ci.yml": GATED, "test.sh": flag.wait()})
    words = ["gate", good, "--project", project.name]
    project.run_of(good)
    pending = ci.sluice(*words, check=False)
    assert pending.returncode == 2 and "pending" in pending.stdout
    assert ci.sluice(*words, "--wait", "--timeout", "100ms", check=False).returncode == 2
    flag.raise_it()
    green = ci.sluice(*words, "--wait", check=False)
    assert (green.returncode, green.stdout.split()[0]) == (0, "green")
    bad = project.push({"test.sh": "exit 3"})
    project.run_of(bad)
    red = ci.sluice("gate", bad, "--project", project.name, "--wait", check=False)
    assert (red.returncode, red.stdout.split()[0]) == (1, "red")


def test_a_red_push_is_not_washed_away_by_a_second_one_that_touches_nothing(project, ci):
    """`changes` of a push looks at that push; what a branch gets is all of it."""
    text = """
version: 1
on: {push: {}, manual: {}}
gate: {branches: [main], require: [test]}
jobs:
  test: {changes: [src/**], run: sh src/test.sh}
"""
    project.push_and_end({".ci.yml": text, "src/test.sh": "true\n"}, "passed")
    project.push_and_end({"src/test.sh": "exit 1\n"}, "failed", branch="topic")
    detail, jobs = project.push_and_end({"README": "harmless\n"}, branch="topic")
    assert jobs["test"]["state"] == "not_selected"
    sha = detail["run"]["sha"]
    gate = project.gate(sha=sha, branch="main")
    assert (gate["verdict"], gate["summary"]) == ("red", "test missing")
    assert "looked at the last push alone" in gate["checks"][0]["note"]
    ci.ended(project.start(branch="topic"), "failed")
    assert project.gate(sha=sha, branch="main")["summary"] == "test failed"
    # A change that needs no test is green as ever.
    project.repo.git("checkout", "-q", "main")
    other, _ = project.push_and_end({"README": "harmless\n"}, branch="docs")
    assert project.gate(sha=other["run"]["sha"], branch="main")["verdict"] == "green"
    landed = project.gate(sha=project.repo.git("rev-parse", "main").stdout.strip(), branch="main")
    assert landed["verdict"] == "green"


def test_a_failure_is_not_washed_away_by_a_run_that_did_not_need_the_job(project, ci):
    text = """
version: 1
on: {push: {}, tag: ["*"]}
gate: {branches: [main], require: [test]}
jobs:
  test: {if: event != 'tag', run: sh test.sh}
  other: {run: "true"}
"""
    detail, _ = project.push_and_end({".ci.yml": text, "test.sh": "exit 1\n"}, "failed")
    sha = detail["run"]["sha"]
    project.repo.git("tag", "v1", sha)
    project.repo.push("v1")
    tagged = ci.ended(project.run_of(sha, "tag"), "passed")
    assert by_key(tagged)["test"]["state"] == "not_selected"
    assert project.gate(sha=sha, branch="main")["summary"] == "test failed"


def test_the_first_entry_whose_branches_match_holds(project, ci):
    gates = """
gate:
  - {branches: ["release/*"], require: [lint, test]}
  - {branches: [main, "release/old"], require: [lint]}
"""
    text = GATED.replace("gate: {branches: [main], require: [lint, test]}\n", gates)
    sha = project.push({".ci.yml": text, "test.sh": "exit 1"})
    project.repo.push(f"{sha}:refs/heads/release/old", f"{sha}:refs/heads/topic")
    for run in [project.run_of(sha, count=3)] + [run["id"] for run in project.runs(sha=sha)]:
        ci.ended(run, "failed")
    verdicts = {branch: project.gate(sha=sha, branch=branch) for branch in ("main", "release/old", "topic")}
    assert {branch: one["verdict"] for branch, one in verdicts.items()} == {
        "main": "green",
        "release/old": "red",
        "topic": "red",
    }
    assert [one["rules"] for one in verdicts.values()] == ["file", "file", "absent"]
    assert len(verdicts["topic"]["checks"]) == 2, "no entry for topic: every job of the run"


def test_what_may_fail_is_green_with_a_note_and_globs_that_match_nothing_are_missing(project, ci):
    text = GATED.replace("[lint, test]", "['*', 'e2e-*']").replace(
        "run: sh test.sh", "allow_failure: true, run: sh test.sh"
    )
    detail, _ = project.push_and_end({".ci.yml": text, "test.sh": "exit 1"}, "warned")
    gate = project.gate(sha=detail["run"]["sha"])
    checks = {check["name"]: (check["color"], check["state"]) for check in gate["checks"]}
    assert checks == {"lint": ("green", "passed"), "test": ("green", "warned"), "e2e-*": ("red", "missing")}
    assert gate["checks"][1]["note"].startswith("may fail")
    plain = text.replace("['*', 'e2e-*']", "['*']")
    detail, _ = project.push_and_end({".ci.yml": plain}, "warned")
    assert project.gate(sha=detail["run"]["sha"])["summary"] == "2 of 2 checks green, 1 warned"


def test_a_job_that_waits_for_an_approval_keeps_the_gate_pending(project, ci):
    text = GATED.replace("test: {needs: [lint]", "test: {needs: [lint], approval: true")
    sha = project.push({".ci.yml": text, "test.sh": "true"})
    run = project.run_of(sha)
    wait_for(lambda: project.gate(sha=sha)["summary"] == "test held", "the job to be held")
    assert project.gate(sha=sha)["verdict"] == "pending"
    ci.sluice("run", "reject", str(run), "test")
    ci.ended(run)
    assert project.gate(sha=sha)["summary"] == "test cancelled"


def test_a_branch_whose_own_file_is_broken_says_so_and_asks_for_every_job(project, ci):
    project.push_and_end({".ci.yml": GATED.replace("require:", "requires:"), "test.sh": "true"}, "errored")
    detail, _ = project.push_and_end({".ci.yml": GATED}, "passed", branch="mend")
    gate = project.gate(sha=detail["run"]["sha"], branch="main")
    assert gate["rules"] == "unreadable" and "can't be read, so every job counts" in gate["summary"]
    assert gate["verdict"] == "pending", "there is nothing to compare the jobs with"
    words = ("gate", "approve", gate["sha"], "--branch", "main", "--project", project.name)
    assert ci.sluice(*words).stdout.startswith("green")


def test_a_repository_that_cannot_be_read_is_an_error_not_a_verdict(project, ci):
    sha = project.push({".ci.yml": GATED, "test.sh": "true"})
    ci.ended(project.run_of(sha), "passed")
    project.repo.bare.rename(project.repo.bare.with_suffix(".away"))
    reply = ci.call("GET", f"{project.path}/gate?sha={sha}&branch=main")
    assert reply.status >= 400 and "verdict" not in reply.json, reply
    assert ci.sluice("gate", sha, "--project", project.name, check=False).returncode not in (0, 1)
