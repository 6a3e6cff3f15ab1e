"""Manual runs with params: typed, checked as a whole, in expressions, variables and the file."""

import json

from harness import by_key

PIPELINE = """
version: 1
on: {push: {}, manual: {}}
params:
  target: {type: choice, options: [staging, production], default: staging, help: where to}
  count: {default: 2, min: 1, max: 10}
  dry: true
  note: ""
jobs:
  a:
    params: {rate: 0.5}
    run: |
      echo "$CI_PARAM_TARGET $CI_PARAM_COUNT $CI_PARAM_DRY [$CI_PARAM_NOTE] $CI_PARAM_RATE ${{ params.count }}"
      cat "$CI_PARAMS_FILE"
  production: {if: "params.target == 'production' && !params.dry", run: 'echo for real'}
"""


def told(ci, run, state="passed"):
    detail = ci.ended(run, state)
    jobs = by_key(detail)
    words, file = ci.log_of(jobs["a"]["id"]).decode().strip().split("\n")
    return words, json.loads(file), jobs, detail


def test_events_take_the_defaults(project, ci):
    words, file, jobs, detail = told(ci, project.run_of(project.push({".ci.yml": PIPELINE})))
    assert words == "staging 2 true [] 0.5 2" and detail["params"] == {}
    assert file == {"target": "staging", "count": 2, "dry": True, "note": "", "rate": 0.5}
    assert jobs["production"]["state"] == "not_selected"


def test_a_person_chooses_by_api_and_command_line(project, ci):
    project.push({".ci.yml": PIPELINE}, message="[skip ci]")
    values = {"target": "production", "count": 7, "dry": False, "note": "it's $(id)"}
    words, file, jobs, detail = told(ci, project.start(params=values))
    assert words == "production 7 false [it's $(id)] 0.5 7" and file["note"] == "it's $(id)"
    assert jobs["production"]["state"] == "passed"
    assert detail["params"] == {"target": "production", "count": "7", "dry": "false", "note": "it's $(id)"}
    shown = ci.sluice("run", "show", detail["run"]["id"]).stdout
    assert "count=7" in shown and "target=production" in shown
    again = ci.ended(ci.post(f"/api/v1/runs/{detail['run']['id']}/retry?all=true")["id"], "passed")
    assert again["params"] == detail["params"] and by_key(again)["production"]["state"] == "passed"
    ci.sluice("run", "start", project.name, "-p", "count=3", "--param", "note=a=b")
    words, _, _, _ = told(ci, project.runs()[0]["id"])
    assert words == "staging 3 true [a=b] 0.5 3"


def test_what_is_wrong_is_told_at_once_and_nothing_runs(project, ci):
    project.push({".ci.yml": PIPELINE}, message="[skip ci]")
    refused = ci.call("POST", f"{project.path}/runs", {"params": {"target": "producton", "count": 11, "nothing": 1}})
    assert refused.status == 422 and refused.json["error"] == "bad_params"
    assert refused.json["message"] == (
        "param `target` is one of staging, production, got `producton`, did you mean `production`?; "
        "param `count` is at most 10, got `11`; "
        "there is no param `nothing`, there are target, count, dry, note"
    ), refused.json["message"]
    shape = ci.call("POST", f"{project.path}/runs", {"params": {"target": ["x"]}})
    assert shape.status == 400 and shape.json["where"] == "/params/target"
    assert project.runs() == []
    done = ci.sluice("run", "start", project.name, "-p", "count", check=False)
    assert done.returncode == 3 and "write NAME=VALUE" in done.stderr
    done = ci.sluice("run", "start", project.name, "-p", "dry=yes", check=False)
    assert done.returncode == 5 and "param `dry` is true or false, got `yes`" in done.stderr


def test_the_definitions_are_there_for_forms(project, ci):
    project.push({".ci.yml": PIPELINE}, message="[skip ci]")
    told_by_api = ci.get(f"{project.path}/params")
    assert told_by_api["manual"] and told_by_api["branch"] == "main"
    target, count, dry, note = told_by_api["params"]
    assert target == {
        "name": "target",
        "type": "choice",
        "default": "staging",
        "options": ["staging", "production"],
        "min": None,
        "max": None,
        "pattern": "",
        "help": "where to",
    }
    assert (count["type"], count["min"], count["max"], dry["type"], note["type"]) == (
        "number",
        1,
        10,
        "boolean",
        "string",
    )


def test_a_local_run_takes_them_too(project, ci):
    work = project.repo.work
    project.repo.commit({".ci.yml": PIPELINE})
    done = ci.sluice("run", "-p", "target=production", "-p", "dry=false", "--list", cwd=work)
    assert "manual run of main" in done.stdout and "not needed" not in done.stdout
    wrong = ci.sluice("run", "-p", "count=0", "--list", cwd=work, check=False)
    assert wrong.returncode == 2 and "param `count` is at least 1, got `0`" in wrong.stderr
