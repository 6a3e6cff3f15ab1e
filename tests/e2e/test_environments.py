"""Environments: who may deploy there, after whose word, and when."""

import json

import pytest

from forges import GitHub
from harness import Flag, by_key
from wire import wait_for

GITHUB = GitHub()
VALUE = "a value of some length"


def pipeline(run="true", **more):
    job = {"environment": {"name": "production", "url": "https://app.example"}, "run": run, **more}
    on = {"push": {}, "pull_request": {}, "tag": ["*"], "manual": {}}
    return json.dumps({"version": 1, "on": on, "jobs": {"ship": job}})


def protect(project, *words, name="production", check=True):
    return project.server.sluice("environment", "set", name, "--project", project.name, *words, check=check)


def environments(project):
    return {each["name"]: each for each in project.server.get(f"{project.path}/environments")["environments"]}


def deployments(project, **query):
    return project.server.get(f"{project.path}/deployments", **query)["deployments"]


def held(server, run, key="ship"):
    return wait_for(lambda: (job := by_key(server.detail(run))[key])["state"] == "held" and job, f"{key} to be held")


def decide(server, job, verb="approve", who=None, **body):
    return (who or server).call("POST", f"/api/v1/jobs/{job['id']}/{verb}", body)


@pytest.fixture
def people(ci, name):
    """Persons by role and number: people("write") has a name of its own."""

    def one(role, label="p"):
        who = f"{label}-{name}"
        return ci.as_person(ci.post("/api/v1/tokens", {"name": who, "role": role})["token"]), who

    return one


def test_an_environment_that_nobody_protects_only_records(project, ci):
    run, jobs = project.push_and_end({".ci.yml": pipeline()}, "passed")
    assert jobs["ship"]["environment"] == {"name": "production", "url": "https://app.example"}
    found = environments(project)["production"]
    assert found["protection"] is None and found["held"] == 0
    current = found["current"]
    assert (current["run_id"], current["job"], current["url"]) == (run["run"]["id"], "ship", "https://app.example")
    assert [one["job_id"] for one in deployments(project, environment="production")] == [jobs["ship"]["id"]]
    assert deployments(project, environment="elsewhere") == []


def test_a_job_waits_for_as_many_people_as_its_environment_asks(project, ci, people):
    (ann, ann_name), (bob, bob_name), (eve, _) = people("write", "ann"), people("write", "bob"), people("read", "eve")
    protect(project, "--approver", "write", "--approvals", "2", "--reason")
    run = project.run_of(project.push({".ci.yml": pipeline("echo out")}))
    job = held(ci, run)
    assert "2 approvals by write, with a reason" in job["wait_reason"] and job["attempt"] == 0
    assert environments(project)["production"]["held"] == 1
    assert decide(ci, job, who=eve, reason="x").status == 403
    assert decide(ci, job, who=ann).json["error"] == "reason_required"
    said = ci.sluice("run", "approve", str(run), "ship", "--reason", "tested", SLUICE_TOKEN=ann.token).stdout
    assert "ship is held: waits for an approval by write" in said
    waiting = by_key(ci.detail(run))["ship"]["wait_reason"]
    assert "an approval by write" in waiting and f"so far approved by {ann_name}" in waiting
    again = decide(ci, job, who=ann, reason="really")
    assert again.status == 409 and again.json["error"] == "already_approved"
    assert decide(ci, job, who=bob, reason="me too").status == 200
    ci.ended(run, "passed")
    (one,) = deployments(project)
    assert one["approved_by"] == f"{ann_name}, {bob_name}" and one["state"] == "passed"
    audit = ci.rows("SELECT actor FROM audit WHERE action = 'job.approve' AND subject = ? ORDER BY id", f"job {job['id']}")
    assert [row["actor"] for row in audit] == [ann_name, bob_name]


def test_who_has_agreed_lets_a_job_go_when_its_environment_asks_for_less(project, ci, people):
    ann, _ = people("write", "ann")
    protect(project, "--approver", "write", "--approvals", "2")
    run = project.run_of(project.push({".ci.yml": pipeline()}))
    job = held(ci, run)
    assert decide(ci, job, who=ann).json["state"] == "held"
    assert decide(ci, job, who=ann).json["error"] == "already_approved"
    protect(project, "--approver", "write", "--approvals", "1")
    assert decide(ci, job, who=ann).status == 200
    ci.ended(run, "passed")


def test_the_file_adds_to_the_environment_and_takes_nothing_away(project, ci, people):
    (ann, ann_name), (carl, _) = people("write", "ann"), people("write", "carl")
    protect(project, "--approver", ann_name)
    run = project.run_of(project.push({".ci.yml": pipeline(approval={"by": ["admin"]})}))
    job = held(ci, run)
    assert decide(ci, job, who=carl).status == 403
    assert decide(ci, job).json["state"] == "held"  # the admin's word is not Ann's
    assert decide(ci, job, who=ann).status == 200
    ci.ended(run, "passed")


