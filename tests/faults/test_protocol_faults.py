"""What a broken, stale or lying agent does: one job, one result, no byte of a log lost or doubled."""

import concurrent.futures
import socket

import pytest

from fake_agent import FakeAgent, Lease
from wire import wait_for

PIPELINE = "version: 1\non: {push: {}, manual: {}}\njobs:\n  a: {run: echo hello}\n"


def waiting_job(world, *args):
    """A server, a fake agent, and a project whose job waits for one."""
    server = world.server(embedded=False, args=args)
    agent = FakeAgent(server)
    agent.project = server.project("app")
    agent.project.push({".ci.yml": PIPELINE})
    agent.run = agent.project.start()
    return agent


@pytest.fixture
def fake(world):
    return waiting_job(world)


@pytest.fixture
def hasty(world):
    """The same on a server that gives a silent agent up after two seconds."""
    return waiting_job(world, "--lease-seconds", "2", "--unstarted-seconds", "2")


def job_of(fake):
    return fake.server.detail(fake.run)["jobs"][0]


def test_a_log_with_a_gap_is_refused_with_the_offset_that_is_wanted(fake):
    lease = fake.one_job().started()
    assert lease.log(0, b"hello ").json == {"offset": 6, "cancel": False}
    gap = lease.log(10, b"lost")
    assert gap.status == 409 and gap.json["offset"] == 6
    assert lease.log(6, b"world\n").json["offset"] == 12
    assert lease.log(0, b"hello world\nagain\n").json["offset"] == 18, "what overlaps is skipped, the rest taken"
    whole = b"hello world\nagain\n"
    assert lease.finish(whole).json == {"state": "passed"}
    assert fake.server.log_of(job_of(fake)["id"]) == whole
    fake.server.ended(fake.run, "passed")


def test_an_offset_that_is_no_number_is_refused(fake):
    lease = fake.one_job().started()
    for wrong in ("", "-1", "x", "1x", "9" * 30):
        reply = lease.call("log", b"x", "PATCH", {"Upload-Offset": wrong})
        assert reply.status == 400 and reply.json["error"] == "bad_offset", (wrong, reply)
    assert lease.finish().status == 200


def test_a_request_that_breaks_off_is_to_be_sent_again(fake):
    """The client's side was closed by a network: 400 would be the end of a finish that is right."""
    host, _, port = fake.server.url.partition("://")[2].rpartition(":")
    lease = fake.one_job().started()
    with socket.create_connection((host, int(port)), timeout=30) as wire:
        wire.sendall(f"POST /agent/v1/attempts/{lease.job['attempt']}/finish HTTP/1.1\r\nHost: {host}:{port}\r\n"
                     f"Authorization: Lease {lease.token}\r\nContent-Length: 500\r\n\r\n".encode() + b"{\"runner_")
        wire.shutdown(socket.SHUT_WR)
        head = wire.recv(65536)
    assert head.startswith(b"HTTP/1.1 408 "), head
    assert lease.finish().json == {"state": "passed"}


def test_a_finish_may_be_repeated_but_not_changed(fake):
    lease = fake.one_job().started()
    lease.log(0, b"done\n")
    first = lease.finish(b"done\n")
    assert (first.status, first.json) == (200, {"state": "passed"})
    again = lease.finish(b"done\n")
    assert (again.status, again.json) == (200, {"state": "passed"})
    changed = lease.finish(b"done\n", "failed")
    assert changed.status == 409 and "passed" in changed.json["message"], "it says what was recorded"
    late = lease.log(5, b"more")
    assert late.status == 409 and fake.server.log_of(job_of(fake)["id"]) == b"done\n", "an ended log stays as it is"
    fake.server.ended(fake.run, "passed")


def test_a_finish_before_its_log_is_whole_is_told_where_to_go_on(fake):
    lease = fake.one_job().started()
    lease.log(0, b"one\n")
    early = lease.finish(b"one\ntwo\n")
    assert early.status == 409 and early.json["offset"] == 4
    assert job_of(fake)["state"] == "running"
    assert lease.finish(b"one\ntwo\n", inline=(4, b"two\n")).status == 200
    assert fake.server.log_of(job_of(fake)["id"]) == b"one\ntwo\n"


