"""Commit statuses: what a forge is told, in which order, and what happens when it refuses.

The forge here is a fake, and says so in each of its answers: what real ones take is in the field study and in
tests/unit/hooks/status_test.cpp."""

import http.server
import json
import threading

import pytest

from forges import GitHub
from harness import Flag
from wire import wait_for

GITHUB = GitHub()
PIPELINE = """
version: 1
on: {push: {}, pull_request: {}}
gate: {branches: [main], require: [test]}
jobs:
  lint: {run: "true"}
  test: {run: sh test.sh}
"""


class FakeForge:
    """Takes statuses as GitHub, GitLab and Gitea do, keeps them in order, and answers as it is told."""

    def __init__(self):
        self.told, self.answers = [], []
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            server_version = "fake-forge"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.told.append({"path": self.path, "headers": dict(self.headers), **body})
                status, more = fake.answers.pop(0) if fake.answers else (201, {})
                text = json.dumps({"message": more.pop("message", "this is a fake forge")}).encode()
                self.send_response(status)
                for name, value in {**more, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def of(self, context, sha=None):
        """States of a context in the order in which they came."""
        return [
            one["state"]
            for one in list(self.told)
            if context in (one.get("context"), one.get("name")) and (sha is None or one["path"].endswith(sha))
        ]

    def last(self, context):
        return [one for one in list(self.told) if context in (one.get("context"), one.get("name"))][-1]

    def wait(self, context, state, sha=None):
        wait_for(lambda: self.of(context, sha)[-1:] == [state], f"{context} to be {state}; told: {self.told[-5:]}")
        return self.last(context)


@pytest.fixture
def forge():
    fake = FakeForge()
    yield fake
    fake.close()


@pytest.fixture
def reported(ci, name, forge):
    """A project whose statuses go to the fake."""
    return make(ci, name, forge)


def make(ci, name, forge, kind="github"):
    token = ci.root / f"{name}.token"
    token.write_text("t0ken\n")
    plain = ci.project(f"{name}-plain")
    body = {
        "name": name,
        "url": str(plain.repo.bare),
        "forge": kind,
        "status": {"api": forge.url, "repo": "team/app", "token_file": str(token)},
    }
    project = type(plain)(ci, plain.repo, ci.post("/api/v1/projects", body))
    project.install_hooks()
    return project


def test_a_push_is_told_as_gate_and_required_jobs(reported, forge, ci):
    flag = Flag(ci.root)
    sha = reported.push({".ci.yml": PIPELINE, "test.sh": flag.wait()})
    run = reported.run_of(sha)
    pending = forge.wait("sluice/gate", "pending")
    assert pending["description"].startswith("test ") and pending["path"] == f"/repos/team/app/statuses/{sha}"
    assert pending["target_url"] == f"{ci.url}/gate/{reported.name}?branch=main&sha={sha}"
    flag.raise_it()
    detail = ci.ended(run, "passed")
    assert forge.wait("sluice/gate", "success")["description"] == "1 of 1 checks green"
    test = forge.wait("sluice/job/test", "success")
    assert test["target_url"].startswith(f"{ci.url}/jobs/") and test["description"] == "passed"
    forge.wait("sluice", "success")
    assert forge.of("sluice/job/lint") == [], "what the gate does not ask for is not told"
    assert detail["run"]["state"] == "passed"
    for context in ("sluice/gate", "sluice/job/test", "sluice"):
        told = [(one["state"], one["description"]) for one in forge.told if one["context"] == context]
        assert len(told) == len(set(told)), f"{context} was told the same twice: {told}"


def test_a_red_gate_says_which_job_and_a_retry_turns_it(reported, forge, ci):
    sha = reported.push({".ci.yml": PIPELINE, "test.sh": f"test -e {ci.root}/mended-{reported.name}"})
    run = reported.run_of(sha)
    ci.ended(run, "failed")
    assert forge.wait("sluice/gate", "failure")["description"] == "test failed"
    assert forge.wait("sluice/job/test", "failure")["description"].startswith("failed")
    (ci.root / f"mended-{reported.name}").write_text("")
    again = ci.post(f"/api/v1/runs/{run}/retry")
    ci.ended(again["id"], "passed")
    forge.wait("sluice/gate", "success")
    forge.wait("sluice/job/test", "success")


def test_the_status_of_a_pull_request_waits_for_the_approval_of_its_edit(reported, forge, ci):
    reported.push_and_end({".ci.yml": PIPELINE, "test.sh": "true"}, "passed")
    sha = reported.repo.commit({".ci.yml": PIPELINE.replace("sh test.sh", "echo")}, branch="topic")
    reported.repo.push("topic")
    GITHUB.send(reported, *GITHUB.pull_request("opened", sha))
    ci.ended(reported.run_of(sha, "pull_request"), "passed")
    waiting = forge.wait("sluice/gate", "pending", sha)
    wait_for(
        lambda: "waits for an approval (test)" in forge.last("sluice/gate")["description"], f"the reason in {waiting}"
    )
    ci.sluice("gate", "approve", sha, "--project", reported.name, "--branch", "main")
    assert "approved by admin" in forge.wait("sluice/gate", "success", sha)["description"]
    # The push alone rested on all jobs, so the forge was told of lint; the gate of main does not ask for it.
    for context in ("sluice/job/test", "sluice/job/lint"):
        wait_for(lambda context=context: forge.of(context, sha)[-1] == "success", f"the end of {context}")


def test_what_one_gate_has_begun_to_tell_is_told_to_its_end(reported, forge, ci, tmp_path):
    """The push tells of every job while lint runs; the pull request's gate rests on test alone."""
    reported.push_and_end({".ci.yml": PIPELINE, "test.sh": "true"}, "passed")
    flag = Flag(tmp_path)
    lint = f"""lint: {{if: 'event == "push"', run: {json.dumps(flag.wait())}}}"""
    slow = PIPELINE.replace("push: {}", "push: {with_pr: true}").replace('lint: {run: "true"}', lint)
    sha = reported.repo.commit({".ci.yml": slow}, branch="topic")
    reported.repo.push("topic")
    pushed = reported.run_of(sha)
    wait_for(lambda: forge.of("sluice/job/lint", sha), "lint is told of")
    GITHUB.send(reported, *GITHUB.pull_request("opened", sha))
    ci.ended(reported.run_of(sha, "pull_request"), "passed")
    flag.raise_it()
    ci.ended(pushed, "passed")
    wait_for(lambda: forge.of("sluice/job/lint", sha)[-1] == "success", "the end of lint")


def test_a_forks_gate_is_pending_until_somebody_lets_it_run(reported, forge, ci):
    reported.push_and_end({".ci.yml": PIPELINE, "test.sh": "true"}, "passed")
    sha = reported.repo.commit({"a": "1"}, branch="topic")
    reported.repo.push(f"{sha}:refs/pull/7/head")
    GITHUB.send(reported, *GITHUB.pull_request("opened", sha, number=7, fork=True))
    run = reported.run_of(sha)
    assert forge.wait("sluice/gate", "pending", sha)["description"] == "test held"
    ci.sluice("run", "approve", str(run))
    forge.wait("sluice/gate", "success", sha)


def test_a_broken_pipeline_is_an_error_with_its_line(reported, forge, ci):
    sha = reported.push({".ci.yml": "version: 1\non: {push: {}}\njobs: {a: {run: x, rum: y}}\n"})
    ci.ended(reported.run_of(sha), "errored")
    told = forge.wait("sluice/gate", "error", sha)
    assert ".ci.yml:3:" in told["description"] and len(told["description"].encode()) <= 140


def test_job_statuses_can_be_switched_off(reported, forge, ci):
    ci.sluice("project", "protect", reported.name, "--job-statuses", "off")
    sha = reported.push({".ci.yml": PIPELINE, "test.sh": "true"})
    ci.ended(reported.run_of(sha), "passed")
    forge.wait("sluice/gate", "success")
    assert forge.of("sluice/job/test") == []


@pytest.mark.parametrize("kind", ["gitlab", "gitea"])
def test_other_forges_hear_it_in_their_words(ci, name, forge, kind):
    project = make(ci, name, forge, kind)
    sha = project.push({".ci.yml": PIPELINE, "test.sh": "exit 1"})
    ci.ended(project.run_of(sha), "failed")
    told = forge.wait("sluice/gate", {"gitlab": "failed", "gitea": "failure"}[kind], sha)
    assert told["headers"][{"gitlab": "PRIVATE-TOKEN", "gitea": "Authorization"}[kind]].endswith("t0ken")


def test_a_rate_limit_is_waited_for_and_the_order_kept(reported, forge, ci):
    forge.answers = [(429, {"Retry-After": "1"}), (403, {"Retry-After": "1"}), (502, {})]
    sha = reported.push({".ci.yml": PIPELINE, "test.sh": "true"})
    ci.ended(reported.run_of(sha), "passed")
    for context in ("sluice", "sluice/gate", "sluice/job/test"):
        forge.wait(context, "success")
        states = forge.of(context)
        assert states.index("success") == len(states) - 1, f"{context}: nothing comes after the end: {states}"
    assert ci.rows("SELECT * FROM outbox WHERE project_id = ? AND state = 'dead'", reported.id) == []


def test_a_refusal_for_good_is_kept_with_the_forges_words_and_holds_up_nothing(reported, forge, ci):
    forge.answers = [(422, {"message": "No commit found for SHA"})]
    sha = reported.push({".ci.yml": PIPELINE, "test.sh": "true"})
    ci.ended(reported.run_of(sha), "passed")
    forge.wait("sluice/gate", "success")
    dead = wait_for(
        lambda: ci.rows("SELECT error FROM outbox WHERE project_id = ? AND state = 'dead'", reported.id), "a dead row"
    )
    assert dead == [{"error": 'the forge answered 422: {"message": "No commit found for SHA"}'}]


def test_what_was_not_told_before_a_crash_is_told_after_it(world, forge):
    server = world.server()
    server.wait_agent_online()
    forge.answers = [(503, {"Retry-After": "1"})] * 50
    project = make(server, "app", forge)
    sha = project.push({".ci.yml": PIPELINE, "test.sh": "true"})
    server.ended(project.run_of(sha), "passed")
    wait_for(lambda: forge.told, "a first try")
    server.kill()
    forge.answers = []
    server.restart()
    forge.wait("sluice/gate", "success", sha)
    forge.wait("sluice/job/test", "success", sha)
