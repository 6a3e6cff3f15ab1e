"""Hooks of plain git: telling of pushes, keeping protected branches closed, losing no push while the server is away."""

import time

import pytest

from harness import BIN, run

PIPELINE = """
version: 1
on: {push: {}}
gate: {branches: [main], require: [test]}
jobs:
  test: {run: sh test.sh}
"""


def test_a_push_tells_the_server_in_milliseconds(project, ci):
    project.push_and_end({".ci.yml": PIPELINE, "test.sh": "true"}, "passed")
    begun = time.monotonic()
    project.push({"a": "1"})
    assert time.monotonic() - begun < 20, "the push does not wait for the run"
    assert not list((project.repo.bare / "sluice-spool").iterdir())
    ci.ended(project.runs()[0]["id"], "passed")


def test_the_installed_files_keep_their_secret_and_the_earlier_hook(ci, name):
    project = ci.project(name)
    before = project.repo.bare / "hooks" / "post-receive"
    before.parent.mkdir(exist_ok=True)
    before.write_text(f"#!/bin/sh\ncat > '{ci.root}/{name}-seen'\n")
    before.chmod(0o755)
    project.install_hooks()
    assert (project.repo.bare / "sluice.conf").stat().st_mode & 0o777 == 0o600
    detail, _ = project.push_and_end({".ci.yml": PIPELINE, "test.sh": "true"}, "passed")
    assert detail["run"]["sha"] in (ci.root / f"{name}-seen").read_text()
    ci.sluice("hooks", "uninstall", project.repo.bare)
    assert before.read_text().startswith("#!/bin/sh") and not (project.repo.bare / "sluice.conf").exists()


@pytest.fixture
def guarded(ci, name):
    """A project whose main is protected; its pipeline is on main already."""
    project = ci.project(name, hooks=())
    project.push_and_end({".ci.yml": PIPELINE, "test.sh": "true"}, "passed")
    project.install_hooks("--protect", "main")
    return project


def test_a_protected_branch_moves_to_a_commit_that_is_green(guarded, ci):
    repo = guarded.repo
    good = repo.commit({"a": "1"})
    refused = repo.push("main", check=False)
    assert refused.returncode != 0 and "main is not open for this commit: red (missing" in refused.stderr
    assert repo.git("ls-remote", "origin", "refs/heads/main").stdout.split()[0] != good
    repo.push(f"{good}:refs/heads/topic")
    ci.ended(guarded.run_of(good), "passed")
    repo.push("main")
    assert repo.git("ls-remote", "origin", "refs/heads/main").stdout.split()[0] == good


def test_a_protected_branch_stays_closed_for_a_red_commit(guarded, ci):
    repo = guarded.repo
    bad = repo.commit({"test.sh": "exit 1"})
    repo.push(f"{bad}:refs/heads/topic")
    ci.ended(guarded.run_of(bad), "failed")
    refused = repo.push("main", check=False)
    assert refused.returncode != 0 and "red (test failed)" in refused.stderr


def test_a_branch_without_a_gate_is_open(guarded, ci):
    sha = guarded.repo.commit({"a": "1"}, branch="topic")
    guarded.repo.push("topic")
    ci.ended(guarded.run_of(sha), "passed")


def test_the_first_push_of_a_repository_is_open(ci, name):
    project = ci.project(name, hooks=("--update-hook",))
    project.push_and_end({".ci.yml": PIPELINE, "test.sh": "true"}, "passed")


def test_pushes_while_the_server_is_away_are_kept_and_told_in_order_later(world):
    server = world.server()
    server.wait_agent_online()
    project = server.project("app", hooks=())
    project.push_and_end({".ci.yml": PIPELINE, "test.sh": "true"}, "passed")
    server.kill()
    first = project.repo.commit({"a": "1"})
    told = project.repo.push("main")
    assert "not reached" in told.stderr, told
    second = project.repo.commit({"a": "2"})
    project.repo.push("main")
    spool = project.repo.bare / "sluice-spool"
    assert len(list(spool.iterdir())) == 2
    server.restart()
    third = project.push({"a": "3"})
    runs = [server.ended(project.run_of(sha), "passed")["run"] for sha in (first, second, third)]
    assert [item["number"] for item in runs] == sorted(item["number"] for item in runs)
    assert list(spool.iterdir()) == []


def test_a_kept_push_can_be_told_without_another_push(world):
    server = world.server()
    project = server.project("app", hooks=())
    server.kill()
    sha = project.push({".ci.yml": PIPELINE, "test.sh": "true"})
    server.restart()
    drained = run([BIN / "sluice-hook", "drain"], cwd=project.repo.bare, env=project.repo.env)
    assert drained.returncode == 0
    server.ended(project.run_of(sha), "passed")


def test_while_the_server_is_away_protected_branches_are_closed_and_others_open(world):
    server = world.server()
    project = server.project("app", hooks=())
    project.push_and_end({".ci.yml": PIPELINE, "test.sh": "true"}, "passed")
    project.install_hooks("--protect", "main")
    server.kill()
    sha = project.repo.commit({"a": "1"})
    refused = project.repo.push("main", check=False)
    assert refused.returncode != 0 and "main is protected" in refused.stderr
    project.repo.push(f"{sha}:refs/heads/topic")
    server.restart()
    run([BIN / "sluice-hook", "drain"], cwd=project.repo.bare, env=project.repo.env)
    server.ended(project.run_of(sha), "passed")
    project.repo.push("main")
