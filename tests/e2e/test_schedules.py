"""Schedules on a real server: read from the default branch, fired once per tick, through crashes."""

import sqlite3
import time

from harness import Flag, by_key
from wire import wait_for

HOUR = 3_600_000


def pipeline(schedules, run="echo $CI_SCHEDULE $CI_SCHEDULE_DATE $CI_SCHEDULE_TIME", params=""):
    run = run.replace("'", "''")
    return f"version: 1\non: {{push: {{branches: [never]}}, schedule: {schedules}}}\n{params}jobs:\n  a: {{run: '{run}'}}\n"


def schedules_of(project):
    return {row["name"]: row for row in project.server.get(f"{project.path}/schedules")["schedules"]}


def known(project, *names):
    """The schedules once the server has exactly these."""
    return wait_for(
        lambda: (found := schedules_of(project))
        and {n for n, row in found.items() if row["active"]} == set(names)
        and found,
        f"schedules {names}",
    )


def set_back(server, milliseconds):
    """As if the server had last looked so long ago: it must not run."""
    connection = sqlite3.connect(server.data / "sluice.db")
    with connection:
        connection.execute("UPDATE schedules SET since = ?", (int(time.time() * 1000) - milliseconds,))
    connection.close()


def fired(project, name):
    return [tick for tick in schedules_of(project)[name]["ticks"] if tick["state"] == "fired"]


def test_a_push_to_the_default_branch_tells_the_schedules(project, ci):
    two = '[{name: nightly, cron: "0 2 * * *", timezone: Europe/Berlin}, {name: hourly, cron: "@hourly"}]'
    project.push({".ci.yml": pipeline(two)})
    nightly = known(project, "nightly", "hourly")["nightly"]
    assert (nightly["cron"], nightly["timezone"], nightly["problem"], nightly["last_run"]) == (
        "0 2 * * *",
        "Europe/Berlin",
        "",
        None,
    )
    assert nightly["next_at"][11:] in ("00:00:00.000Z", "01:00:00.000Z")
    project.push({".ci.yml": pipeline('[{name: topic, cron: "@daily"}]')}, branch="topic")
    project.push({".ci.yml": pipeline('[{name: hourly, cron: "@hourly"}]')}, message="x [skip ci]")
    found = known(project, "hourly")
    assert found["nightly"]["next_at"] is None and found["nightly"]["problem"]
    project.push({".ci.yml": "version: 1\non: {push: {}}\njobs: {a: {rum: x}}\n"})
    wait_for(lambda: project.runs(), "the broken run")
    assert known(project, "hourly"), "a mistake in the file stops no schedule"


def test_a_project_that_is_added_with_a_history_has_its_schedules(ci, name):
    other = ci.project(name)
    other.push({".ci.yml": pipeline('[{name: nightly, cron: "@daily"}]')})
    body = {"name": f"{name}-late", "url": str(other.repo.bare)}
    ci.post("/api/v1/projects", body)
    wait_for(lambda: ci.get(f"/api/v1/projects/{name}-late/schedules")["schedules"], "its schedules")


def test_a_person_fires_a_schedule(project, ci):
    text = '[{name: nightly, cron: "0 2 * * *", params: {full: true}}]'
    job = "echo $CI_EVENT $CI_SCHEDULE full=$CI_PARAM_FULL ${{ schedule.date }}"
    project.push({".ci.yml": pipeline(text, job, "params: {full: false}\n")})
    known(project, "nightly")
    done = ci.sluice("schedule", "run", "nightly", "--project", project.name)
    run = fired(project, "nightly")[0]["run_id"]
    assert f"run {run} " in done.stdout
    detail = ci.ended(run, "passed")
    date = detail["schedule"]["date"]
    assert detail["params"] == {"full": "true"} and detail["schedule"]["name"] == "nightly"
    assert detail["run"]["event"] == "schedule" and detail["run"]["actor"] == "schedule nightly"
    assert ci.log_of(by_key(detail)["a"]["id"]).decode().strip() == f"schedule nightly full=true {date}"
    listed = ci.sluice("schedule", "list", project.name).stdout
    assert "nightly" in listed and f"#{detail['run']['number']} passed" in listed
    again = ci.ended(ci.post(f"/api/v1/runs/{run}/retry?all=true")["id"], "passed")
    assert again["schedule"] == detail["schedule"], "a retry is for the same tick"
    unknown = ci.sluice("schedule", "run", "nightli", "--project", project.name, check=False)
    assert unknown.returncode == 5 and "did you mean 'nightly'" in unknown.stderr


