"""Pull requests of strangers: their pipeline is theirs, so nothing of it runs before a person of ours says so."""

import pytest

from forges import GitHub
from harness import by_key
from wire import wait_for

GITHUB = GitHub()
HEAD = "version: 1\non: {push: {}, pull_request: {}}\ngate: {branches: [main], require: [a]}\njobs:\n"
PIPELINE = HEAD + "  a: {run: echo hello}\n  b: {needs: [a], run: echo after}\n"


def fork_run(ci, name, text=PIPELINE, number=7):
    project = ci.project(name, forge="github")
    project.push({".ci.yml": PIPELINE})
    sha = project.repo.commit({".ci.yml": text}, branch="topic")
    project.repo.push(f"{sha}:refs/pull/{number}/head")
    reply = GITHUB.send(project, *GITHUB.pull_request("opened", sha, number=number, fork=True))
    assert reply.json["outcome"] == "accepted"
    return project, project.run_of(sha)


def test_a_forks_run_waits_for_an_approval_and_then_runs(ci, name):
    project, run = fork_run(ci, name)
    jobs = by_key(ci.detail(run))
    assert jobs["a"]["state"] == "held" and "approv" in jobs["a"]["wait_reason"], jobs["a"]
    assert project.gate(sha=ci.detail(run)["run"]["sha"], branch="main")["verdict"] == "pending"
    reader = ci.as_person(ci.post("/api/v1/tokens", {"name": name, "role": "read"})["token"])
    assert reader.call("POST", f"/api/v1/runs/{run}/approve", {}).status == 403
    ci.sluice("run", "approve", str(run))
    detail = ci.ended(run, "passed")
    assert [job["state"] for job in detail["jobs"]] == ["passed", "passed"]
    again = ci.call("POST", f"/api/v1/runs/{run}/approve", {})
    assert again.status == 409 and again.json["error"] == "nothing_held"


def test_a_forks_run_that_nobody_wants_is_cancelled(ci, name):
    _, run = fork_run(ci, name)
    ci.post(f"/api/v1/runs/{run}/cancel")
    detail = ci.ended(run, "cancelled")
    assert all(job["attempt"] == 0 for job in detail["jobs"])


GETS_AROUND = ()


@pytest.mark.parametrize(
    "jobs",
    [
        pytest.param("  a: {when: always, run: echo evil}\n", marks=GETS_AROUND),
        pytest.param("  n: {if: branch == 'x', run: x}\n  a: {needs: [n], run: echo evil}\n", marks=GETS_AROUND),
        "  a: {needs: [{job: missing, optional: true}], run: echo evil}\n",
        pytest.param(
            "  n: {changes: [x], run: x}\n  a: {needs: [n], if: needs.n.result == 'not_selected', run: x}\n",
            marks=GETS_AROUND,
        ),
        pytest.param("  n: {changes: [x], run: x}\n  a: {needs: [n], when: always, run: x}\n", marks=GETS_AROUND),
    ],
    ids=["always", "not-selected", "optional", "late-if", "always-after-not-selected"],
)
def test_no_way_to_write_a_pipeline_gets_around_the_approval(ci, name, jobs):
    project, run = fork_run(ci, name, HEAD + jobs)
    # A job of ours on the same agent, made later, has ended: what was free to run has run by then.
    project.push({"marker": "1"})
    other = ci.project(f"{name}-other", hooks=())
    other.push_and_end({".ci.yml": PIPELINE}, "passed")
    detail = ci.detail(run)
    assert [job["attempt"] for job in detail["jobs"]] == [0] * len(detail["jobs"]), by_key(detail)["a"]
    assert by_key(detail)["a"]["state"] == "held"
    ci.post(f"/api/v1/runs/{run}/cancel")
    ci.ended(run)


def test_a_retry_of_a_forks_run_waits_again(ci, name):
    _, run = fork_run(ci, name)
    ci.post(f"/api/v1/runs/{run}/cancel")
    ci.ended(run, "cancelled")
    again = ci.post(f"/api/v1/runs/{run}/retry")
    assert wait_for(lambda: by_key(ci.detail(again["id"])), "its jobs")["a"]["state"] == "held"
    ci.post(f"/api/v1/runs/{again['id']}/approve")
    ci.ended(again["id"], "passed")


def test_a_pull_request_of_our_own_repository_does_not_wait(ci, name):
    project = ci.project(name, forge="github")
    project.push({".ci.yml": PIPELINE})
    sha = project.repo.commit({"b": "1"}, branch="topic")
    project.repo.push("topic")
    GITHUB.send(project, *GITHUB.pull_request("opened", sha))
    ci.ended(project.run_of(sha), "passed")
