"""A job in a container beside a bare `podman run` of the same image: what the life of a job around it costs."""

import os
import subprocess
import sys
import time

from harness.report import Figure, Report
from harness.sluice import BenchError, Sluice
from harness.stats import median

COUNT, QUICK = 20, 3
WARM_UPS = 2
STEPS = 5
TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "e2e")
BARE = 60  # seconds after which a bare run counts as stuck


def test_store():
    """The tests' own (tests/e2e/containers.py): (store, an image from scratch around a static busybox)."""
    sys.path.insert(0, os.path.abspath(TESTS))
    try:
        import containers
    except ImportError as failure:
        raise BenchError(f"{failure}; install it with: ./dev setup --for container")
    if containers.missing():
        raise BenchError(containers.missing())
    store = containers.Store()
    return store, store.build(containers.IMAGE)


def bare_ms(store, count, *words):
    """`podman run` in the foreground until it returns, its output to /dev/null: conmon and podman's clean-up inherit it,
    so who reads a pipe to its end waits for them too."""
    samples = []
    for _ in range(WARM_UPS + count):
        begin = time.monotonic()
        try:
            subprocess.run(["podman", "run", *words], env={**os.environ, **store.env}, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=BARE)
        except subprocess.SubprocessError as failure:
            raise BenchError(f"the floor can't be measured: {failure}")
        samples.append((time.monotonic() - begin) * 1e3)
    return median(samples[WARM_UPS:])


def job_of(steps, image=""):
    def files(project):
        del project
        place = f'image: "{image}", ' if image else ""
        scripts = ", ".join(['"true"'] * steps)
        return {".ci.yml": "version: 1\non: { manual: {} }\njobs:\n"
                           f"  job: {{ source: none, {place}steps: [{scripts}] }}\n"}
    return files


def job_ms(api, project, count):
    """From the call that makes the run until its job has ended, one after the other."""
    samples = []
    for _ in range(WARM_UPS + count):
        begin = time.monotonic()
        run = api.post(f"/api/v1/projects/{project.name}/runs", {"branch": "main"})["id"]
        while (state := api.get(f"/api/v1/runs/{run}")["run"]["state"]) == "active":
            time.sleep(0.002)
        samples.append((time.monotonic() - begin) * 1e3)
        if state != "passed":
            job = api.get(f"/api/v1/runs/{run}")["jobs"][0]
            raise BenchError(f"the job of {project.name} ended as {job['state']}: {job['message']}")
    return samples[WARM_UPS:]


def measure(tools, work, options):
    count = options.count or (QUICK if options.quick else COUNT)
    report = Report("container", f"a job of one step `true`, {count} after {WARM_UPS} warm-ups, one at a time")
    store, image = test_store()
    try:
        words = ("--rm", "--pull", "never", "--log-driver=k8s-file")
        report.floor("podman run", bare_ms(store, count, *words, image, "true"), "ms")
        report.floor("podman run --network none", bare_ms(store, count, *words, "--network=none", image, "true"), "ms")
        os.environ.update(store.env)  # the agent's too
        with Sluice(tools, f"{work}/container") as sluice:
            host = sluice.add_project("host", job_of(1))
            one = sluice.add_project("one", job_of(1, image))
            five = sluice.add_project("five", job_of(STEPS, image))
            sluice.start_agent()
            api = sluice.api()
            report.add(Figure.of_samples("on the host", job_ms(api, host, count), "ms"))
            samples = job_ms(api, one, count)
            report.add(Figure.of_samples("in a container", samples, "ms", floor="podman run"))
            bare = report.floors[0].value
            report.add(Figure.of_samples("more than podman run", [sample - bare for sample in samples], "ms"))
            steps = job_ms(api, five, count)
            report.add(Figure("each further step", (median(steps) - median(samples)) / (STEPS - 1), "ms"))
            api.close()
    finally:
        for name in store.env:
            os.environ.pop(name, None)
        store.remove()
    report.note("a job has a network of its own, without capabilities, and its container is removed before it ends")
    report.note("the image is there: nothing is pulled")
    return report