def test_a_schedule_of_a_branch_that_does_not_have_it_is_refused(project, ci):
    project.push({".ci.yml": pipeline('[{name: nightly, cron: "@daily", branch: old}]')})
    project.push({".ci.yml": pipeline('[{name: other, cron: "@daily"}]')}, branch="old")
    schedule = known(project, "nightly")["nightly"]
    refused = ci.call("POST", f"/api/v1/schedules/{schedule['id']}/run", {})
    assert refused.status == 409 and "branch old has no schedule of this name" in refused.json["message"]


def test_missed_ticks_run_in_order_through_kills_and_never_twice(world):
    server = world.server()
    project = server.project("app", hooks=())
    flag = Flag(server.root)
    project.push({".ci.yml": pipeline('[{name: all, cron: "@hourly", catchup: all}]', flag.wait())})
    known(project, "all")
    server.kill()
    set_back(server, 4 * HOUR)
    server.restart()
    wait_for(lambda: fired(project, "all"), "the first missed tick")
    server.kill()  # while the others wait for its run
    server.restart()
    flag.raise_it()
    for _ in range(3):
        before = len(fired(project, "all"))
        wait_for(lambda: before == 4 or len(fired(project, "all")) > before, "the next tick")
        server.kill()
        server.restart()
    ticks = wait_for(lambda: len(found := fired(project, "all")) == 4 and found, "all missed ticks")
    runs = [tick["run_id"] for tick in ticks]
    for run in runs:
        server.ended(run, "passed")
    assert len(set(runs)) == 4 and len(project.runs()) == 4
    assert [tick["at"] for tick in ticks] == sorted((tick["at"] for tick in ticks), reverse=True)
    assert runs == sorted(runs, reverse=True), "in order of time"


def test_missed_ticks_are_dropped_or_only_the_newest_runs(world):
    server = world.server()
    project = server.project("app", hooks=())
    project.push(
        {".ci.yml": pipeline('[{name: none, cron: "@hourly"}, {name: last, cron: "@hourly", catchup: last}]', "true")}
    )
    known(project, "none", "last")
    server.stop()
    # Not so near to a full hour that its tick would count as on time.
    set_back(server, 3 * HOUR)
    server.start()
    newest = wait_for(lambda: fired(project, "last"), "the newest missed tick")
    server.ended(newest[0]["run_id"], "passed")
    found = schedules_of(project)
    assert [tick["state"] for tick in found["last"]["ticks"]] == ["fired", "skipped", "skipped"]
    on_time = [tick for tick in found["none"]["ticks"] if tick["state"] == "fired"]
    dropped = [tick for tick in found["none"]["ticks"] if tick["state"] == "skipped"]
    assert len(on_time) + len(dropped) == 3 and len(on_time) <= 1
    assert dropped[0]["reason"] == "missed: the server did not run then, and `catchup` is none"
    assert "skipped, missed: the server did not run then" in server.sluice("schedule", "list", "app").stdout
    for tick in on_time:
        server.ended(tick["run_id"])


def test_a_schedule_that_needs_what_this_version_lacks_makes_a_run_that_says_so(project, ci):
    text = pipeline('[{name: nightly, cron: "@daily"}]').replace("a: {", "a: {distributed: {nodes: 2}, ")
    project.push({".ci.yml": text})
    schedule = known(project, "nightly")["nightly"]
    run = ci.post(f"/api/v1/schedules/{schedule['id']}/run")
    assert run["state"] == "errored" and "`distributed` asks for jobs on several nodes" in run["reason"]
