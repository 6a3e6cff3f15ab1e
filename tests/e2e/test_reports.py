"""Reports as data: lists that are filtered and paged, comparison with the base, flaky tests, history."""

import json

from forges import GitHub
from harness import by_key


def junit(**cases):
    """name → seconds, or a message: then it failed."""
    text = ""
    for name, what in cases.items():
        if isinstance(what, str):
            text += f'<testcase classname="s" name="{name}" time="0.2"><failure message="{what}">t</failure></testcase>'
        else:
            text += f'<testcase classname="s" name="{name}" time="{what}"/>'
    return f'<testsuites><testsuite name="s">{text}</testsuite></testsuites>'


def pipeline(job):
    return f"version: 1\non: {{push: {{}}}}\njobs:\n{job}"


TEST = pipeline("  test: {kind: test, run: 'true', reports: {junit: out.xml}}\n")


def items(ci, job, name, **query):
    return ci.get(f"/api/v1/jobs/{job['id']}/reports/{name}", **query)


def names(reply):
    return [item["name"] for item in reply["items"]]


def test_tests_are_filtered_sorted_and_paged_by_the_server(project, ci):
    project.push_and_end({".ci.yml": TEST, "out.xml": junit(a=0.1, b=0.1, c="old")}, "failed")
    cases = {"a": 0.1, "b": "broke", "c": "old", **{f"n{i}": 0.01 for i in range(20)}, "slow": 3}
    _, jobs = project.push_and_end({"out.xml": junit(**cases)}, "failed")
    job = jobs["test"]
    reply = items(ci, job, "tests", limit=5)
    assert names(reply) == ["a", "b", "c", "n0", "n1"] and reply["total"] == 24 and reply["next"] == 5
    assert names(items(ci, job, "tests", sort="worst", limit=3)) == ["b", "c", "a"]
    assert names(items(ci, job, "tests", sort="slowest", limit=1)) == ["slow"]
    assert names(items(ci, job, "tests", state="failed")) == ["b", "c"]
    assert names(items(ci, job, "tests", state="new")) == ["b"]
    found = items(ci, job, "tests", q="N1", sort="name")
    assert names(found) == ["n1", *(f"n{i}" for i in range(10, 20))] and found["next"] is None
    by_name = {item["name"]: item for item in items(ci, job, "tests")["items"]}
    assert by_name["b"]["base_state"] == "passed" and by_name["b"]["new_failure"] is True
    assert by_name["c"]["new_failure"] is False and "base_state" not in by_name["slow"]
    assert ci.call("GET", f"/api/v1/jobs/{job['id']}/reports/tests?state=odd").json["error"] == "bad_query"

    compared = ci.get(f"/api/v1/jobs/{job['id']}/comparison")
    assert compared["base"]["branch"] == "main" and compared["base"]["name"].startswith("run ")
    tests = compared["tests"]
    assert (tests["new_failures"], tests["still_failing"], tests["fixed"], tests["added"]) == (1, 1, 0, 21)
    assert tests["new_failure_names"] == [{"suite": "s", "name": "b"}]
    numbers = {metric["name"]: metric for metric in compared["metrics"]}
    assert (numbers["tests.failed"]["value"], numbers["tests.failed"]["base"]) == (2, 1)


