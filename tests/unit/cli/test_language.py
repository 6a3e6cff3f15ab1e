"""validate, schema, explain and render, as a person meets them in a git checkout."""

import json
import os
import pathlib
import subprocess

import pytest
import yaml

BIN = pathlib.Path(os.environ.get("SLUICE_BIN", pathlib.Path(__file__).resolve().parents[3] / "build/dev/bin"))
PIPELINE = """\
version: 1
on:
  push: { branches: [main, "feature/*"] }
  pull_request: { branches: [main] }
  manual: {}
defaults: { timeout: 20m }
jobs:
  .base: { retry: { infra: 1 } }
  build: { extends: .base, run: make, changes: ["src/**"] }
  test:
    needs: [build]
    matrix: { py: [3.10, 3.11] }
    run: |
      echo ${{ matrix.py }}
      make test
  deploy: { needs: [test], if: branch == default_branch, run: ./deploy }
"""


class Checkout:
    def __init__(self, folder):
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8",
                            "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
                            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
        self.git("init", "-q", "-b", "main", ".")

    def git(self, *arguments):
        subprocess.run(["git", *arguments], cwd=self.folder, env=self.environment, check=True, capture_output=True)

    def write(self, path, text):
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def commit(self, message):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def sluice(self, *arguments, input=""):
        return subprocess.run([str(BIN / "sluice"), *arguments], cwd=self.folder, env=self.environment, input=input,
                              capture_output=True, text=True, timeout=60)


@pytest.fixture
def checkout(tmp_path):
    """A branch `feature/x` that adds docs/b.md to `main`."""
    out = Checkout(tmp_path)
    out.write(".ci.yml", PIPELINE)
    out.write("src/a.c", "x")
    out.commit("first")
    out.git("checkout", "-q", "-b", "feature/x")
    out.write("docs/b.md", "y")
    out.commit("second")
    return out


def explained(done):
    assert done.returncode == 0, done.stderr
    return {job["id"]: job for job in json.loads(done.stdout)["jobs"]}


def test_explain_names_paths_and_values(checkout):
    done = checkout.sluice("explain", "--base", "main")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:5] == [
        "push of feature/x, changed against main: 1", "", "build  not needed",
        "  + on       `feature/x` matches `on.push`: main, feature/*  (.ci.yml:3)",
        "  - changes  no changed path (of 1) matches src/**  (.ci.yml:9)"]
    assert "`branch == default_branch` is false (branch = 'feature/x', default_branch = 'main')" in done.stdout
    jobs = explained(checkout.sluice("explain", "--base", "main", "--json"))
    assert {id: job["choice"] for id, job in jobs.items()} == {
        "build": "not_selected", "test (3.10)": "selected", "test (3.11)": "selected", "deploy": "not_selected"}
    assert jobs["test (3.10)"]["needs"] == ["build"]


def test_explain_takes_other_events_and_commits(checkout):
    tag = explained(checkout.sluice("explain", "--tag", "v1", "--json"))
    assert all(job["choice"] == "absent" for job in tag.values())
    first = explained(checkout.sluice("explain", "deploy", "--commit", "main", "--json"))
    assert first["deploy"]["choice"] == "selected"
    request = checkout.sluice("explain", "deploy", "--event", "pull_request")
    assert "`branch == default_branch` is false (branch = null, default_branch = 'main')" in request.stdout
    unknown = checkout.sluice("explain", "dploy")
    assert unknown.returncode == 3 and "did you mean 'deploy'?" in unknown.stderr
    assert checkout.sluice("explain", "--commit", "nowhere").returncode == 3


def test_explain_says_that_a_push_is_skipped(checkout):
    checkout.commit("docs [skip ci]")
    assert "a server makes no run for this push" in checkout.sluice("explain").stdout


def test_a_commit_is_read_without_the_dirty_tree(checkout):
    checkout.write(".ci.yml", "version: 2\n")
    assert checkout.sluice("explain").returncode == 1
    assert checkout.sluice("explain", "--commit", "HEAD").returncode == 0
    assert checkout.sluice("render", "--commit", "HEAD").returncode == 0


