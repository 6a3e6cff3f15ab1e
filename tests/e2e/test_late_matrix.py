"""A matrix whose axes are outputs of other jobs: its cells are made when these have ended."""

import pytest

from harness import Flag, by_key
from test_local_run import Checkout
from wire import wait_for

HEAD = "version: 1\non: {push: {}, manual: {}}\n"
PIPELINE = HEAD + """
gate: {require: [test, after]}
jobs:
  list:
    outputs: {versions: list, wanted: boolean}
    run: |
      cat versions >> $CI_OUTPUT
      echo wanted=true >> $CI_OUTPUT
  test:
    needs: [list]
    if: needs.list.outputs.wanted && matrix.v != 'skipped'
    name: test of ${{ matrix.v }} on ${{ matrix.os }}
    matrix:
      v: ${{ needs.list.outputs.versions }}
      os: [lin, mac]
      exclude: [{v: "1.0", os: mac}]
      include: [{v: "2.0", extra: more}]
    env: {V: "${{ matrix.v }}", EXTRA: "${{ matrix.extra ?? 'none' }}"}
    outputs: {said: string}
    run: |
      echo "v=$V ${{ slug(matrix.v) }} extra=$EXTRA ${{ matrix.os }}"
      echo "said=$V" >> $CI_OUTPUT
      test "$V" != bad
  pair:
    needs: [list, {job: test, matrix: [v, os]}]
    matrix: {v: "${{ needs.list.outputs.versions }}", os: [lin]}
    env: {SAID: "${{ needs.test.outputs.said }}", V: "${{ matrix.v }}"}
    run: test "$SAID" = "$V"
  after:
    needs: [test]
    env: {ALL: "${{ length(needs.test.cells) }}", RESULT: "${{ needs.test.result }}"}
    run: echo "$ALL cells $RESULT"
"""


def files(versions):
    return {".ci.yml": PIPELINE, "versions": versions}


def states(detail):
    return {job["key"]: job["state"] for job in detail["jobs"]}


TWO = {"list": "passed", "test (1.0, lin)": "passed", "test (2.0 $(x), lin)": "passed", "test (2.0 $(x), mac)": "passed",
       "pair (1.0, lin)": "passed", "pair (2.0 $(x), lin)": "passed", "after": "passed"}


def test_cells_are_made_when_the_list_is_there(project, ci):
    detail, jobs = project.push_and_end(files('versions=["1.0", "2.0 $(x)"]\n'), "passed")
    assert states(detail) == TWO
    cell = jobs["test (2.0 $(x), mac)"]
    assert cell["name"] == "test of 2.0 $(x) on mac" and cell["base"] == "test"
    assert ci.log_of(cell["id"]).startswith(b"v=2.0 $(x) 2-0-x-") and b"extra=none mac\n" in ci.log_of(cell["id"])
    assert ci.log_of(jobs["after"]["id"]) == b"3 cells passed\n"
    assert jobs["after"]["started_at"] >= cell["finished_at"]
    assert jobs["test (1.0, lin)"]["started_at"] >= jobs["list"]["finished_at"]
    assert (detail["run"]["jobs_total"], detail["run"]["jobs_done"]) == (7, 7)
    gate = project.gate(sha=detail["run"]["sha"])
    assert gate["verdict"] == "green" and {check["name"] for check in gate["checks"]} == {"test", "after"}
    assert len(ci.rows("SELECT id FROM jobs WHERE expands = 1")) == 0
    ci.assert_one_ending_each()


def test_a_cell_gets_what_the_file_adds_to_it(project, ci):
    _, jobs = project.push_and_end(files("versions=2.0\n"), "passed")
    assert b"v=2.0 2-0-" in ci.log_of(jobs["test (2.0, lin)"]["id"])
    assert b"extra=more lin\n" in ci.log_of(jobs["test (2.0, lin)"]["id"])


def test_while_the_list_is_made_the_job_waits_and_the_gate_with_it(project, ci, world):
    go = Flag(world.root, "go")
    text = PIPELINE.replace("cat versions", f"until test -e {go.path}; do sleep 0.01; done; cat versions")
    run = project.run_of(project.push({".ci.yml": text, "versions": "versions=3.0\n"}))
    wait_for(lambda: by_key(ci.detail(run))["list"]["state"] == "running", "the list to be made")
    detail = ci.detail(run)
    assert states(detail) == {"list": "running", "test": "waiting", "pair": "waiting", "after": "waiting"}
    assert by_key(detail)["test"]["wait_reason"] == "waiting for list"
    assert project.gate(sha=detail["run"]["sha"])["verdict"] == "pending"
    go.raise_it()
    assert "test (3.0, mac)" in states(ci.ended(run, "passed"))


def test_an_empty_list_is_nothing_to_do(project):
    detail, jobs = project.push_and_end(files("versions=[]\n"), "passed")
    assert states(detail) == {"list": "passed", "test": "not_selected", "pair": "not_selected", "after": "passed"}
    assert jobs["test"]["message"] == "its matrix has no cell: a list is empty, or everything is excluded"
    assert project.gate(sha=detail["run"]["sha"])["verdict"] == "green"


