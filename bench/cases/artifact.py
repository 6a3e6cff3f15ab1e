"""What it takes to keep a job's files: one of a gigabyte, and a hundred thousand small ones; up, and down again."""

import os
import shutil
import subprocess
import time

from harness.jobs import Watched
from harness.report import Figure, Report
from harness.sluice import Sluice

BYTES, FILES = 1_000_000_000, 100_000
QUICK_BYTES, QUICK_FILES = 50_000_000, 2_000
A_FOLDER = 1_000
RSS_GOAL = "< 64"


def one_file(size):
    """Noise: what zstd can't make smaller, as a built image or a model."""
    return f"mkdir out; head -c {size} /dev/urandom > out/big"


def small_files(count):
    """Of 200 bytes each, a thousand in a folder."""
    text = "x" * 190
    return (f"mkdir out; i=0; while [ $i -lt {count} ]; do d=out/$((i / {A_FOLDER})); "
            f"[ $((i % {A_FOLDER})) = 0 ] && mkdir $d; echo {text} $i > $d/$i; i=$((i + 1)); done")


def keeping(script):
    def files(project):
        return {".ci.yml": "version: 1\non: { manual: {} }\njobs:\n  keep:\n    source: none\n    shell: sh\n"
                           f"    run: |\n      {script}\n      {project.stamp_command()}\n"
                           "    artifacts: [{ name: out, paths: [\"out/**\"] }]\n"}
    return files


def seconds_of(script, folder):
    """With what it wrote on the disk."""
    begin = time.monotonic()
    subprocess.run(["sh", "-c", f"{script} && sync -f ."], cwd=folder, check=True)
    return time.monotonic() - begin


def floors_of(report, work, title, script, amount, unit):
    folder = os.path.join(work, "floor")
    os.makedirs(folder)
    subprocess.run(["sh", "-ec", f"{script}; sync -f ."], cwd=folder, check=True)
    for name, command in (("tar and sha256sum", "tar -cf out.tar out && sha256sum out.tar > sum"),
                          ("untar", "mkdir to && tar -xf out.tar -C to")):
        report.floor(f"{name}, {title}", amount / seconds_of(command, folder), unit)
    shutil.rmtree(folder)


def measure_one(report, sluice, agent, title, script, amount, unit):
    project = sluice.add_project("keep-" + unit.partition("/")[0], keeping(script))
    api = sluice.api()
    watched = Watched(sluice, project, agent, api)
    up = watched.ended - watched.stamps[0]
    report.add(Figure(f"{title}: up", amount / up, unit, floor=f"tar and sha256sum, {title}"))
    target = os.path.join(sluice.work, "got-" + project.name)
    begin = time.monotonic()
    sluice.cli("artifacts", "get", f"{watched.run}/keep", "out", "-o", target)
    report.add(Figure(f"{title}: down", amount / (time.monotonic() - begin), unit, floor=f"untar, {title}"))
    shutil.rmtree(target)
    for name in ("server", "daemon", "runner"):
        report.add(Figure(f"{title}: {name} peak RSS", getattr(watched, name), "MB", goal=RSS_GOAL))
    report.add(Figure(f"{title}: server grew by", watched.server_grew, "MB"))
    api.close()


def measure(tools, work, options):
    size, count = (QUICK_BYTES, QUICK_FILES) if options.quick else (BYTES, FILES)
    report = Report("artifact", f"one file of {size / 1e6:,.0f} MB that can't be compressed; {count:,} files of 200 bytes")
    rows = ((f"{size / 1e6:,.0f} MB", one_file(size), size / 1e6, "MB/s"),
            (f"{count:,} files", small_files(count), count, "files/s"))
    for title, script, amount, unit in rows:
        floors_of(report, work, title, script, amount, unit)
    with Sluice(tools, f"{work}/artifact") as sluice:
        agent = sluice.start_agent()
        for title, script, amount, unit in rows:
            measure_one(report, sluice, agent, title, script, amount, unit)
    report.note("up: from the end of the job's script until the run has ended: packed, sent, checked, on the disk, attached")
    report.note("down: `sluice artifacts get`, checked and unpacked")
    return report
