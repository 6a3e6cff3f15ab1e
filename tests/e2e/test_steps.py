"""One job on the agent: environment, steps, reports, timeouts, cancel."""

import json

from harness import Flag, Link
from wire import wait_for


def pipeline(job):
    return f"version: 1\non: {{push: {{}}, tag: ['*'], manual: {{}}}}\njobs:\n  a:\n{job}"


def one_job(project, text, state, **files):
    detail, jobs = project.push_and_end({".ci.yml": pipeline(text), **files}, state)
    return jobs["a"]


def test_a_job_knows_its_run_commit_and_project(project, ci):
    job = one_job(project, "    run: env\n", "passed")
    env = dict(line.split("=", 1) for line in ci.log_of(job["id"]).decode().splitlines() if "=" in line)
    run = ci.detail(job["run_id"])["run"]
    expected = {
        "CI": "true",
        "CI_RUN_ID": str(run["id"]),
        "CI_RUN_NUMBER": str(run["number"]),
        "CI_JOB_NAME": "a",
        "CI_JOB_ID": str(job["id"]),
        "CI_ATTEMPT": "1",
        "CI_EVENT": "push",
        "CI_PROJECT": project.name,
        "CI_COMMIT_SHA": run["sha"],
        "CI_COMMIT_BRANCH": "main",
        "CI_COMMIT_TAG": "",
        "CI_DEFAULT_BRANCH": "main",
        "CI_SERVER_URL": ci.url,
        "CI_RUN_URL": f"{ci.url}/runs/{run['id']}",
        "CI_AGENT": "embedded",
        "CI_REPO_URL": str(project.repo.bare),
    }
    assert {name: env.get(name) for name in expected} == expected
    assert env["PWD"] == env["CI_WORKSPACE"]
    assert "SLUICE_TEST_ROOT" not in env, "only an allow-list of the agent's environment reaches a job"
    secrets = [name for name in env if "TOKEN" in name or "LEASE" in name]
    assert secrets == [], secrets


def test_env_of_file_defaults_job_and_step_override_each_other_in_order(project, ci):
    text = """
version: 1
on: {push: {}}
env: {A: file, B: file, C: file, D: file}
defaults: {env: {B: defaults, C: defaults, D: defaults}}
jobs:
  a:
    env: {C: job, D: job}
    steps:
      - {run: 'echo "$A $B $C $D"', env: {D: step}}
      - run: echo "$A $B $C $D '$E'"
        env: {E: "$A literally"}
"""
    _, jobs = project.push_and_end({".ci.yml": text}, "passed")
    assert ci.log_of(jobs["a"]["id"]) == b"file defaults job step\nfile defaults job job '$A literally'\n"


def test_steps_hand_variables_on_by_ci_env_and_share_the_workspace(project, ci):
    job = one_job(
        project,
        r"""
    steps:
      - run: |
          echo "GREETING=hello there" >> "$CI_ENV"
          printf 'LINES<<END\none\ntwo\nEND\n' >> "$CI_ENV"
          echo "CI_JOB_NAME=forged" >> "$CI_ENV"
          local_only=1; export local_only
          echo made > file
      - run: |
          echo "$GREETING"; echo "$LINES"; echo "$CI_JOB_NAME"; echo "[${local_only:-}]"; cat file
""",
        "passed",
    )
    log = ci.log_of(job["id"]).decode()
    assert "hello there\none\ntwo\na\n[]\nmade\n" in log
    assert "CI_JOB_NAME is reserved" in log


def test_steps_are_reported_with_their_part_of_the_log(project, ci):
    job = one_job(
        project,
        """
    steps:
      - {name: first, run: echo one}
      - {name: second, run: "echo two; exit 6"}
      - {name: third, run: echo three}
      - {name: on failure, when: failure, run: echo four}
      - {name: always, when: always, run: echo five}
""",
        "failed",
    )
    steps = job["steps"]
    assert [(step["name"], step["state"]) for step in steps] == [
        ("first", "passed"),
        ("second", "failed"),
        ("third", "skipped"),
        ("on failure", "passed"),
        ("always", "passed"),
    ]
    assert steps[1]["exit_code"] == 6 and job["exit_code"] == 6
    log = ci.log_of(job["id"])
    assert [log[step["log_begin"]:step["log_end"]] for step in steps] == [
        b"one\n",
        b"two\n",
        b"",
        b"four\n",
        b"five\n",
    ]
    assert "second" in job["message"]


def test_a_script_of_python_and_one_of_sh_and_a_working_directory(project, ci):
    job = one_job(
        project,
        """
    steps:
      - {shell: python, run: "import os; print(sorted(os.listdir('sub')))"}
      - {shell: sh, run: "echo $0 | grep -c bash || true"}
      - {working_directory: sub, run: ls}
""",
        "passed",
        **{"sub/b.txt": "b", "sub/a.txt": "a"},
    )
    assert ci.log_of(job["id"]) == b"['a.txt', 'b.txt']\n0\na.txt\nb.txt\n"


