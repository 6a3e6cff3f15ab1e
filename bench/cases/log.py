"""One job prints 100 MB in short lines: how fast they can be read, and what everybody else feels of it."""

import subprocess
import time

from harness import floors, proc
from harness.report import Figure, Report
from harness.sluice import BenchError, Sluice, wait_for
from harness.stats import median

BYTES = 100_000_000
LINE = 80
ROUNDS = 3
STALL_PERIOD_US = 2000
MB = 1 / 1e6


def printing(size=BYTES):
    return f"yes {'x' * (LINE - 1)} | head -c {size}"


def printer(project, size=BYTES):
    # The stamp tells when the job's own work begins. `yes` dies of SIGPIPE, which sh doesn't mind.
    return {".ci.yml": "version: 1\non: { manual: {} }\njobs:\n  log:\n    source: none\n    steps:\n"
                       f"      - {{ shell: sh, run: \"{project.stamp_command()}; {printing(size)}\" }}\n"}


class Round:
    """One job, with a tail of the given kind ("" = none) and a client that watches for stalls."""

    def __init__(self, sluice, project, agent, api, tail):
        tools = sluice.tools
        project.job_stamps.drain()
        for pid in proc.tree(sluice.server.pid):
            proc.reset_peak(pid)
        cpu = proc.CpuMeter(sluice.server.pid, agent.pid)
        stalls = subprocess.Popen([tools.client, "stall", str(sluice.port), str(STALL_PERIOD_US)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with proc.Sampler(agent.pid, period=0.02) as agents:
            begin = time.time_ns()
            run = api.post("/api/v1/projects/log/runs", {"branch": "main"})
            job = api.get(f"/api/v1/runs/{run['id']}")["jobs"][0]["id"]
            reader = None
            if tail:
                follow = [tools.client, tail, str(sluice.port), sluice.token, str(job), str(BYTES)]
                reader = subprocess.Popen(follow, stdout=subprocess.PIPE, text=True)
            command = project.job_stamps.next("the job's start")
            wait_for(lambda: api.get(f"/api/v1/runs/{run['id']}")["run"]["state"] != "active", "the job's end",
                     300, 0.01)
            self.ended = (time.time_ns() - command) / 1e9
            if reader:
                out, _ = reader.communicate(timeout=60)
                if reader.returncode != 0:
                    raise BenchError(f"the {tail} tail failed")
                self.readable = (int(out) - command) / 1e9
                self.since_trigger = (int(out) - begin) / 1e9
        out, _ = stalls.communicate(timeout=10)
        requests, worst, p99 = map(int, out.split())
        self.requests, self.worst_ms, self.p99_ms = requests, worst / 1e6, p99 / 1e6
        self.server_peak = max(proc.peak_rss(pid) for pid in proc.tree(sluice.server.pid)[:1])
        self.runner_peak = agents.peaks.by_name.get("sluice-runner", 0)
        (self.server_cpu, self.agent_cpu), _ = cpu.read()
        record = api.get(f"/api/v1/jobs/{job}")
        if record["state"] != "passed" or record["log_size"] < BYTES:
            raise BenchError(f"the job ended as {record['state']} with {record['log_size']} bytes: {record['message']}")


def measure(tools, work, options):
    report = Report("log", f"one job prints {BYTES:,} bytes in lines of {LINE}")
    report.floor("cat of the same bytes", floors.cat_seconds(printing(), work), "s")
    report.floor("round trip", floors.loopback_ms(tools), "ms")
    count = options.count or ROUNDS
    with Sluice(tools, f"{work}/log") as sluice:
        project = sluice.add_project("log", printer)
        agent = sluice.start_agent()
        api = sluice.api()
        for tail, title in (("", "no tail"), ("sse", "event stream"), ("raw", "Range requests")):
            rounds = [Round(sluice, project, agent, api, tail) for _ in range(count)]
            add_figures(report, title, rounds, bool(tail))
        api.close()
    report.note("readable: from the job's first command until a tail that follows from the start has the last byte")
    report.note(f"stall: longest GET /healthz of a client that asks each {STALL_PERIOD_US / 1000:g} ms meanwhile, "
                "worst of all rounds")
    return report


def add_figures(report, title, rounds, tailed):
    def middle(name):
        return median([getattr(item, name) for item in rounds])

    count = len(rounds)
    if tailed:
        report.add(Figure(f"{title}: last byte readable", middle("readable"), "s", samples=count,
                          floor="cat of the same bytes", goal="< 0.6"))
    report.add(Figure(f"{title}: run ended", middle("ended"), "s", samples=count, floor="cat of the same bytes"))
    report.add(Figure(f"{title}: worst stall", max(item.worst_ms for item in rounds), "ms", samples=count,
                      floor="round trip", goal="< 10"))
    report.add(Figure(f"{title}: p99 of the other client", middle("p99_ms"), "ms", samples=count, floor="round trip"))
    report.add(Figure(f"{title}: server peak RSS", max(item.server_peak for item in rounds) * MB, "MB", goal="< 50"))
    report.add(Figure(f"{title}: runner peak RSS", max(item.runner_peak for item in rounds) * MB, "MB", goal="< 50"))
    report.add(Figure(f"{title}: server CPU", middle("server_cpu"), "s"))
    report.add(Figure(f"{title}: agent CPU, job included", middle("agent_cpu"), "s"))
