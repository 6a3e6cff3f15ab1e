"""One job prints a gigabyte: the server's memory must not know how long a log is."""

from cases import log
from harness import floors
from harness.jobs import Watched
from harness.report import Figure, Report
from harness.sluice import BenchError, Sluice

SIZES = (100_000_000, 1_000_000_000)
QUICK_SIZES = (10_000_000, 50_000_000)


def measure(tools, work, options):
    small, large = QUICK_SIZES if options.quick else SIZES
    report = Report("log1g", f"one job prints {large:,} bytes in lines of {log.LINE}, beside one of {small:,}")
    seconds = floors.cat_seconds(log.printing(large), work, count=1)
    report.floor("cat of the same bytes", large / 1e6 / seconds, "MB/s")
    with Sluice(tools, f"{work}/log") as sluice:
        agent = sluice.start_agent()
        api = sluice.api()
        peaks = {}
        for size in (small, large):
            project = sluice.add_project(f"log{size}", lambda one, size=size: log.printer(one, size))
            watched = Watched(sluice, project, agent, api)
            record = api.get(f"/api/v1/jobs/{watched.job['id']}")
            if record["log_size"] < size:
                raise BenchError(f"the log has {record['log_size']} of {size} bytes")
            peaks[size] = watched
        taken = watched.ended - watched.stamps[0]
        report.add(Figure("run ended", large / 1e6 / taken, "MB/s", floor="cat of the same bytes"))
        for name in ("server", "daemon", "runner"):
            report.add(Figure(f"{name} peak RSS", getattr(peaks[large], name), "MB", goal="< 50"))
        report.add(Figure("server peak RSS over that of the shorter log", peaks[large].server - peaks[small].server, "MB",
                          goal="< 4"))
        api.close()
    return report
