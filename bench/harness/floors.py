"""The machine's own figures, taken in the same run as what is compared with them."""

import os
import shutil
import subprocess
import time

from harness.stats import median


def _numbers(tools, *arguments):
    out = subprocess.run([tools.floor, *map(str, arguments)], check=True, capture_output=True, text=True).stdout
    return [int(line) for line in out.split()]


def spawn_ms(tools, shell="sh", count=50):
    """posix_spawn of `SHELL -c true` until its end."""
    return median(_numbers(tools, "spawn", shell, count, 1)) / 1e6


def spawn_rate(tools, width, count=400):
    """Per second, `width` at once."""
    return 1e9 / _numbers(tools, "spawn", "sh", count, width)[0]


def commit_ms(tools, work, count=200):
    """One row in SQLite with WAL and synchronous=FULL, on the file system that the server uses."""
    folder = os.path.join(work, "floor-commit")
    os.makedirs(folder)
    try:
        return median(_numbers(tools, "commit", count, os.path.join(folder, "floor.db"))) / 1e6
    finally:
        shutil.rmtree(folder)


def create_ms(tools, work, count=50):
    """A new file in the folder that agent and server write to."""
    return median(_numbers(tools, "create", count, work)) / 1e6


def loopback_ms(tools, count=2000):
    """One byte there and back over TCP between two processes."""
    return median(_numbers(tools, "loopback", count)) / 1e6


def clone_ms(repository, work, count=10):
    """`git clone` by path, as a build would begin with."""
    samples = []
    for i in range(count):
        target = os.path.join(work, f"floor-clone-{i}")
        begin = time.monotonic()
        subprocess.run(["git", "clone", "-q", repository, target], check=True)
        samples.append((time.monotonic() - begin) * 1e3)
        shutil.rmtree(target)
    return median(samples)


def cat_seconds(command, work, count=3):
    """The job's own command through `cat` into a file."""
    target = os.path.join(work, "floor-cat")
    samples = []
    for _ in range(count):
        begin = time.monotonic()
        subprocess.run(["sh", "-c", f"{command} | cat > '{target}'"], check=True)
        samples.append(time.monotonic() - begin)
        os.unlink(target)
    return median(samples)
