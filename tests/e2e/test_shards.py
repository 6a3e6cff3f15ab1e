"""A job with `shards: N`: its parts run beside each other, by recorded durations, and are judged as one."""

import re

from harness import by_key

CTEST = "".join(
    f'add_test({name} "/bin/sh" "-c" "sleep {seconds}")\n'
    for name, seconds in [("slow", 1.5), ("a", 0), ("b", 0), ("c", 0)]
)
BY_CTEST = """version: 1
on: {push: {}}
gate: {branches: [main], require: [test]}
jobs:
  test: {kind: test, framework: ctest, shards: 2, run: "true"}
  after: {needs: [test], run: "true"}
"""


def names_run(ci, job):
    """Names of the tests that the job ran, from its log."""
    return set(re.findall(r"Test +#\d+: (\w+) \.", ci.log_of(job["id"]).decode()))


def test_shards_hold_every_test_once_and_even_out_by_the_durations_of_the_last_run(project, ci):
    files = {".ci.yml": BY_CTEST, "build/CTestTestfile.cmake": CTEST}
    detail, jobs = project.push_and_end(files, "passed")
    shards = [jobs["test (1/2)"], jobs["test (2/2)"]]
    assert [job["base"] for job in shards] == ["test", "test"]
    assert [job["shard"] for job in shards] == [{"of": "test", "index": n, "count": 2} for n in (1, 2)]
    # Nothing is known yet: as many here as there.
    first = [names_run(ci, job) for job in shards]
    assert sorted(first[0] | first[1]) == ["a", "b", "c", "slow"] and [len(part) for part in first] == [2, 2]
    assert jobs["after"]["started_at"] >= max(job["finished_at"] for job in shards)

    _, jobs = project.push_and_end({"note": "again"}, "passed")
    second = [names_run(ci, jobs["test (1/2)"]), names_run(ci, jobs["test (2/2)"])]
    assert sorted(second, key=len) == [{"slow"}, {"a", "b", "c"}]
    # The gate sees one job.
    assert [(check["name"], check["state"]) for check in project.gate(branch="main")["checks"]] == [("test", "passed")]


def lcov(*hits):
    lines = "".join(f"DA:{line},{hit}\n" for line, hit in enumerate(hits, 1))
    return f"TN:\nSF:src/a.c\n{lines}end_of_record\n"


def junit(*names):
    cases = "".join(f'<testcase classname="s" name="{name}" time="0.01"/>' for name in names)
    return f'<testsuites><testsuite name="s">{cases}</testsuite></testsuites>'


def own_command(*thresholds):
    return f"""version: 1
on: {{push: {{}}}}
gate: {{branches: [main], require: [test]}}
jobs:
  test:
    kind: test
    shards: 2
    run: [cp $CI_SHARD.lcov out.lcov, cp $CI_SHARD.xml out.xml]
    reports: {{junit: out.xml, coverage: out.lcov}}
    thresholds: [{", ".join(thresholds)}]
"""


def whole(ci, job, what="reports"):
    return ci.get(f"/api/v1/jobs/{job['id']}/{what}", shards="all")


