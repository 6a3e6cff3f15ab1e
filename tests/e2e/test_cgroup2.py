"""Control groups of version 2, on a real hierarchy of that version. Where the controllers of memory and cpu are on version 1
it gives no limits; what it does without them is choosing places, counting time and ending everything in a group. The agent
sees that hierarchy alone, as on a machine that has no other."""

import json
import os
import pathlib
import re
import signal

import pytest

from harness import Agent
from test_host_users import can_mount
from wire import wait_for


def unified():
    """The mount point of a cgroup2 hierarchy; None without."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            return pathlib.Path(line.split()[4])
    return None


def missing():
    if not can_mount():
        return "not root, or no mount namespaces here"
    mount = unified()
    if mount is None:
        return "no hierarchy of control groups of version 2 is mounted here"
    probe = mount / f"sluice-probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        return f"no groups can be made below {mount}: {error.strerror}"
    return ""


class Cgroup2Agent(Agent):
    """Its processes are in the folder `supervisor` of a group that is its own, as systemd's DelegateSubgroup makes it."""

    def __init__(self, server):
        super().__init__(server, name="two", capacity=2)
        self.group = unified() / f"sluice-test-{os.getpid()}"
        (self.group / "supervisor").mkdir(parents=True)

    def spawn(self, command, env):
        old = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
               if " - cgroup " in line]
        script = "set -e\n" + "".join(f"umount -l {mount}\n" for mount in old)
        script += f'echo $$ > {self.group}/supervisor/cgroup.procs\nexec "$@"\n'
        super().spawn(["unshare", "--mount", "sh", "-c", script, "sh", *command], env)

    def remove(self):
        """Whatever a failed test has left."""
        (self.group / "cgroup.kill").write_text("1")
        wait_for(lambda: "populated 0" in (self.group / "cgroup.events").read_text(), "the end of all processes")
        for folder, _, _ in os.walk(self.group, topdown=False):
            os.rmdir(folder)

    def groups(self):
        return sorted(path.name for path in self.group.iterdir() if path.is_dir() and path.name != "supervisor")


@pytest.fixture
def agent(world):
    if missing():
        pytest.skip(missing())
    server = world.server(embedded=False)
    agent = world.keep(Cgroup2Agent(server))
    try:
        yield agent.start()
        wait_for(lambda: agent.groups() == [], "the end of every group")
        agent.stop()
    finally:
        agent.remove()


def job(**more):
    return {".ci.yml": json.dumps({"version": 1, "on": {"push": {}}, "jobs": {
        "a": {"resources": {"cpu": 1, "memory": "64Mi"}, "retry": {"infra": 0}, **more}}})}


# A group inside the job's, with a process that no longer is a descendant of the step.
NEST = "own={group}/$(basename $(grep ^0:: /proc/self/cgroup)); mkdir $own/inner $own/inner/most; " \
       "(setsid sh -c 'echo $$ > '$own'/inner/most/cgroup.procs; exec sleep 1000' < /dev/null > /dev/null 2>&1 &); " \
       "while [ -z \"$(cat $own/inner/most/cgroup.procs)\" ]; do sleep 0.02; done; "


def test_a_job_has_a_group_beside_its_agent_that_counts_and_ends(agent):
    project = agent.server.project("two", hooks=())
    spin = "python3 -c 'import time; e = time.process_time() + 1.2\nwhile time.process_time() < e: pass'"
    script = NEST.format(group=agent.group) + "grep ^0:: /proc/self/cgroup; " + spin
    _, made = project.push_and_end(job(run=script), "passed")
    log = agent.server.log_of(made["a"]["id"]).decode()
    assert re.search(rf"0::/{agent.group.name}/sluice-\S+\n", log), log
    # Without the controllers nothing is held, and the log says so instead of pretending.
    controllers = (unified() / "cgroup.controllers").read_text().split()
    assert ("takes no limits" in log) is not {"memory", "cpu"}.issubset(controllers)
    assert agent.server.job(made["a"]["id"])["execution"]["usage"]["cpu_ms"] >= 1000


def test_a_runner_that_is_killed_leaves_no_group_and_nobody_in_it(agent):
    project = agent.server.project("two", hooks=())
    run = project.run_of(project.push(job(run=NEST.format(group=agent.group) + "echo begun; sleep 1000")))
    made = wait_for(lambda: agent.server.detail(run)["jobs"][0], "the job")
    wait_for(lambda: b"begun" in agent.server.log_of(made["id"]), "the step to run")
    assert len(agent.groups()) == 1
    inner = (agent.group / agent.groups()[0] / "inner/most/cgroup.procs").read_text().split()
    assert len(inner) == 1
    os.kill(agent.runner_pid(), signal.SIGKILL)
    assert agent.server.ended(run)["jobs"][0]["cause"] == "runner_lost"
    wait_for(lambda: not os.path.exists(f"/proc/{inner[0]}"), "the process that had left the tree")
