"""The graph of a run: needs, matrix, when, allow_failure, if, changes."""

from harness import Flag, by_key


def pipeline(jobs, on="{push: {}, manual: {}}", head=""):
    return f"version: 1\non: {on}\n{head}jobs:\n{jobs}"


def states(detail):
    return {job["key"]: job["state"] for job in detail["jobs"]}


def test_a_job_starts_only_after_all_that_it_needs(project, ci):
    marks = ci.root / f"marks-{project.name}"
    marks.mkdir()
    detail, jobs = project.push_and_end(
        {".ci.yml": pipeline(f"""
  a: {{run: "sleep 0.2; touch {marks}/a"}}
  b: {{run: "touch {marks}/b"}}
  c: {{needs: [a, b], run: "test -e {marks}/a; test -e {marks}/b"}}
  d: {{needs: [c], run: "true"}}
""")},
        "passed",
    )
    assert set(states(detail).values()) == {"passed"}
    assert jobs["c"]["needs"] == ["a", "b"]
    assert jobs["c"]["started_at"] >= max(jobs["a"]["finished_at"], jobs["b"]["finished_at"])
    assert jobs["d"]["started_at"] >= jobs["c"]["finished_at"]


def test_what_needs_a_failed_job_is_blocked_and_names_it(project):
    detail, jobs = project.push_and_end(
        {".ci.yml": pipeline("""
  a: {run: "exit 4"}
  b: {needs: [a], run: "true"}
  c: {needs: [b], run: "true"}
  other: {run: "true"}
""")},
        "failed",
    )
    assert states(detail) == {"a": "failed", "b": "blocked", "c": "blocked", "other": "passed"}
    assert jobs["a"]["exit_code"] == 4
    assert "a" in jobs["b"]["message"] and "a" in jobs["c"]["message"]
    assert jobs["b"]["started_at"] is None and jobs["b"]["log_size"] == 0


def test_a_matrix_makes_one_job_for_each_cell(project, ci):
    detail, jobs = project.push_and_end(
        {".ci.yml": pipeline("""
  test:
    matrix:
      py: ["3.10", "3.11"]
      db: [lite, pg]
      exclude: [{py: "3.10", db: pg}]
    env: {PY: "${{ matrix.py }}", DB: "${{ matrix.db }}"}
    run: echo "$PY on $DB"
  after: {needs: [test], run: "true"}
""")},
        "passed",
    )
    cells = {key: job for key, job in jobs.items() if job["base"] == "test"}
    values = {(job["matrix"]["py"], job["matrix"]["db"]) for job in cells.values()}
    assert values == {("3.10", "lite"), ("3.11", "lite"), ("3.11", "pg")}
    assert set(cells) == {f"test ({py}, {db})" for py, db in values}
    for job in cells.values():
        assert ci.log_of(job["id"]) == f"{job['matrix']['py']} on {job['matrix']['db']}\n".encode()
    assert jobs["after"]["started_at"] >= max(job["finished_at"] for job in cells.values())


def test_one_bad_cell_makes_the_matrix_job_red_in_the_gate(project):
    detail, _ = project.push_and_end(
        {
            ".ci.yml": pipeline(
                """
  test:
    matrix: {n: [1, 2]}
    env: {N: "${{ matrix.n }}"}
    run: test $N = 1
""",
                head="gate: {branches: [main], require: [test]}\n",
            )
        },
        "failed",
    )
    gate = project.gate(sha=detail["run"]["sha"])
    assert gate["verdict"] == "red" and len(gate["checks"]) == 1
    assert "2" in gate["checks"][0]["note"]


def test_jobs_for_failure_run_only_after_one_and_jobs_for_always_in_any_case(project):
    text = """
  build: {run: "sh build.sh"}
  report: {needs: [build], when: failure, run: "true"}
  tidy: {needs: [build], when: always, run: "true"}
"""
    good, _ = project.push_and_end({".ci.yml": pipeline(text), "build.sh": "true"}, "passed")
    assert states(good) == {"build": "passed", "report": "not_selected", "tidy": "passed"}
    bad, _ = project.push_and_end({"build.sh": "false"}, "failed")
    assert states(bad) == {"build": "failed", "report": "passed", "tidy": "passed"}


