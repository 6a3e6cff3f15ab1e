"""Small file systems of memory, to fill and to free again."""

import contextlib
import os
import subprocess

import pytest


def mount(path, size):
    path.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "sluice-test", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"a full disk needs the right to mount: {done.stderr.strip()}")


def unmount(path):
    subprocess.run(["umount", str(path)], check=True)


class Filler:
    """Takes all room of a file system, byte for byte; give_back() frees it."""

    def __init__(self, folder):
        self.path = folder / "filler"

    def fill(self, leave=0):
        with open(self.path, "wb", buffering=0) as file, contextlib.suppress(OSError):
            for piece in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * piece)
        if leave:
            os.truncate(self.path, max(0, self.path.stat().st_size - leave))
        return self

    def give_back(self):
        self.path.unlink()
