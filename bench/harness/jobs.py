"""One run of a project, watched: its times, and the memory of server, daemon and runner meanwhile."""

import time

from harness import proc
from harness.sluice import BenchError, wait_for

MB = 1 / 1e6
LONG = 1800  # seconds that a large one may take on a slow disk


class Watched:
    """Starts a run of one job whose script calls `stamps` times `bench_stamp`, and waits for its end. Seconds are from
    the trigger: `stamps` a list, `ended`. Peaks in MB: `server`, `daemon`, `runner`."""

    def __init__(self, sluice, project, agent, api, stamps=1):
        project.job_stamps.drain()
        for pid in (sluice.server.pid, agent.pid):
            proc.reset_peak(pid)
        before = proc.rss(sluice.server.pid)
        begin = time.time_ns()
        with proc.Sampler(agent.pid, period=0.02) as watch:
            run = api.post(f"/api/v1/projects/{project.name}/runs", {"branch": "main"})
            self.run = run["id"]
            self.stamps = [(project.job_stamps.next("a step of the job", LONG) - begin) / 1e9 for _ in range(stamps)]
            wait_for(lambda: api.get(f"/api/v1/runs/{self.run}")["run"]["state"] != "active", "the job's end", LONG, 0.005)
            self.ended = (time.time_ns() - begin) / 1e9
        detail = api.get(f"/api/v1/runs/{self.run}")
        self.job = detail["jobs"][0]
        if self.job["state"] != "passed":
            raise BenchError(f"the job of {project.name} ended as {self.job['state']}: {self.job['message']}")
        self.server = proc.peak_rss(sluice.server.pid) * MB
        self.server_grew = max(0.0, self.server - before * MB)
        self.daemon = proc.peak_rss(agent.pid) * MB
        self.runner = watch.peaks.by_name.get("sluice-runner", 0) * MB