def test_a_rejection_ends_the_job(project, ci):
    protect(project, "--approver", "admin")
    run = project.run_of(project.push({".ci.yml": pipeline()}))
    assert decide(ci, held(ci, run), "reject", reason="not on a friday").status == 200
    job = by_key(ci.ended(run))["ship"]
    assert job["state"] == "cancelled" and "not on a friday" in job["message"]
    assert environments(project)["production"]["current"] is None


def test_only_the_named_refs_deploy(project, ci):
    protect(project)
    main = project.push({".ci.yml": pipeline()})
    ci.ended(project.run_of(main), "passed")
    topic = project.push({"a": "1"}, branch="topic")

    def outcome(run):
        job = by_key(ci.ended(run))["ship"]
        return job["state"], job["cause"], job["message"]

    state, cause, why = outcome(project.run_of(topic))
    assert (state, cause) == ("blocked", "policy") and "`production`" in why and "protected branches" in why
    state, _, why = outcome(project.start(branch="main", sha=topic))
    assert state == "blocked", why  # the name of a protected branch, but not its tip
    protect(project, "--branch", "topic", "--tag", "v*")
    assert outcome(project.start(branch="topic"))[0] == "passed"
    state, _, why = outcome(project.start(branch="main"))
    assert state == "blocked" and "the branches `topic`, the tags `v*`" in why
    for tag, expected in (("v1", "passed"), ("nightly", "blocked")):
        project.repo.push(f"{topic}:refs/tags/{tag}")
        assert outcome(project.run_of(topic, "tag", count=1 if tag == "v1" else 2))[0] == expected


def test_pull_requests_deploy_only_where_the_event_is_named_and_forks_never(ci, name):
    project = ci.project(name, forge="github")
    protect(project, "--event", "pull_request", name="preview")
    text = pipeline(environment="preview")
    project.push({"a": "1"})
    sha = project.repo.commit({".ci.yml": text}, branch="topic")
    project.repo.push(f"{sha}:refs/pull/7/head")
    GITHUB.send(project, *GITHUB.pull_request("opened", sha, number=7))
    assert by_key(ci.ended(project.run_of(sha, "pull_request")))["ship"]["state"] == "passed"
    sha = project.repo.commit({".ci.yml": text, "b": "2"}, branch="other")
    project.repo.push(f"{sha}:refs/pull/8/head")
    GITHUB.send(project, *GITHUB.pull_request("opened", sha, number=8, fork=True))
    job = by_key(ci.ended(project.run_of(sha, "pull_request")))["ship"]
    assert job["state"] == "blocked" and "fork" in job["message"]


def test_secrets_of_an_environment_reach_its_jobs_alone(project, ci):
    protect(project, "--approver", "admin")
    ci.sluice("secret", "set", "deploy/key", "--project", project.name, "--environment", "production", stdin=VALUE)
    script = 'test "$(printf %s "$KEY" | rev)" = "$WANTED"'
    text = json.loads(pipeline(script, secrets={"KEY": "deploy/key"}, env={"WANTED": VALUE[::-1]}))
    text["jobs"]["other"] = {"secrets": {"KEY": "deploy/key"}, "run": "true"}
    text["jobs"]["staged"] = {"environment": "staging", "secrets": {"KEY": "deploy/key"}, "run": "true"}
    run = project.run_of(project.push({".ci.yml": json.dumps(text)}))
    job = held(ci, run)
    reads = "SELECT count(*) AS n FROM audit WHERE action = 'secret.read' AND subject = ?"
    assert ci.rows(reads, f"{project.name}:deploy/key")[0]["n"] == 0  # nobody has it before the approval
    decide(ci, job)
    jobs = by_key(ci.ended(run))
    assert jobs["ship"]["state"] == "passed"
    for key in ("other", "staged"):
        assert jobs[key]["state"] == "blocked" and "environment `production`" in jobs[key]["message"]


def test_a_wait_passes_by_itself_and_outlives_a_restart(world):
    server = world.server()
    project = server.project("app", hooks=())
    protect(project, "--wait", "3s")
    run = project.run_of(project.push({".ci.yml": pipeline()}))
    job = held(server, run)
    assert "lets it go at 20" in job["wait_reason"]
    refused = decide(server, job)
    assert refused.status == 409 and refused.json["error"] == "waits_for_time"
    server.kill()
    server.restart()
    server.ended(run, "passed")


