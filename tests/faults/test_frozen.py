"""SIGSTOP: a machine that is suspended, a process that hangs. Silence is never taken for death before its time, and the
time of a server that stood still itself does not count (rule 9). The full lengths run with SLUICE_LONG=1."""

import os
import signal
import time

import pytest

from harness import state_of
from test_kills import Counting, steps_of
from wire import wait_for

LONG = os.environ.get("SLUICE_LONG") == "1"
long_only = pytest.mark.skipif(not LONG, reason="takes minutes: set SLUICE_LONG=1")
SHORT = ["--lease-seconds", "3", "--unstarted-seconds", "3"]


def stand_still(pid, seconds):
    """Freezes a process for a time, looking that it stays frozen."""
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + seconds
    wait_for(lambda: state_of(pid) == "T", "the process to stand still")
    wait_for(
        lambda: state_of(pid) != "T" or time.monotonic() >= end, "the time to pass", deadline=seconds + 30, pause=0.1
    )
    assert state_of(pid) == "T"
    os.kill(pid, signal.SIGCONT)


def job_on(world, args):
    server = world.server(embedded=False, args=args)
    agent = world.agent(server)
    return server, agent, Counting(world, server)


def frozen_daemon(world, args, seconds):
    server, agent, job = job_on(world, args)
    stand_still(agent.pid, seconds)
    job.await_more()
    assert job.finish()["attempt"] == 1
    job.assert_whole()
    job.project.push_and_end({"a": "1"}, "passed")


def frozen_server(world, args, seconds):
    server, agent, job = job_on(world, args)
    stand_still(server.pid, seconds)
    job.await_more()
    assert job.finish()["attempt"] == 1, "time in which no server serves ends no lease"
    job.assert_whole()


def test_a_daemon_that_stands_still_longer_than_a_lease_does_not_stop_its_job(world):
    frozen_daemon(world, SHORT, 7)


def test_a_server_that_stands_still_longer_than_a_lease_keeps_its_jobs(world):
    frozen_server(world, SHORT, 7)


@long_only
def test_a_daemon_that_stands_still_for_30_seconds_does_not_stop_its_job(world):
    frozen_daemon(world, [], 30)


@long_only
def test_a_server_that_stands_still_for_90_seconds_keeps_its_jobs(world):
    frozen_server(world, [], 90)


def test_a_job_that_ends_while_the_server_stands_still_is_reported_afterwards(world):
    server, agent, job = job_on(world, SHORT)
    server.freeze()
    job.stop_flag.raise_it()
    journal = agent.attempt() / "journal"
    wait_for(lambda: '"outcome"' in journal.read_text(), "the outcome to be journalled")
    server.thaw()
    assert server.ended(job.run, "passed")["jobs"][0]["attempt"] == 1
    job.assert_whole()


def test_a_server_that_is_down_longer_than_a_lease_keeps_its_jobs(world):
    server, agent, job = job_on(world, SHORT)
    server.kill()
    end = time.monotonic() + 6
    wait_for(lambda: time.monotonic() >= end, "two leases to pass")
    server.restart()
    job.await_more()
    assert job.finish()["attempt"] == 1
    job.assert_whole()


def test_a_runner_that_stands_still_too_long_loses_its_job_to_another_and_notices(world):
    server, agent, job = job_on(world, SHORT)
    runner = agent.runner_pid()
    os.kill(runner, signal.SIGSTOP)
    wait_for(
        lambda: server.job(job.id)["attempt"] == 2 and server.job(job.id)["state"] == "running", "a second attempt"
    )
    os.kill(runner, signal.SIGCONT)
    wait_for(lambda: state_of(runner) in ("", "Z"), "the first runner to end by itself")
    job.await_more()
    done = job.finish()
    assert done["attempt"] == 2
    job.assert_whole()
    states = [row["state"] for row in server.rows("SELECT state FROM attempts ORDER BY epoch")]
    assert states == ["lost", "finished"]


def test_a_runner_that_wakes_up_before_another_took_over_keeps_its_job(world):
    server = world.server(embedded=False, args=SHORT)
    agent = world.agent(server, capacity=1)
    job = Counting(world, server)
    runner = agent.runner_pid()
    os.kill(runner, signal.SIGSTOP)
    wait_for(lambda: server.job(job.id)["state"] == "ready", "the job to be given up; its agent has no other slot")
    os.kill(runner, signal.SIGCONT)
    wait_for(lambda: server.job(job.id)["state"] == "running", "the job to be taken up again")
    job.await_more()
    assert job.finish()["attempt"] == 1
    job.assert_whole()


def test_a_step_that_stands_still_longer_than_a_lease_keeps_its_job(world):
    server, agent, job = job_on(world, SHORT)
    (step,) = steps_of(agent.runner_pid())
    stand_still(step, 7)
    job.await_more()
    assert job.finish()["attempt"] == 1
    job.assert_whole()


def test_a_step_that_stands_still_is_cancelled_all_the_same(world):
    server, agent, job = job_on(world, [])  # what stands still can't hear SIGTERM: it is killed after its grace
    (step,) = steps_of(agent.runner_pid())
    os.kill(step, signal.SIGSTOP)
    wait_for(lambda: state_of(step) == "T", "the step to stand still")
    server.post(f"/api/v1/runs/{job.run}/cancel")
    server.ended(job.run, "cancelled")
    assert state_of(step) in ("", "Z")


def test_runner_and_step_that_stand_still_together_are_ended_when_another_took_over(world):
    """As a machine that is suspended: the first attempt wakes up, learns that it is lost, and takes its step along."""
    server, agent, job = job_on(world, SHORT)
    runner = agent.runner_pid()
    (step,) = steps_of(runner)
    for pid in (runner, step):
        os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: server.job(job.id)["attempt"] == 2 and server.job(job.id)["state"] == "running", "a second attempt")
    for pid in (step, runner):
        os.kill(pid, signal.SIGCONT)
    for pid in (step, runner):
        wait_for(lambda: state_of(pid) in ("", "Z"), "the first attempt to end by itself")
    assert job.finish()["attempt"] == 2
    job.assert_whole()