def test_a_log_that_differs_is_asked_for_again_and_at_last_taken_as_damaged(fake):
    lease = fake.one_job().started()
    lease.log(0, b"what was sent\n")
    wanted = b"what was said\n"
    for _ in range(3):
        reply = lease.finish(wanted)
        assert reply.status == 409 and reply.json["offset"] == 0, reply
        lease.log(0, b"what was sent\n")
    assert lease.finish(wanted).status == 200
    job = job_of(fake)
    assert job["state"] == "passed" and any("log_damaged" in problem for problem in job["reports"]["problems"])


def test_the_first_runner_to_start_wins(fake):
    lease = fake.one_job().started()
    assert lease.start().status == 200, "the same runner may ask again"
    other = lease.start("another-instance")
    assert other.status in (409, 410) and other.json["error"] == "lease_lost"
    stranger = Lease(fake.client, lease.job, "another-instance").finish()
    assert stranger.status in (409, 410)
    assert lease.finish().status == 200
    fake.server.ended(fake.run, "passed")


def test_a_token_of_another_attempt_opens_nothing(fake):
    lease = fake.one_job().started()
    for what in ("start", "renew", "finish", "progress", "release", "source"):
        assert lease.call(what, {}, token="guess").status == 401
        assert lease.call(what, {}, token=fake.token).status == 401
    assert lease.log(0, b"x").status == 200
    assert lease.finish(b"x").status == 200


def test_a_lease_that_nobody_starts_goes_back_and_costs_no_retry(hasty):
    stale = hasty.one_job()
    second = hasty.claim(holding=[stale.job["attempt"]])
    assert second.status == 200, "after two seconds of service the job is offered again"
    lease = Lease(hasty.client, second.json["jobs"][0])
    assert lease.job["job"] == stale.job["job"] and lease.job["epoch"] == 2
    assert stale.start().status in (409, 410)
    assert lease.started().finish().status == 200
    assert stale.finish().status in (409, 410)
    hasty.server.ended(hasty.run, "passed")


def test_an_agent_that_falls_silent_loses_its_job_to_the_next_attempt(hasty):
    stale = hasty.one_job().started()
    stale.log(0, b"first attempt\n")
    reply = wait_for(
        lambda: (lambda r: r if r.status == 200 else None)(hasty.claim(holding=[stale.job["attempt"]])),
        "a second attempt",
    )
    lease = Lease(hasty.client, reply.json["jobs"][0]).started()
    assert lease.job["epoch"] == 2
    for refused in (stale.renew(), stale.log(14, b"late"), stale.finish(b"first attempt\n", "failed")):
        assert refused.status in (409, 410), refused
    lease.log(0, b"second attempt\n")
    assert lease.finish(b"second attempt\n").status == 200
    job = hasty.server.ended(hasty.run, "passed")["jobs"][0]
    assert job["attempt"] == 2
    assert hasty.server.log_of(job["id"]) == b"second attempt\n"
    assert hasty.server.log_of(job["id"], attempt=1) == b"first attempt\n", "the lost attempt's log stays as evidence"


def test_an_agent_that_comes_back_before_another_took_over_keeps_its_job(hasty):
    lease = hasty.one_job().started()
    wait_for(lambda: job_of(hasty)["state"] == "ready", "the job to be given up")
    assert lease.log(0, b"back again\n").status == 200
    assert job_of(hasty)["state"] == "running"
    assert lease.finish(b"back again\n").status == 200
    job = hasty.server.ended(hasty.run, "passed")["jobs"][0]
    assert job["attempt"] == 1 and hasty.server.log_of(job["id"]) == b"back again\n"


def test_all_calls_of_an_attempt_that_comes_back_at_once_are_served(hasty):
    lease = hasty.one_job().started()
    wait_for(lambda: job_of(hasty)["state"] == "ready", "the job to be given up")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: lease.renew(), range(16)))
    assert {reply.status for reply in replies} == {200}, replies
    assert lease.finish().status == 200


def test_a_setup_failure_that_brings_its_start_along_is_tried_again(fake):
    for epoch in (1, 2, 3):
        lease = fake.one_job()
        assert lease.job["epoch"] == epoch
        body = lease.outcome()
        body["outcome"].update(result="errored", exit_code=None, cause="setup", message="source: no way")
        assert lease.finish(body=body).json["state"] == ("ready" if epoch < 3 else "errored")
    fake.server.ended(fake.run, "errored")


