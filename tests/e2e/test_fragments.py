"""`uses`: steps and jobs of other files, on a server and by `sluice run`."""

from harness import environment, run, BIN
from test_local_run import GIT, Checkout

BUILD = """
version: 1
params:
  compiler: {type: choice, options: [gcc, clang]}
  level: 1
steps:
  - "echo building with ${{ params.compiler }} at ${{ params.level }}"
  - {run: 'echo "mode $MODE"', id: mode}
  - {run: echo after, if: "steps.mode.outcome == 'passed'"}
"""
RELEASE = """
version: 1
params: {what: {type: string}}
jobs:
  make: {run: 'echo "$WHAT" > out.txt; echo "$WHAT"', env: {WHAT: "${{ params.what }}"}}
  sign: {needs: [make], uses: ./.ci/lib/sign.yml}
"""
SIGN = """
version: 1
jobs: {sum: {steps: [echo signed]}}
"""
PIPELINE = """
version: 1
on: {push: {}, manual: {}}
gate: {require: [release]}
jobs:
  build:
    matrix: {cc: [gcc, clang]}
    env: {MODE: fast}
    uses: ./.ci/lib/build.yml
    with: {compiler: "${{ matrix.cc }}", level: 2}
  release:
    needs: [build]
    if: branch == 'main'
    uses: ./.ci/lib/release.yml
    with: {what: "of ${{ branch ?? '' }}"}
  last: {needs: [release], run: "true"}
"""
FILES = {".ci.yml": PIPELINE, ".ci/lib/build.yml": BUILD, ".ci/lib/release.yml": RELEASE, ".ci/lib/sign.yml": SIGN}
KEYS = ["build (gcc)", "build (clang)", "release/make", "release/sign/sum", "last"]


def test_steps_and_jobs_of_fragments_run_as_if_they_stood_in_the_file(project, ci):
    detail, jobs = project.push_and_end(FILES, "passed")
    assert [job["key"] for job in detail["jobs"]] == KEYS
    assert ci.log_of(jobs["build (clang)"]["id"]) == b"building with clang at 2\nmode fast\nafter\n"
    assert ci.log_of(jobs["release/make"]["id"]) == b"of main\n"
    assert jobs["last"]["needs"] == ["release"]
    assert jobs["last"]["started_at"] >= jobs["release/sign/sum"]["finished_at"]
    gate = project.gate(sha=detail["run"]["sha"])
    assert gate["verdict"] == "green"
    assert [check["name"] for check in gate["checks"]] == ["release/make", "release/sign/sum"]


def test_what_holds_for_the_caller_holds_for_all_its_jobs(project):
    detail, jobs = project.push_and_end(FILES, "passed", branch="topic")
    assert [job["state"] for job in detail["jobs"]] == ["passed", "passed", "not_selected", "not_selected", "passed"]
    assert jobs["release/make"]["message"] == "`if: branch == 'main'` of `release` is false"
    broken = {**FILES, ".ci/lib/build.yml": BUILD.replace("echo after", "exit 3")}
    _, jobs = project.push_and_end(broken, "failed", message="broken")
    assert {key: job["state"] for key, job in jobs.items() if key not in KEYS[:2]} == {
        "release/make": "blocked", "release/sign/sum": "blocked", "last": "blocked"}


OUTPUTS = {
    ".ci.yml": """
version: 1
on: {push: {}, manual: {}}
jobs:
  pick: {outputs: {mode: string}, run: "cat mode >> $CI_OUTPUT"}
  release:
    needs: [pick]
    uses: ./.ci/lib/release.yml
    with: {mode: "${{ needs.pick.outputs.mode }}"}
  use:
    needs: [release]
    env: {NOTES: "${{ needs.release.outputs.notes }}"}
    run: 'echo "got $NOTES, ${{ needs.release.outputs.size }}"'
""",
    ".ci/lib/release.yml": """
version: 1
params: {mode: {type: choice, options: [fast, slow]}}
outputs: {notes: string, size: number}
jobs:
  make: {outputs: {size: number}, run: "echo size=42 >> $CI_OUTPUT; echo ${{ params.mode }}"}
  text: {needs: [make], outputs: {notes: string}, run: "echo 'notes=all $(new)' >> $CI_OUTPUT"}
""",
    "mode": "mode=slow\n",
}


def test_outputs_of_what_a_caller_calls_are_its_outputs(project, ci):
    _, jobs = project.push_and_end(OUTPUTS, "passed")
    assert ci.log_of(jobs["release/make"]["id"]) == b"slow\n"
    assert ci.log_of(jobs["use"]["id"]) == b"got all $(new), 42\n"


def test_a_value_that_comes_late_must_be_one_that_the_param_takes(project):
    detail, jobs = project.push_and_end({**OUTPUTS, "mode": "mode=slow; touch pwned\n"}, "failed")
    assert (jobs["release/make"]["state"], jobs["release/make"]["cause"]) == ("failed", "config")
    assert jobs["release/make"]["message"] == "param `mode` is one of fast, slow, got `slow; touch pwned`"
    assert jobs["use"]["state"] == "blocked"


