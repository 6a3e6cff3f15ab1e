"""What a test may leave behind: nothing. Processes are known by an environment variable, a folder or an argument of
the test's own root, so that tests of other checkouts on the same machine are never seen, let alone ended."""

import os
import pathlib
import signal

from wire import wait_for

MARK = "SLUICE_TEST_ROOT"


def _read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def processes(root):
    """{pid: command line} of everything that belongs to the root; zombies don't count."""
    mark = f"{MARK}={root}\0".encode()
    below = f"{root}/".encode()
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        base = f"/proc/{entry}"
        command = _read(f"{base}/cmdline")
        try:
            folder = os.readlink(f"{base}/cwd").encode()
        except OSError:
            folder = b""
        environment = _read(f"{base}/environ") + b"\0"
        # A program that passes little of its environment on still passes HOME, which is below the root, too.
        if not (below in command + b"\0" or folder.startswith(below) or mark in environment or below in environment):
            continue
        if _read(f"{base}/stat").rpartition(b")")[2].split()[:1] == [b"Z"]:
            continue
        found[int(entry)] = command.replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return found


def carrying(root):
    """Of these, the ones that carry a job: runners, their steps and whatever the steps started."""
    found = {}
    for pid, command in processes(root).items():
        name = _read(f"/proc/{pid}/comm").strip()
        environment = _read(f"/proc/{pid}/environ")
        try:
            in_attempt = "/attempts/" in os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            in_attempt = False
        if name == b"sluice-runner" or b"CI_ATTEMPT_MARKER=" in environment or in_attempt:
            found[pid] = f"{name.decode()} {command}"
    return found


def zombies_of(parent):
    """Numbers of its ended children that nobody has waited for."""
    states = {pid: _read(f"/proc/{pid}/stat").rpartition(b")")[2].split() for pid in os.listdir("/proc") if pid.isdigit()}
    return [int(pid) for pid, state in states.items() if state[:2] == [b"Z", str(parent).encode()]]


def attempt_folders(root):
    return sorted(str(path) for path in pathlib.Path(root).glob("**/attempts/*") if path.name.isdigit())


def mounts(root):
    """Mount points below the root."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in lines if (line.split()[4] + "/").startswith(f"{root}/")]


def assert_no_job_left(root):
    """Every attempt's processes and folder are gone, or go within the deadline."""

    def gone():
        left = {**carrying(root), **{path: "attempt folder" for path in attempt_folders(root)}}
        assert not left, left
        return True

    wait_for(gone, "the end of every attempt's processes and folder")


def assert_nothing_left(root):
    """As above, and no process at all and no mount."""
    assert_no_job_left(root)

    def gone():
        left = processes(root)
        assert not left, left
        return True

    wait_for(gone, "the end of every process of the test")
    assert mounts(root) == []


def sweep(root):
    """After a failed test: ends what it left, by pid, and unmounts, so that the next test starts clean."""
    for _ in range(50):
        left = processes(root)
        for pid in left:
            for number in (signal.SIGCONT, signal.SIGKILL):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
        if not left:
            break
    for mount in reversed(mounts(root)):
        os.system(f"umount -l '{mount}'")
