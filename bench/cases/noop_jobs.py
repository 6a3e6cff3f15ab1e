"""500 one-step runs queued at once, one agent with two slots: what the machinery costs when there is nothing to do."""

import sqlite3
import threading
import time

from harness import floors, proc
from harness.report import Figure, Report
from harness.sluice import BenchError, Sluice, wait_for

SLOTS = 2
CLIENTS = 4


def no_op(project):
    del project
    return {".ci.yml": "version: 1\non: { manual: {} }\njobs:\n  noop: { source: none, run: \"true\" }\n"}


def post_all(sluice, count):
    """`count` runs over a few connections; returns the seconds until all were accepted."""
    left = iter(range(count))
    lock = threading.Lock()
    failures = []

    def work():
        api = sluice.api()
        try:
            while True:
                with lock:
                    if next(left, None) is None:
                        return
                api.post("/api/v1/projects/noop/runs", {"branch": "main"})
        except Exception as failure:  # noqa: BLE001  (told in the main thread)
            failures.append(failure)
        finally:
            api.close()

    begin = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.monotonic() - begin


def times(data, first_run):
    """(first lease, last end, runs that passed), ms, from the server's own records."""
    database = sqlite3.connect(f"file:{data}/sluice.db?mode=ro", uri=True)
    row = database.execute("SELECT min(a.created_at), max(r.finished_at), count(DISTINCT r.id), "
                           "sum(r.state <> 'passed') FROM runs r JOIN attempts a ON a.run_id = r.id WHERE r.id > ?",
                           (first_run,)).fetchone()
    database.close()
    return row


def drained(api):
    status = api.get("/api/v1/status")
    return status["queue_ready"] == 0 and status["running"] == 0


def measure(tools, work, options):
    count = options.count or 500
    report = Report("noop_jobs", f"{count} no-op runs, one agent with {SLOTS} slots")
    report.floor("sh -c true, 2 at once", floors.spawn_rate(tools, SLOTS), "runs/s")
    report.floor("sh -c true", floors.spawn_ms(tools), "ms")
    report.floor("commit", floors.commit_ms(tools, work), "ms")
    with Sluice(tools, f"{work}/queued") as sluice:
        sluice.add_project("noop", no_op)
        api = sluice.api()
        # A first agent's folder and the server's caches are warm, as on any second day.
        agent = sluice.start_agent(capacity=SLOTS)
        post_all(sluice, 10)
        wait_for(lambda: drained(api), "the warm-up", step=0.05)
        time.sleep(0.5)

        queued(report, sluice, api, agent, count)
        together(report, sluice, api, count)
        api.close()
    report.note("queued: all runs are recorded while no agent runs, then one starts; from the first lease to the last "
                "end in the server's records")
    report.note("CPU counts every process of the tree, ended ones too: daemon, zygote, runners and steps, the agent's "
                "start included")
    return report


def queued(report, sluice, api, agent, count):
    before = api.get("/api/v1/runs?limit=1")["runs"][0]["id"]
    server = sluice.server.pid
    sluice.stop_agent(agent)
    for pid in proc.tree(server):
        proc.reset_peak(pid)
    posting = proc.CpuMeter(server)
    accept = post_all(sluice, count)
    (post_cpu,), _ = posting.read()
    agent = sluice.start_agent(capacity=SLOTS, wait=False)
    meter = proc.CpuMeter(server, agent.pid)
    with proc.Sampler(agent.pid) as agents, proc.Sampler(server) as servers:
        time.sleep(0.2)
        wait_for(lambda: drained(api), "the queue to drain", seconds=600, step=0.05)
        # The last runners are still leaving; their CPU time belongs to the runs.
        wait_for(lambda: len(proc.tree(agent.pid)) <= 2, "the runners to leave", step=0.05)
        (server_cpu, agent_cpu), _ = meter.read()
        agents.look()
        servers.look()
    begin, end, runs, bad = times(sluice.data, before)
    if runs != count or bad:
        raise BenchError(f"{runs} of {count} runs have attempts, {bad} did not pass")
    report.add(Figure("accepted", count / accept, "runs/s", samples=count))
    report.add(Figure("queued: carried out", count * 1000 / (end - begin), "runs/s", samples=count,
                      floor="sh -c true, 2 at once", goal="> 300"))
    report.add(Figure("queued: server CPU a run", server_cpu * 1000 / count, "ms", floor="sh -c true"))
    report.add(Figure("queued: server CPU to accept a run", post_cpu * 1000 / count, "ms", floor="commit"))
    report.add(Figure("queued: agent CPU a run, jobs included", agent_cpu * 1000 / count, "ms", floor="sh -c true"))
    mb = 1 / 1e6
    report.add(Figure("queued: server peak RSS", proc.peak_rss(server) * mb, "MB"))
    report.add(Figure("queued: daemon peak RSS", proc.peak_rss(agent.pid) * mb, "MB"))
    report.add(Figure("queued: all of the agent, peak RSS", agents.peaks.tree * mb, "MB"))


def together(report, sluice, api, count):
    before = api.get("/api/v1/runs?limit=1")["runs"][0]["id"]
    begin = time.monotonic()
    post_all(sluice, count)
    wait_for(lambda: drained(api), "the queue to drain", seconds=600, step=0.02)
    seconds = time.monotonic() - begin
    _, _, runs, bad = times(sluice.data, before)
    if runs != count or bad:
        raise BenchError(f"{runs} of {count} runs have attempts, {bad} did not pass")
    report.add(Figure("posted while it works: accepted and carried out", count / seconds, "runs/s", samples=count))