def test_a_failure_that_is_allowed_is_a_warning_and_blocks_nothing(project):
    detail, jobs = project.push_and_end(
        {".ci.yml": pipeline("""
  any: {allow_failure: true, run: "exit 9"}
  only_three: {allow_failure: [3], run: "exit 3"}
  not_this: {allow_failure: [3], run: "exit 4"}
  after: {needs: [any, only_three], run: "true"}
""")},
        "failed",
    )
    assert states(detail) == {"any": "warned", "only_three": "warned", "not_this": "failed", "after": "passed"}
    assert jobs["any"]["allow_failure"] is True and jobs["any"]["exit_code"] == 9


def test_a_warned_run_keeps_the_gate_green_with_a_note(project):
    detail, _ = project.push_and_end({".ci.yml": pipeline('  flaky: {allow_failure: true, run: "exit 1"}\n')}, "warned")
    gate = project.gate(sha=detail["run"]["sha"])
    assert gate["verdict"] == "green" and gate["checks"][0]["state"] == "warned" and gate["checks"][0]["note"]


def test_changes_and_if_leave_out_what_is_not_needed(project):
    text = pipeline("""
  docs: {changes: ["docs/**"], run: "true"}
  code: {changes: ["src/**"], run: "true"}
  release: {if: branch == 'release', run: "true"}
  after_docs: {needs: [docs], run: "true"}
""")
    project.push_and_end({".ci.yml": text})
    detail, jobs = project.push_and_end({"src/a.c": "int a;\n"}, "passed")
    assert states(detail) == {
        "docs": "not_selected",
        "code": "passed",
        "release": "not_selected",
        "after_docs": "passed",
    }
    assert jobs["docs"]["message"], "a person is told why"


def test_a_late_condition_reads_the_results_of_needs(project):
    detail, _ = project.push_and_end(
        {".ci.yml": pipeline("""
  probe: {allow_failure: true, run: "exit 1"}
  on_warning: {needs: [probe], if: "needs.probe.result == 'warned'", run: "true"}
  on_pass: {needs: [probe], if: "needs.probe.result == 'passed'", run: "true"}
""")},
        "warned",
    )
    assert states(detail) == {"probe": "warned", "on_warning": "passed", "on_pass": "not_selected"}


def test_a_retry_carries_passed_jobs_over_and_runs_the_rest_again(project, ci):
    mend = ci.root / f"mended-{project.name}"
    detail, jobs = project.push_and_end(
        {".ci.yml": pipeline(f"""
  build: {{run: "echo built"}}
  test: {{needs: [build], run: "test -e {mend}"}}
  ship: {{needs: [test], run: "echo shipped"}}
""")},
        "failed",
    )
    mend.touch()
    again = ci.post(f"/api/v1/runs/{detail['run']['id']}/retry")
    assert again["retry_of"] == detail["run"]["id"] and again["sha"] == detail["run"]["sha"]
    second = ci.ended(again["id"], "passed")
    retried = by_key(second)
    assert retried["build"]["carried_from"] == jobs["build"]["id"] and retried["build"]["state"] == "passed"
    assert ci.log_of(retried["build"]["id"]) == b"built\n", "a carried job keeps its log"
    assert retried["test"]["carried_from"] is None and retried["ship"]["state"] == "passed"
    assert ci.detail(detail["run"]["id"])["run"]["state"] == "failed", "the earlier run stays as it was"
    assert project.gate(sha=again["sha"])["verdict"] == "green", "the newest run of the commit decides"

    whole = ci.ended(ci.post(f"/api/v1/runs/{again['id']}/retry?all=true")["id"], "passed")
    assert [job["carried_from"] for job in whole["jobs"]] == [None] * 3


def test_a_run_that_goes_on_cannot_be_retried_and_one_that_ended_cannot_be_cancelled(project, ci):
    flag = Flag(ci.root)
    sha = project.push({".ci.yml": pipeline(f'  a: {{run: "{flag.wait()}"}}\n')})
    run = project.run_of(sha)
    refused = ci.call("POST", f"/api/v1/runs/{run}/retry", {})
    assert refused.status == 409 and refused.json["error"] == "run_active"
    flag.raise_it()
    ci.ended(run, "passed")
    refused = ci.call("POST", f"/api/v1/runs/{run}/cancel", {})
    assert refused.status == 409 and refused.json["error"] == "run_ended"
