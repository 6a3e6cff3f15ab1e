"""The command line against a real server: what it prints for people, for programs, and as exit code."""

import json

import pytest

from harness import BIN, Flag, environment, run
from wire import wait_for

PIPELINE = """
version: 1
on: {push: {}, manual: {}}
gate: {branches: [main], require: [test]}
jobs:
  lint: {run: echo linted}
  test: {needs: [lint], run: sh test.sh}
"""


def test_from_an_empty_server_to_a_green_gate_by_commands_alone(world):
    server = world.server()
    git = environment(world.root, GIT_CONFIG_GLOBAL="/dev/null")
    bare = server.repos / "app.git"
    run(["git", "init", "-q", "--bare", "-b", "main", bare], env=git)
    work = world.root / "app"
    run(["git", "clone", "-q", bare, work], env=git)
    (work / ".ci.yml").write_text(PIPELINE)
    (work / "test.sh").write_text("echo tested\n")

    assert server.sluice("validate", cwd=work).returncode == 0
    assert "added project app" in server.sluice("project", "add", "app", bare).stdout
    assert "now reach project app" in server.sluice("hooks", "install", bare, "--project", "app").stdout
    run(["git", "add", "-A"], cwd=work, env=git)
    run(["git", "-c", "user.name=Ada", "-c", "user.email=a@example.org", "commit", "-qm", "First"], cwd=work, env=git)
    run(["git", "push", "-q", "origin", "HEAD:main"], cwd=work, env=git)
    sha = run(["git", "rev-parse", "HEAD"], cwd=work, env=git).stdout.strip()

    gate = server.sluice("gate", sha, "--project", "app", "--wait")
    assert gate.stdout.startswith("green")
    assert server.sluice("gate", "--wait", cwd=work).stdout.startswith("green"), "project and commit of the checkout"
    listed = server.sluice("run", "list").stdout
    assert "app #1" in listed and "passed" in listed and "First" in listed
    assert "app" in server.sluice("project", "list").stdout
    shown = server.sluice("run", "show", "1").stdout
    assert "lint" in shown and "test" in shown
    assert server.sluice("run", "logs", "1", "test").stdout == "tested\n"
    assert "=== lint" in server.sluice("run", "logs", "1").stdout
    assert "embedded" in server.sluice("agent", "list").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("project", "list"),
        ("project", "show", "{project}"),
        ("run", "list"),
        ("run", "list", "--project", "{project}"),
        ("run", "show", "{run}"),
        ("gate", "{sha}", "--project", "{project}"),
        ("agent", "list"),
        ("token", "list"),
        ("version",),
    ],
)
def test_every_reading_command_prints_json_for_programs(ci, finished, words):
    done = ci.sluice(*[word.format(**finished) for word in words], "--json")
    assert json.loads(done.stdout), words
    assert "\x1b" not in done.stdout


@pytest.fixture(scope="module")
def finished(shared):
    project = shared.project("cli", hooks=())
    detail, _ = project.push_and_end({".ci.yml": PIPELINE, "test.sh": "true"}, "passed")
    return {"project": "cli", "run": str(detail["run"]["id"]), "sha": detail["run"]["sha"]}


def test_a_run_is_started_cancelled_and_retried(ci, name):
    project = ci.project(name, hooks=())
    flag = Flag(ci.root)
    project.repo.commit({".ci.yml": PIPELINE, "test.sh": flag.wait()})
    project.repo.push("main", options=["ci.skip"])
    started = ci.sluice("run", "start", name, "--json")
    run_id = str(json.loads(started.stdout)["id"])
    wait_for(
        lambda: [job for job in ci.detail(run_id)["jobs"] if job["state"] == "running" and job["key"] == "test"],
        "the test to run",
    )
    ci.sluice("run", "cancel", run_id)
    ci.ended(run_id, "cancelled")
    flag.raise_it()
    again = json.loads(ci.sluice("run", "retry", run_id, "--json").stdout)
    assert str(again["retry_of"]) == run_id
    ci.ended(again["id"], "passed")
    ended = ci.sluice("run", "cancel", run_id, check=False)
    assert ended.returncode == 5 and "ended" in ended.stderr


def test_one_job_is_cancelled_by_its_name(ci, name):
    project = ci.project(name, hooks=())
    flag = Flag(ci.root)
    run_id = project.run_of(project.push({".ci.yml": PIPELINE, "test.sh": flag.mark() + "; sleep 300"}))
    flag.await_it()
    ci.sluice("run", "cancel", str(run_id), "test")
    ci.ended(run_id, "cancelled")
    unknown = ci.sluice("run", "cancel", str(run_id), "nothing", check=False)
    assert unknown.returncode == 5 and "no job 'nothing'" in unknown.stderr


def test_exit_codes_tell_usage_outage_and_refusal_apart(ci, finished):
    def code(*words, **env):
        done = ci.sluice(*words, check=False, **env)
        assert done.returncode == 0 or done.stderr, words
        return done.returncode

    assert code("run", "list") == 0
    assert code("no-such-command") == 3
    assert code("gate") == 3 and code("run", "show", "abc") == 3
    assert code("status", SLUICE_URL="http://127.0.0.1:9") == 4
    assert code("status", SLUICE_TOKEN="wrong") == 5
    assert code("run", "show", "999999") == 5
    assert code("gate", "1" * 40, "--project", "no-such-project") == 5
    assert code("gate", finished["sha"], "--project", "cli") == 0


def test_validate_says_all_that_is_wrong_with_its_place(ci, tmp_path):
    file = tmp_path / ".ci.yml"
    file.write_text("version: 1\non: {push: {}}\njobs:\n  a: {rum: x}\n  b: {needs: [c], run: y}\n")
    done = ci.sluice("validate", str(file), check=False)
    assert done.returncode == 1
    assert ".ci.yml:4:" in done.stdout and ".ci.yml:5:" in done.stdout and "run" in done.stdout
    told = json.loads(ci.sluice("validate", str(file), "--json", check=False).stdout)
    assert told["valid"] is False and len(told["pipelines"][0]["diagnostics"]) >= 2


def test_login_stores_a_session_that_only_its_owner_can_read(world):
    server = world.server(embedded=False)
    bare = environment(world.root)
    done = run([BIN / "sluice", "login", server.url], env=bare, input=server.token + "\n")
    assert "as admin" in done.stdout
    stored = world.root / "home" / ".config" / "sluice" / "config.json"
    assert stored.stat().st_mode & 0o777 == 0o600
    assert run([BIN / "sluice", "status"], env=bare).returncode == 0
    assert run([BIN / "sluice", "--data", server.data, "status"], env=bare).returncode == 0
    wrong = run([BIN / "sluice", "login", server.url], env=bare, input="wrong\n", check=False)
    assert wrong.returncode == 5
    run([BIN / "sluice", "logout"], env=bare)
    assert not stored.exists()


def test_tokens_are_made_used_and_revoked(ci, name):
    token = ci.sluice("token", "create", name, "--role", "read").stdout.strip()
    assert ci.sluice("run", "list", SLUICE_TOKEN=token).returncode == 0
    refused = ci.sluice("token", "list", check=False, SLUICE_TOKEN=token)
    assert refused.returncode == 5 and "admin" in refused.stderr
    assert name in ci.sluice("token", "list").stdout
    ci.sluice("token", "revoke", name)
    assert ci.sluice("run", "list", check=False, SLUICE_TOKEN=token).returncode == 5


def test_completion_knows_the_projects_of_the_server(ci, finished):
    for shell in ("bash", "zsh", "fish"):
        assert "sluice" in ci.sluice("completion", shell).stdout
