"""The runs list that every page begins with: requests per second with few and with many runs recorded."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import threading

from harness import floors
from harness.report import Figure, Report
from harness.sluice import BenchError, Sluice, wait_for

CONNECTIONS = 8
SECONDS = 5
SIZES = (500, 100_000)
NEW_RUN_EVERY = 0.1
PAGES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "pages.lua")


def no_op(project):
    del project
    return {".ci.yml": "version: 1\non: { manual: {} }\njobs:\n  noop: { source: none, run: \"true\" }\n"}


def copies(database, table, count, changes):
    """Copies the table's newest row `count` times; `changes(row, n)` alters the n-th copy (1 …)."""
    database.row_factory = sqlite3.Row
    row = dict(database.execute(f"SELECT * FROM {table} ORDER BY id DESC LIMIT 1").fetchone())
    names = list(row)
    rows = []
    for number in range(1, count + 1):
        copy = dict(row)
        changes(copy, number)
        rows.append([copy[name] for name in names])
    marks = ", ".join("?" * len(names))
    database.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)


def record_runs(path, wanted):
    """Fills the stopped server's database up to `wanted` runs with copies of rows that the server itself wrote."""
    database = sqlite3.connect(path)
    have = database.execute("SELECT count(*) FROM runs").fetchone()[0]
    count = wanted - have

    def run(row, n):
        row["id"] += n
        row["number"] += n
        row["sha"] = f"{n:040x}"
        row["created_at"] += n

    def job(row, n):
        row["id"] += n
        row["run_id"] += n
        row["log_attempt"] += n

    def attempt(row, n):
        row["id"] += n
        row["job_id"] += n
        row["run_id"] += n

    with database:
        copies(database, "runs", count, run)
        copies(database, "jobs", count, job)
        copies(database, "attempts", count, attempt)
        database.execute("UPDATE projects SET next_number = (SELECT max(number) + 1 FROM runs)")
    database.close()


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def wrk(sluice, path, seconds, script=(), env=None):
    """(requests per second, p50, p99)"""
    url = sluice.url + path
    done = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", *script, "-H",
                           "Authorization: Bearer " + sluice.token, url], capture_output=True, text=True,
                          env={**os.environ, **(env or {})})
    out = done.stdout
    if done.returncode != 0 or "Non-2xx" in out or "Socket errors" in out:
        raise BenchError(f"wrk {url}: {out}{done.stderr}")
    shares = dict(re.findall(r"^\s+(50|75|90|99)%\s+(\S+)$", out, re.MULTILINE))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    return rate, milliseconds(shares["50"]), milliseconds(shares["99"])


class RunMaker:
    """Creates a run every 100 ms, so that nothing can be answered from yesterday's cache."""

    def __init__(self, sluice):
        self._api = sluice.api()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.made = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._api.close()

    def _run(self):
        while not self._stop.wait(NEW_RUN_EVERY):
            self._api.post("/api/v1/projects/noop/runs", {"branch": "main"})
            self.made += 1


def measure(tools, work, options):
    if not shutil.which("wrk"):
        raise BenchError("wrk is missing; install it with: ./dev setup --for test")
    seconds = options.count or SECONDS
    report = Report("api", f"GET by wrk on the same machine, {CONNECTIONS} connections, 1 thread, {seconds} s each")
    report.floor("round trip, one connection", 1000 / floors.loopback_ms(tools), "requests/s")
    with Sluice(tools, f"{work}/api") as sluice:
        sluice.add_project("noop", no_op)
        agent = sluice.start_agent()
        api = sluice.api()
        run = api.post("/api/v1/projects/noop/runs", {"branch": "main"})
        wait_for(lambda: api.get(f"/api/v1/runs/{run['id']}")["run"]["state"] == "passed", "the first run", step=0.01)
        api.close()
        sluice.stop_agent(agent)
        for size in SIZES:
            sluice.stop_server()
            record_runs(sluice.data + "/sluice.db", size)
            sluice.start_server()
            measure_size(report, sluice, size, seconds)
    report.note("busy: a run is created each 100 ms meanwhile, no agent is there to take it")
    report.note("the server keeps the text of a list until the next state change; `pages, each another` is what it "
                "takes to make one")
    report.note("wrk, the server and its writer share the cores")
    return report


def measure_size(report, sluice, size, seconds):
    api = sluice.api()
    listed = api.get("/api/v1/runs?limit=50")
    if len(listed["runs"]) != 50:
        raise BenchError(f"the list has {len(listed['runs'])} rows, not 50")
    newest = listed["runs"][0]["id"]
    fresh = api.post("/api/v1/projects/noop/runs", {"branch": "main"})["id"]
    if api.get("/api/v1/runs?limit=50")["runs"][0]["id"] != fresh:
        raise BenchError("the list does not show a run that was just created: fast, but stale")
    report.add(Figure(f"{size:,} runs: list of 50, body", len(json.dumps(listed, separators=(",", ":"))) / 1000, "kB"))
    wrk(sluice, "/api/v1/runs?limit=50", 1)
    cases = [("list of 50", "/api/v1/runs?limit=50", False), ("list of 50, busy", "/api/v1/runs?limit=50", True),
             ("project's list of 50", "/api/v1/projects/noop/runs?limit=50", False),
             ("one run", f"/api/v1/runs/{newest}", False)]
    for title, path, busy in cases:
        if busy:
            with RunMaker(sluice) as maker:
                rate, median, p99 = wrk(sluice, path, seconds)
            if maker.made == 0:
                raise BenchError("no run was created meanwhile")
        else:
            rate, median, p99 = wrk(sluice, path, seconds)
        label = f"{size:,} runs: {title}"
        goal = "> 10000" if path == "/api/v1/runs?limit=50" else None
        report.add(Figure(label, rate, "requests/s", floor="round trip, one connection", goal=goal))
        report.add(Figure(label + ", p50", median, "ms"))
        report.add(Figure(label + ", p99", p99, "ms"))
    rate, median, p99 = wrk(sluice, "/", seconds, ("-s", PAGES), {"PAGES_NEWEST": str(newest)})
    label = f"{size:,} runs: pages of 50, each another"
    report.add(Figure(label, rate, "requests/s", floor="round trip, one connection"))
    report.add(Figure(label + ", p99", p99, "ms"))
    if size == SIZES[0]:
        rate, median, p99 = wrk(sluice, "/healthz", seconds)
        report.add(Figure("healthz", rate, "requests/s", floor="round trip, one connection"))
        report.add(Figure("healthz, p99", p99, "ms"))
    api.close()
