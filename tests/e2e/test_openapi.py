"""The OpenAPI document against the real server: every route it names answers, and answers what it says."""

import json
import re

import pytest

from schema import Schemas
from wire import wait_for

PIPELINE = """
version: 1
on: {push: {}, manual: {}}
gate: {branches: [main], require: [test]}
jobs:
  lint: {run: "true"}
  test:
    needs: [lint]
    matrix: {n: [1, 2]}
    environment: {name: staging, url: "https://staging.example"}
    env: {N: "${{ matrix.n }}"}
    steps:
      - {name: write, run: "cat junit.txt > junit.xml"}
      - {name: judge, run: "test $N = 1"}
    reports: {junit: junit.xml}
    artifacts: [{name: tests, paths: [junit.xml], when: always}]
  never: {if: branch == 'other', run: "true"}
  after: {needs: [test], run: "true"}
"""
JUNIT = """<testsuites><testsuite name="s" tests="2" failures="1" time="0.1"><testcase name="good" time="0.05"/>
<testcase classname="c" name="bad" file="a.py" line="3" time="0.05"><failure message="no">trace</failure></testcase>
</testsuite></testsuites>"""


@pytest.fixture(scope="module")
def document(shared):
    reply = shared.call("GET", "/api/openapi.json", token=None)
    assert reply.status == 200 and reply.headers["Content-Type"] == "application/json"
    return reply.json


@pytest.fixture(scope="module")
def lived_in(shared):
    """A project with runs of several states, jobs with steps and reports, and a delivery."""
    project = shared.project("openapi", hooks=())
    detail, jobs = project.push_and_end({".ci.yml": PIPELINE, "junit.txt": JUNIT}, "failed")
    shared.sluice("secret", "set", "a/b", "--project", project.name, stdin="a value of some length")
    shared.sluice("environment", "set", "production", "--project", project.name, "--approver", "admin")
    broken, _ = project.push_and_end({".ci.yml": "version: 1\njobs: {a: {run: 1, rum: 2}}\n"}, "errored")
    assert broken["diagnostics"]
    project.known = {
        "project": project.name,
        "run": str(detail["run"]["id"]),
        "job": str(jobs["test (1)"]["id"]),
        "agent": "1",
        "name": "tests",
        "schedule": "1",
        "secret": "1",
        "environment": "1",
        "path": "junit.xml",
    }
    artifact = shared.get(f"/api/v1/jobs/{project.known['job']}/artifacts/tests")
    project.known["sha256"] = artifact["pack"]["blobs"][0]["sha256"]
    project.known["shell"] = str(a_shell(shared, detail["run"]["id"]))
    project.broken = broken["run"]["id"]
    return project


def a_shell(shared, run):
    """The id of a shell that somebody had in a job of the run, tried again and kept."""
    again = shared.ended(shared.post(f"/api/v1/runs/{run}/retry?keep=1h")["id"], "failed")
    job = [job["id"] for job in again["jobs"] if job["state"] == "failed"][0]
    wait_for(lambda: shared.job(job)["kept_until"], "the job's place to be kept")
    shell = shared.post(f"/api/v1/jobs/{job}/shells")["id"]
    shared.post(f"/api/v1/shells/{shell}/close")
    assert shared.call("DELETE", f"/api/v1/jobs/{job}/kept").status == 204
    return shell


def operations(document):
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def filled(path, known):
    return re.sub(r"\{(\w+)\}", lambda match: known[match.group(1)], path)


def test_the_document_is_openapi_3_1_and_names_each_operation_once(document):
    assert document["openapi"].startswith("3.1") and document["info"]["title"]
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        declared = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path)), f"{method} {path}"


def test_every_schema_that_is_named_exists(document):
    for reference in set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))):
        assert Schemas(document).resolve(reference)


def test_every_documented_get_answers_what_it_says(document, shared, lived_in):
    schemas, seen = Schemas(document), 0
    for method, path, operation in operations(document):
        if method != "GET":
            continue
        public = operation.get("security") == []
        content = operation["responses"]["200"]["content"]
        if "text/event-stream" in content:
            with shared.client.stream(filled(path, lived_in.known), after=0) as stream:
                assert stream.reply.status == 200
            continue
        reply = shared.call("GET", filled(path, lived_in.known), token=None if public else ...)
        assert reply.status == 200, f"{path}: {reply}"
        ((kind, described),) = content.items()
        assert reply.headers["Content-Type"].split(";")[0] == kind, path
        if kind == "application/json":
            assert schemas.problems(reply.json, described["schema"], path) == []
        seen += 1
    assert seen >= 10