def test_render_expands_everything_and_reads_back(checkout):
    done = checkout.sluice("render", "--branch", "main")
    assert done.returncode == 0, done.stderr
    jobs = yaml.safe_load(done.stdout)["jobs"]
    assert list(jobs) == ["build", "test (3.10)", "test (3.11)", "deploy"]
    assert jobs["build"]["retry"] == {"infra": 1, "preempted": 10}
    assert jobs["test (3.10)"]["steps"][0]["run"] == "echo 3.10\nmake test\n"
    assert jobs["test (3.10)"]["matrix"] == {"py": "3.10"}
    assert jobs["deploy"]["timeout_ms"] == 20 * 60 * 1000
    assert json.loads(checkout.sluice("render", "--branch", "main", "--json").stdout)["jobs"] == jobs


def test_render_takes_a_file_or_standard_input(checkout, tmp_path):
    assert list(yaml.safe_load(checkout.sluice("render", "-", input=PIPELINE).stdout)["jobs"]) == [
        "build", "test (3.10)", "test (3.11)", "deploy"]
    assert checkout.sluice("render", str(tmp_path), "--event", "manual").returncode == 0
    assert checkout.sluice("render", "-", "--commit", "HEAD", input=PIPELINE).returncode == 3
    broken = checkout.sluice("render", "-", input=PIPELINE.replace("run: make,", "rnu: make,"))
    assert broken.returncode == 1 and "did you mean `run`?" in broken.stderr and broken.stdout == ""


def test_validate_shows_the_line_and_where_to_read_on(checkout):
    checkout.write(".ci/more.yml", "version: 1\njobs:\n  b: { stpes: [x], timeout: 5 }\n")
    done = checkout.sluice("validate")
    assert done.returncode == 1
    assert done.stdout == """\
.ci/more.yml:3:8: error: unknown key `stpes` in a job (`jobs.b`) hint: did you mean `steps`?
  3 |   b: { stpes: [x], timeout: 5 }
    |        ^
  see: sluice schema job
.ci/more.yml:3:29: error: `jobs.b.timeout`: `5` is not a duration: the unit is missing (ms s m h d w) hint: write `5s`, \
`5m` or `5h`
  3 |   b: { stpes: [x], timeout: 5 }
    |                             ^
  see: sluice schema job.timeout
2 errors
"""
    assert "how long an attempt may run" in checkout.sluice("schema", "job.timeout").stdout.lower()


def test_warnings_pass_unless_strict(checkout):
    checkout.write(".ci.yml", PIPELINE.replace('changes: ["src/**"]', 'changes: ["!docs/**"]'))
    done = checkout.sluice("validate")
    assert done.returncode == 0 and "1 warning  jobs:" in done.stdout
    assert checkout.sluice("validate", "--strict").returncode == 1


def test_sarif_and_json_name_the_place(checkout):
    checkout.write(".ci.yml", PIPELINE.replace("run: make,", "rnu: make,"))
    result = json.loads(checkout.sluice("validate", "--sarif").stdout)["runs"][0]["results"][0]
    assert result["ruleId"] == "unknown_key"
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 9, "startColumn": 28}
    said = json.loads(checkout.sluice("validate", "--json").stdout)["pipelines"][0]["diagnostics"][0]
    assert (said["id"], said["topic"], said["line"]) == ("unknown_key", "job", 9)


def test_a_hostile_file_cannot_command_the_terminal(checkout):
    checkout.write(".ci.yml", 'version: 1\non: { push: {} }\njobs:\n  a: { run: x, "\\e[31mx": "\u202e" }\n')
    done = checkout.sluice("validate")
    assert done.returncode == 1
    assert not set(done.stdout) & {"\x1b", "\u202e", "\x07"}


def test_schema_answers_topics(checkout):
    assert checkout.sluice("schema", "jobs.test.retry.infra").stdout.startswith("### `retry.infra`")
    assert "| `90s`, `1h30m` |" in checkout.sluice("schema", "values").stdout
    assert "| `preempted` |" in checkout.sluice("schema", "retry").stdout
    unknown = checkout.sluice("schema", "job.tiemout")
    assert unknown.returncode == 3 and "did you mean 'job.timeout'?" in unknown.stderr
    offered = checkout.sluice("__complete", "--", "schema", "job.time").stdout.split()
    assert offered == ["words", "job.timeout"]
    assert "build" in checkout.sluice("__complete", "--", "explain", "").stdout.split()
