"""A cache of a gigabyte: how long a job waits until its files are back."""

import os
import shutil

from cases.artifact import seconds_of, small_files
from harness.jobs import Watched
from harness.report import Figure, Report
from harness.sluice import BenchError, Sluice
from harness.stats import median

BYTES, QUICK_BYTES = 1_000_000_000, 50_000_000
PIECES = 20  # half of it in files of that many, half of them small enough to share blobs
COUNT = 3
RSS_GOAL = "< 64"


def fill(size):
    """Half noise, half zeroes: what a tree of dependencies shrinks to."""
    piece = size // PIECES // 2
    return (f"for i in $(seq {PIECES}); do head -c {piece} /dev/urandom > out/r$i; "
            f"head -c {piece} /dev/zero > out/z$i; done; "
            f"mkdir small; cd small; {small_files(1000)}; cd ..; mv small out/small")


def cached(size):
    def files(project):
        return {".ci.yml": "version: 1\non: { manual: {} }\njobs:\n  use:\n    source: none\n    shell: sh\n"
                           "    cache: [{ key: deps, paths: [out] }]\n"
                           f"    run: |\n      {project.stamp_command()}\n"
                           f"      if ! [ -d out ]; then mkdir out; {fill(size)}; fi\n      {project.stamp_command()}\n"}
    return files


def measure(tools, work, options):
    size = QUICK_BYTES if options.quick else BYTES
    count = options.count or COUNT
    report = Report("cache", f"{size / 1e6:,.0f} MB in {2 * PIECES} large files and 1,000 small ones, half of it noise, "
                    f"restored {count} times")
    folder = os.path.join(work, "floor")
    os.makedirs(folder + "/out")
    seconds_of(fill(size), folder)
    seconds_of("tar -cf out.tar out", folder)
    report.floor("untar", size / 1e6 / seconds_of("mkdir to && tar -xf out.tar -C to", folder), "MB/s")
    shutil.rmtree(folder)
    with Sluice(tools, f"{work}/cache") as sluice:
        project = sluice.add_project("cache", cached(size))
        agent = sluice.start_agent()
        api = sluice.api()
        first = Watched(sluice, project, agent, api, stamps=2)
        report.add(Figure("kept", size / 1e6 / (first.ended - first.stamps[1]), "MB/s"))
        rounds = [Watched(sluice, project, agent, api, stamps=2) for _ in range(count)]
        if any(one.stamps[1] - one.stamps[0] > first.stamps[1] - first.stamps[0] for one in rounds):
            raise BenchError("a job made its files anew: the cache was not restored")
        seconds = [one.stamps[0] for one in rounds]
        report.add(Figure("restored", size / 1e6 / median(seconds), "MB/s", floor="untar", samples=count))
        report.add(Figure.of_samples("until the job's first command", seconds, "s"))
        for name in ("server", "daemon", "runner"):
            report.add(Figure(f"{name} peak RSS", max(getattr(one, name) for one in rounds), "MB", goal=RSS_GOAL))
        report.add(Figure("server grew by", max(one.server_grew for one in rounds), "MB"))
        api.close()
    report.note("restored: from the trigger until the job's first command, with the files in its workspace; MB are those "
                "of the files, not of what is stored")
    return report
