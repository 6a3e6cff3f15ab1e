"""What a server and an agent cost when nothing happens, and how fast the server is there."""

import time

from cases.noop_jobs import drained, no_op
from harness import floors, proc
from harness.report import Figure, Report
from harness.sluice import Sluice, remove_folder, wait_for

SETTLE_SECONDS = 3
WATCH_SECONDS = 10
STARTS = 10
MB = 1 / 1e6


def measure(tools, work, options):
    report = Report("idle", "server and agent with nothing to do")
    report.floor("sh -c true", floors.spawn_ms(tools), "ms")
    starts(report, tools, work, options.count or STARTS)
    with Sluice(tools, f"{work}/idle") as sluice:
        sluice.add_project("quiet", no_op)
        agent = sluice.start_agent()
        sizes(report, sluice, agent, "fresh")
        # Once used: libraries have been touched, caches are filled.
        api = sluice.api()
        for _ in range(20):
            api.post("/api/v1/projects/quiet/runs", {"branch": "main"})
        wait_for(lambda: drained(api), "20 runs", step=0.05)
        api.close()
        sizes(report, sluice, agent, "after 20 runs")
    report.note(f"CPU: seconds spent in {WATCH_SECONDS} s, in percent of one core, all processes of the tree")
    report.note("private: pages that no other process maps")
    return report


def starts(report, tools, work, count):
    fresh, again = [], []
    for number in range(count):
        folder = f"{work}/start-{number}"
        sluice = Sluice(tools, folder)
        try:
            fresh.append(sluice.start_server() * 1e3)
            sluice.stop_server()
            again.append(sluice.start_server() * 1e3)
        finally:
            sluice.stop_server()
        remove_folder(folder)
    report.add(Figure.of_samples("exec to first 200, empty data folder", fresh, "ms", floor="sh -c true"))
    report.add(Figure.of_samples("exec to first 200, existing data folder", again, "ms", floor="sh -c true"))


def sizes(report, sluice, agent, when):
    time.sleep(SETTLE_SECONDS)
    meter = proc.CpuMeter(sluice.server.pid, agent.pid)
    time.sleep(WATCH_SECONDS)
    (server_cpu, agent_cpu), wall = meter.read()
    processes = [("server", sluice.server.pid)]
    processes += [("server's git worker", pid) for pid in proc.tree(sluice.server.pid)[1:]]
    processes += [("agent daemon", agent.pid)]
    processes += [("agent zygote" if "zygote" in proc.name(pid) else "agent: " + proc.name(pid), pid)
                  for pid in proc.tree(agent.pid)[1:]]
    goals = {"server": ("< 25", "< 10"), "agent daemon": ("< 20", "< 6"), "agent zygote": (None, "< 6")}
    for name, pid in processes:
        memory = proc.memory(pid)
        rss_goal, private_goal = goals.get(name, (None, None))
        report.add(Figure(f"{when}: {name} RSS", memory.rss * MB, "MB", goal=rss_goal))
        report.add(Figure(f"{when}: {name} PSS", memory.pss * MB, "MB"))
        report.add(Figure(f"{when}: {name} private", memory.private * MB, "MB", goal=private_goal))
    report.add(Figure(f"{when}: server CPU", server_cpu / wall * 100, "%"))
    report.add(Figure(f"{when}: agent CPU", agent_cpu / wall * 100, "%"))
