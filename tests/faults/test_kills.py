"""kill -9 of each part while a job prints: the job goes on or is answered for, each byte of its log arrives once."""

import json
import os
import re
import signal

import pytest

from harness import EmbeddedAgent, Flag, children, state_of
from wire import wait_for

COUNTING = """version: 1
on: {push: {}, manual: {}}
jobs:
  count:
    timeout: 5m
    shell: python
    run: |
      import os, time
      i = 0
      while not os.path.exists("STOP"):
          print("line", i, "." * (i % 300), flush=True)
          i += 1
          time.sleep(0.003)
      print("end", i)
"""


class Counting:
    """A job that prints numbered lines until it is told to stop."""

    def __init__(self, world, server, name="app"):
        self.server, self.stop_flag = server, Flag(world.root, "stop")
        self.project = server.project(name, hooks=())
        self.run = self.project.run_of(
            self.project.push({".ci.yml": COUNTING.replace("STOP", str(self.stop_flag.path))})
        )
        self.id = server.detail(self.run)["jobs"][0]["id"]
        self.await_lines(20)

    def lines(self):
        return self.server.log_of(self.id).count(b"\n")

    def await_lines(self, count):
        wait_for(lambda: self.lines() >= count, f"{count} lines to be readable")

    def await_more(self):
        self.await_lines(self.lines() + 20)

    def finish(self, state="passed"):
        self.stop_flag.raise_it()
        return self.server.ended(self.run, state)["jobs"][0]

    def assert_whole(self, log=None):
        """Every line once and in order, and the end."""
        log = (self.server.log_of(self.id) if log is None else log).decode()
        *lines, end = log.splitlines()
        assert end == f"end {len(lines)}", end
        assert log == "".join(f"line {i} {'.' * (i % 300)}\n" for i in range(len(lines))) + end + "\n"


@pytest.fixture
def parts(world):
    """A server, an agent of its own, and a job that is printing."""
    server = world.server(embedded=False)
    agent = world.agent(server)
    return server, agent, Counting(world, server)


def test_the_agents_daemon_is_killed_and_its_job_goes_on(parts):
    server, agent, job = parts
    runner = agent.runner_pid()
    agent.kill()
    job.await_more()
    agent.start()
    assert f"adopted a live runner attempt={agent.attempt().name}" in agent.log
    assert agent.runner_pid() == runner
    job.await_more()
    assert job.finish()["attempt"] == 1
    job.assert_whole()


def test_a_job_that_ends_while_no_daemon_lives_is_reported_all_the_same(parts):
    server, agent, job = parts
    agent.kill()
    assert job.finish()["attempt"] == 1
    job.assert_whole()
    agent.start()
    job.project.push_and_end({"a": "1"}, "passed")


def test_the_server_is_killed_and_the_job_goes_on(parts):
    server, agent, job = parts
    server.kill()
    before = (agent.attempt() / "spool").stat().st_size
    wait_for(lambda: (agent.attempt() / "spool").stat().st_size > before + 2000, "the job to print on")
    server.restart()
    job.await_more()
    assert job.finish()["attempt"] == 1
    job.assert_whole()


def test_a_job_that_ends_while_no_server_lives_is_reported_later(parts):
    server, agent, job = parts
    server.kill()
    job.stop_flag.raise_it()
    journal = agent.attempt() / "journal"
    wait_for(lambda: '"outcome"' in journal.read_text(), "the outcome to be journalled")
    server.restart()
    assert server.ended(job.run, "passed")["jobs"][0]["attempt"] == 1
    job.assert_whole()


def test_server_and_daemon_are_killed_together(parts):
    server, agent, job = parts
    os.kill(agent.pid, signal.SIGKILL)
    server.kill()
    agent.wait_end()
    server.restart()
    agent.start()
    job.await_more()
    assert job.finish()["attempt"] == 1
    job.assert_whole()


def test_a_server_that_crashes_again_and_again_loses_nothing(parts):
    server, agent, job = parts
    for _ in range(5):
        server.kill()
        server.restart()
    job.await_more()
    assert job.finish()["attempt"] == 1
    job.assert_whole()


def test_the_embedded_agent_goes_with_its_server_and_the_job_does_not(world):
    server = world.server()
    job = Counting(world, server)
    embedded = EmbeddedAgent(server)
    daemon, runner = embedded.daemon_pid(), embedded.runner_pid()
    server.kill()
    wait_for(lambda: state_of(daemon) in ("", "Z"), "the embedded daemon to end with its server")
    assert state_of(runner) not in ("", "Z")
    server.restart()
    job.await_more()
    assert job.finish()["attempt"] == 1
    job.assert_whole()


def test_an_embedded_daemon_that_is_killed_is_started_again(world):
    server = world.server()
    job = Counting(world, server)
    embedded = EmbeddedAgent(server)
    first = embedded.daemon_pid()
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: embedded.daemon_pid() != first, "another daemon")
    assert job.finish()["attempt"] == 1
    job.assert_whole()
    job.project.push_and_end({"a": "1"}, "passed")


