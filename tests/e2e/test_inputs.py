"""Files from job to job: outputs that are files, folders or models, and the inputs that take them."""

import json

HEAD = "version: 1\non: {push: {}, manual: {}}\njobs:\n"
FLOW = HEAD + """
  prepare:
    outputs:
      rows: {path: out/rows.csv, type: file}
      tree: {path: out/tree, type: dir}
      spare: {type: model}
    run: |
      mkdir -p out/tree/deep
      echo a,b > out/rows.csv
      echo deep > out/tree/deep/file; printf '#!/bin/sh\\necho ran\\n' > out/tree/tool; chmod +x out/tree/tool
      ln -s deep/file out/tree/link
      echo weights > $CI_OUTPUT_DIR/spare
  use:
    needs: [prepare]
    inputs:
      rows: prepare.rows
      the_tree: prepare.tree
      copied: {from: prepare.rows, to: data/table.csv}
      model: {from: prepare.spare, to: models/}
    run: |
      cat $CI_INPUT_ROWS data/table.csv $CI_INPUT_THE_TREE/link models/spare
      $CI_INPUT_THE_TREE/tool
      test ! -w $CI_INPUT_ROWS || test $(id -u) = 0
      test -w data/table.csv
      test "$(stat -c %a $CI_INPUT_ROWS)" = 444
      test ! -e out
  far:
    needs: [use]
    inputs: {rows: prepare.rows}
    run: cat $CI_INPUT_ROWS
"""
CELLS = HEAD + """
  part:
    matrix: {n: ['1', '2', '3']}
    outputs: {half: {type: file}}
    env: {N: "${{ matrix.n }}"}
    run: echo "part $N" > $CI_OUTPUT_DIR/half
  all:
    needs: [part]
    inputs: {parts: "part[*].half"}
    run: cd $CI_INPUT_PARTS; cat 1/half 2/half 3/half
  own:
    matrix: {n: ['1', '2']}
    needs: [{job: part, matrix: [n]}]
    inputs: {half: part.half}
    run: cat $CI_INPUT_HALF
"""


def test_files_travel_from_job_to_job(project, ci):
    detail, jobs = project.push_and_end({".ci.yml": FLOW}, "passed")
    log = ci.log_of(jobs["use"]["id"]).decode()
    assert log.endswith("a,b\na,b\ndeep\nweights\nran\n")
    assert "input rows: 1 file, 4 B (output rows of prepare)" in log
    assert ci.log_of(jobs["far"]["id"]).decode().endswith("a,b\n")
    # People see them, too, by their digests.
    kept = {one["name"]: one for one in ci.get(f"/api/v1/jobs/{jobs['prepare']['id']}/artifacts")["artifacts"]}
    assert {name: one["kind"] for name, one in kept.items()} == dict.fromkeys(("rows", "spare", "tree"), "output")
    assert jobs["prepare"]["outputs"]["tree"] == kept["tree"]["digest"]
    ci.sluice("artifacts", "get", f"{detail['run']['id']}/prepare", "tree", "--kind", "output", "-o", "tree")
    assert (ci.root / "tree" / "deep" / "file").read_text() == "deep\n"


def test_cells_are_folders_or_my_own(project, ci):
    _, jobs = project.push_and_end({".ci.yml": CELLS}, "passed")
    assert ci.log_of(jobs["all"]["id"]).decode().endswith("part 1\npart 2\npart 3\n")
    assert ci.log_of(jobs["own (2)"]["id"]).decode().endswith("part 2\n")


