"""Deliveries that are wrong or hostile: all are answered, none stops the server or builds what it should not."""

import concurrent.futures
import json
import socket
import sqlite3
import urllib.parse
import uuid

import pytest

from forges import ZERO, Git, GitHub

PIPELINE = """
version: 1
on: {push: {}}
gate: {branches: ["**"], require: [a]}
jobs:
  a: {run: 'printf "%s" "$CI_COMMIT_BRANCH"'}
"""
GIT, GITHUB = Git(), GitHub()


@pytest.fixture
def bare(ci, name):
    """A project that nobody tells about but the test."""
    project = ci.project(name, forge="github")
    project.first = project.push({".ci.yml": PIPELINE})
    return project


def push_of(project):
    return GITHUB.push("refs/heads/main", ZERO, project.first)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        "sha256=" + "0" * 63,
        "sha256=" + "zz" * 32,
        "sha1=" + "0" * 40,
        "md5",
        "sha256=" + "0" * 6400,
    ],
)
def test_a_bad_signature_is_refused(bare, signature):
    reply = GITHUB.send(bare, *push_of(bare), extra={"X-Hub-Signature-256": signature})
    assert reply.status == 401 and reply.json["error"].startswith("signature_"), reply
    assert bare.deliveries() == [] and bare.runs() == []


def test_a_signature_of_another_body_is_refused(bare):
    event, body = push_of(bare)
    headers = GITHUB.headers(event, b"{}", bare.secret, "d1")
    reply = bare.server.call("POST", f"/hooks/github/{bare.name}", json.dumps(body).encode(), headers, token=None)
    assert reply.status == 401 and bare.deliveries() == []


def test_a_project_without_a_secret_takes_nothing_not_even_an_empty_signature(world):
    server = world.server(embedded=False)
    project = server.project("app", forge="github")
    sha = project.push({".ci.yml": PIPELINE})
    server.kill()
    with sqlite3.connect(server.data / "sluice.db") as database:
        database.execute("UPDATE projects SET hook_secret = ''")
    database.close()
    server.restart()
    reply = GITHUB.send(project, *GITHUB.push("refs/heads/main", ZERO, sha), secret="")
    assert reply.status == 401 and reply.json["error"] == "hook_disabled"


def test_a_header_that_comes_twice_is_refused(bare):
    event, body = push_of(bare)
    body = json.dumps(body).encode()
    connection = bare.server.client.connect()
    connection.putrequest("POST", f"/hooks/github/{bare.name}")
    for name, value in GITHUB.headers(event, body, bare.secret, "d1").items():
        connection.putheader(name, value)
        if name == "X-Hub-Signature-256":
            connection.putheader(name, "sha256=" + "0" * 64)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    reply = connection.getresponse()
    assert reply.status == 400 and json.loads(reply.read())["error"] == "duplicate_header"
    connection.close()
    assert bare.deliveries() == []


def raw_delivery(project, sent, promised=None):
    """Bytes of a delivery that promises `promised` bytes of body and sends `sent`."""
    headers = GITHUB.headers("push", sent, project.secret, str(uuid.uuid4()))
    lines = [
        f"POST /hooks/github/{project.name} HTTP/1.1",
        "Host: x",
        f"Content-Length: {len(sent) if promised is None else promised}",
    ]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode() + sent


def test_a_delivery_that_breaks_off_leaves_no_trace(bare):
    at = urllib.parse.urlsplit(bare.server.url)
    body = json.dumps(push_of(bare)[1]).encode()
    for sent in (raw_delivery(bare, body[:100], len(body)), raw_delivery(bare, body)[:60], b"POST /hooks"):
        with socket.create_connection((at.hostname, at.port)) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(65536)
    assert bare.deliveries() == [] and bare.runs() == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"ref":',
        b"\xff\xfe",
        b'{"ref":"refs/heads/main","ref":"refs/heads/x"}',
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"ref":7,"after":[],"before":{}}',
        b'{"ref":"refs/heads/main","before":"0","after":"../../etc"}',
        b'{"ref":"refs/heads/a..b"}',
    ],
)
def test_a_signed_delivery_of_nonsense_is_acknowledged_and_ignored_with_a_reason(bare, raw):
    reply = GITHUB.send(bare, "push", None, raw=raw)
    assert reply.status == 202 and reply.json["outcome"] == "ignored" and reply.json["reason"].startswith("bad_"), reply
    assert bare.runs() == []


def test_a_delivery_of_more_than_25_mib_is_refused_before_it_is_read(bare):
    at = urllib.parse.urlsplit(bare.server.url)
    with socket.create_connection((at.hostname, at.port)) as connection:
        connection.sendall(raw_delivery(bare, b"{", (25 << 20) + 1))
        connection.settimeout(30)
        assert b" 413 " in connection.recv(65536).split(b"\r\n")[0] + b" "
    large = json.dumps({**push_of(bare)[1], "padding": "x" * (20 << 20)}).encode()
    assert GITHUB.send(bare, "push", None, raw=large).status == 202, "below the limit it is taken"
    bare.server.ended(bare.run_of(bare.first), "passed")


def test_one_delivery_sent_twenty_times_at_once_is_built_once(bare, ci):
    delivery = str(uuid.uuid4())
    push = push_of(bare)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: GITHUB.send(bare, *push, delivery=delivery), range(20)))
    assert sorted(reply.json["outcome"] for reply in replies) == ["accepted"] + ["duplicate"] * 19
    ci.ended(bare.run_of(bare.first), "passed")
    assert len(bare.runs()) == 1