def test_the_zygote_is_killed_and_neither_this_job_nor_the_next_notices(parts):
    server, agent, job = parts
    zygote = agent.zygote_pid()
    os.kill(zygote, signal.SIGKILL)
    job.await_more()
    assert job.finish()["attempt"] == 1
    job.assert_whole()
    job.project.push_and_end({"a": "1"}, "passed")
    wait_for(lambda: agent.zygote_pid() != zygote, "another zygote")


def test_the_zygote_is_killed_while_idle(world):
    server = world.server(embedded=False)
    agent = world.agent(server)
    server.wait_agent_online("builder")
    os.kill(agent.zygote_pid(), signal.SIGKILL)
    project = server.project("app", hooks=())
    project.push_and_end({".ci.yml": "version: 1\non: {push: {}}\njobs: {a: {run: echo hello}}\n"}, "passed")


def steps_of(runner):
    """The step's processes: the runner's children."""
    return wait_for(lambda: list(children(runner)), "the runner's step")


def test_a_runner_is_killed_its_steps_die_and_the_job_is_tried_again(parts):
    server, agent, job = parts
    runner = agent.runner_pid()
    steps = steps_of(runner)
    before = server.log_of(job.id)
    os.kill(runner, signal.SIGKILL)
    for pid in steps:
        wait_for(lambda: state_of(pid) in ("", "Z"), "the step to die with its runner")
    wait_for(lambda: server.job(job.id)["attempt"] == 2, "a second attempt")
    done = job.finish()
    assert done["attempt"] == 2
    job.assert_whole()
    first = server.log_of(job.id, attempt=1)
    assert first.startswith(before) and re.fullmatch(
        rb"(line \d+ \.*\n)*(line[^\n]*)?", first
    ), "what the first printed is kept"
    outcome = json.loads(server.rows("SELECT outcome FROM attempts WHERE epoch = 1")[0]["outcome"])
    assert (outcome["result"], outcome["cause"]) == ("errored", "runner_lost")


def test_a_job_whose_runner_always_dies_ends_as_errored(parts):
    server, agent, job = parts
    for attempt in (1, 2, 3):
        wait_for(
            lambda: server.job(job.id)["attempt"] == attempt and server.job(job.id)["state"] == "running",
            f"attempt {attempt}",
        )
        wait_for(lambda: os.kill(agent.runner_pid(), signal.SIGKILL) is None, "the runner to kill")
        wait_for(
            lambda: server.job(job.id)["state"] != "running" or server.job(job.id)["attempt"] > attempt,
            "its end to be known",
        )
    done = server.ended(job.run, "errored")["jobs"][0]
    assert (done["attempt"], done["cause"]) == (3, "runner_lost") and "runner died" in done["message"]


def test_runner_and_daemon_are_killed_and_the_next_daemon_answers_for_the_job(parts):
    server, agent, job = parts
    runner = agent.runner_pid()
    steps = steps_of(runner)
    agent.kill()
    os.kill(runner, signal.SIGKILL)
    agent.start()
    assert "salvaging a dead runner" in agent.log
    for pid in steps:
        wait_for(lambda: state_of(pid) in ("", "Z"), "the step to be ended")
    wait_for(lambda: server.job(job.id)["attempt"] == 2, "a second attempt")
    assert job.finish()["attempt"] == 2
    job.assert_whole()


def test_everything_is_killed_at_once(parts):
    server, agent, job = parts
    runner = agent.runner_pid()
    for pid in (agent.zygote_pid(), runner, agent.pid, server.pid):
        os.kill(pid, signal.SIGKILL)
    agent.wait_end(), server.wait_end()
    server.restart()
    agent.start()
    wait_for(lambda: server.job(job.id)["attempt"] == 2, "a second attempt")
    assert job.finish()["attempt"] == 2
    job.assert_whole()


def reboot(agent):
    """What a restart of the machine leaves: no process, the folder, and another boot id."""
    runner = agent.runner_pid()
    doomed = [agent.pid, agent.zygote_pid(), runner, *steps_of(runner)]
    folder = agent.attempt()
    for pid in doomed:
        os.kill(pid, signal.SIGSTOP)  # so that none sees another's end and tells
    for pid in doomed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    agent.wait_end()
    identity = json.loads((folder / "lock").read_text())
    identity["boot_id"] = "00000000-0000-0000-0000-000000000000"
    (folder / "lock").write_text(json.dumps(identity))


def test_after_a_reboot_the_job_is_tried_again_and_the_reason_known(parts):
    server, agent, job = parts
    reboot(agent)
    agent.start()
    wait_for(lambda: server.job(job.id)["attempt"] == 2, "a second attempt")
    assert job.finish()["attempt"] == 2
    job.assert_whole()
    outcome = json.loads(server.rows("SELECT outcome FROM attempts WHERE epoch = 1")[0]["outcome"])
    assert outcome["cause"] == "agent_lost" and "restarted" in outcome["message"]


def test_a_process_that_has_the_dead_runners_number_is_not_harmed(parts):
    """After a reboot pids mean other processes: salvage goes by the marker and the boot, never by a bare pid."""
    server, agent, job = parts
    reboot(agent)
    folder = agent.attempt()
    identity = json.loads((folder / "lock").read_text())
    identity["pid"] = server.pid
    (folder / "lock").write_text(json.dumps(identity))
    agent.start()
    assert job.finish()["state"] == "passed"
    server.alive_or_fail()