def test_the_source_is_the_commit_with_its_modes_and_links(project, ci):
    project.repo.commit({"run.sh": "#!/bin/sh\necho ran\n", "link": Link("run.sh"), "data.bin": bytes(range(256))})
    (project.repo.work / "run.sh").chmod(0o755)
    job = one_job(
        project, "    run: ./run.sh && readlink link && wc -c < data.bin && git --version >/dev/null\n", "passed"
    )
    assert ci.log_of(job["id"]).split() == [b"ran", b"run.sh", b"256"]


def test_a_job_without_source_has_an_empty_workspace(project, ci):
    job = one_job(project, "    source: none\n    run: ls -A | wc -l\n", "passed")
    assert ci.log_of(job["id"]).strip() == b"0"


def test_a_missing_report_is_named_and_the_artifacts_note_says_what_is_kept(project, ci):
    job = one_job(
        project,
        """
    run: "true"
    reports: {junit: out/missing.xml}
    artifacts: [{paths: [out/*.txt]}]
""",
        "passed",
    )
    assert any("out/missing.xml" in problem for problem in job["reports"]["problems"])
    assert b"artifacts" in ci.log_of(job["id"])


def test_a_job_that_takes_too_long_is_ended_with_all_its_processes(project, ci):
    job = one_job(
        project,
        """
    timeout: 1s
    steps:
      - {name: hang, run: "echo begun; sleep 300 & sleep 300"}
      - {name: tidy, when: always, run: echo tidied}
""",
        "failed",
    )
    assert job["cause"] == "timeout" and "1s" in job["message"]
    assert [step["state"] for step in job["steps"]] == ["failed", "passed"]
    assert ci.log_of(job["id"]).startswith(b"begun\n") and b"tidied\n" in ci.log_of(job["id"])


def test_a_step_has_a_timeout_of_its_own(project):
    job = one_job(
        project,
        """
    steps:
      - {name: slow, timeout: 300ms, run: sleep 300, allow_failure: true}
      - {name: next, run: echo on}
""",
        "passed",
    )
    assert [step["state"] for step in job["steps"]] == ["warned", "passed"]


def test_cancel_reaches_what_runs_and_what_waits(project, ci):
    flag = Flag(ci.root)
    text = f"""
version: 1
on: {{push: {{}}}}
jobs:
  a:
    steps:
      - run: "trap 'echo asked to end; exit 7' TERM; {flag.mark()}; while :; do sleep 0.05; done"
      - {{when: always, run: echo tidied}}
  b: {{needs: [a], run: "true"}}
  c: {{needs: [a], when: always, run: "true"}}
"""
    run = project.run_of(project.push({".ci.yml": text}))
    flag.await_it()
    shown = ci.post(f"/api/v1/runs/{run}/cancel")
    assert shown["id"] == run
    detail = ci.ended(run, "cancelled")
    states = {job["key"]: (job["state"], job["cause"]) for job in detail["jobs"]}
    assert states == {key: ("cancelled", "cancelled") for key in "abc"}
    assert ci.log_of(detail["jobs"][0]["id"]).endswith(b"asked to end\ntidied\n")
    assert "admin" in detail["jobs"][1]["message"], "people see who cancelled"


def test_one_job_can_be_cancelled_and_the_others_go_on(project, ci):
    hang, wait = Flag(ci.root, "hang"), Flag(ci.root, "wait")
    text = f"""
version: 1
on: {{push: {{}}}}
jobs:
  hang: {{run: "{hang.mark()}; sleep 300"}}
  other: {{run: "{wait.wait()}"}}
"""
    run = project.run_of(project.push({".ci.yml": text}))
    hang.await_it()
    jobs = {job["key"]: job for job in ci.detail(run)["jobs"]}
    ci.post(f"/api/v1/jobs/{jobs['hang']['id']}/cancel")
    wait_for(lambda: ci.job(jobs["hang"]["id"])["state"] == "cancelled", "the job to be cancelled")
    assert ci.job(jobs["other"]["id"])["state"] in ("ready", "running")
    wait.raise_it()
    ci.ended(run, "cancelled")
    assert ci.job(jobs["other"]["id"])["state"] == "passed"
    refused = ci.call("POST", f"/api/v1/jobs/{jobs['hang']['id']}/cancel", {})
    assert refused.status == 409 and refused.json["error"] == "job_ended"


def test_a_cancelled_job_that_waits_for_an_agent_ends_at_once(project, ci):
    text = "version: 1\non: {push: {}}\njobs:\n  a: {runs_on: [no-such-label], run: 'true'}\n"
    run = project.run_of(project.push({".ci.yml": text}))
    job = ci.detail(run)["jobs"][0]
    assert job["state"] == "ready" and "no-such-label" in job["wait_reason"]
    ci.post(f"/api/v1/runs/{run}/cancel")
    detail = ci.ended(run, "cancelled")
    assert detail["jobs"][0]["attempt"] == 0


def test_a_shown_job_is_whole_json_whatever_it_prints(project, ci):
    job = one_job(
        project,
        r"""
    name: "a \"quoted\" <name>"
    run: "printf '\\377\\000\\033[31mred\\n'; exit 1"
""",
        "failed",
    )
    assert job["name"] == 'a "quoted" <name>'
    assert ci.log_of(job["id"]) == b"\xff\x00\x1b[31mred\n"
    json.dumps(job)
