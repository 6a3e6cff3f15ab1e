"""What people watch: logs while they grow, events, ranges of a log; each resumes where it broke off."""

import json

from harness import Flag
from wire import wait_for


def pipeline(run):
    return "version: 1\non: {push: {}}\njobs:\n  a:\n    run: |\n" + "".join(
        f"      {line}\n" for line in run.splitlines()
    )


def started(project, flag, lines=3):
    """A job that prints some lines and waits: (run id, job id)."""
    run = project.run_of(
        project.push({".ci.yml": pipeline(f"for i in $(seq {lines}); do echo line $i; done\n{flag.wait()}\necho last")})
    )
    job = project.server.detail(run)["jobs"][0]["id"]
    wait_for(lambda: b"line 3\n" in project.server.log_of(job), "the first lines to be readable")
    return run, job


def text_of(events):
    return "".join(json.loads(event["data"]) for event in events if event["type"] == "log")


def test_a_log_can_be_followed_from_its_start_to_its_end(project, ci):
    flag = Flag(ci.root)
    run, job = started(project, flag)
    with ci.client.stream(f"/api/v1/jobs/{job}/log/stream") as stream:
        first = stream.until(lambda event: text_of([event]).endswith("line 3\n"))
        assert text_of(first) == "line 1\nline 2\nline 3\n", "it is seen while the job runs"
        flag.raise_it()
        rest = stream.until(lambda event: event["type"] == "end")
    assert text_of(rest) == "last\n"
    assert json.loads(rest[-1]["data"]) == {"state": "passed", "attempt": 1}
    assert rest[-1]["id"] == str(len(ci.log_of(job)))
    ci.ended(run, "passed")


def test_a_broken_tail_resumes_by_last_event_id_without_a_byte_lost_or_doubled(project, ci):
    flag = Flag(ci.root)
    run, job = started(project, flag)
    with ci.client.stream(f"/api/v1/jobs/{job}/log/stream") as stream:
        seen = stream.until(lambda event: text_of([event]).endswith("line 3\n"))
    flag.raise_it()
    ci.ended(run, "passed")
    path = f"/api/v1/jobs/{job}/log/stream"
    with ci.client.stream(path, {"Last-Event-ID": seen[-1]["id"]}) as stream:
        rest = list(stream)
    assert text_of(seen + rest).encode() == ci.log_of(job) == b"line 1\nline 2\nline 3\nlast\n"
    with ci.client.stream(path, offset=7) as stream:
        assert text_of(list(stream)) == "line 2\nline 3\nlast\n"


def test_bytes_that_are_no_text_reach_a_tail_as_replacement_characters(project, ci):
    detail, jobs = project.push_and_end({".ci.yml": pipeline(r"printf 'a\377b \303\244 \n'")}, "passed")
    with ci.client.stream(f"/api/v1/jobs/{jobs['a']['id']}/log/stream") as stream:
        assert text_of(list(stream)) == "a\ufffdb \u00e4 \n"


def test_ranges_of_a_log_are_served(project, ci):
    _, jobs = project.push_and_end({".ci.yml": pipeline("seq 1000")}, "passed")
    path = f"/api/v1/jobs/{jobs['a']['id']}/log"
    whole = ci.call("GET", path)
    expected = "".join(f"{i}\n" for i in range(1, 1001)).encode()
    assert (whole.status, whole.body, whole.headers["X-Log-Complete"]) == (200, expected, "true")
    size = len(expected)
    for asked, first, last in (
        ("bytes=0-4", 0, 4),
        (f"bytes={size - 5}-", size - 5, size - 1),
        ("bytes=-7", size - 7, size - 1),
        (f"bytes=10-{size + 100}", 10, size - 1),
    ):
        part = ci.call("GET", path, headers={"Range": asked})
        assert part.status == 206 and part.body == expected[first:last + 1], asked
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
    beyond = ci.call("GET", path, headers={"Range": f"bytes={size}-"})
    assert beyond.status == 416 and beyond.headers["Content-Range"] == f"bytes */{size}"
    head = ci.call("HEAD", path)
    assert head.status == 200 and head.body == b"" and head.headers["Content-Length"] == str(size)


def test_a_log_that_still_grows_says_so(project, ci):
    flag = Flag(ci.root)
    run, job = started(project, flag)
    reply = ci.call("GET", f"/api/v1/jobs/{job}/log")
    assert reply.headers["X-Log-Complete"] == "false" and reply.headers["Content-Security-Policy"] == "sandbox"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    flag.raise_it()
    ci.ended(run, "passed")


def test_events_tell_a_run_from_its_creation_to_its_end(project, ci):
    before = ci.rows("SELECT max(id) AS newest FROM events")[0]["newest"]
    with ci.client.stream("/api/v1/events", project=project.name) as stream:
        sha = project.push({".ci.yml": pipeline("true")})
        live = [json.loads(event["data"]) for event in stream.until(lambda event: '"run.finished"' in event["data"])]
    run = project.run_of(sha)
    live = [event for event in live if event["run_id"] == run]
    types = [event["type"] for event in live]
    assert types[0] == "run.created" and types[-1] == "run.finished" and live[-1]["state"] == "passed"
    states = [event["state"] for event in live if event["type"] == "job.changed"]
    assert states[-1] == "passed" and states.count("passed") == 1 and "running" in states
    with ci.client.stream("/api/v1/events", run=run, after=before) as stream:
        again = [json.loads(event["data"]) for event in stream.until(lambda event: '"run.finished"' in event["data"])]
    assert again == live, "what was missed can be asked for again, in the same order"


def test_events_resume_after_the_last_one_seen(project, ci):
    detail, _ = project.push_and_end({".ci.yml": pipeline("true")}, "passed")
    run = detail["run"]["id"]

    def finished(event):
        return '"run.finished"' in event["data"]

    with ci.client.stream("/api/v1/events", run=run, after=0) as stream:
        everything = stream.until(finished)
    for seen in range(len(everything) - 1):
        with ci.client.stream("/api/v1/events", {"Last-Event-ID": everything[seen]["id"]}, run=run) as stream:
            assert stream.until(finished) == everything[seen + 1:]


def test_the_command_line_follows_a_log(project, ci):
    flag = Flag(ci.root)
    run, job = started(project, flag)
    flag.raise_it()
    shown = ci.sluice("run", "logs", str(run), "a", "-f").stdout
    assert shown == "line 1\nline 2\nline 3\nlast\n"
    assert ci.sluice("run", "logs", "--job", str(job)).stdout == shown
    ci.ended(run, "passed")
