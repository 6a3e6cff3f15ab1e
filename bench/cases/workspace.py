"""A workspace of a large repository: the first job of an agent, the next ones, and `git clone --depth 1`."""

import os
import random
import subprocess
import time

from harness.report import Figure, Report
from harness.sluice import GIT_ENVIRONMENT, BenchError, Sluice, git, remove_folder, wait_for

FILES = 50_000
PER_FOLDER = 100
SAMPLES = 3


def large(project):
    """Files like source code: some hundred bytes to ten kilobytes, in 500 folders."""
    chance = random.Random(1)
    words = [f"word{i}" for i in range(2000)]
    files = {".ci.yml": f"version: 1\non: {{ manual: {{}} }}\njobs:\n  noop: {{ run: {project.stamp_command()} }}\n"}
    for number in range(FILES):
        lines = chance.randint(3, 60)
        text = "\n".join(" ".join(chance.choices(words, k=6)) for _ in range(lines))
        files[f"src/part{number // 2500:02}/module{number // PER_FOLDER:03}/file{number % PER_FOLDER:02}.py"] = text
    return files


def clone_ms(project, work):
    target = os.path.join(work, "cloned")
    remove_folder(target)
    begin = time.monotonic()
    done = subprocess.run(["git", "clone", "-q", "--depth", "1", "file://" + project.bare, target],
                          env={**os.environ, **GIT_ENVIRONMENT}, capture_output=True, text=True)
    took = (time.monotonic() - begin) * 1000
    if done.returncode != 0:
        raise BenchError(f"git clone: {done.stderr.strip()}")
    remove_folder(target)
    return took


def sent(sluice):
    import urllib.request
    with urllib.request.urlopen(sluice.url + "/metrics") as reply:
        for line in reply.read().decode().splitlines():
            if line.startswith("sluice_source_bytes_total "):
                return int(line.split()[1])
    raise BenchError("the server does not count what it sends")


def one_job(sluice, project, api):
    """(ms from the call to the first command, bytes sent)"""
    before = sent(sluice)
    begin = time.time_ns()
    run = api.post(f"/api/v1/projects/{project.name}/runs", {"branch": "main"})["id"]
    stamp = project.job_stamps.next("the first command", 300)

    def over():
        return api.get(f"/api/v1/runs/{run}")["run"]["state"] != "active"

    wait_for(over, "the end of the run", 300, step=0.02)
    return (stamp - begin) / 1e6, sent(sluice) - before


def measure(tools, work, options):
    samples = options.count or SAMPLES
    report = Report("workspace", f"{FILES:,} files: from POST to the job's first command; one agent, apart from the server")
    with Sluice(tools, work) as sluice:
        project = sluice.add_project("large", large)
        clone_ms(project, work)  # reads the repository into the page cache
        clones = [clone_ms(project, work) for _ in range(samples)]
        report.floor("git clone --depth 1", sorted(clones)[len(clones) // 2], "ms")
        api = sluice.api()
        made, unmade = [], []
        for number in range(samples):
            agent = sluice.start_agent(f"cold{number}", capacity=1)
            took, size = one_job(sluice, project, api)
            (made if number else unmade).append(took)
            if number == 0:
                report.add(Figure("pack of the commit", size / 1e6, "MB"))
            if number + 1 < samples:
                sluice.stop_agent(agent)
        warm, changed, differences = [], [], []
        for _ in range(samples):
            took, size = one_job(sluice, project, api)
            if size != 0:
                raise BenchError(f"a commit that the agent has was sent again: {size} bytes")
            warm.append(took)
        for number in range(samples):
            with open(os.path.join(project.clone, "src/part03/module080/file07.py"), "a") as file:
                file.write(f"# {number}\n")
            git("commit", "-q", "-a", "-m", f"change {number}", cwd=project.clone)
            git("push", "-q", "origin", "main", cwd=project.clone)
            took, size = one_job(sluice, project, api)
            changed.append(took)
            differences.append(size / 1000)
        api.close()
    floor = "git clone --depth 1"
    report.add(Figure.of_samples("cold, the server packs it for the first time", unmade, "ms", floor=floor))
    if made:
        report.add(Figure.of_samples("cold, another agent", made, "ms", floor=floor))
    report.add(Figure.of_samples("warm, the same commit", warm, "ms", floor=floor))
    report.add(Figure.of_samples("warm, one file changed", changed, "ms", floor=floor))
    report.add(Figure.of_samples("sent for one changed file", differences, "kB"))
    report.note("the clone is by file:// from the same bare repository, on the same disk")
    return report
