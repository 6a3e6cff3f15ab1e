"""Steps that try to stay: whatever a job starts ends with it."""

import os
import signal

import leftovers
import pytest

from harness import Flag, state_of
from wire import wait_for

HEAD = "version: 1\non: {push: {}, manual: {}}\njobs:\n  a:\n"


def pid_of(flag):
    return int(wait_for(lambda: flag.path.exists() and flag.path.read_text(), "the daemon to be there"))


def assert_gone(pid, deadline=None):
    wait_for(lambda: state_of(pid) in ("", "Z"), f"process {pid} to be ended", deadline)


@pytest.mark.parametrize(
    "run",
    [
        "setsid sleep 600 >/dev/null 2>&1 & echo $! > FLAG",
        "nohup sleep 600 >/dev/null 2>&1 & echo $! > FLAG",
        "(trap '' TERM INT HUP; exec sleep 600) >/dev/null 2>&1 & echo $! > FLAG",
        "setsid sh -c 'echo $$ > FLAG; exec env -i sleep 600' </dev/null >/dev/null 2>&1 &",
        "(setsid sh -c '(setsid sh -c \"echo \\$\\$ > FLAG; exec sleep 600\" &)' &) >/dev/null 2>&1",
    ],
)
def test_a_process_in_the_background_ends_with_its_job(project, ci, run):
    flag = Flag(ci.root)
    text = (
        HEAD
        + "    run: |\n      "
        + run.replace("FLAG", str(flag.path))
        + f"\n      while [ ! -s '{flag.path}' ]; do sleep 0.02; done\n"
    )
    project.push_and_end({".ci.yml": text}, "passed")
    assert_gone(pid_of(flag))


def test_a_real_daemon_ends_with_its_job(project, ci):
    flag = Flag(ci.root)
    text = HEAD + f"""    steps:
      - shell: python
        run: |
          import os, time
          if os.fork(): os._exit(0)
          os.setsid()
          if os.fork(): os._exit(0)
          os.chdir("/")
          for fd in range(3): os.close(fd)
          open("{flag.path}", "w").write(str(os.getpid()))
          time.sleep(600)
      - run: while [ ! -s '{flag.path}' ]; do sleep 0.02; done
"""
    project.push_and_end({".ci.yml": text}, "passed")
    assert_gone(pid_of(flag))


def test_a_fork_bomb_of_a_hundred_ends_with_its_cancelled_job(project, ci):
    flag = Flag(ci.root)
    fork = "(trap '' TERM; setsid sleep 600) >/dev/null 2>&1 &"
    text = HEAD + f'    run: "for i in $(seq 100); do {fork} done; {flag.mark()}; wait"\n'
    run = project.run_of(project.push({".ci.yml": text}))
    flag.await_it()
    ci.post(f"/api/v1/runs/{run}/cancel")
    ci.ended(run, "cancelled")
    leftovers.assert_no_job_left(ci.root)


def staying(flag, environment="pass"):
    """A step whose first process stays while a daemon of it runs."""
    return HEAD + f"""    shell: python
    run: |
      import os, time
      if os.fork():
          while True: time.sleep(600)
      os.setsid()
      if os.fork(): os._exit(0)
      {environment}
      with open("{flag.path}.new", "w") as file: file.write(str(os.getpid()))
      os.rename("{flag.path}.new", "{flag.path}")
      while True: time.sleep(600)
"""


def kill_the_runner(world, text, flag):
    server = world.server(embedded=False)
    agent = world.agent(server)
    project = server.project("app", hooks=())
    run = project.run_of(project.push({".ci.yml": text}))
    pid = pid_of(flag)
    os.kill(agent.runner_pid(), signal.SIGKILL)
    wait_for(
        lambda: server.detail(run)["jobs"][0]["attempt"] >= 1 and "runner_lost" in str(server.detail(run)),
        "the loss to be known",
    )
    server.post(f"/api/v1/runs/{run}/cancel")
    server.ended(run)
    return pid


def test_a_daemon_ends_with_its_runner_that_was_killed(world):
    flag = Flag(world.root)
    assert_gone(kill_the_runner(world, staying(flag), flag))


def test_a_daemon_that_cleans_its_environment_ends_with_its_runner_that_was_killed(world):
    flag = Flag(world.root)
    clean = f"os.execve('/bin/sh', ['sh', '-c', 'echo $$ > {flag.path}; sleep 600; exit'], {{}})"
    assert_gone(kill_the_runner(world, staying(flag, clean), flag), deadline=5)


def test_output_that_a_background_process_holds_open_does_not_hold_the_job(project, ci):
    detail, jobs = project.push_and_end({".ci.yml": HEAD + "    run: echo before; sleep 600 & echo after\n"}, "passed")
    assert ci.log_of(jobs["a"]["id"]).startswith(b"before\nafter\n")


def test_a_step_finds_no_token_in_its_environment_nor_in_that_of_its_parents(project, ci):
    text = (
        HEAD
        + """    shell: python
    run: |
      import os, pathlib, re
      tokens = [path.read_text() for path in pathlib.Path(os.environ["CI_WORKSPACE"]).parent.glob("job.json")]
      pid, seen = os.getpid(), b""
      while pid > 1:
          seen += pathlib.Path(f"/proc/{pid}/environ").read_bytes() + pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
          pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
      words = re.findall('"lease_token":"([^"]+)"', tokens[0])
      print("tokens:", len(words), "in sight:", sum(word.encode() in seen for word in words))
"""
    )
    _, jobs = project.push_and_end({".ci.yml": text}, "passed")
    assert ci.log_of(jobs["a"]["id"]) == b"tokens: 1 in sight: 0\n"
