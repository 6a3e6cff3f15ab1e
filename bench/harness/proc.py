"""What /proc tells about processes: CPU time, memory, trees. Reads only; signals nobody."""

import os
import threading
import time
from dataclasses import dataclass, field

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def _stat(pid):
    """Fields of /proc/PID/stat from `state` on, or None when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def name(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


def tree(root):
    """Pids of root and its living descendants (by parent, so also those with a session of their own)."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := _stat(entry)):
            children.setdefault(int(stat[1]), []).append(int(entry))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(pid):
    """User + system time of the process and of the children it has reaped."""
    stat = _stat(pid)
    return sum(int(ticks) for ticks in stat[11:15]) / TICK if stat else 0.0


def tree_cpu_seconds(root):
    return sum(cpu_seconds(pid) for pid in tree(root))


def _status_kb(pid, key):
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def rss(pid):
    return _status_kb(pid, "VmRSS") * 1024


def peak_rss(pid):
    return _status_kb(pid, "VmHWM") * 1024


def reset_peak(pid):
    """VmHWM starts again from the present size."""
    try:
        with open(f"/proc/{pid}/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


@dataclass
class Memory:
    rss: int = 0
    pss: int = 0
    private: int = 0


def memory(pid):
    """Sizes in bytes; private = pages that nobody else maps."""
    sums = {}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            parts = line.split()
            if len(parts) == 3 and parts[2] == "kB":
                sums[parts[0].rstrip(":")] = int(parts[1]) * 1024
    return Memory(sums["Rss"], sums["Pss"], sums["Private_Clean"] + sums["Private_Dirty"])


@dataclass
class Peaks:
    """Highest RSS seen per process name, and of a whole tree at one moment, in bytes."""

    by_name: dict = field(default_factory=dict)
    tree: int = 0


class Sampler:
    """Watches a tree's memory from a thread; use as a context manager, then read `peaks`.

    A process's own peak is the kernel's VmHWM, so only processes that live shorter than `period` can be missed.
    """

    def __init__(self, root, period=0.05):
        self.peaks = Peaks()
        self._root = root
        self._period = period
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(self._period):
            self.look()

    def look(self):
        total = 0
        for pid in tree(self._root):
            total += rss(pid)
            program = name(pid)
            self.peaks.by_name[program] = max(self.peaks.by_name.get(program, 0), peak_rss(pid))
        self.peaks.tree = max(self.peaks.tree, total)


class CpuMeter:
    """CPU seconds of trees between start and `read()`."""

    def __init__(self, *roots):
        self._roots = roots
        self._begin = [tree_cpu_seconds(root) for root in roots]
        self._at = time.monotonic()

    def read(self):
        """(seconds per root, wall seconds)"""
        spent = [tree_cpu_seconds(root) - begin for root, begin in zip(self._roots, self._begin)]
        return spent, time.monotonic() - self._at
