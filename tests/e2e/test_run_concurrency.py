"""`concurrency` at the top of .ci.yml: whole runs share a slot. And what a job waits for at most."""

import pytest

from harness import Flag, by_key
from wire import wait_for


def pipeline(policy, run, more=""):
    run = run.replace("'", "''")
    return (
        "version: 1\non: {push: {}, manual: {}}\n"
        f"concurrency: {{group: 'deploy-${{{{ branch }}}}', policy: {policy}}}\n"
        f"jobs:\n  a: {{run: '{run}'}}\n  b: {{needs: [a], run: 'true'}}\n{more}"
    )


def running(ci, run):
    wait_for(lambda: by_key(ci.detail(run))["a"]["state"] == "running", f"run {run} to run")
    return run


@pytest.fixture
def slow(project, ci):
    """Pushes a pipeline whose first run has begun and goes on until the flag is raised."""

    def push(policy):
        flag = Flag(ci.root)
        text = pipeline(policy, flag.wait())
        return running(ci, project.run_of(project.push({".ci.yml": text}))), flag

    return push


def test_queue_lets_runs_wait_for_each_other(slow, project, ci):
    first, flag = slow("queue")
    second, third = project.start(), project.start()
    waiting = by_key(ci.detail(second))["a"]
    assert waiting["state"] == "waiting" and "waiting for a slot of group deploy-main" in waiting["wait_reason"]
    other = project.run_of(project.push({"x": "1"}, branch="topic"))
    running(ci, other)  # another group
    flag.raise_it()
    ends = [ci.ended(run, "passed")["run"]["finished_at"] for run in (first, second, third)]
    assert ends == sorted(ends)
    ci.ended(other, "passed")


def test_newest_keeps_one_waiter(slow, project, ci):
    first, flag = slow("newest")
    second, third = project.start(), project.start()
    cancelled = by_key(ci.ended(second, "cancelled"))["a"]
    assert cancelled["cause"] == "superseded"
    assert ci.detail(first)["run"]["state"] == "active"
    flag.raise_it()
    ci.ended(first, "passed")
    ci.ended(third, "passed")


def test_cancel_running_ends_the_run_before(slow, project, ci):
    first, flag = slow("cancel_running")
    second = project.start()
    ended = by_key(ci.ended(first, "cancelled"))
    number = ci.detail(second)["run"]["number"]
    assert (ended["b"]["cause"], ended["b"]["message"]) == ("superseded", f"superseded by run #{number}")
    flag.raise_it()
    ci.ended(second, "passed")


def test_a_job_that_no_agent_takes_is_given_up(project, ci):
    text = "version: 1\non: {push: {}}\njobs:\n  a: {runs_on: [moon], timeout: {queue: 1s}, run: 'true'}\n"
    _, jobs = project.push_and_end({".ci.yml": text}, "errored")
    assert (jobs["a"]["state"], jobs["a"]["cause"]) == ("errored", "timeout")
    assert jobs["a"]["message"] == (
        "no agent took the job within 1s (`timeout.queue`); it was waiting for an agent with moon"
    )


def test_an_exit_code_is_tried_again(project, ci):
    text = (
        "version: 1\non: {push: {}}\njobs:\n"
        "  a: {retry: {exit_codes: {75: 2}, backoff: {base: 1ms}}, run: 'test $CI_ATTEMPT = 3 || exit 75'}\n"
        "  b: {retry: {exit_codes: {75: 2}}, run: 'exit 3'}\n"
    )
    _, jobs = project.push_and_end({".ci.yml": text}, "failed")
    assert (jobs["a"]["state"], jobs["a"]["attempt"]) == ("passed", 3)
    assert (jobs["b"]["state"], jobs["b"]["attempt"]) == ("failed", 1)


def test_a_run_knows_itself(project, ci):
    text = (
        "version: 1\non: {push: {}}\njobs:\n"
        "  a:\n    env: {URL: '${{ run.url }}', ID: '${{ run.id }}'}\n"
        "    run: 'echo $URL $ID ${{ run.attempt }} $CI_RUN_ID; test ${{ run.attempt }} = 2'\n"
    )
    detail, jobs = project.push_and_end({".ci.yml": text}, "failed")
    run = detail["run"]["id"]
    assert ci.log_of(jobs["a"]["id"]).decode().split("\n")[0] == f"{ci.url}/runs/{run} {run} 1 {run}"
    again = ci.post(f"/api/v1/runs/{run}/retry")["id"]
    jobs = by_key(ci.ended(again, "passed"))
    assert ci.log_of(jobs["a"]["id"]).decode().split("\n")[0] == f"{ci.url}/runs/{again} {again} 2 {again}"


def test_what_this_version_lacks_never_starts(project, ci):
    text = (
        "version: 1\non: {push: {}, manual: {}}\ngate: {branches: [main]}\njobs:\n"
        "  ok: {run: 'true'}\n  a: {distributed: {nodes: 2}, run: 'true'}\n"
        "  b: {kind: deploy, run: 'true', if: \"branch == 'other'\"}\n"
    )
    sha = project.push({".ci.yml": text})
    detail = ci.ended(project.run_of(sha), "errored")
    assert detail["jobs"] == []
    (told,) = detail["diagnostics"]
    assert told["id"] == "not_carried_out" and told["message"] == (
        "`a`: `distributed` asks for jobs on several nodes, which this version does not have"
    )
    assert told["message"] in detail["run"]["reason"]
    assert project.gate(sha=sha)["verdict"] == "red"
    assert ci.ended(ci.post(f"/api/v1/runs/{detail['run']['id']}/retry")["id"], "errored")["diagnostics"]
    assert ci.ended(project.start(), "errored")["diagnostics"]
    shown = ci.sluice("run", "show", detail["run"]["id"], check=False)
    assert "asks for jobs on several nodes" in shown.stdout