@pytest.mark.parametrize("versions, result, said", [
    ('versions=[{"a": 1}]\n', "blocked", "`list` failed"),
    ("wanted=false\n", "blocked", "`list` passed without its output `versions`, which this job reads"),
    ("versions=" + repr([str(i) for i in range(150)]).replace("'", '"') + "\n", "failed",
     "the cells cannot be made, 1 mistake\n.ci.yml:16:7: error: the matrix of `test` has 300 cells, at most 256"),
    ('versions=["a", "a"]\n', "failed", ".ci.yml:16:10: error: value `a` stands twice in axis `v`"),
    ("versions=[\"" + "a" * 129 + "\"]\n", "failed", "a matrix value is one line of at most 128 bytes"),
])
def test_what_is_no_list_of_values_starts_nothing(project, versions, result, said):
    detail, jobs = project.push_and_end(files(versions), "failed")
    assert jobs["test"]["state"] == result and said in jobs["test"]["message"], jobs["test"]["message"]
    assert jobs["test"]["cause"] == ("config" if result == "failed" else "none")
    others = {job["base"]: job["state"] for job in detail["jobs"] if job["base"] in ("pair", "after")}
    assert others["after"] == "blocked" and others["pair"] in ("blocked", "failed")
    assert project.gate(sha=detail["run"]["sha"])["verdict"] == "red"


@pytest.mark.parametrize("job, said", [
    ("run: 'echo ${{ matrix.v }}'", "is text that an outsider can choose"),
    ("image: 'python:${{ matrix.v }}', run: x", "is text that an outsider can choose"),
    ("runs_on: '${{ matrix.v }}', run: x", "is text that an outsider can choose"),
])
def test_its_values_are_text(ci, tmp_path, job, said):
    checkout = Checkout(tmp_path)
    checkout.write({".ci.yml": HEAD + """jobs:
  list: {outputs: {l: list}, run: x}
  a: {needs: [list], matrix: {v: "${{ needs.list.outputs.l }}"}, %s}
  b: {needs: [a], if: "needs.a.cells[0].matrix.v == 'x'", env: {X: "${{ needs.a.cells[0].matrix.v }}"}, run: x}
""" % job})
    done = ci.sluice("validate", check=False, cwd=checkout.path)
    assert done.returncode == 1 and said in done.stdout + done.stderr, done.stdout + done.stderr


def test_two_lists_that_end_together_make_the_cells_once(project, ci):
    text = HEAD + """jobs:
  one: {outputs: {l: list}, run: "echo 'l=[\\"a\\", \\"b\\"]' >> $CI_OUTPUT"}
  two: {outputs: {l: list}, run: "echo 'l=[1, 2]' >> $CI_OUTPUT"}
  cell: {needs: [one, two], matrix: {x: "${{ needs.one.outputs.l }}", y: "${{ needs.two.outputs.l }}"}, run: "true"}
"""
    for _ in range(4):
        detail, _ = project.push_and_end({".ci.yml": text}, "passed")
        assert set(states(detail)) == {"one", "two", "cell (a, 1)", "cell (a, 2)", "cell (b, 1)", "cell (b, 2)"}
    ci.assert_one_ending_each()


def test_a_retry_keeps_the_cells_that_passed(project, ci):
    detail, jobs = project.push_and_end(files('versions=["good", "bad"]\n'), "failed")
    assert states(detail)["after"] == "blocked"
    again = ci.ended(ci.post(f"/api/v1/runs/{detail['run']['id']}/retry")["id"], "failed")
    assert set(states(again)) == set(states(detail))
    carried = {job["key"]: job["carried_from"] for job in again["jobs"]}
    assert carried["list"] == jobs["list"]["id"] and carried["test (good, lin)"] == jobs["test (good, lin)"]["id"]
    assert carried["test (bad, lin)"] is None and states(again)["test (bad, lin)"] == "failed"
    assert again["run"]["jobs_total"] == again["run"]["jobs_done"] == len(states(again))


def test_a_retry_after_a_bad_list_asks_for_the_list_again(project, ci, world):
    flag = world.root / "mended"
    text = PIPELINE.replace("cat versions", f"if test -e {flag}; then echo versions=1.0; else cat versions; fi")
    detail, jobs = project.push_and_end({".ci.yml": text, "versions": 'versions=["a", "a"]\n'}, "failed")
    flag.touch()
    again = ci.ended(ci.post(f"/api/v1/runs/{detail['run']['id']}/retry")["id"], "passed")
    assert states(again) == {"list": "passed", "test (1.0, lin)": "passed", "pair (1.0, lin)": "passed", "after": "passed"}
    assert by_key(again)["list"]["carried_from"] is None


def test_a_local_run_does_the_same(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.write(files('versions=["1.0", "2.0 $(x)"]\n'))
    checkout.commit()
    states_, code = checkout.states()
    assert (states_, code) == (TWO, 0)
    assert set(checkout.states("after")[0]) == {key for key in TWO if not key.startswith("pair")}
    checkout.write({"versions": "versions=[]\n"})
    assert checkout.states()[0]["test"] == "not_selected"
    checkout.write({"versions": 'versions=["a", "a"]\n'})
    done = checkout.run()
    assert done.returncode == 1 and "value `a` stands twice in axis `v`" in done.stdout
