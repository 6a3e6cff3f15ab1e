"""Agents on demand: the server tells a command what waits, examples/scaler-local starts and stops processes."""

import json
import shlex
import sys

from harness import BIN, CHECKOUT, by_key
from wire import wait_for

SCRIPT = CHECKOUT / "examples/scaler-local/scale.py"
PIPELINE = json.dumps({"version": 1, "on": {"push": {}}, "jobs": {"a": {"run": "echo one"}, "b": {"run": "echo two"}}})


def test_agents_come_with_the_work_and_go_without_it(world):
    state = world.root / "scaled"
    data = world.root / "server-data"
    command = shlex.join([sys.executable, str(SCRIPT), "--data", str(data), "--state", str(state), "--max", "1",
                          "--idle-seconds", "0", "--bin", str(BIN)])
    server = world.server(embedded=False, args=["--scaler", command, "--scaler-interval", "1"])
    project = server.project("shop", hooks=())
    assert server.agents() == []
    detail = server.ended(project.run_of(project.push({".ci.yml": PIPELINE})), "passed")
    assert {job["agent"] for job in by_key(detail).values()} == {"local-1"}
    wait_for(lambda: not list(state.glob("local-*")), "the agent to be stopped and its folder removed")
    assert "scaler failed" not in server.log
    # And again: the name was used before, the agent is another.
    detail = server.ended(project.run_of(project.push({"a": "1"})), "passed")
    assert all(job["agent"].startswith("local-1") for job in by_key(detail).values())
    wait_for(lambda: not list(state.glob("local-*")), "that one to go, too")


def test_the_command_is_told_what_waits(world):
    told = world.root / "told"
    server = world.server(embedded=False, args=["--scaler", f"cat >> {told}; echo heard; exit 3"])
    project = server.project("shop", hooks=())
    text = json.loads(PIPELINE)
    text["jobs"]["b"]["runs_on"] = ["gpu", "zone=eu"]
    run = project.run_of(project.push({".ci.yml": json.dumps(text)}))

    def heard():
        lines = [json.loads(line) for line in told.read_text().splitlines()]
        return lines[-1] if lines and lines[-1]["wanted"] == 2 else None

    counts = wait_for(heard, "the command to be told of two jobs")
    assert counts["idle"] == 0 and counts["agents"] == []
    assert {(",".join(queue["labels"]), queue["jobs"]) for queue in counts["queues"]} == {("", 1), ("gpu,zone=eu", 1)}
    wait_for(lambda: 'end="exit code 3"' in server.log and "heard" in server.log, "its failure to be in the log")
    server.post(f"/api/v1/runs/{run}/cancel")
    server.ended(run)
