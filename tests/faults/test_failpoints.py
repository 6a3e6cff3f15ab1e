"""The server dies at a named point of each transition, by its own hand (SLUICE_FAILPOINT), and is started again: the run
ends as if nothing had been, each byte of the log is there once, no attempt counts twice (history.py, after each test)."""

import subprocess

import pytest

from harness import BIN, Flag, environment
from wire import DEADLINE, wait_for

MOMENTS = ("before", "in", "after_commit", "after_reply")
POINTS = [f"{transition}.{moment}" for transition in ("claim", "start", "log", "upload", "finish") for moment in MOMENTS]
LINES = 300
PIPELINE = f"""version: 1
on: {{push: {{}}, manual: {{}}}}
jobs:
  work:
    timeout: 5m
    outputs: {{n: number}}
    reports: {{junit: r.xml}}
    shell: python
    run: |
      import os, time
      for i in range({LINES}):
          print("line", i, "." * (i % 97), flush=True)
          if i == {LINES // 2}:
              while not os.path.exists("GO"):
                  time.sleep(0.01)
      open(os.environ["CI_OUTPUT"], "a").write("n=7\\n")
      open("r.xml", "w").write('<testsuite><testcase name="t" classname="c" time="0.1"/></testsuite>')
  after: {{needs: [work], env: {{N: "${{{{ needs.work.outputs.n }}}}"}}, run: 'echo "$N"'}}
"""
LOG = "".join(f"line {i} {'.' * (i % 97)}\n" for i in range(LINES)).encode()


def armed(world, point, **options):
    return world.server(env={"SLUICE_FAILPOINT": point}, **options)


def died(server, point):
    assert server.process.wait(DEADLINE) == -9, server.log[-2000:]
    assert f"failpoint {point}\n" in server.log


def again(server):
    server.env = {}
    server.restart()


@pytest.mark.parametrize("point", POINTS)
def test_a_server_that_dies_at_this_point_carries_on(world, point):
    server, go = armed(world, point, embedded=False), Flag(world.root, "go")
    project = server.project("app", hooks=())
    run = project.run_of(project.push({".ci.yml": PIPELINE.replace("GO", str(go.path))}))
    if point.startswith(("upload", "finish")):
        go.raise_it()
    world.agent(server)
    died(server, point)
    again(server)
    if not go.path.exists():
        go.raise_it()
    work, after = server.ended(run, "passed")["jobs"]
    assert server.log_of(work["id"]) == LOG and server.log_of(after["id"]) == b"7\n"
    assert work["outputs"] == {"n": 7} and work["reports"]["tests"]["passed"] == 1
    # A claim whose answer was lost may give the job to a second attempt; what has begun goes on.
    assert work["attempt"] <= (2 if point.startswith("claim") else 1)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_server_that_dies_while_a_run_is_cancelled(world, moment):
    server = armed(world, f"cancel.{moment}", embedded=False)
    project = server.project("app", hooks=())
    run = project.run_of(project.push({".ci.yml": PIPELINE.replace("GO", "never")}))
    world.agent(server)
    wait_for(lambda: server.detail(run)["jobs"][0]["state"] == "running", "the job to run")
    try:
        server.post(f"/api/v1/runs/{run}/cancel")
    except OSError:
        pass  # the reply was lost with the server
    died(server, f"cancel.{moment}")
    again(server)
    if moment in ("before", "in"):
        assert server.detail(run)["run"]["state"] == "active", "what was not committed has not been"
        server.post(f"/api/v1/runs/{run}/cancel")
    work, after = server.ended(run, "cancelled")["jobs"]
    assert (work["state"], after["state"]) == ("cancelled", "cancelled")


def test_a_release_build_refuses_to_be_armed(world):
    """Of this build it is known that it obeys; a release build says so and does nothing."""
    source = (BIN.parent / "CMakeCache.txt").read_text() if (BIN.parent / "CMakeCache.txt").exists() else ""
    if "CMAKE_BUILD_TYPE:STRING=Release" not in source:
        pytest.skip("not a release build")
    done = subprocess.run([BIN / "sluice-server", "--data", world.root / "data"], capture_output=True, text=True,
                          timeout=DEADLINE, env=environment(world.root, SLUICE_FAILPOINT="finish.in"))
    assert done.returncode == 2 and "SLUICE_FAILPOINT" in done.stderr