def test_findings_tell_new_old_and_fixed_ones(project, ci):
    text = pipeline("  lint: {kind: lint, tools: [], run: 'true', reports: {findings: f.json}, fail_on: {scope: none}}\n")
    text = text.replace("tools: [], ", "")

    def finding(file, line, rule, severity="warning"):
        return {"tool": "mine", "rule": rule, "severity": severity, "message": f"m {rule}", "file": file, "line": line}

    source = "one\ntwo\nthree\n"
    first = [finding("a.c", 1, "r1"), finding("a.c", 2, "r2")]
    project.push_and_end({".ci.yml": text, "a.c": source, "f.json": json.dumps(first)}, "passed")
    # Lines moved down by two; r2 is gone, r3 came.
    second = [finding("a.c", 3, "r1"), finding("a.c", 5, "r3", "error"), finding("b.c", 1, "r3", "note")]
    _, jobs = project.push_and_end(
        {"a.c": "zero\nhalf\n" + source, "b.c": "x\n", "f.json": json.dumps(second)}, "passed"
    )
    job = jobs["lint"]

    def rules(**query):
        return [(f["file"], f["rule"]) for f in items(ci, job, "findings", sort="file", **query)["items"]]

    assert rules() == [("a.c", "r1"), ("a.c", "r3"), ("b.c", "r3")]
    assert rules(state="new") == [("a.c", "r3"), ("b.c", "r3")]
    assert rules(state="existing") == [("a.c", "r1")]
    assert rules(state="fixed") == [("a.c", "r2")]
    assert rules(severity="error,note") == [("a.c", "r3"), ("b.c", "r3")]
    assert rules(q="B.C") == [("b.c", "r3")]
    assert (job["reports"]["findings"]["added"], job["reports"]["findings"]["fixed"]) == (2, 1)
    # The next run is compared with what is there, not with what was fixed.
    _, jobs = project.push_and_end({"note": "x"}, "passed")
    assert (jobs["lint"]["reports"]["findings"]["added"], jobs["lint"]["reports"]["findings"]["fixed"]) == (0, 0)


def test_coverage_lists_what_the_change_left_uncovered_first(project, ci):
    text = pipeline("  test: {kind: test, run: 'true', reports: {junit: out.xml, coverage: out.lcov}}\n")

    def lcov(**files):
        return "".join(
            f"SF:{name}.c\n" + "".join(f"DA:{n},{hit}\n" for n, hit in enumerate(hits, 1)) + "end_of_record\n"
            for name, hits in files.items()
        )

    project.push_and_end(
        {".ci.yml": text, "out.xml": junit(a=0.1), "a.c": "1\n2\n3\n", "b.c": "1\n2\n", "out.lcov": lcov(a=[0, 0, 0])},
        "passed",
    )
    _, jobs = project.push_and_end({"b.c": "1\n2\n3\n4\n", "out.lcov": lcov(a=[0, 0, 0], b=[1, 1, 1, 0])}, "passed")
    reply = items(ci, jobs["test"], "coverage", summary="true", sort="worst")
    assert [item["file"] for item in reply["items"]] == ["b.c", "a.c"]
    b, a = reply["items"]
    assert (b["lines"], b["covered"], b["changed_lines"], b["changed_covered"]) == (4, 3, 2, 1)
    assert (b["uncovered"], b["changed_uncovered"], a["uncovered"]) == ("4", "4", "1-3")
    full = items(ci, jobs["test"], "coverage", q="b.c")["items"][0]
    assert full["lines"] == [[1, 1], [2, 1], [3, 1], [4, 0]] and full["changed"] == [3, 4]


def flaky_of(ci, project):
    return ci.get(f"{project.path}/flaky-tests")["tests"]


def test_a_test_that_fails_and_passes_when_the_run_is_retried_is_flaky(project, ci):
    mark = ci.root / f"mark-{project.name}"
    run = f'if [ -e {mark} ]; then cp good.xml out.xml; else touch {mark}; cp bad.xml out.xml; fi'
    text = pipeline(f"  test: {{kind: test, run: '{run}', reports: {{junit: out.xml}}}}\n")
    detail, jobs = project.push_and_end(
        {".ci.yml": text, "good.xml": junit(a=0.1, b=0.1), "bad.xml": junit(a="timed out", b=0.1)}, "failed"
    )
    assert flaky_of(ci, project) == []
    again = ci.ended(ci.post(f"/api/v1/runs/{detail['run']['id']}/retry", {})["id"], "passed")
    tests = by_key(again)["test"]["reports"]["tests"]
    assert tests["flaky"] == 1 and tests["flaky_cases"][0]["name"] == "a"
    (record,) = flaky_of(ci, project)
    assert (record["name"], record["failures"], record["flaky_commits"]) == ("a", 1, 1)
    assert record["message"] == "timed out" and record["last_job_id"] == jobs["test"]["id"]
    compared = ci.get(f"/api/v1/jobs/{by_key(again)['test']['id']}/comparison")
    assert [row["name"] for row in compared["records"]] == ["a"]


