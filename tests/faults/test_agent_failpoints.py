"""A part of an agent dies by its own hand at a named point (SLUICE_FAILPOINT): daemon, zygote, runner, and the salvage of a
runner that was killed. The job ends once, each byte of its log is there once, and nothing of it stays behind: no process,
no container, no folder, no mount (leftovers.py and history.py, after each test)."""

import os
import signal
import subprocess

import pytest

from containers import IMAGE, container_store  # noqa: F401 (a fixture)
from harness import BIN, Agent, Flag, environment
from wire import DEADLINE, wait_for

LINES = 300
LOG = "".join(f"line {i} {'.' * (i % 97)}\n" for i in range(LINES)).encode()
# Each job leaves a process behind on purpose, and sends a file of its own: equal bytes would not be sent twice.
PIPELINE = f"""version: 1
on: {{push: {{}}, manual: {{}}}}
jobs:
  work:
    timeout: 5m
    outputs: {{n: number}}
    artifacts: [{{name: made, paths: [made.bin]}}]
    shell: python
    run: |
      import os, subprocess, time
      subprocess.Popen(["sleep", "600"], start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
      for i in range({LINES}):
          print("line", i, "." * (i % 97), flush=True)
          if i == {LINES // 2}:
              while not os.path.exists("GO"):
                  time.sleep(0.01)
      open(os.environ["CI_OUTPUT"], "a").write("n=7\\n")
      open("made.bin", "wb").write(os.urandom(200_000))
  after: {{needs: [work], env: {{N: "${{{{ needs.work.outputs.n }}}}"}}, run: 'echo "$N"'}}
"""

# How many attempts the job takes when its agent dies there: an un-started lease goes back and is given anew, a started
# attempt whose runner died is lost, one whose outcome is in the journal counts.
DAEMON = {
    "daemon.claim.before": 1,
    "daemon.claim.after": 2,
    "daemon.folder.before": 2,
    "daemon.folder.after": 2,
    "daemon.runner.after": 1,
}
ZYGOTE = {"zygote.fork.before": 1, "zygote.fork.after": 1}
RUNNER = {
    "runner.start.before": 2,
    "runner.start.after": 2,
    "runner.step.before": 2,
    "runner.step.after": 2,
    "runner.log.before": 2,
    "runner.log.after": 2,
    "runner.end.before": 2,
    "runner.end.after": 2,
    "runner.upload.before": 2,
    "runner.upload.after": 2,
    "runner.outcome.before": 2,
    "runner.outcome.after": 1,
    "runner.finish.before": 1,
    "runner.finish.after": 1,
    "runner.clean.before": 1,
    "runner.clean.after": 1,
}
SALVAGE = ("salvage.kill.before", "salvage.kill.after", "runner.finish.before", "runner.finish.after",
           "salvage.clean.before", "salvage.clean.after")


class Armed:
    """A server, an agent of which one program will die at the point, and a job to do."""

    def __init__(self, world, point, pipeline=PIPELINE, **env):
        self.world, self.point = world, point
        self.server = world.server(embedded=False, env=env)
        self.go, self.died = Flag(world.root, "go"), Flag(world.root, "died")
        self.project = self.server.project("app", hooks=())
        self.run = self.project.run_of(self.project.push({".ci.yml": pipeline.replace("GO", str(self.go.path))}))
        self.agent = world.keep(Agent(self.server, env=env))
        self.env = env

    def launch(self):
        self.agent.env = {**self.env, "SLUICE_FAILPOINT": self.point, "SLUICE_FAILPOINT_ONCE": self.died.path}
        self.agent.launch()
        return self

    def await_death(self):
        self.died.await_it()
        wait_for(lambda: f"failpoint {self.point}\n" in self.agent.log, "the last words")

    def restart_daemon(self):
        """After its own death; unarmed."""
        assert self.agent.process.wait(DEADLINE) == -signal.SIGKILL, self.agent.log[-2000:]
        self.agent.env = dict(self.env)
        self.agent.start()

    def assert_whole(self, attempts):
        work, after = self.server.ended(self.run, "passed")["jobs"]
        whole = LOG + b"sluice: artifact made: 1 file, 200.0 kB\n"
        assert self.server.log_of(work["id"]) == whole and self.server.log_of(after["id"]) == b"7\n"
        assert work["outputs"] == {"n": 7} and work["attempt"] == attempts, work
        for row in self.server.rows("SELECT epoch, state FROM attempts WHERE job_id = ?", work["id"]):
            if row["state"] == "finished" and row["epoch"] != attempts:
                first = self.server.log_of(work["id"], attempt=row["epoch"])
                assert whole.startswith(first), "what a lost attempt printed is kept, and only that"
        kept = self.server.get(f"/api/v1/jobs/{work['id']}/artifacts")["artifacts"]
        assert [pack["name"] for pack in kept] == ["made"]


