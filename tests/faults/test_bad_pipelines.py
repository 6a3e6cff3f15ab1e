"""Configurations and commits that are wrong: a run says so where people look, the gate is red, and nothing hangs."""

import subprocess

import pytest

from forges import ZERO, Git
from harness import Link
from wire import wait_for

GOOD = "version: 1\non: {push: {}, manual: {}}\njobs:\n  a: {run: echo hello}\n"


def errored(project, files, branch="main"):
    """The run that tells what was wrong; its gate is red."""
    detail, _ = project.push_and_end(files, "errored", branch=branch)
    assert detail["jobs"] == [] and detail["run"]["reason"], detail
    assert project.gate(sha=detail["run"]["sha"])["verdict"] == "red"
    return detail


def texts(detail):
    return [diagnostic["text"] for diagnostic in detail["diagnostics"]]


def test_a_repository_without_a_pipeline_says_so(project):
    sha = project.push({"README": "no pipeline here\n"})
    delivery = project.settled(wait_for(project.deliveries, "the delivery")[0]["id"])
    told = delivery["outcome"] + " ".join(run["reason"] for run in project.runs(sha=sha))
    assert ".ci.yml" in told, delivery
    gate = project.gate(sha=sha)
    assert gate["verdict"] == "red" and gate["summary"]


def test_a_pipeline_that_is_a_link_is_not_followed(project):
    detail = errored(project, {".ci.yml": Link("/etc/passwd")})
    assert "config_not_regular_file" in detail["run"]["reason"] and ".ci.yml" in detail["run"]["reason"]
    detail = errored(project, {".ci.yml": Link("other.yml"), "other.yml": GOOD})
    assert "config_not_regular_file" in detail["run"]["reason"]


def test_a_pipeline_of_ten_megabytes_is_not_read(project):
    detail = errored(project, {".ci.yml": GOOD + "# " + "x" * (10 << 20) + "\n"})
    assert "config_too_large" in detail["run"]["reason"]


def test_a_yaml_bomb_is_refused_and_costs_nothing(project):
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    errored(project, {".ci.yml": GOOD + bomb})
    deep = "[" * 10_000 + "]" * 10_000
    errored(project, {".ci.yml": f"version: 1\non: {{push: {{}}}}\njobs: {deep}\n"})
    anchors = "version: 1\nx: &x {y: *x}\n"
    errored(project, {".ci.yml": anchors})


def test_every_mistake_is_told_at_once_with_file_line_and_hint(project, ci):
    detail = errored(
        project, {".ci.yml": "version: 1\non: {push: {}}\njobs:\n  a: {rum: x}\n  b: {run: y, timeout: 60}\n"}
    )
    found = texts(detail)
    assert any(text.startswith(".ci.yml:4:") and "rum" in text for text in found), found
    assert any(text.startswith(".ci.yml:5:") for text in found), found
    assert all(item["hint"] for item in detail["diagnostics"] if "rum" in item["message"])
    shown = ci.sluice("run", "show", str(detail["run"]["id"])).stdout
    assert ".ci.yml:4:" in shown and ".ci.yml:5:" in shown


def test_needs_that_go_in_a_circle_are_named(project):
    text = "version: 1\non: {push: {}}\njobs:\n" + "".join(
        f"  {a}: {{needs: [{b}], run: x}}\n" for a, b in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    found = " ".join(texts(errored(project, {".ci.yml": text})))
    assert "a" in found and "b" in found and "c" in found and ("cycle" in found or "circle" in found)


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\x00",
        b"\x00",
        b"version: 1\r\non: push\r\n",
        b"- 1\n",
        b"42\n",
        b"version: 1\n---\nversion: 1\n",
        b"version: 2\n",
        b"jobs: {a: {run: x}}\n",
        b"!!python/object/apply:os.system [id]\n",
    ],
)
def test_no_text_is_a_reason_to_fall_silent(project, text):
    detail = errored(project, {".ci.yml": text})
    assert detail["diagnostics"], detail["run"]["reason"]


def test_a_bad_pipeline_does_not_stop_the_next_good_one(project):
    errored(project, {".ci.yml": "{"})
    project.push_and_end({".ci.yml": GOOD}, "passed")


def test_a_commit_that_the_repository_does_not_have_is_told(ci, name):
    project = ci.project(name)
    project.push({".ci.yml": GOOD})
    reply = Git().send(project, *Git().push("refs/heads/main", ZERO, "d" * 40))
    run = project.settled(reply.json["delivery"])["run_id"]
    detail = ci.ended(run, "errored")
    assert "commit_gone" in detail["run"]["reason"]
    assert project.gate(sha="d" * 40)["verdict"] == "red"


def test_a_commit_that_vanishes_before_its_job_starts_fails_with_that_reason(world):
    server = world.server(embedded=False)
    project = server.project("app", hooks=())
    project.repo.commit({".ci.yml": GOOD})
    project.repo.push("main", options=["ci.skip"])
    sha = project.push({"a": "1"}, branch="topic")
    run = project.run_of(sha)
    project.repo.push(":refs/heads/topic")
    subprocess.run(
        ["git", "-C", project.repo.bare, "-c", "gc.pruneExpire=now", "gc", "-q", "--prune=now"],
        env=project.repo.env,
        check=True,
    )
    gone = subprocess.run(
        ["git", "-C", project.repo.bare, "cat-file", "-e", sha], env=project.repo.env, check=False, capture_output=True
    )
    assert gone.returncode != 0
    world.agent(server)
    job = server.ended(run, "errored")["jobs"][0]
    assert job["cause"] == "setup" and job["message"].startswith("source:"), job


def test_a_repository_that_is_gone_is_told(ci, name):
    project = ci.project(name, hooks=())
    project.push_and_end({".ci.yml": GOOD}, "passed")
    sha = project.repo.commit({"a": "1"})
    project.repo.push("main", options=["ci.skip"])
    project.repo.bare.rename(project.repo.bare.with_suffix(".moved"))
    refused = ci.call("POST", f"{project.path}/runs", {})
    assert refused.status >= 400 and refused.json["error"] == "repository_missing", refused
    project.repo.bare.with_suffix(".moved").rename(project.repo.bare)
    assert ci.ended(project.start(), "passed")["run"]["sha"] == sha


def test_a_job_that_cannot_be_checked_out_says_why(project, ci):
    command = project.push_and_end({".ci.yml": GOOD.replace("echo hello", "no-such-command --at-all")}, "failed")[1][
        "a"
    ]
    assert command["exit_code"] == 127 and "command not found" in command["message"]
    assert b"no-such-command" in ci.log_of(command["id"])
    folder = project.push_and_end(
        {".ci.yml": GOOD.replace("run: echo", "working_directory: nowhere, run: echo")}, "errored"
    )[1]["a"]
    assert "nowhere" in folder["message"] and folder["cause"] == "config"
    outside = project.push_and_end(
        {".ci.yml": GOOD.replace("run: echo", "working_directory: out, run: echo"), "out": Link("/")}, "errored"
    )[1]["a"]
    assert "leaves the workspace" in outside["message"]


def test_a_program_that_cannot_be_executed_is_no_pass(project, ci):
    (project.repo.work / "tool").write_text("not a program\n")
    job = project.push_and_end({".ci.yml": GOOD.replace("echo hello", "./tool")}, "failed")[1]["a"]
    assert job["exit_code"] == 126 and "not executable" in job["message"]
    job = project.push_and_end({".ci.yml": GOOD.replace("run: echo hello", "env: {PATH: /nowhere}, run: ls")})[1]["a"]
    assert job["state"] in ("failed", "errored") and job["message"]
