#!/usr/bin/env python3
"""Starts and stops agents as processes of this machine, by what `sluice-server --scaler` tells.

    sluice-server --data DATA --scaler 'python3 scale.py --data DATA --state STATE --max 3'

The server writes its counts to our standard input and waits for our end, so nothing here runs twice at once. What we
started is in STATE: a folder per agent, with the pid of its daemon.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

PREFIX = "local-"


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the server's folder; its admin token makes enrolment tokens")
    parser.add_argument("--state", required=True, type=pathlib.Path, help="folder of the agents that we start")
    parser.add_argument("--max", type=int, default=2, help="agents at most")
    parser.add_argument("--capacity", type=int, default=1, help="jobs at once on each")
    parser.add_argument("--idle-seconds", type=float, default=60, help="how long nothing may wait before one is stopped")
    parser.add_argument("--bin", type=pathlib.Path, help="folder of sluice and sluice-agent, where PATH has none")
    return parser.parse_args()


def program(opts, name):
    return str(opts.bin / name) if opts.bin else name


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ours(opts):
    """name → pid of its daemon; folders of daemons that have ended are removed."""
    found = {}
    for folder in sorted(opts.state.glob(PREFIX + "*")):
        try:
            pid = int((folder / "pid").read_text())
        except (OSError, ValueError):
            pid = 0
        if alive(pid):
            found[folder.name] = pid
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return found


def start(opts, number):
    name = f"{PREFIX}{number}"
    folder = opts.state / name
    made = subprocess.run([program(opts, "sluice"), "--data", opts.data, "--json", "agent", "enrol-token"],
                          check=True, capture_output=True, text=True)
    env = {**os.environ, "SLUICE_ENROL_TOKEN": json.loads(made.stdout)["token"]}
    subprocess.run([program(opts, "sluice-agent"), "enrol", "--server", os.environ["SLUICE_URL"], "--dir", folder,
                    "--name", name], check=True, env=env, stdout=subprocess.DEVNULL)
    with open(folder / "log", "ab") as log:
        daemon = subprocess.Popen([program(opts, "sluice-agent"), "run", "--dir", folder, "--capacity",
                                   str(opts.capacity)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  start_new_session=True)
    (folder / "pid").write_text(str(daemon.pid))
    print(f"started {name}")


def main():
    opts = options()
    told = json.load(sys.stdin)
    opts.state.mkdir(parents=True, exist_ok=True)
    running = ours(opts)
    agents = {agent["name"]: agent for agent in told["agents"]}
    waited = opts.state / "idle-since"
    # An agent that we have just started is not among the idle ones yet.
    coming = sum(opts.capacity for name in running if agents.get(name, {}).get("state", "offline") == "offline")
    # Labels are somebody else's business: these agents have none.
    plain = sum(queue["jobs"] for queue in told["queues"] if not queue["labels"])
    lack = plain - told["idle"] - coming
    if lack > 0 or told["wanted"] > 0:
        waited.unlink(missing_ok=True)
    for number in range(1, opts.max + 1):
        if lack <= 0:
            break
        if f"{PREFIX}{number}" not in running:
            start(opts, number)
            lack -= opts.capacity
    if told["wanted"] > 0 or lack > 0:
        return
    if not waited.exists():
        waited.write_text(str(time.time()))
    if time.time() - float(waited.read_text()) < opts.idle_seconds:
        return
    for name, pid in running.items():
        agent = agents.get(name)
        if agent and agent["state"] == "online" and agent["busy"] == 0:
            # It drains by itself: a job that it takes at this very moment is carried out first.
            os.kill(pid, signal.SIGTERM)
            print(f"stopped {name}")


if __name__ == "__main__":
    main()
