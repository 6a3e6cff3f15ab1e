"""`generate`: jobs that a job writes, on a server and by `sluice run`."""

import pytest

from test_local_run import Checkout
from wire import wait_for

PIPELINE = """
version: 1
on: {push: {}, manual: {}}
gate: {require: [gen]}
jobs:
  first: {run: echo first}
  gen:
    needs: [first]
    generate: out/jobs.yml
    shell: python
    run: |
      import os
      os.mkdir("out")
      names = open("parts").read().split()
      text = "version: 1\\njobs:\\n" if names else "version: 1\\njobs: {}\\n"
      for name in names:
          text += f"  {name}: {{run: 'echo part {name}; test {name} != bad'}}\\n"
      if len(names) > 1:
          text += f"  all: {{needs: [{', '.join(names)}, first], uses: ./.ci/lib/all.yml, with: {{count: {len(names)}}}}}\\n"
      open("out/jobs.yml", "w").write(text)
  after: {needs: [gen], run: echo after}
"""
ALL = """
version: 1
params: {count: {type: number}}
steps: ["echo all ${{ params.count }} of $CI_EVENT"]
"""
FILES = {".ci.yml": PIPELINE, ".ci/lib/all.yml": ALL, "parts": "one two\n"}


def states(detail):
    return {job["key"]: job["state"] for job in detail["jobs"]}


def test_generated_jobs_run_between_their_generator_and_who_needs_it(project, ci):
    detail, jobs = project.push_and_end(FILES, "passed")
    assert states(detail) == dict.fromkeys(["first", "gen", "after", "gen/one", "gen/two", "gen/all"], "passed")
    assert jobs["gen/all"]["needs"] == ["gen", "gen/one", "gen/two", "first"]
    assert ci.log_of(jobs["gen/all"]["id"]) == b"all 2 of push\n"
    assert jobs["after"]["started_at"] >= jobs["gen/all"]["finished_at"]
    assert (detail["run"]["jobs_total"], detail["run"]["jobs_done"]) == (6, 6)
    gate = project.gate(sha=detail["run"]["sha"])
    assert gate["verdict"] == "green"
    assert {check["name"] for check in gate["checks"]} == {"gen", "gen/one", "gen/two", "gen/all"}
    assert len(ci.rows("SELECT id FROM events WHERE type = 'run.grown' AND run_id = ?", detail["run"]["id"])) == 1


def test_the_gate_is_as_good_as_the_generated_jobs(project):
    detail, _ = project.push_and_end({**FILES, "parts": "one bad\n"}, "failed")
    assert states(detail) == {"first": "passed", "gen": "passed", "gen/one": "passed", "gen/bad": "failed",
                              "gen/all": "blocked", "after": "blocked"}
    gate = project.gate(sha=detail["run"]["sha"])
    assert gate["verdict"] == "red" and "gen/bad failed" in gate["summary"]


def test_a_generator_may_find_that_there_is_nothing_to_do(project):
    detail, _ = project.push_and_end({**FILES, "parts": ""}, "passed")
    assert states(detail) == {"first": "passed", "gen": "passed", "after": "passed"}


@pytest.mark.parametrize("parts, message", [
    ("One", "out/jobs.yml:3:3: error: `One` is not a job id"),
    ("one two three: [", "out/jobs.yml:7:87: error:"),
])
def test_a_broken_fragment_fails_its_job_and_says_where(project, ci, parts, message):
    detail, jobs = project.push_and_end({**FILES, "parts": parts}, "failed")
    assert states(detail) == {"first": "passed", "gen": "failed", "after": "blocked"}
    assert jobs["gen"]["cause"] == "config"
    assert jobs["gen"]["message"].startswith("the generated out/jobs.yml has") and message in jobs["gen"]["message"]
    assert detail["diagnostics"][0]["file"] == "out/jobs.yml"
    shown = ci.sluice("run", "show", str(detail["run"]["id"])).stdout
    assert message in shown
    assert message in ci.log_of(jobs["gen"]["id"]).decode()


def test_a_job_that_writes_nothing_has_failed(project):
    detail, jobs = project.push_and_end({".ci.yml": PIPELINE.replace('"out/jobs.yml", "w"', '"out/else.yml", "w"'),
                                         "parts": "one"}, "failed")
    assert jobs["gen"]["message"] == "generate: out/jobs.yml was not written"


def test_a_retry_keeps_what_passed_of_the_generated_jobs(project, ci):
    detail, jobs = project.push_and_end({**FILES, "parts": "one bad\n"}, "failed")
    again = ci.post(f"/api/v1/runs/{detail['run']['id']}/retry")["id"]
    detail = ci.ended(again, "failed")
    carried = {job["key"]: job["carried_from"] for job in detail["jobs"]}
    assert carried["gen"] == jobs["gen"]["id"] and carried["gen/one"] == jobs["gen/one"]["id"]
    assert carried["gen/bad"] is None
    assert states(detail)["gen/bad"] == "failed"


def test_generated_jobs_appear_while_the_run_goes_on(project, ci):
    run = project.run_of(project.push({**FILES, ".ci.yml": PIPELINE.replace("echo after", "sleep 0.1"), "parts": "a b c"}))
    wait_for(lambda: "gen/c" in states(ci.detail(run)), "the generated jobs to be there")
    assert ci.ended(run)["run"]["state"] == "passed"


def test_a_local_run_does_the_same(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.write(FILES)
    checkout.commit()
    states_, code = checkout.states()
    assert code == 0, states_
    assert states_ == dict.fromkeys(["first", "gen", "after", "gen/one", "gen/two", "gen/all"], "passed")
    only, _ = checkout.states("after")
    assert set(only) == {"first", "gen", "after", "gen/one", "gen/two", "gen/all"}
    checkout.write({"parts": "One"})
    done = checkout.run()
    assert done.returncode == 1
    assert "out/jobs.yml:3:3: error: `One` is not a job id" in done.stdout
