"""`cache` and `memoize`: files that are kept between runs, whose they are, and results that need not be made again."""

import json

from wire import wait_for

HEAD = "version: 1\non: {push: {}, pull_request: {}, manual: {}}\njobs:\n"
CACHED = HEAD + """
  build:
    cache: [{key: "deps-KEY", paths: [.deps, "*.lock"], restore: [deps-]}]
    run: |
      cat .deps/list 2>/dev/null || echo empty
      mkdir -p .deps; echo "made by KEY" >> .deps/list; echo x > one.lock
      RUN
"""


def cached(key, run="true"):
    return {".ci.yml": CACHED.replace("KEY", key).replace("RUN", run)}


def said(ci, jobs, key="build"):
    return ci.log_of(jobs[key]["id"]).decode()


def test_a_cache_is_kept_by_key_and_found_by_prefix(project, ci):
    _, jobs = project.push_and_end(cached("1"), "passed")
    first = said(ci, jobs)
    assert "cache deps-1: nothing was kept under this key" in first and "\nempty\n" in first
    assert "cache deps-1: kept 2 files" in first
    # Exactly this key: restored, and not written again.
    _, jobs = project.push_and_end({**cached("1"), "x": "y"}, "passed")
    second = said(ci, jobs)
    assert "cache deps-1: restored 2 files" in second and "of run 1\n" in second and "\nmade by 1\n" in second
    assert "kept" not in second
    # By prefix: the newest, and the result is kept under the new key.
    _, jobs = project.push_and_end(cached("2"), "passed")
    third = said(ci, jobs)
    assert "of deps-1, run 1" in third and "cache deps-2: kept 2 files" in third
    _, jobs = project.push_and_end({**cached("2"), "x": "z"}, "passed")
    assert "made by 1\nmade by 2\n" in said(ci, jobs)
    # Nobody downloads caches as artifacts.
    assert ci.get(f"/api/v1/jobs/{jobs['build']['id']}/artifacts")["artifacts"] == []


def test_only_a_passed_job_fills_a_cache(project, ci):
    _, jobs = project.push_and_end(cached("broken", "exit 1"), "failed")
    assert "kept 2 files" not in said(ci, jobs)
    _, jobs = project.push_and_end(cached("broken"), "passed")
    assert "nothing was kept under this key" in said(ci, jobs)


def test_caches_flow_from_trusted_branches_down_and_never_up(project, ci):
    """S22: a branch reads what the default branch wrote; the default branch never reads a branch's."""
    project.push_and_end(cached("main"), "passed")
    _, jobs = project.push_and_end({**cached("main"), "b": "1"}, "passed", branch="feature")
    assert "cache deps-main: restored 2 files" in said(ci, jobs)
    _, jobs = project.push_and_end(cached("evil"), "passed", branch="feature")
    assert "cache deps-evil: kept 2 files" in said(ci, jobs)
    _, jobs = project.push_and_end(cached("evil"), "passed", branch="main")
    onmain = said(ci, jobs)
    assert "of deps-main, run 1" in onmain and "deps-evil, run" not in onmain
    _, jobs = project.push_and_end({**cached("evil"), "c": "1"}, "passed", branch="other")
    assert "made by main\nmade by evil\n" in said(ci, jobs)
    scopes = {row["scope"] for row in ci.rows("SELECT scope FROM packs WHERE kind = 'cache' AND project_id = ?",
                                              project.id)}
    assert scopes == {"T3 branch main", "T2 branch feature"}


MEMO = HEAD + """
  slow:
    memoize: {files: ["src/**"]}
    env: {LEVEL: "LEVEL"}
    outputs: {value: string, file: {path: out/file, type: file}}
    artifacts: [out/file]
    run: |
      mkdir -p out; cat src/* > out/file; echo "value=$(cat src/a)-$LEVEL" >> $CI_OUTPUT
      echo it runs
  use:
    needs: [slow]
    inputs: {file: slow.file}
    env: {VALUE: "${{ needs.slow.outputs.value }}"}
    run: echo "$VALUE $(cat $CI_INPUT_FILE)"
"""