def test_what_is_missing_is_named(project, ci):
    text = HEAD + """
  lazy: {outputs: {data: {path: out, type: dir}}, run: "true"}
  wrong: {outputs: {data: {path: out, type: dir}}, run: echo x > out}
  after: {needs: [{job: lazy, optional: true}], when: always, inputs: {data: {from: lazy.data}}, run: "true"}
  spare:
    needs: [{job: lazy, optional: true}]
    when: always
    inputs: {data: {from: lazy.data, optional: true}}
    run: test -z "$CI_INPUT_DATA"
  blocked: {needs: [lazy], when: always, inputs: {data: lazy.data}, run: "true"}
"""
    _, jobs = project.push_and_end({".ci.yml": text}, "failed")
    assert (jobs["lazy"]["state"], jobs["lazy"]["cause"]) == ("failed", "config")
    assert jobs["lazy"]["message"] == "output data: out was not written"
    assert jobs["wrong"]["message"] == "output data: out is no folder"
    assert jobs["blocked"]["state"] == "blocked"
    assert jobs["blocked"]["message"] == "`lazy` failed without its output `data`, which this job takes"
    assert jobs["spare"]["state"] == "passed"
    assert (jobs["after"]["state"], jobs["after"]["cause"]) == ("failed", "config")
    assert jobs["after"]["message"] == "input data: `lazy` ended without its output `data`"


def test_a_retried_run_takes_what_the_passed_jobs_had_left(project, ci):
    text = HEAD + """
  first: {outputs: {data: {type: file}}, run: "date +%N > $CI_OUTPUT_DIR/data; cat $CI_OUTPUT_DIR/data"}
  second: {needs: [first], inputs: {data: first.data}, run: "cat $CI_INPUT_DATA; exit 1"}
"""
    detail, jobs = project.push_and_end({".ci.yml": text}, "failed")
    again = ci.post(f"/api/v1/runs/{detail['run']['id']}/retry", {})["id"]
    after = {job["key"]: job for job in ci.ended(again, "failed")["jobs"]}
    assert after["first"]["carried_from"] == jobs["first"]["id"]
    wrote = ci.log_of(jobs["first"]["id"]).splitlines()[0]
    assert wrote in ci.log_of(after["second"]["id"]).splitlines()


def test_mistakes_are_said_at_validation(ci):
    text = HEAD + """
  a: {outputs: {v: string, f: {type: file}}, run: "true"}
  b: {inputs: {f: a.f}, run: "true"}
  c: {needs: [a], inputs: {f: a.g}, run: "true"}
  d: {needs: [a], inputs: {v: a.v}, run: "true"}
  e: {inputs: {f: nobody.f}, run: "true"}
"""
    found = ci.post("/api/v1/validate", {"files": [{"path": ".ci.yml", "text": text}]})["diagnostics"]
    said = json.dumps(found)
    for sentence in ("input `f` comes from `a`, which `b` does not wait for", "add `a` to `needs` of `b`",
                     "`a` declares no output `g`", "output `v` of `a` is a string, and inputs are files",
                     "input `f` comes from `nobody`, and there is no such job"):
        assert sentence in said, sentence


def test_an_input_of_several_cells_is_a_mistake(ci):
    text = HEAD + """
  m: {matrix: {n: ['1', '2']}, outputs: {f: {type: file}}, run: "true"}
  g: {needs: [m], inputs: {f: m.f}, run: "true"}
"""
    found = ci.post("/api/v1/validate", {"files": [{"path": ".ci.yml", "text": text}]})["diagnostics"]
    assert found[0]["message"] == "input `f` of `g` would be those of 2 cells"
    assert "take `m[*].f`, a folder per cell" in found[0]["hint"]


def test_an_attempt_reads_only_its_own_inputs(project, ci):
    """Rule 24: blobs are read by the name of an input of the attempt's own job, never by digest alone."""
    text = HEAD + """
  first: {outputs: {data: {type: file}}, run: "echo secret > $CI_OUTPUT_DIR/data"}
  second: {run: "true"}
"""
    _, jobs = project.push_and_end({".ci.yml": text}, "passed")
    digest = jobs["first"]["outputs"]["data"].removeprefix("sha256:")
    attempt = ci.rows("SELECT id FROM attempts WHERE job_id = ?", jobs["second"]["id"])[0]["id"]
    for path in (f"inputs/data/{digest}", f"blobs/{digest}", f"cache/1/{digest}"):
        reply = ci.call("GET", f"/agent/v1/attempts/{attempt}/{path}")
        assert reply.status in (401, 404, 405), reply
