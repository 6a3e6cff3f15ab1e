"""A run of 10,000 jobs stored in one transaction, as a push stores it: jobs that ask for nothing, and jobs that wait."""

import os
import subprocess

from harness.report import Figure, Report
from harness.sluice import BenchError
from harness.stats import median

JOBS = 10_000


def seconds(helper, work, cpu):
    """(seconds, floor)"""
    folder = os.path.join(work, "database")
    subprocess.run(["rm", "-rf", folder], check=True)
    os.makedirs(folder)
    done = subprocess.run([helper, folder, str(JOBS), str(cpu)], capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(done.stderr.strip() or f"{helper} failed")
    took, floor = done.stdout.split()
    return float(took), float(floor)


def measure(tools, work, options):
    helper = os.path.join(os.path.dirname(tools.floor), "bench_store")
    if not os.access(helper, os.X_OK):
        raise BenchError(f"no {helper}; run ./dev bench, which builds it first")
    count = options.count or 3
    report = Report("store", f"{JOBS} jobs in one transaction, {count} times each")
    free = [seconds(helper, work, 0) for _ in range(count)]
    waiting = [seconds(helper, work, 64) for _ in range(count)]
    report.floor("as many rows of the same bytes", median([row[1] for row in free + waiting]), "s")
    for name, rows in (("that any agent takes", free), ("that wait for room", waiting)):
        report.add(Figure(f"{JOBS} jobs {name}", median([row[0] for row in rows]), "s", samples=count,
                          floor="as many rows of the same bytes"))
    report.note("no agent claims meanwhile; room is held back from the first moment on")
    return report
