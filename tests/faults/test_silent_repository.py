"""A repository whose server takes the connection and never answers (rule 6: libgit2 has no timeout of its own)."""

import concurrent.futures
import os
import socket

import leftovers
import pytest

from addresses import public_address
from wire import wait_for

PIPELINE = "version: 1\non: {push: {}, manual: {}}\njobs:\n  a: {run: echo hello}\n"


@pytest.fixture
def silent():
    """A listener whose connections are answered by nobody."""
    with public_address(77) as address, socket.create_server((address, 0), backlog=50) as listener:
        listener.settimeout(60)
        yield listener


def url_of(listener):
    host, port = listener.getsockname()
    return f"http://{host}:{port}/app.git"


def workers(world):
    return [command for command in leftovers.processes(world.root).values() if "git-worker" in command]


@pytest.fixture
def hanging(world, silent):
    """A server of which a git worker hangs, asked three times; the caller ends the server."""
    server = world.server()
    server.post("/api/v1/projects", {"name": "silent", "url": url_of(silent)})
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(lambda: server.client.call("POST", "/api/v1/projects/silent/runs", {}, timeout=200))
        connection, _ = silent.accept()  # a worker is in its fetch
        assert workers(world)
        try:
            yield server
        finally:
            connection.close()
            if server.running():
                server.kill()


def test_a_repository_that_never_answers_blocks_no_other(world, hanging):
    project = hanging.project("app", hooks=())
    project.push_and_end({".ci.yml": PIPELINE}, "passed")
    assert hanging.call("GET", "/healthz").status == 200
    assert hanging.stop() == 0
    wait_for(lambda: not workers(world), "the workers to end with their server")


def test_a_worker_that_hangs_ends_with_a_server_that_is_killed(world, hanging):
    hanging.kill()
    wait_for(lambda: not workers(world), "the workers to end with their server", deadline=5)


@pytest.mark.skipif(os.environ.get("SLUICE_LONG") != "1", reason="takes minutes: set SLUICE_LONG=1")
def test_a_repository_that_never_answers_is_given_up(world, silent):
    server = world.server()
    server.post("/api/v1/projects", {"name": "silent", "url": url_of(silent)})
    reply = server.client.call("POST", "/api/v1/projects/silent/runs", {}, timeout=300)
    assert reply.status >= 400 and reply.json["error"] == "fetch_timeout", reply
    wait_for(lambda: not workers(world), "the worker to be ended")
