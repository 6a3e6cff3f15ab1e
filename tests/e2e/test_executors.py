"""What every executor owes to a job (decision 0019), asked of each of them through the real programs. A new executor is a
new line in EXECUTORS."""

import json
import os
import shutil
import signal
import subprocess

import pytest

import leftovers
from containers import IMAGE, container_store, docker_store, engine_server  # noqa: F401 (fixtures)
from fixtures import World
from harness import EmbeddedAgent
from test_host_users import can_mount
from wire import wait_for

EXECUTORS = {"host": "", "sandbox": "", "users": "", "podman": f"image: '{IMAGE}', ", "docker": f"image: '{IMAGE}', "}


def can_sandbox():
    return shutil.which("bwrap") is not None and subprocess.run(
        ["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "true"], check=False).returncode == 0


@pytest.fixture(scope="module", params=["host", "sandbox", "users", pytest.param("podman", marks=pytest.mark.container),
                                        pytest.param("docker", marks=pytest.mark.container)])
def executor(request):
    store = None
    if request.param in ("podman", "docker"):
        store = request.getfixturevalue({"podman": "container_store", "docker": "docker_store"}[request.param])
    world = World()
    if request.param == "sandbox":
        if not can_sandbox():
            pytest.skip("no bubblewrap here, or it may not make namespaces")
        folder = world.root / "server-data/agent"
        folder.mkdir(parents=True)
        (folder / "executors.json").write_text('{"host": {"sandbox": true}}')
    if request.param == "users":
        if not can_mount():
            pytest.skip("not root, or no mount namespaces here")
        folder = world.root / "server-data/agent"
        folder.mkdir(parents=True)
        (folder / "executors.json").write_text('{"host": {"users": "2000000300-2000000399"}}')
    server = engine_server(world, store, capacity=3) if store else world.server(capacity=3)
    server.wait_agent_online()
    server.place = EXECUTORS[request.param]
    server.sandboxed = request.param == "sandbox"
    server.outside = store.left if store else list
    yield server
    world.end(passed=True)


@pytest.fixture
def project(executor, name):
    executor.alive_or_fail()
    yield executor.project(name, hooks=())
    leftovers.assert_no_job_left(executor.root)
    wait_for(lambda: executor.outside() == [], "the end of everything outside the runner's process tree")


def pipeline(project, text):
    return {".ci.yml": "version: 1\non: {push: {}}\njobs:\n  a: {" + project.server.place + text + "}\n"}


def one(project, text, state, files=None):
    """Pushes one job and waits: the job and its log."""
    detail, jobs = project.push_and_end({**pipeline(project, text), **(files or {})})
    job = jobs["a"]
    log = project.server.log_of(job["id"]).decode()
    assert job["state"] == state, log + json.dumps(job, indent=1)
    return job, log


def begun(project, text):
    """Pushes one job and waits until its log says `begun`: run, job."""
    run = project.run_of(project.push(pipeline(project, text)))
    job = wait_for(lambda: project.server.detail(run)["jobs"][0], "the job")
    wait_for(lambda: b"begun" in project.server.log_of(job["id"]), "the step to run")
    return run, job


def test_exit_codes_are_the_steps_own(project):
    job, log = one(project, "steps: ['exit 3', {when: always, run: nonsense-command}, {when: always, run: 'kill -9 $$'}]",
                   "failed")
    assert job["exit_code"] == 3 and job["cause"] == "script"
    # Behind a sandbox a signal is told as shells tell it.
    killed = 137 if project.server.sandboxed else None
    assert [step["exit_code"] for step in job["steps"]] == [3, 127, killed]


def test_steps_share_the_workspace_and_the_environment_they_set(project):
    job, log = one(project, "env: {A: a b, B: job}, params: {who: Ada}, outputs: {answer: number}, steps: ["
                   "'cat kept; mkdir sub; echo made > sub/file; echo C=set >> $CI_ENV; echo answer=42 >> $CI_OUTPUT', "
                   "{working_directory: sub, env: {B: step}, run: 'cat file; echo \"[$A] $B $C $CI_PARAM_WHO\"; "
                   "cat $CI_PARAMS_FILE; cat $CI_WORKSPACE/kept'}]", "passed", {"kept": "of the commit\n"})
    assert job["outputs"] == {"answer": 42}
    assert log.count("of the commit\n") == 2 and "made\n[a b] step set Ada\n" in log and '{"who": "Ada"}' in log


def test_both_streams_stay_in_order_and_complete(project):
    job, log = one(project, "run: 'i=0; while [ $i -lt 2000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done; "
                   "yes x | head -c 3000000 || true'", "passed")
    lines = [line for line in log.split("\n") if line.startswith(("out ", "err "))]
    assert lines == [f"{stream} {i}" for i in range(2000) for stream in ("out", "err")]
    assert "x\n" * 1500000 in log


def test_a_script_longer_than_an_argument_runs(project):
    script = "".join(f"X={i}-{'y' * 990}\n" for i in range(60)) + "echo end $X\n"
    text = "steps: [{run: 'cat big.sh > /dev/null; sh big.sh'}]"
    job, log = one(project, text, "passed", {"big.sh": script * 3})
    assert "end 59-y" in log


def test_a_background_process_does_not_hold_the_step(project):
    job, log = one(project, "steps: ['(sleep 1000; echo never) & echo first', 'echo second']", "passed")
    assert "second\n" in log and "never" not in log
    # The step's own process numbers end with it.
    assert ("a background process keeps the step's output open" in log) is not project.server.sandboxed


def test_a_timeout_of_the_job_ends_the_whole_tree(project):
    job, log = one(project, "run: \"trap '' TERM; (setsid sleep 1000 &) ; echo up; sleep 1001; sleep 1002\", timeout: 2s",
                   "failed")
    assert job["cause"] == "timeout" and "up\n" in log


def test_a_timeout_of_a_step_is_the_steps(project):
    job, log = one(project, "steps: [{run: 'sleep 1000', timeout: 1s, name: slow}, {when: always, run: 'echo after'}]",
                   "failed")
    assert job["cause"] == "timeout" and 'step "slow": timed out' in job["message"] and "after\n" in log


def test_a_cancelled_job_says_its_last_words(project):
    run, job = begun(project, "steps: ['echo begun; sleep 1000', {when: always, run: 'echo last words'}]")
    project.server.post(f"/api/v1/runs/{run}/cancel", {})
    assert project.server.ended(run)["jobs"][0]["state"] == "cancelled"
    assert b"last words\n" in project.server.log_of(job["id"])


def test_a_runner_that_is_killed_leaves_nothing(project):
    run, job = begun(project, "retry: {infra: 0}, run: '(setsid sleep 1000 &); echo begun; sleep 1000'")
    os.kill(EmbeddedAgent(project.server).runner_pid(), signal.SIGKILL)
    ended = project.server.ended(run)["jobs"][0]
    assert ended["state"] == "errored" and ended["cause"] == "runner_lost"


def test_a_sandbox_shows_the_machine_read_only_and_nothing_of_the_agent(world):
    if not can_sandbox():
        pytest.skip("no bubblewrap here, or it may not make namespaces")
    folder = world.root / "server-data/agent"
    folder.mkdir(parents=True)
    (folder / "executors.json").write_text('{"host": {"sandbox": true}}')
    server = world.server()
    server.wait_agent_online()
    server.place = ""
    job, log = one(server.project("boxed", hooks=()), "run: 'touch /etc/x || true; "
                   "touch /tmp/mine && echo tmp; ls -A ../../..; "
                   "echo processes $(ls /proc | grep -c ^[0-9]); cat ../job.json'", "failed")
    assert "/etc/x" in log and "Read-only file system" in log and "tmp\n" in log
    assert "attempts\n" in log and "agent.json" not in log and "lease_token" not in log
    assert int(log.split("processes ")[1].split()[0]) < 10