def test_coverage_of_shards_is_joined_before_thresholds_judge_it(project, ci):
    files = {
        ".ci.yml": own_command("{metric: coverage.lines, min: 100%}", "{metric: tests.total, min: 3}"),
        "src/a.c": "1\n2\n3\n4\n",
        "1.lcov": lcov(1, 1, 0, 0),
        "2.lcov": lcov(0, 0, 1, 1),
        "1.xml": junit("one", "two"),
        "2.xml": junit("three"),
    }
    _, jobs = project.push_and_end(files, "passed")
    own = jobs["test (1/2)"]["reports"]["coverage"]
    assert (own["lines"], own["lines_covered"]) == (4, 2)
    joined = whole(ci, jobs["test (1/2)"])
    assert (joined["coverage"]["lines"], joined["coverage"]["lines_covered"]) == (4, 4)
    assert joined["tests"]["total"] == 3
    assert {result["verdict"] for result in joined["thresholds"]} == {"passed"}
    files = ci.get(f"/api/v1/jobs/{jobs['test (1/2)']['id']}/reports/coverage", shards="all", summary="true")
    assert files["items"][0]["covered"] == 4 and files["items"][0]["uncovered"] == ""

    # The base is what the shards of the run before said together.
    drop = {".ci.yml": own_command("{metric: coverage.lines, max_drop: 10}"), "2.lcov": lcov(0, 0, 1, 0)}
    detail, jobs = project.push_and_end(drop, "failed")
    shards = [jobs["test (1/2)"], jobs["test (2/2)"]]
    assert sorted(job["state"] for job in shards) == ["failed", "passed"]
    failed = next(job for job in shards if job["state"] == "failed")
    assert failed["cause"] == "policy"
    assert failed["message"].startswith("all 2 shards together: coverage.lines"), failed["message"]
    assert "75%" in failed["message"] and "100%" in failed["message"]
    assert whole(ci, failed, "comparison")["base"]["number"] == detail["run"]["number"] - 1
    checks = project.gate(branch="main")["checks"]
    assert [(check["name"], check["color"]) for check in checks] == [("test", "red")]


def test_a_job_that_gets_shards_is_compared_with_itself_before(project, ci):
    files = {
        ".ci.yml": own_command("{metric: coverage.lines, max_drop: 10}").replace("    shards: 2\n", ""),
        "src/a.c": "1\n2\n",
        ".lcov": lcov(1, 1),
        ".xml": junit("one"),
        "1.lcov": lcov(1, 0),
        "2.lcov": lcov(0, 0),
        "1.xml": junit("one"),
        "2.xml": junit("two"),
    }
    project.push_and_end(files, "passed")
    _, jobs = project.push_and_end({".ci.yml": own_command("{metric: coverage.lines, max_drop: 10}")}, "failed")
    bad = [job for job in jobs.values() if job["state"] == "failed"]
    assert len(bad) == 1 and "50%" in bad[0]["message"] and "100%" in bad[0]["message"]


def test_thresholds_are_not_judged_when_a_shard_has_no_reports(project, ci):
    text = own_command("{metric: coverage.lines, min: 100%}").replace(
        "run: [", 'timeout: 10m\n    run: ["if [ $CI_SHARD = 1 ]; then exit 3; fi", '
    )
    files = {".ci.yml": text, "2.lcov": lcov(1, 0), "2.xml": junit("x"), "src/a.c": "1\n2\n"}
    _, jobs = project.push_and_end(files, "failed")
    first, second = jobs["test (1/2)"], jobs["test (2/2)"]
    assert (first["state"], first["exit_code"], second["state"]) == ("failed", 3, "passed")
    problems = first["reports"].get("problems", []) + second["reports"].get("problems", [])
    assert "thresholds were not judged: a shard has ended without its reports" in problems


def test_a_run_of_shards_is_retried_as_one_job(project, ci):
    marks = ci.root / f"marks-{project.name}"
    text = own_command("{metric: coverage.lines, min: 100%}").replace(
        "run: [", f'run: ["if [ $CI_SHARD = 2 ] && ! [ -e {marks} ]; then touch {marks}; exit 3; fi", '
    )
    files = {
        ".ci.yml": text,
        "src/a.c": "1\n2\n",
        "1.lcov": lcov(1, 0),
        "2.lcov": lcov(0, 1),
        "1.xml": junit("one"),
        "2.xml": junit("two"),
    }
    detail, jobs = project.push_and_end(files, "failed")
    again = ci.ended(ci.post(f"/api/v1/runs/{detail['run']['id']}/retry", {})["id"])
    jobs = by_key(again)
    # What passed is carried over, and its part counts.
    assert {key: job["state"] for key, job in jobs.items()} == {"test (1/2)": "passed", "test (2/2)": "passed"}
    assert whole(ci, jobs["test (2/2)"])["coverage"]["lines_covered"] == 2