def test_a_result_is_reused_and_a_miss_says_why(project, ci):
    files = {".ci.yml": MEMO.replace('"LEVEL"', '"1"'), "src/a": "one\n"}
    detail, jobs = project.push_and_end(files, "passed")
    assert "memoize: no earlier result of this job" in said(ci, jobs, "slow")
    # Nothing that it depends on: another file, another message.
    detail, jobs = project.push_and_end({"README": "other\n"}, "passed")
    log = said(ci, jobs, "slow")
    assert "memoize: nothing that it depends on changed since run 1: its result is reused" in log
    assert "it runs" not in log
    assert jobs["slow"]["message"] == "reused the result of run 1"
    assert [step["state"] for step in jobs["slow"]["steps"]] == ["skipped"]
    assert jobs["slow"]["outputs"]["value"] == "one-1"
    assert ci.log_of(jobs["use"]["id"]).decode().endswith("one-1 one\n")
    got = ci.call("GET", f"/api/v1/jobs/{jobs['slow']['id']}/artifacts/artifacts/files/out/file")
    assert got.body == b"one\n"
    _, jobs = project.push_and_end({"src/a": "two\n"}, "passed")
    assert "memoize: runs, because `files` changed since run 1" in said(ci, jobs, "slow")
    _, jobs = project.push_and_end({".ci.yml": MEMO.replace('"LEVEL"', '"2"')}, "passed")
    assert "memoize: runs, because `env` changed since run 3" in said(ci, jobs, "slow")
    # What was true once is true again.
    _, jobs = project.push_and_end({".ci.yml": files[".ci.yml"], "src/a": "one\n"}, "passed")
    assert "changed since run 1: its result is reused" in said(ci, jobs, "slow")


def test_inputs_are_part_of_the_key(project, ci):
    text = HEAD + """
  make: {outputs: {data: {type: file}}, run: "cat src/a > $CI_OUTPUT_DIR/data"}
  slow:
    needs: [make]
    inputs: {data: make.data}
    memoize: {files: ["none/**"]}
    run: cat $CI_INPUT_DATA
"""
    project.push_and_end({".ci.yml": text, "src/a": "one\n"}, "passed")
    _, jobs = project.push_and_end({"README": "x"}, "passed")
    assert "its result is reused" in said(ci, jobs, "slow")
    _, jobs = project.push_and_end({"src/a": "two\n"}, "passed")
    assert "memoize: runs, because `inputs.data` changed since run 1" in said(ci, jobs, "slow")
    assert json.dumps(jobs["slow"]["reports"]) is not None


def test_beyond_the_limit_the_cache_that_was_not_used_for_longest_goes(world):
    server = world.server(args=["--cache-limit", "5M"])
    server.wait_agent_online()
    project = server.project("app", hooks=())
    pipeline = HEAD + """
  fill:
    cache: [{key: NAME, paths: [big]}]
    run: "[ -e big ] || head -c 2000000 /dev/urandom > big"
"""

    def uses(name, push):
        run = project.run_of(project.push({".ci.yml": pipeline.replace("NAME", name), "push": str(push)}))
        detail = server.ended(run, "passed")
        return server.log_of(detail["jobs"][0]["id"]).decode()

    assert "cache a: kept" in uses("a", 1)
    assert "cache b: kept" in uses("b", 2)
    assert "cache a: restored" in uses("a", 3)
    assert "cache c: kept" in uses("c", 4)  # 6 MB now, and b was not used since
    wait_for(lambda: "packs removed count=1" in server.log, "a cache to go")
    wait_for(lambda: "blobs removed count=" in server.log, "its bytes to go")
    assert sum(file.stat().st_size for file in (server.data / "blobs").rglob("*") if file.is_file()) < 5_000_000
    assert "cache a: restored" in uses("a", 5)
    assert "cache c: restored" in uses("c", 6)
    assert "cache b: nothing was kept" in uses("b", 7)
