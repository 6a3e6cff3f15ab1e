"""From a push to the job's first command and to the result: what a developer waits for."""

import time

from harness import floors
from harness.report import Figure, Report
from harness.sluice import BenchError, Sluice

WARM_UPS = 2


def no_source(project):
    return {".ci.yml": "version: 1\non: { push: { branches: [main] }, manual: {} }\n"
                       f"jobs:\n  noop: {{ source: none, run: {project.stamp_command()} }}\n"}


def ten_files(project):
    files = {f"src/module{i}.py": f"# module {i}\n" + "value = 1\n" * 200 for i in range(9)}
    files[".ci.yml"] = ("version: 1\non: { push: { branches: [main] }, manual: {} }\n"
                        f"jobs:\n  noop: {{ run: {project.stamp_command()} }}\n")
    return files


def newest_run(api, project):
    return api.get(f"/api/v1/projects/{project.name}/runs?limit=1")["runs"][0]


def until_visible(api, run_id):
    """When the API first shows the run's end; asked again 0.5 ms after each answer."""
    while True:
        run = api.get(f"/api/v1/runs/{run_id}")["run"]
        if run["state"] != "active":
            if run["state"] != "passed":
                raise BenchError(f"run {run_id} ended as {run['state']}: {run['reason']}")
            return time.time_ns()
        time.sleep(0.0005)


def one_push(project, api, number):
    """A real `git push`; its trigger is the moment at which git starts the post-receive hook."""
    sha = project.commit(f"commit {number}")
    project.hook_stamps.drain()
    push = project.start_push()
    begin = project.hook_stamps.next("the hook to start")
    command = project.job_stamps.next("the first command")
    run = newest_run(api, project)
    if run["sha"] != sha:
        raise BenchError(f"the newest run is of {run['sha']}, not of the pushed {sha}")
    visible = until_visible(api, run["id"])
    push.wait()
    accepted = project.hook_ends.next("the hook's end")
    return {"run": run["id"], "begin": begin, "accepted": accepted, "command": command, "visible": visible}


def one_call(project, api, number):
    """POST /runs on a connection that is open already."""
    del number
    begin = time.time_ns()
    run = api.post(f"/api/v1/projects/{project.name}/runs", {"branch": "main"})
    accepted = time.time_ns()
    command = project.job_stamps.next("the first command")
    visible = until_visible(api, run["id"])
    return {"run": run["id"], "begin": begin, "accepted": accepted, "command": command, "visible": visible}


def sample(project, api, trigger, count):
    rounds = []
    for number in range(WARM_UPS + count):
        rounds.append(trigger(project, api, number))
        # The runner goes on for a moment after its result is recorded; a person's next push comes later than that.
        time.sleep(0.05)
    return rounds[WARM_UPS:]


def ms(rounds, end, begin="begin"):
    return [(item[end] - item[begin]) / 1e6 for item in rounds]


def measure(tools, work, options):
    report = Report("push_latency", "trigger to first command and to visible result; one agent, apart from the server")
    report.floor("sh -c true", floors.spawn_ms(tools), "ms")
    report.floor("bash -c true", floors.spawn_ms(tools, "bash"), "ms")
    report.floor("commit", floors.commit_ms(tools, work), "ms")
    report.floor("new file", floors.create_ms(tools, work), "ms")
    report.floor("round trip", floors.loopback_ms(tools), "ms")
    traces = []
    for tls in (False, True):
        with Sluice(tools, f"{work}/{'tls' if tls else 'plain'}", tls=tls) as sluice:
            bare = sluice.add_project("noop", no_source, hooks=not tls)
            full = sluice.add_project("source", ten_files, hooks=not tls)
            if not tls:
                report.floor("git clone", floors.clone_ms(full.bare, work), "ms")
            sluice.start_agent()
            api = sluice.api()
            for project, kind in ((bare, "no source"), (full, "10 files")):
                triggers = [("POST", one_call)] if tls else [("push", one_push), ("POST", one_call)]
                for trigger_name, trigger in triggers:
                    rounds = sample(project, api, trigger, options.count or 30)
                    label = f"{'TLS' if tls else 'plain'}, {trigger_name}, {kind}"
                    add_figures(report, label, rounds, kind)
                    traces.append((label, sluice.data, rounds))
            api.close()
        if options.trace:
            for label, data, rounds in traces:
                report.notes += phases(label, data, rounds)
            traces = []
    report.note("push: from the start of git's post-receive hook; POST: from the call. sluice-hook speaks plain HTTP "
                "only, so TLS has no push rows")
    report.note("visible includes the step of the asking client (a GET each 0.5 ms from the first command on)")
    return report


def add_figures(report, label, rounds, kind):
    goal = kind == "no source"
    report.add(Figure.of_samples(f"{label}: accepted", ms(rounds, "accepted"), "ms", floor="commit"))
    report.add(Figure.of_samples(f"{label}: first command", ms(rounds, "command"), "ms",
                                 floor="sh -c true" if goal else "git clone", goal="< 10" if goal else "< 25"))
    report.add(Figure.of_samples(f"{label}: visible", ms(rounds, "visible"), "ms",
                                 floor="sh -c true" if goal else "git clone", goal="< 15" if goal else None))


def phases(label, data, rounds):
    """Medians of the moments that the database knows (ms resolution), counted from the trigger."""
    import sqlite3

    from harness.stats import median
    database = sqlite3.connect(f"file:{data}/sluice.db?mode=ro", uri=True)
    columns = {"run row": [], "attempt leased": [], "attempt started": [], "attempt finished": [], "run finished": []}
    for item in rounds:
        row = database.execute(
            "SELECT r.created_at, a.created_at, a.started_at, a.finished_at, r.finished_at FROM runs r JOIN attempts a "
            "ON a.run_id = r.id WHERE r.id = ?", (item["run"],)).fetchone()
        for name, at in zip(columns, row):
            columns[name].append(at - item["begin"] / 1e6)
    database.close()
    parts = [(median(ms(rounds, "accepted")), "accepted"), (median(ms(rounds, "command")), "first command"),
             (median(ms(rounds, "visible")), "visible")] + [(median(v), k) for k, v in columns.items()]
    yield f"{label}, medians after the trigger: " + ", ".join(f"{name} {at:.1f}" for at, name in sorted(parts))
