"""Jobs that wait for a person's word, and jobs that share a slot."""

from harness import Flag, by_key
from wire import wait_for

HEAD = "version: 1\non: {push: {}, manual: {}}\njobs:\n"


def held(ci, run, key):
    return wait_for(lambda: (job := by_key(ci.detail(run))[key])["state"] == "held" and job, f"{key} to be held")


def test_a_job_waits_for_an_approval_and_says_by_whom(project, ci):
    text = HEAD + "  a: {run: 'true'}\n  b: {needs: [a], run: echo deployed, approval: {by: [admin], reason: required}}\n"
    run = project.run_of(project.push({".ci.yml": text}))
    job = held(ci, run, "b")
    assert "an approval by admin" in job["wait_reason"] and job["approval"]["by"] == ["admin"]
    writer = ci.as_person(ci.post("/api/v1/tokens", {"name": "wendy", "role": "write"})["token"])
    refused = writer.call("POST", f"/api/v1/jobs/{job['id']}/approve", {"reason": "please"})
    assert refused.status == 403 and "only admin" in refused.json["message"]
    silent = ci.call("POST", f"/api/v1/jobs/{job['id']}/approve", {})
    assert silent.status == 400 and silent.json["error"] == "reason_required"
    ci.post(f"/api/v1/jobs/{job['id']}/approve", {"reason": "tested on staging"})
    ci.ended(run, "passed")
    again = ci.call("POST", f"/api/v1/jobs/{job['id']}/approve", {"reason": "x"})
    assert again.status == 409 and again.json["error"] == "not_held"
    assert ci.log_of(job["id"]) == b"deployed\n"


def test_a_rejected_job_is_cancelled_and_what_needs_it_is_blocked(project, ci):
    text = HEAD + "  a: {run: 'true', approval: true}\n  b: {needs: [a], run: 'true'}\n"
    run = project.run_of(project.push({".ci.yml": text}))
    job = held(ci, run, "a")
    ci.post(f"/api/v1/jobs/{job['id']}/reject", {"reason": "not today"})
    jobs = by_key(ci.ended(run))
    assert (jobs["a"]["state"], jobs["b"]["state"]) == ("cancelled", "blocked")
    assert jobs["a"]["message"] == "rejected by admin: not today" and jobs["a"]["attempt"] == 0


def test_jobs_of_one_group_run_one_after_the_other(project, ci):
    first, second = Flag(ci.root, "first"), Flag(ci.root, "second")
    text = HEAD + f"""  a: {{run: "{first.mark()}; {second.wait()}", concurrency: {{group: one}}}}
  b: {{run: 'true', concurrency: {{group: one}}}}
"""
    run = project.run_of(project.push({".ci.yml": text}))
    first.await_it()
    waiting = by_key(ci.detail(run))["b"]
    assert waiting["state"] == "ready" and "group one, held by run #" in waiting["wait_reason"]
    second.raise_it()
    ci.ended(run, "passed")


def test_a_newer_run_takes_the_place_of_an_older_one(project, ci):
    flag = Flag(ci.root)
    text = HEAD + "  a: {run: \"%s\", concurrency: {group: live, policy: cancel_running}}\n"
    older = project.run_of(project.push({".ci.yml": text % f"{flag.mark()}; sleep 300"}))
    flag.await_it()
    newer = project.run_of(project.push({".ci.yml": text % "true"}))
    assert by_key(ci.ended(older))["a"]["state"] == "cancelled"
    ci.ended(newer, "passed")


def test_a_slot_outlives_a_restart_of_the_server(world):
    server = world.server()
    project = server.project("app", hooks=())
    first, go = Flag(world.root, "first"), Flag(world.root, "go")
    text = HEAD + f"""  a: {{run: "{first.mark()}; {go.wait()}", concurrency: {{group: one}}}}
  b: {{run: 'true', concurrency: {{group: one}}}}
"""
    run = project.run_of(project.push({".ci.yml": text}))
    first.await_it()
    server.kill()
    server.restart()
    assert by_key(server.detail(run))["b"]["state"] == "ready"
    go.raise_it()
    server.ended(run, "passed")
