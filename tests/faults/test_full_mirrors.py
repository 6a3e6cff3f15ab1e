"""The folder of what the server fetched from repositories elsewhere is full."""

import http.server
import os
import subprocess
import threading

import leftovers
import pytest

from addresses import public_address
from disks import Filler, mount, unmount
from harness import Server

PIPELINE = "version: 1\non: {push: {}, manual: {}}\njobs:\n  a: {run: sh job.sh}\n"


class GitHost(http.server.BaseHTTPRequestHandler):
    """git's own http-backend behind a socket."""

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body):
        path, _, query = self.path.partition("?")
        env = {**os.environ, "GIT_PROJECT_ROOT": str(self.server.repos), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
               "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
               "CONTENT_LENGTH": str(len(body)), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
               "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
        for name, value in {**fields, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def remote(world):
    """Serves the repositories below the world's root."""
    with public_address(78) as address, http.server.ThreadingHTTPServer((address, 0), GitHost) as host:
        host.repos = world.root / "repos"
        thread = threading.Thread(target=host.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://{address}:{host.server_address[1]}"
        host.shutdown()
        thread.join()


@pytest.fixture
def mirrors(world):
    """The folder of mirrors of a server as a small file system of its own."""
    server = Server(world.root, embedded=False)
    folder = server.data / "mirrors"
    server.data.mkdir()
    mount(folder, "16m")
    world.keep(server).start()
    world.agent(server)
    yield server, folder
    server.kill()
    unmount(folder)


def test_a_fetch_without_room_is_refused_in_words_and_heals_with_the_room(world, remote, mirrors):
    server, folder = mirrors
    far = server.project("far", url=f"{remote}/far.git")
    first = far.push({".ci.yml": PIPELINE, "job.sh": "echo small\n"})
    server.ended(far.start(branch="main"), "passed")
    filler = Filler(folder).fill(leave=2 << 20)
    far.push({"data": os.urandom(6 << 20)})
    refused = server.call("POST", f"{far.path}/runs", {"branch": "main"})
    assert refused.status >= 500 and "No space left" in refused.json["message"], refused
    assert far.runs(sha=first), "what was known is known"
    # Repositories on this machine need no mirror, and their projects go on.
    server.project("near", hooks=()).push_and_end({".ci.yml": PIPELINE, "job.sh": "echo here\n"}, "passed")
    filler.give_back()
    server.ended(far.start(branch="main"), "passed")
    left = [path.name for path in folder.glob("*/objects/pack/*")]
    assert all(name.endswith((".pack", ".idx")) for name in left), left
    leftovers.assert_no_job_left(world.root)
