"""What a job reads of others: outputs by env, run and if, needs by cell, and the limits of a matrix."""

import json

from harness import Flag, by_key
from wire import wait_for

HEAD = "version: 1\non: {push: {}, manual: {}}\njobs:\n"
DIGEST = "sha256:" + "ab" * 32


def held(ci, run, key):
    return wait_for(lambda: (job := by_key(ci.detail(run))[key])["state"] == "held" and job, f"{key} to be held")


def test_outputs_travel_from_job_to_job(project, ci):
    text = HEAD + """
  build:
    outputs: {tag: string, digest: digest, count: number, clean: boolean, parts: list, unwritten: string}
    run: |
      echo 'tag=v1 $(touch pwned) ${{ "${{ sha }}" }}' >> $CI_OUTPUT
      echo digest=DIGEST >> $CI_OUTPUT
      echo count=2.50 >> $CI_OUTPUT
      echo clean=true >> $CI_OUTPUT
      printf 'parts<<END\\na b\\nc\\nEND\\n' >> $CI_OUTPUT
      echo odd=1 >> $CI_OUTPUT
  use:
    needs: [build]
    env: {TAG: "${{ needs.build.outputs.tag }}", PARTS: "${{ join(needs.build.outputs.parts, '+') }}"}
    run: |
      echo "$TAG|$PARTS|${{ needs.build.outputs.digest }}|${{ needs.build.outputs.count }}"
      test ! -e pwned
  yes: {needs: [build], if: needs.build.outputs.clean, run: "true"}
  no: {needs: [build], if: needs.build.outputs.count > 3, run: "true"}
  chain: {needs: [use], env: {N: "${{ needs.build.outputs.count }}"}, run: 'echo $N'}
""".replace("DIGEST", DIGEST)
    detail, jobs = project.push_and_end({".ci.yml": text}, "passed")
    assert jobs["build"]["outputs"] == {"tag": "v1 $(touch pwned) ${{ sha }}", "digest": DIGEST, "count": 2.5,
                                        "clean": True, "parts": ["a b", "c"]}
    assert b"`odd` is not declared in `outputs` of the job" in ci.log_of(jobs["build"]["id"])
    said = f"v1 $(touch pwned) ${{{{ sha }}}}|a b+c|{DIGEST}|2.5\n"
    assert ci.log_of(jobs["use"]["id"]).decode() == said
    assert (jobs["yes"]["state"], jobs["no"]["state"]) == ("passed", "not_selected")
    assert ci.log_of(jobs["chain"]["id"]) == b"2.5\n"
    shown = ci.sluice("run", "show", detail["run"]["id"]).stdout
    assert "build: count = 2.5\n" in shown and 'build: parts = ["a b","c"]\n' in shown


def test_a_wrong_type_fails_the_job_and_blocks_its_reader(project):
    text = HEAD + """
  build: {outputs: {count: number, tag: string}, run: "echo count=many >> $CI_OUTPUT"}
  use: {needs: [build], when: always, env: {N: "${{ needs.build.outputs.count }}"}, run: "true"}
  spare:
    needs: [{job: build, optional: true}]
    when: always
    env: {T: "${{ needs.build.outputs.tag ?? 'none' }}"}
    run: test $T = none
  careless: {needs: [{job: build, optional: true}], when: always, env: {T: "${{ needs.build.outputs.tag }}"}, run: "true"}
"""
    _, jobs = project.push_and_end({".ci.yml": text}, "failed")
    assert (jobs["build"]["state"], jobs["build"]["cause"]) == ("failed", "config")
    assert 'output `count` is not a number: "many"' in jobs["build"]["message"]
    assert jobs["use"]["state"] == "blocked"
    assert jobs["use"]["message"] == "`build` failed without its output `count`, which this job reads"
    assert jobs["spare"]["state"] == "passed"
    assert (jobs["careless"]["state"], jobs["careless"]["cause"]) == ("failed", "config")
    assert jobs["careless"]["message"] == "`env.T` cannot be evaluated: `needs.build.outputs.tag` is null"