def test_an_attempt_that_passes_after_one_that_failed_makes_a_flaky_test(project, ci):
    run = 'cp $CI_ATTEMPT.xml out.xml; test $CI_ATTEMPT = 2'
    text = pipeline(f"  test: {{kind: test, retry: {{script: 1}}, run: '{run}', reports: {{junit: out.xml}}}}\n")
    _, jobs = project.push_and_end({".ci.yml": text, "1.xml": junit(a="no"), "2.xml": junit(a=0.1)}, "passed")
    assert jobs["test"]["attempt"] == 2
    assert jobs["test"]["reports"]["tests"]["flaky"] == 1
    assert [record["name"] for record in flaky_of(ci, project)] == ["a"]


def test_a_test_that_breaks_on_a_commit_where_it_passed_is_flaky_one_that_a_change_breaks_is_not(project, ci):
    mark = ci.root / f"mark-{project.name}"
    run = f'if [ -e {mark} ]; then cp bad.xml out.xml; else touch {mark}; cp good.xml out.xml; fi'
    text = pipeline(f"  test: {{kind: test, run: '{run}', reports: {{junit: out.xml}}}}\n")
    detail, _ = project.push_and_end({".ci.yml": text, "good.xml": junit(a=0.1), "bad.xml": junit(a="no")}, "passed")
    again = ci.ended(
        ci.call("POST", f"/api/v1/runs/{detail['run']['id']}/retry?all=true", {}).json["id"], "failed"
    )
    assert by_key(again)["test"]["reports"]["tests"]["failures"][0]["flaky"] is True
    assert [record["name"] for record in flaky_of(ci, project)] == ["a"]
    # On the next commit it fails, too; there it has never passed.
    _, jobs = project.push_and_end({"note": "x"}, "failed")
    assert "flaky" not in jobs["test"]["reports"]["tests"]["failures"][0]
    (record,) = flaky_of(ci, project)
    assert (record["failures"], record["commits"], record["flaky_commits"]) == (2, 2, 1)


def test_numbers_of_a_branch_make_a_history(project, ci):
    text = pipeline(
        "  test: {kind: test, run: 'true', reports: {junit: out.xml, metrics: m.json}}\n  other: {run: 'true'}\n"
    )
    for size in (10, 12, 11):
        project.push_and_end({".ci.yml": text, "out.xml": junit(a=0.1), "m.json": json.dumps({"size": size})}, "passed")
    assert ci.get(f"{project.path}/metrics")["jobs"] == ["test"]
    history = ci.get(f"{project.path}/metrics", job="test")
    assert [point["metrics"]["size"] for point in history["points"]] == [10, 12, 11]
    assert [point["number"] for point in history["points"]] == sorted(p["number"] for p in history["points"])
    assert [p["metrics"]["size"] for p in ci.get(f"{project.path}/metrics", job="test", limit=2)["points"]] == [12, 11]
    assert ci.get(f"{project.path}/metrics", job="test", branch="other")["points"] == []


def test_a_threshold_names_what_it_is_compared_with(ci, name):
    project, forge = ci.project(name, forge="github", hooks=()), GitHub()
    text = """version: 1
on: {push: {}, pull_request: {}}
jobs:
  measure:
    run: "true"
    reports: {metrics: m.json}
    thresholds: [{metric: ms, max_rise: 10, against: %s}]
"""
    files = {".ci.yml": text % "merge_base", "m.json": '{"ms": 100}'}
    project.push_and_end(files, "passed")
    heads = {}
    for against in ("merge_base", "target"):
        heads[against] = project.repo.commit({".ci.yml": text % against, "m.json": '{"ms": 80}'}, branch=against)
        project.repo.push(against)
    # Meanwhile the target branch got better.
    project.push_and_end({"m.json": '{"ms": 50}'}, "passed")
    ended = {}
    for number, (against, sha) in enumerate(heads.items(), 7):
        forge.send(project, *forge.pull_request("opened", sha, number=number))
        ended[against] = by_key(ci.ended(project.run_of(sha, "pull_request")))["measure"]
    assert ended["merge_base"]["state"] == "passed"
    assert ended["merge_base"]["reports"]["thresholds"][0]["base"] == 100
    assert ended["target"]["state"] == "failed" and ended["target"]["cause"] == "policy"
    assert ended["target"]["reports"]["thresholds"][0]["base"] == 50
