"""Files of local runs: inputs and outputs, artifacts as files, caches of the checkout."""

import json

from test_inputs import CELLS, FLOW, HEAD
from test_local_run import Checkout


def told(app, *words):
    done = app.run("--json", *words)
    return json.loads(done.stdout)


def test_files_travel_from_job_to_job_without_a_server(tmp_path):
    app = Checkout(tmp_path)
    for text in (FLOW, CELLS):
        app.write({".ci.yml": text})
        summary = told(app)
        assert {job["state"] for job in summary["jobs"]} == {"passed"}, summary


def test_a_missing_output_fails_here_too(tmp_path):
    app = Checkout(tmp_path)
    app.write({".ci.yml": HEAD + """
  lazy: {outputs: {data: {path: out, type: dir}}, run: "true"}
  use: {needs: [lazy], inputs: {data: lazy.data}, run: "true"}
"""})
    jobs = {job["id"]: job for job in told(app)["jobs"]}
    assert (jobs["lazy"]["state"], jobs["use"]["state"]) == ("failed", "blocked")


def test_caches_stay_with_the_checkout_and_artifacts_become_files(tmp_path):
    app = Checkout(tmp_path)
    app.write({".ci.yml": HEAD + """
  build:
    cache: [{key: "deps", paths: [.deps]}]
    artifacts: [{name: dist, paths: [out]}]
    run: |
      mkdir -p out .deps; cat .deps/list 2>/dev/null > out/found || echo nothing > out/found; echo made > .deps/list
"""})
    for number, found in ((1, "nothing\n"), (2, "made\n")):
        summary = told(app)
        assert summary["jobs"][0]["state"] == "passed" and summary["number"] == number
        (path,) = (tmp_path / "cache").rglob(f"{number}/artifacts/build/dist/out/found")
        assert path.read_text() == found