def test_steps_read_what_earlier_ones_wrote(project, ci):
    text = HEAD + """
  a:
    steps:
      - {id: look, run: "echo seen=yes >> $CI_OUTPUT"}
      - {run: 'echo "saw $SEEN"', if: steps.look.outputs.seen == 'yes', env: {SEEN: "${{ upper(steps.look.outputs.seen) }}"}}
      - {run: echo never, if: steps.look.outputs.seen == 'no'}
"""
    _, jobs = project.push_and_end({".ci.yml": text}, "passed")
    assert ci.log_of(jobs["a"]["id"]) == b"saw YES\n"
    assert [step["state"] for step in jobs["a"]["steps"]] == ["passed", "passed", "skipped"]


def test_a_cell_needs_the_cell_with_its_values(project, ci):
    flag = Flag(ci.root)
    text = HEAD + f"""
  build:
    matrix: {{os: [linux, mac]}}
    outputs: {{wheel: string}}
    env: {{OS: "${{{{ matrix.os }}}}"}}
    run: |
      if [ $OS = mac ]; then {flag.wait()}; fi
      echo wheel=app-$OS >> $CI_OUTPUT
  test:
    matrix: {{os: [linux, mac]}}
    needs: [{{job: build, matrix: [os]}}]
    env: {{WHEEL: "${{{{ needs.build.outputs.wheel }}}}"}}
    run: echo $WHEEL
  all:
    needs: [build]
    env: {{CELLS: "${{{{ to_json(needs.build.cells) }}}}"}}
    run: echo "$CELLS"
"""
    run = project.run_of(project.push({".ci.yml": text}))
    early = wait_for(lambda: (job := by_key(ci.detail(run))["test (linux)"])["state"] == "passed" and job,
                     "the cell whose need has ended")
    waiting = by_key(ci.detail(run))["test (mac)"]
    assert (waiting["state"], waiting["wait_reason"]) == ("waiting", "waiting for build (os: mac)")
    flag.raise_it()
    jobs = by_key(ci.ended(run, "passed"))
    assert ci.log_of(early["id"]) == b"app-linux\n"
    assert ci.log_of(jobs["test (mac)"]["id"]) == b"app-mac\n"
    cells = json.loads(ci.log_of(jobs["all"]["id"]))
    assert [(cell["matrix"]["os"], cell["result"], cell["outputs"]["wheel"]) for cell in cells] == [
        ("linux", "passed", "app-linux"), ("mac", "passed", "app-mac")]


def test_fail_fast_ends_the_other_cells(project, ci):
    flag = Flag(ci.root)
    text = HEAD + f"""
  a:
    matrix: {{n: [1, 2, 3], fail_fast: true, max_parallel: 2}}
    env: {{N: "${{{{ matrix.n }}}}"}}
    run: |
      if [ $N = 1 ]; then {flag.wait()}; exit 1; fi
      {flag.mark()}
      sleep 300
  other: {{needs: [{{job: a, matrix: {{n: 1}}}}], when: always, run: "true"}}
"""
    _, jobs = project.push_and_end({".ci.yml": text}, "failed")
    assert [jobs[f"a ({n})"]["state"] for n in (1, 2, 3)] == ["failed", "cancelled", "cancelled"]
    for n in (2, 3):
        assert "`a (1)` failed, and `fail_fast` ends the other cells" in jobs[f"a ({n})"]["message"]
    assert jobs["a (3)"]["attempt"] == 0 and jobs["other"]["state"] == "passed"


def test_max_parallel_runs_so_many_cells_at_a_time(project, ci):
    go = Flag(ci.root)
    text = HEAD + f"""
  a:
    matrix: {{n: [1, 2, 3], max_parallel: 1}}
    run: "{go.wait()}"
"""
    run = project.run_of(project.push({".ci.yml": text}))
    jobs = wait_for(lambda: (jobs := by_key(ci.detail(run)))["a (1)"]["state"] == "running" and jobs, "the first cell")
    assert [jobs[f"a ({n})"]["state"] for n in (2, 3)] == ["waiting", "waiting"]
    assert jobs["a (2)"]["wait_reason"] == "waiting for its turn; at most 1 cells at a time"
    go.raise_it()
    jobs = by_key(ci.ended(run, "passed"))
    ends = sorted((job["started_at"], job["finished_at"]) for job in jobs.values())
    assert all(first[1] <= second[0] for first, second in zip(ends, ends[1:]))


