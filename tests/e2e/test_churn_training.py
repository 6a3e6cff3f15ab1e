"""examples/churn-training: runs here and on a server; its gate turns red when a change makes the model worse."""

import json
import os
import shutil
import subprocess

import pytest

from harness import BIN, CHECKOUT, environment, run

PYTHON = CHECKOUT / "build" / "tools" / "ml" / "bin"
EXAMPLE = CHECKOUT / "examples" / "churn-training"


def has_scikit_learn():
    try:
        return subprocess.run([PYTHON / "python3", "-c", "import sklearn"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


pytestmark = [pytest.mark.ml,
              pytest.mark.skipif(not has_scikit_learn(), reason="no scikit-learn: ./dev setup installs it")]


def files():
    return {str(path.relative_to(EXAMPLE)): path.read_text()
            for path in EXAMPLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


@pytest.fixture
def project(world):
    """On a server whose agent finds the Python with scikit-learn."""
    server = world.server(env={"PATH": f"{PYTHON}:{os.environ['PATH']}"})
    return server.project("churn", hooks=())


def test_the_gate_turns_red_when_a_change_makes_the_model_worse(project):
    server = project.server
    detail, jobs = project.push_and_end(files(), "passed")
    run_id = detail["run"]["id"]
    metrics = jobs["evaluate"]["reports"]["metrics"]
    assert metrics["auc"] > 0.95
    assert "threshold passed: auc" in server.log_of(jobs["evaluate"]["id"]).decode()

    # The model with its lineage: commit, params, data, numbers, packages.
    job = jobs["train"]["id"]
    model = server.get(f"/api/v1/jobs/{job}/artifacts/model", kind="output")
    lineage = model["lineage"]
    assert lineage["commit"] == detail["run"]["sha"] and lineage["run"] == detail["run"]["number"]
    assert lineage["params"] == {"trees": "60"}
    assert lineage["inputs"]["data"] == {"from": "split.train", "digest": jobs["split"]["outputs"]["train"]}
    assert lineage["metrics"]["features"] == 30
    assert "scikit-learn==" in lineage["environment"]["packages"]
    shown = server.sluice("artifacts", "show", f"{run_id}/train", "model", "--kind", "output").stdout
    assert f"commit: {detail['run']['sha']}" in shown and "input data: split.train sha256:" in shown
    server.sluice("artifacts", "get", f"{run_id}/train", "model", "--kind", "output", "-o", "got")
    assert (server.root / "got" / "model.pkl").stat().st_size > 10_000

    # A change that hides most of the columns from the model.
    worse = (EXAMPLE / "churn" / "features.py").read_text().replace("FEATURES = 30", "FEATURES = 2")
    sha = project.push({"churn/features.py": worse}, branch="worse")
    changed = server.ended(project.run_of(sha), "failed")
    evaluate = {one["key"]: one for one in changed["jobs"]}["evaluate"]
    assert (evaluate["state"], evaluate["cause"]) == ("failed", "policy")
    assert "auc" in evaluate["message"]
    assert server.sluice("gate", "--project", project.name, "--branch", "main", sha, check=False).returncode == 1


def test_the_example_runs_locally(world):
    app = world.root / "app"
    shutil.copytree(EXAMPLE, app, ignore=shutil.ignore_patterns("__pycache__"))
    env = environment(world.root, XDG_CACHE_HOME=world.root / "cache", GIT_AUTHOR_NAME="Ada",
                      GIT_AUTHOR_EMAIL="a@example.org", GIT_COMMITTER_NAME="Ada", GIT_COMMITTER_EMAIL="a@example.org")
    env["PATH"] = f"{PYTHON}:{os.environ['PATH']}"
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "start"]):
        run(["git", *words], cwd=app, env=env)
    done = run([BIN / "sluice", "run", "--json"], cwd=app, env=env, check=False)
    told = json.loads(done.stdout)
    assert {job["id"]: job["state"] for job in told["jobs"]} == dict.fromkeys(
        ("load", "validate", "split", "train", "evaluate"), "passed"), done.stdout
    (report,) = (world.root / "cache").rglob("artifacts/evaluate/report/out/metrics.json")
    assert json.loads(report.read_text())["auc"] > 0.95
