"""The web UI in a real browser. The tests themselves are tests/ui/*.test.mjs (node's test runner and playwright-core);
here they are prepared and run: `./dev test -L ui`, or `pytest tests/ui`."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

# A browser on two busy cores takes its time; the cases have deadlines of their own.
pytestmark = pytest.mark.timeout(1500)

HERE = pathlib.Path(__file__).resolve().parent
WEB = HERE.parents[1] / "web"
BIN = pathlib.Path(os.environ.get("SLUICE_BIN_DIR") or os.environ.get("SLUICE_BIN") or HERE.parents[1] / "build/dev/bin")
BROWSER = os.environ.get("CHROMIUM", "/usr/bin/chromium")


def call(words, cwd, timeout=900, **more):
    return subprocess.run(words, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                          env={**os.environ, "SLUICE_BIN": str(BIN)}, **more)


def succeed(words, cwd):
    done = call(words, cwd)
    assert done.returncode == 0, done.stdout[-4000:]


def install(folder):
    """`npm ci` when the packages are missing or older than the lockfile."""
    stamp = folder / "node_modules/.package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        succeed(["npm", "ci", "--ignore-scripts", "--loglevel=error"], folder)


@pytest.fixture(scope="session", autouse=True)
def prepared():
    if not shutil.which("npm"):
        pytest.skip("npm is not installed (./dev setup)")
    install(WEB)


@pytest.fixture(scope="session")
def pages(prepared):
    if not pathlib.Path(BROWSER).exists():
        pytest.skip(f"no browser at {BROWSER} (apt-get install chromium)")
    install(HERE)
    succeed(["npm", "run", "--silent", "build", "--", "--logLevel", "warn"], WEB)


def test_units():
    succeed(["npm", "test", "--silent"], WEB)


def test_types():
    succeed(["npm", "run", "--silent", "check"], WEB)


FILES = sorted(path.name for path in HERE.glob("*.test.mjs"))


@pytest.mark.parametrize("file", FILES)
def test_browser(file, pages):
    """One run of node for each file: its cases share a browser and a server."""
    if file == "server.test.mjs" and not (BIN / "sluice-server").exists():
        pytest.skip(f"no programs in {BIN}: build first, or set SLUICE_BIN_DIR")
    done = call(["node", "--test", "--test-reporter=spec", file], HERE)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:]
    skipped = re.search(r"# SKIP|﹣ .*# (.*)", done.stdout)
    if skipped and not re.search(r"✔", done.stdout):
        pytest.skip(skipped.group(0))