def test_an_approval_is_for_what_the_outputs_made_of_the_job(project, ci):
    text = HEAD + """
  build: {outputs: {tag: string}, run: "echo tag=v7 >> $CI_OUTPUT"}
  ship: {needs: [build], approval: true, env: {TAG: "${{ needs.build.outputs.tag }}"}, run: echo shipped $TAG}
"""
    run = project.run_of(project.push({".ci.yml": text}))
    job = held(ci, run, "ship")
    spec, approval = ci.rows("SELECT j.spec, a.spec_hash FROM jobs j JOIN approvals a ON a.job_id = j.id WHERE j.id = ?",
                             job["id"])[0].values()
    assert json.loads(spec)["env"] == {"TAG": "v7"} and len(approval) == 64
    ci.post(f"/api/v1/jobs/{job['id']}/approve", {})
    ci.ended(run, "passed")
    assert ci.log_of(job["id"]) == b"shipped v7\n"


def test_a_retry_carries_outputs_over(project, ci):
    flag = Flag(ci.root)
    text = HEAD + f"""
  build: {{outputs: {{tag: string}}, run: "echo tag=$CI_RUN_NUMBER >> $CI_OUTPUT"}}
  use: {{needs: [build], env: {{TAG: "${{{{ needs.build.outputs.tag }}}}"}}, run: "echo $TAG; test -e {flag.path}"}}
  again: {{outputs: {{n: string}}, run: "echo n=$CI_RUN_NUMBER >> $CI_OUTPUT; test -e {flag.path}"}}
  follows:
    needs: [{{job: again, optional: true}}]
    when: always
    env: {{N: "${{{{ needs.again.outputs.n }}}}"}}
    run: echo $N
"""
    detail, first = project.push_and_end({".ci.yml": text}, "failed")
    assert first["follows"]["state"] == "passed"
    flag.raise_it()
    again = ci.post(f"/api/v1/runs/{detail['run']['id']}/retry")
    jobs = by_key(ci.ended(again["id"], "passed"))
    number = detail["run"]["number"]
    assert jobs["build"]["carried_from"] == first["build"]["id"]
    assert jobs["build"]["outputs"] == {"tag": str(number)}
    assert ci.log_of(jobs["use"]["id"]) == f"{number}\n".encode()
    # It passed before, but with what a job said that has run again.
    assert jobs["follows"]["carried_from"] is None
    assert ci.log_of(jobs["follows"]["id"]) == f"{again['number']}\n".encode()


def test_a_killed_server_loses_no_output(world):
    server = world.server()
    project = server.project("app", hooks=())
    first, go = Flag(world.root, "first"), Flag(world.root, "go")
    text = HEAD + f"""
  build: {{outputs: {{tag: string}}, run: "echo tag=v7 >> $CI_OUTPUT"}}
  slow: {{needs: [build], run: "{first.mark()}; {go.wait()}"}}
  use: {{needs: [build, slow], env: {{TAG: "${{{{ needs.build.outputs.tag }}}}"}}, run: echo used $TAG}}
  ship: {{needs: [build], approval: true, env: {{TAG: "${{{{ needs.build.outputs.tag }}}}"}}, run: echo shipped $TAG}}
"""
    run = project.run_of(project.push({".ci.yml": text}))
    first.await_it()
    job = held(server, run, "ship")
    server.kill()
    server.restart()
    go.raise_it()
    server.post(f"/api/v1/jobs/{job['id']}/approve", {})
    jobs = by_key(server.ended(run, "passed"))
    assert server.log_of(jobs["use"]["id"]) == b"used v7\n"
    assert server.log_of(jobs["ship"]["id"]) == b"shipped v7\n"