def test_every_documented_get_refuses_strangers_with_the_documented_error(document, shared, lived_in):
    schemas = Schemas(document)
    for method, path, operation in operations(document):
        if operation.get("security") == []:
            continue
        reply = shared.call(
            method, filled(path, {**lived_in.known, "token": "1"}), None if method == "GET" else {}, token=None
        )
        assert reply.status == 401, f"{method} {path}: {reply}"
        assert schemas.problems(reply.json, {"$ref": "#/components/schemas/Error"}, path) == []


def test_runs_of_every_kind_fit_their_schema(document, shared, lived_in):
    schemas = Schemas(document)
    run = {"$ref": "#/components/schemas/RunDetail"}
    detail = shared.detail(lived_in.known["run"])
    assert schemas.problems(detail, run) == []
    assert {job["state"] for job in detail["jobs"]} == {"passed", "failed", "not_selected", "blocked"}
    assert schemas.problems(shared.detail(lived_in.broken), run) == []
    active = lived_in.start(sha=detail["run"]["sha"], branch="main")
    assert schemas.problems(shared.detail(active), run) == []
    shared.ended(active)


def test_writes_answer_what_the_document_says(document, shared, lived_in, name):
    schemas = Schemas(document)

    def check(method, path, body, template=None):
        reply = shared.call(method, path, body)
        operation = document["paths"][template or path][method.lower()]
        assert str(reply.status) in operation["responses"], f"{method} {path}: {reply}"
        described = operation["responses"][str(reply.status)].get("content", {}).get("application/json")
        if described:
            assert schemas.problems(reply.json, described["schema"], path) == []
        return reply.json if reply.body else None

    bare = shared.project(name).repo.bare
    created = check("POST", "/api/v1/projects", {"name": f"{name}-again", "url": str(bare)})
    project = created["project"]["name"]
    check("POST", f"/api/v1/projects/{project}/hook-secret", {}, "/api/v1/projects/{project}/hook-secret")
    run = check(
        "POST",
        f"{lived_in.path}/runs",
        {"sha": shared.detail(lived_in.known["run"])["run"]["sha"]},
        "/api/v1/projects/{project}/runs",
    )
    check("POST", f"/api/v1/runs/{run['id']}/cancel", {}, "/api/v1/runs/{run}/cancel")
    shared.ended(run["id"])
    again = check("POST", f"/api/v1/runs/{run['id']}/retry", {}, "/api/v1/runs/{run}/retry")
    job = wait_for(lambda: shared.detail(again["id"])["jobs"], "its jobs")[0]["id"]
    cancelled = shared.call("POST", f"/api/v1/jobs/{job}/cancel", {})
    schema = document["paths"]["/api/v1/jobs/{job}/cancel"]["post"]["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    assert cancelled.status == 409 or schemas.problems(cancelled.json, schema) == []
    shared.ended(again["id"])
    check("POST", "/api/v1/agents/enrolment-tokens", {"labels": ["a"]})
    check("POST", "/api/v1/agents/1/drain", {}, "/api/v1/agents/{agent}/drain")
    check("POST", "/api/v1/agents/1/resume", {}, "/api/v1/agents/{agent}/resume")
    token = check("POST", "/api/v1/tokens", {"name": name, "role": "read"})
    check("DELETE", f"/api/v1/tokens/{token['info']['id']}", None, "/api/v1/tokens/{token}")
    check("POST", "/api/v1/session", {"token": shared.token})
    files = [{"path": ".ci.yml", "text": "version: 1\non: {push: {}}\njobs: {a: {run: x, rum: y}}\n"}]
    checked = check("POST", "/api/v1/validate", {"files": files})
    assert checked["diagnostics"][0]["text"].startswith(".ci.yml:3:")


def test_refusals_are_the_documented_error(document, shared):
    schemas = Schemas(document)
    for method, path, body in (
        ("GET", "/api/v1/runs/999999", None),
        ("GET", "/api/v1/no-such", None),
        ("DELETE", "/api/v1/runs", None),
        ("POST", "/api/v1/projects", {}),
        ("POST", "/hooks/github/nobody", {}),
        ("POST", "/hooks/nowhere/nobody", {}),
    ):
        reply = shared.call(method, path, body)
        assert reply.status >= 400
        assert schemas.problems(reply.json, {"$ref": "#/components/schemas/Error"}, path) == [], path