def test_going_back_behind_a_newer_deployment_takes_a_word_of_its_own(project, ci):
    protect(project, "--approver", "admin")
    older = project.run_of(project.push({".ci.yml": pipeline("echo older")}))
    first = held(ci, older)
    newer = project.run_of(project.push({"a": "1"}))
    decide(ci, held(ci, newer))
    ci.ended(newer, "passed")
    # The word was given without knowing; the next one says it.
    assert decide(ci, first).json["state"] == "held"
    number = ci.detail(newer)["run"]["number"]
    assert f"run #{number} has deployed to production since" in by_key(ci.detail(older))["ship"]["wait_reason"]
    assert environments(project)["production"]["current"]["run_id"] == newer
    decide(ci, first)
    ci.ended(older, "passed")


def test_a_slow_older_run_does_not_overtake_where_nobody_is_asked(project, ci):
    begun, go = Flag(ci.root, "begun"), Flag(ci.root, "go")
    text = """version: 1
on: {push: {}}
jobs:
  build: {run: "%s"}
  ship: {needs: [build], environment: staging, run: "true"}
"""
    older = project.run_of(project.push({".ci.yml": text % f"{begun.mark()}; {go.wait()}"}))
    begun.await_it()
    newer = project.run_of(project.push({".ci.yml": text % "true"}))
    ci.ended(newer, "passed")
    go.raise_it()
    job = held(ci, older)
    assert "has deployed to staging since: waits for an approval by someone with the role write" in job["wait_reason"]
    decide(ci, job)
    ci.ended(older, "passed")


def test_the_name_and_the_address_may_come_from_needs(project, ci):
    text = """version: 1
on: {push: {}}
jobs:
  plan: {outputs: {at: number}, run: "echo at=7 >> $CI_OUTPUT"}
  ship:
    needs: [plan]
    environment: {name: "stage-${{ needs.plan.outputs.at }}", url: "https://s${{ needs.plan.outputs.at }}.example"}
    run: "true"
"""
    protect(project, "--approver", "admin", name="stage-7")
    run = project.run_of(project.push({".ci.yml": text}))
    job = held(ci, run)
    assert job["environment"] == {"name": "stage-7", "url": "https://s7.example"}
    decide(ci, job)
    ci.ended(run, "passed")


def test_rules_that_are_taken_back_leave_one_approval(project, ci):
    protect(project, "--approver", "admin", "--approvals", "2")
    run = project.run_of(project.push({".ci.yml": pipeline()}))
    job = held(ci, run)
    ci.sluice("environment", "remove", "production", "--project", project.name)
    assert environments(project)["production"]["protection"] is None
    decide(ci, job)
    ci.ended(run, "passed")


def test_rules_are_set_shown_and_refused_by_the_command(project, ci):
    said = protect(project, "--approver", "admin", "--approver", "ann", "--wait", "30m", "--branch", "release/*")
    assert "production" in said.stdout
    listed = ci.sluice("environment", "list", project.name).stdout
    assert "1 by admin, ann" in listed and "release/*" in listed and "30m" in listed and "never" in listed
    shown = json.loads(ci.sluice("environment", "show", "production", "--project", project.name, "--json").stdout)
    assert shown["protection"]["wait_ms"] == 1_800_000 and shown["deployments"] == []
    for words, complaint in (
        (("--wait", "soon"), "no duration"),
        (("--approver", "ann", "--approvals", "2"), "only 1 may"),
        (("--reason",), "nobody is asked"),
        (("--approver", "ann", "--approvals", "0"), "nobody is asked"),
        (("--event", "psuh"), "events are push"),
        (("--wait", "365d"), "wait_ms"),
    ):
        refused = protect(project, *words, check=False)
        assert refused.returncode != 0 and complaint in refused.stderr, refused.stderr
    missing = ci.sluice("environment", "show", "prodution", "--project", project.name, check=False)
    assert missing.returncode == 5 and "did you mean 'production'" in missing.stderr
    audit = ci.rows("SELECT detail FROM audit WHERE action = 'environment.set' AND subject = ? ORDER BY id",
                    f"{project.name}:production")
    assert "approvals=1 by=admin,ann" in audit[0]["detail"] and "wait=30m" in audit[0]["detail"]


def test_only_an_admin_changes_the_rules(project, ci, people):
    writer, _ = people("write")
    refused = writer.call("POST", f"{project.path}/environments", {"name": "production"})
    assert refused.status == 403
    ci.post(f"{project.path}/environments", {"name": "production"})
    number = environments(project)["production"]["protection"]["id"]
    assert writer.call("DELETE", f"/api/v1/environments/{number}").status == 403
    assert writer.call("GET", f"{project.path}/environments").status == 200
