"""Repositories with files in Git LFS, by the real git-lfs, on this machine or behind a real LFS server (giftless)."""

import hashlib
import json
import pathlib
import shutil
import subprocess

from harness import CHECKOUT, Program, environment

PYTHON = CHECKOUT / "build" / "tools" / "lfs" / "bin" / "python3"
SERVER = pathlib.Path(__file__).with_name("lfs_server.py")
VERSION = "version https://git-lfs.github.com/spec/v1"


def has_git_lfs():
    return shutil.which("git-lfs") is not None


def has_giftless():
    try:
        return subprocess.run([PYTHON, "-c", "import giftless.app"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def oid(content):
    return hashlib.sha256(content).hexdigest()


def pointer(content, digest=None, size=None):
    return f"{VERSION}\noid sha256:{digest or oid(content)}\nsize {len(content) if size is None else size}\n"


def track(repo, patterns=("*.bin",)):
    """From now on git-lfs keeps such files of the work copy."""
    repo.git("lfs", "install", "--local")
    repo.work.mkdir(parents=True, exist_ok=True)
    for pattern in patterns:
        repo.git("lfs", "track", pattern)


def stored(bare, digest):
    """Where a bare repository on this machine has an object."""
    return bare / "lfs" / "objects" / digest[:2] / digest[2:4] / digest


class LfsServer(Program):
    """Serves the repositories of a test's root, and their LFS objects."""

    def __init__(self, root):
        super().__init__(root, "lfs-server")
        with open(self.log_file, "a") as log:
            self.process = subprocess.Popen([str(PYTHON), str(SERVER), str(root)], env=environment(root),
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                            start_new_session=True)
        line = self.process.stdout.readline()
        assert line, f"the LFS server did not start:\n{self.log[-2000:]}"
        self.host = f"127.0.0.1:{json.loads(line)['port']}"

    def url(self, name):
        return f"http://{self.host}/repos/{name}.git"

    def stored(self, name, digest):
        return self.root / "lfs" / "repos" / name / digest

    def answer(self, body=None, status=200, **headers):
        """What batch requests are told from now on."""
        told = {"body": {} if body is None else body, "status": status, "headers": headers}
        (self.root / "lfs-answer.json").write_text(json.dumps(told))

    def stop(self):
        self.process.stdin.close()
        return self.wait_end()