def test_a_local_run_hands_outputs_of_a_fragment_on(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.write(OUTPUTS)
    checkout.commit()
    assert set(checkout.states()[0].values()) == {"passed"}
    checkout.write({"mode": "mode=other\n"})
    assert checkout.states()[0]["release/make"] == "failed"


CELLS = {
    ".ci.yml": """
version: 1
on: {push: {}, manual: {}}
gate: {require: [ship]}
jobs:
  ship:
    matrix: {stage: [test, live], max_parallel: 1}
    uses: ./.ci/lib/ship.yml
    with: {stage: "${{ matrix.stage }}"}
  all:
    needs: [ship]
    env: {GOT: "${{ needs.ship.cells[0].outputs.release ?? 'none' }}, ${{ needs.ship.cells[1].outputs.release ?? 'none' }}"}
    inputs: {notes: {from: "ship[*].notes"}}
    run: 'echo "$GOT"; cd $CI_INPUT_NOTES; cat test/text live/text'
  live:
    needs: [{job: ship, matrix: {stage: live}}]
    inputs: {notes: ship.notes}
    run: 'cat $CI_INPUT_NOTES/text; echo "${{ needs.ship.outputs.size }}"'
""",
    ".ci/lib/ship.yml": """
version: 1
params: {stage: {type: choice, options: [test, live]}}
outputs: {release: string, size: number, notes: {type: dir}}
jobs:
  build: {matrix: {os: [linux, mac]}, run: "echo build ${{ params.stage }} ${{ matrix.os }}"}
  go:
    needs: [build]
    outputs: {release: string, size: number, notes: {type: dir}}
    env: {STAGE: "${{ params.stage }}"}
    run: |
      echo "release=of $STAGE" >> $CI_OUTPUT
      echo size=${#STAGE} >> $CI_OUTPUT
      mkdir $CI_OUTPUT_DIR/notes
      echo "notes of $STAGE" > $CI_OUTPUT_DIR/notes/text
""",
}
CELL_KEYS = ["ship (test)/build (linux)", "ship (test)/build (mac)", "ship (live)/build (linux)", "ship (live)/build (mac)",
             "ship (test)/go", "ship (live)/go", "all", "live"]


def test_each_cell_of_a_caller_is_an_expansion_of_its_own(project, ci):
    detail, jobs = project.push_and_end(CELLS, "passed")
    assert sorted(jobs) == sorted(CELL_KEYS)
    assert ci.log_of(jobs["ship (live)/build (mac)"]["id"]) == b"build live mac\n"
    assert jobs["ship (live)/build (mac)"]["matrix"] == {"os": "mac", "stage": "live"}
    # One expansion at a time.
    assert jobs["ship (live)/build (linux)"]["started_at"] >= jobs["ship (test)/go"]["finished_at"]
    assert ci.log_of(jobs["all"]["id"]).endswith(b"\nof test, of live\nnotes of test\nnotes of live\n")
    assert ci.log_of(jobs["live"]["id"]).endswith(b"\nnotes of live\n4\n")
    gate = project.gate(sha=detail["run"]["sha"])
    assert gate["verdict"] == "green"
    assert {check["name"] for check in gate["checks"]} == {"ship/build", "ship/go"}


def test_a_local_run_expands_a_caller_by_its_cells(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.write(CELLS)
    checkout.commit()
    states, code = checkout.states()
    assert code == 0 and set(states) == set(CELL_KEYS) and set(states.values()) == {"passed"}
    assert set(checkout.states("ship (live)")[0]) == {key for key in CELL_KEYS if key.startswith("ship (live)")}
    assert set(checkout.states("live")[0]) == {"live", *(key for key in CELL_KEYS if key.startswith("ship (live)"))}


def test_mistakes_in_fragments_have_their_place_in_the_right_file(project):
    detail, _ = project.push_and_end(
        {**FILES, ".ci/lib/sign.yml": "version: 1\njobs: {sum: {needs: [gone], steps: [x]}}\n",
         ".ci.yml": PIPELINE.replace("level: 2", "level: many")}, "errored")
    found = {(d["file"], d["line"], d["message"]) for d in detail["diagnostics"]}
    assert found == {
        (".ci.yml", 10, "param `level` is a number, got `many`"),
        (".ci/lib/sign.yml", 2, "`release/sign/sum` needs `gone`, which exists in no file")}


def test_a_fragment_of_another_repository_must_be_reachable(project):
    detail, _ = project.push_and_end(
        {".ci.yml": "version: 1\non: {push: {}}\njobs:\n  a: {uses: 'git+https://127.0.0.1/lib//a.yml@"
                    + "a" * 40 + "'}\n"}, "errored")
    message = detail["diagnostics"][0]["message"]
    assert "cannot be fetched" in message and "127.0.0.1" in message


def test_validate_and_a_local_run_read_fragments_of_the_dirty_tree(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.write(FILES)
    checkout.commit()
    states, code = checkout.states()
    assert code == 0 and list(states) == KEYS and set(states.values()) == {"passed"}
    only, _ = checkout.states("release")
    assert list(only) == KEYS[:4]
    checkout.write({".ci/lib/sign.yml": SIGN.replace("echo signed", "{ uses: ./.ci/lib/nowhere.yml }")})
    done = run([BIN / "sluice", "validate"], cwd=checkout.path, env={**environment(tmp_path), **GIT}, check=False)
    assert done.returncode == 1
    assert ".ci/lib/sign.yml:3:" in done.stdout and "does not exist at this commit" in done.stdout
    assert "| jobs: {sum: {steps: [{ uses: ./.ci/lib/nowhere.yml }]}}" in done.stdout