def test_a_claim_whose_answer_was_lost_is_answered_again(fake):
    lost = fake.one_job()
    again = fake.claim(seq=fake.seq)
    assert again.status == 200 and again.json["jobs"][0]["job"] == lost.job["job"]
    lease = Lease(fake.client, again.json["jobs"][0])
    assert lease.started().finish().status == 200
    overtaken = fake.claim(seq=0)
    assert overtaken.status == 409 and overtaken.json["error"] == "seq_too_low"
    fake.server.ended(fake.run, "passed")


def test_a_second_session_ends_the_first(fake):
    assert fake.claim(free=0, wait_ms=0).status in (200, 204)
    assert fake.claim(free=0, wait_ms=0, session="another", seq=1).status in (200, 204)
    ended = fake.claim(free=0, wait_ms=0)
    assert ended.status == 409 and ended.json["error"] == "session_superseded"
    taken = fake.claim(session="another", seq=2)
    assert Lease(fake.client, taken.json["jobs"][0]).started().finish().status == 200


def test_a_lease_can_be_given_back(fake):
    lease = fake.one_job()
    assert lease.call("release", {}).status == 204
    assert lease.start().status in (409, 410)
    assert fake.one_job().started().finish().status == 200


def test_a_cancel_reaches_a_runner_with_its_next_word(fake):
    lease = fake.one_job().started()
    assert lease.renew().json["cancel"] is False
    fake.server.post(f"/api/v1/runs/{fake.run}/cancel")
    assert lease.renew().json["cancel"] is True
    assert lease.log(0, b"bye\n").json["cancel"] is True
    assert lease.finish(b"bye\n").json == {"state": "passed"}, "a pass that races a cancel stays one"


def test_a_cancel_reaches_a_lease_whose_start_was_not_told_yet(fake):
    lease = fake.one_job()
    fake.server.post(f"/api/v1/runs/{fake.run}/cancel")
    assert lease.start().status == 200, "a replayable job may have begun: its runner stops it and keeps its log"
    assert lease.renew().json["cancel"] is True
    body = lease.outcome(b"bye\n", inline=(0, b"bye\n"))
    body["outcome"].update(result="cancelled", exit_code=None, cause="cancelled")
    assert lease.finish(body=body).json == {"state": "cancelled"}
    fake.server.ended(fake.run, "cancelled")


def test_a_cancelled_lease_that_is_given_back_is_not_queued_again(fake):
    lease = fake.one_job()
    fake.server.post(f"/api/v1/runs/{fake.run}/cancel")
    assert lease.call("release", {}).status == 204
    assert "cancelled by" in fake.server.ended(fake.run, "cancelled")["jobs"][0]["message"]


def test_an_agent_of_another_protocol_is_told_to_upgrade(fake):
    future = FakeAgent(fake.server, "future", protocol=99).registered
    assert future.status == 426 and "install an older sluice-agent" in future.json["message"]
    assert fake.one_job().started().finish().status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"runner_instance": 5}',
        b'{"outcome": {"result": "great"}, "log_size": 0, "log_crc32c": 0}',
        b'{"outcome": {"result": "passed"}, "log_size": -1, "log_crc32c": 0}',
        b"[" * 100_000,
    ],
)
def test_a_finish_of_nonsense_is_refused_and_changes_nothing(fake, body):
    lease = fake.one_job().started()
    reply = lease.call("finish", body, headers={"Content-Type": "application/json"})
    assert 400 <= reply.status < 500 and reply.status not in (401, 403), reply
    assert job_of(fake)["state"] == "running"
    assert lease.finish().status == 200


def test_a_log_of_every_size_of_piece_arrives_whole(fake):
    lease = fake.one_job().started()
    data = bytes(range(256)) * 5000
    at, size = 0, 1
    while at < len(data):
        assert lease.log(at, data[at:at + size]).json["offset"] == min(at + size, len(data))
        at, size = at + size, size * 3
    assert lease.finish(data).status == 200
    assert fake.server.log_of(job_of(fake)["id"]) == data