@pytest.mark.parametrize("point", DAEMON)
def test_a_daemon_that_dies_at_this_point_is_followed_by_one_that_carries_on(world, point):
    armed = Armed(world, point).launch()
    armed.go.raise_it()
    armed.await_death()
    armed.restart_daemon()
    armed.assert_whole(DAEMON[point])


@pytest.mark.parametrize("point", ZYGOTE)
def test_a_zygote_that_dies_at_this_point_is_replaced(world, point):
    armed = Armed(world, point).launch()
    armed.go.raise_it()
    armed.await_death()
    armed.assert_whole(ZYGOTE[point])


@pytest.mark.parametrize("point", RUNNER)
def test_a_runner_that_dies_at_this_point_is_answered_for(world, point):
    armed = Armed(world, point).launch()
    # A job that is over at once is told by its finish alone: start and log are sent while it waits.
    early = point.startswith(("runner.start", "runner.step", "runner.log"))
    if not early:
        armed.go.raise_it()
    armed.await_death()
    if early:
        armed.go.raise_it()
    armed.assert_whole(RUNNER[point])


@pytest.mark.parametrize("point", SALVAGE)
def test_a_salvage_that_dies_at_this_point_is_begun_again(world, point):
    armed = Armed(world, point).launch()
    wait_for(lambda: LOG[:100] in armed.server.log_of(armed.server.detail(armed.run)["jobs"][0]["id"]), "the job to print")
    os.kill(armed.agent.runner_pid(), signal.SIGKILL)
    armed.await_death()
    armed.go.raise_it()
    armed.assert_whole(2)


@pytest.mark.parametrize("point", RUNNER)
@pytest.mark.container
def test_a_runner_of_a_container_that_dies_at_this_point_leaves_none(world, container_store, point):  # noqa: F811
    text = ("version: 1\non: {push: {}}\njobs:\n  work: {image: '" + IMAGE + "', artifacts: [out], steps: ["
            "'setsid sleep 600 & head -c 9 /dev/urandom > out', 'echo one; sleep 0.5; echo two']}\n")
    armed = Armed(world, point, text, **container_store.env).launch()
    armed.await_death()
    work = armed.server.ended(armed.run, "passed")["jobs"][0]
    log = armed.server.log_of(work["id"])  # before that a word on the process that holds the output open
    assert log.endswith(b"\none\ntwo\nsluice: artifact artifacts: 1 file, 9 B\n") and log.count(b"one\n") == 1, log
    assert work["attempt"] == RUNNER[point]
    wait_for(lambda: container_store.left() == [], "the end of every container and network")


def test_a_release_agent_refuses_to_be_armed(world):
    """As the server does."""
    cache = BIN.parent / "CMakeCache.txt"
    if not cache.exists() or "CMAKE_BUILD_TYPE:STRING=Release" not in cache.read_text():
        pytest.skip("not a release build")
    done = subprocess.run([BIN / "sluice-agent", "run", "--dir", world.root / "a"], capture_output=True, text=True,
                          timeout=DEADLINE, env=environment(world.root, SLUICE_FAILPOINT="runner.step.before"))
    assert done.returncode == 2 and "SLUICE_FAILPOINT" in done.stderr
