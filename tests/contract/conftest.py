"""Contract tests: real tools on small sources, run by real jobs. A tool that is not there skips its test by name."""

import os
import pathlib
import shutil
import sys

import pytest

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "e2e"))

# What `./dev setup --for contract` installs below build/tools: ruff and hadolint of PyPI, eslint, jest and
# yaml-language-server of npm.
TOOLS = pathlib.Path(os.environ.get("SLUICE_TOOLS") or HERE.parents[2] / "build/tools")
FOLDERS = [TOOLS / "venv/bin", TOOLS / "node/node_modules/.bin", pathlib.Path("/usr/local/go/bin")]
os.environ["PATH"] = ":".join([*(str(folder) for folder in FOLDERS if folder.is_dir()), os.environ["PATH"]])

from fixtures import *  # noqa: E402,F401,F403 (the same machines as the end-to-end tests)


@pytest.fixture
def needs():
    """needs("ruff", "clang-tidy-14|clang-tidy"): skips when one of them has no alternative on this machine."""

    def check(*tools):
        for tool in tools:
            if not any(shutil.which(name) for name in tool.split("|")):
                pytest.skip(f"{tool} is not installed: ./dev setup --for contract")

    return check
