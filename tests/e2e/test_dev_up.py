"""The README's first command, on programs that are built already."""

import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("SLUICE_BIN", str(ROOT / "build/dev/bin"))


def test_dev_up_shows_a_green_and_a_red_gate_and_leaves_nothing_running(tmp_path):
    up = tmp_path / "up"
    done = subprocess.run([str(ROOT / "dev"), "up", "--once", "--bin", BIN, "--dir", str(up)], capture_output=True,
                          text=True, timeout=240, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 checks green" in done.stdout
    assert "tests/test_app.py:39" in done.stdout
    assert done.stdout.strip().endswith("a good commit was green, a bad one red")
    left = subprocess.run(["pgrep", "-f", str(up)], capture_output=True, text=True)
    assert left.stdout == "", left.stdout


def test_dev_up_fails_when_a_verdict_is_wrong(tmp_path):
    """Without an agent the good commit cannot be green: the script must say so and stop everything."""
    up = tmp_path / "up"
    broken = tmp_path / "bin"
    broken.mkdir()
    for name in os.listdir(BIN):
        # Copies, since the server looks for the agent beside its own real path.
        if name in ("sluice", "sluice-server", "sluice-hook", "sluice-exec"):
            shutil.copy(pathlib.Path(BIN) / name, broken / name)
    (broken / "sluice-agent").write_text("#!/bin/sh\nexit 1\n")
    (broken / "sluice-agent").chmod(0o755)
    done = subprocess.run([str(ROOT / "dev"), "up", "--once", "--bin", str(broken), "--dir", str(up)],
                          capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL,
                          env={**os.environ, "SLUICE_UP_PATIENCE": "3s"})
    assert done.returncode == 1
    assert "expected a green gate" in done.stderr
    left = subprocess.run(["pgrep", "-f", str(up)], capture_output=True, text=True)
    assert left.stdout == "", left.stdout