def test_deliveries_without_an_id_are_known_by_their_body(bare, ci):
    push = push_of(bare)
    assert GITHUB.send(bare, *push, drop=["X-GitHub-Delivery"]).json["outcome"] == "accepted"
    assert GITHUB.send(bare, *push, drop=["X-GitHub-Delivery"]).json["outcome"] == "duplicate"
    ci.ended(bare.run_of(bare.first), "passed")


def test_an_unknown_project_and_source_are_not_found_even_with_a_signature(bare):
    for path in (
        "/hooks/github/no-such-project",
        "/hooks/nowhere/" + bare.name,
        "/hooks/github/..%2f" + bare.name,
        "/hooks/github/",
    ):
        reply = GITHUB.send(bare, *push_of(bare), path=path)
        assert reply.status in (404, 400), (path, reply)


HOSTILE = [
    "$(id)",
    "`id`",
    "<script>alert(1)</script>",
    "a\u202egpj.exe",
    "-rf",
    "a;id",
    "a&&id",
    "'\"",
    "%00%0a",
    "\u00e4\u4e2d\U0001f600",
    "x" * 200,
]


@pytest.mark.parametrize("branch", HOSTILE)
def test_a_branch_may_be_called_anything_that_git_allows_and_nothing_happens(project, ci, branch):
    sha = project.repo.commit({".ci.yml": PIPELINE})
    project.repo.push(f"{sha}:refs/heads/{branch}")
    detail = ci.ended(project.run_of(sha), "passed")
    assert detail["run"]["branch"] == branch
    assert ci.log_of(detail["jobs"][0]["id"]).decode() == branch, "it reaches the job as it is"
    assert [run["sha"] for run in project.runs(branch=branch)] == [sha]
    gate = project.gate(branch=branch)
    assert (gate["verdict"], gate["branch"]) == ("green", branch)
    for words in (("run", "list", "--project", project.name), ("run", "show", str(detail["run"]["id"]))):
        shown = ci.sluice(*words).stdout
        assert "\u202e" not in shown and "\x1b" not in shown, "what turns text around is not printed as it is"
    page = ci.call("GET", f"{project.path}/runs")
    assert page.headers["Content-Type"] == "application/json" and page.headers["X-Content-Type-Options"] == "nosniff"


def test_a_deleted_branch_starts_nothing(project, ci):
    sha = project.push({".ci.yml": PIPELINE}, branch="topic")
    ci.ended(project.run_of(sha), "passed")
    project.repo.push(":refs/heads/topic")
    newest = project.settled(project.deliveries()[0]["id"])
    assert (newest["state"], newest["outcome"], newest["run_id"]) == ("ignored", "branch_deleted", None)
    missing = ci.call("GET", f"{project.path}/gate?branch=topic")
    assert missing.status == 404 and missing.json["error"] == "ref_not_found"
    assert len(project.runs()) == 1


def forced(project, ci):
    """A topic branch whose commit is replaced by another one: its run."""
    text = PIPELINE + "  docs: {changes: ['docs/**'], run: 'true'}\n  code: {changes: ['src/**'], run: 'true'}\n"
    project.push_and_end({".ci.yml": text, "docs/a": "1", "src/a": "1"})
    old = project.push({"docs/a": "2"}, branch="topic")
    ci.ended(project.run_of(old))
    project.repo.git("reset", "-q", "--hard", "main")
    new = project.repo.commit({"src/a": "2"}, branch="topic")
    project.repo.push("+topic")
    detail = ci.ended(project.run_of(new))
    assert project.gate(branch="topic")["sha"] == new
    assert ci.detail(project.run_of(old))["run"]["state"] == "passed", "the old tip's run stays"
    return {job["key"]: job["state"] for job in detail["jobs"]}


def test_a_forced_push_is_built_at_the_new_tip(project, ci):
    assert forced(project, ci)["code"] == "passed"


def test_a_forced_push_is_compared_with_where_it_left_the_default_branch(project, ci):
    assert forced(project, ci)["docs"] == "not_selected"


def test_a_push_to_two_hundred_branches_at_once_is_built_in_order(project, ci):
    text = PIPELINE.replace("on: {push: {}}", "on: {push: {branches: [b199, b0]}}")
    project.repo.commit({".ci.yml": text})
    project.repo.push(*[f"main:refs/heads/b{i}" for i in range(200)])
    sha = project.repo.git("rev-parse", "main").stdout.strip()
    newest = project.run_of(sha, count=2)
    ci.ended(newest, "passed")
    assert sorted(run["branch"] for run in project.runs()) == ["b0", "b199"]


def test_acknowledged_deliveries_survive_a_kill(world):
    server = world.server()
    project = server.project("app")
    shas = []
    for number in range(12):
        shas.append(project.repo.commit({".ci.yml": PIPELINE, "n": str(number)}, branch=f"b{number}"))
    project.repo.push(*[f"b{number}" for number in range(12)])
    for number, sha in enumerate(shas):
        assert GIT.send(project, *GIT.push(f"refs/heads/b{number}", ZERO, sha)).status == 202
    server.kill()
    server.restart()
    for sha in shas:
        server.ended(project.run_of(sha), "passed")
        assert len(project.runs(sha=sha)) == 1
