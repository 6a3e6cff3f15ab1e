"""From a push to the verdict: what a person sees who changes a repository."""

import sys

from harness import Flag
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
