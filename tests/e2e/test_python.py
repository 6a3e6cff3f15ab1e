"""`python`: environments that are built once and shared, by real venv and pip against a package index of the test's own."""

import base64
import hashlib
import http.server
import io
import os
import pathlib
import signal
import threading
import zipfile

import pytest

from harness import EmbeddedAgent
from wire import wait_for


def wheel(version):
    """A package `greet` as a wheel."""
    files = {
        "greet/__init__.py": f"def main():\n    print('hello from {version}')\n",
        f"greet-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: greet\nVersion: {version}\n",
        f"greet-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"greet-{version}.dist-info/entry_points.txt": "[console_scripts]\ngreet = greet:main\n",
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{name},sha256={digest},{len(text)}\n"
    files[f"greet-{version}.dist-info/RECORD"] = record + f"greet-{version}.dist-info/RECORD,,\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


class Index:
    """A package index that can be made to wait."""

    def __init__(self):
        self.asked, self.open = [], threading.Event()
        self.open.set()
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                index.asked.append(self.path)
                index.open.wait(60)
                name = self.path.rsplit("/", 1)[1]
                body = wheel(name.split("-")[1]) if name.endswith(".whl") else "".join(
                    f'<a href="/files/greet-{v}-py3-none-any.whl">greet-{v}-py3-none-any.whl</a>\n' for v in ("1.0", "2.0")
                ).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/octet-stream" if name.endswith(".whl") else "text/html")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # whoever asked was killed

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def requirements(self, version):
        url = f"http://127.0.0.1:{self.server.server_port}/simple/"
        return {"requirements.txt": f"--index-url {url}\ngreet=={version}\n"}


@pytest.fixture
def index():
    made = Index()
    yield made
    made.open.set()
    made.server.shutdown()


def jobs(*names):
    return {".ci.yml": "version: 1\non: {push: {}}\njobs:\n" + "".join(
        f"  {name}: {{python: {{requirements: requirements.txt}}, env: {{PIP_NO_CACHE_DIR: '1'}}, "
        "run: 'greet; command -v python; echo $VIRTUAL_ENV'}\n" for name in names)}


def environments(server):
    """{key: folder} of those that are ready, and all build folders."""
    root = pathlib.Path(server.data) / "agent/environments/python"
    ready = {path.name: os.readlink(path) for path in root.iterdir() if path.is_symlink()}
    return ready, sorted(path.name for path in root.iterdir() if ".build." in path.name)


def test_an_environment_is_built_once_and_shared(world, index):
    server = world.server(capacity=3)
    server.wait_agent_online()
    project = server.project("py", hooks=())
    detail, made = project.push_and_end({**jobs("a", "b", "c"), **index.requirements("1.0")}, "passed")
    logs = {key: server.log_of(job["id"]).decode() for key, job in made.items()}
    assert sum("building environment" in log for log in logs.values()) == 1, logs
    assert sum("is there, Python" in log for log in logs.values()) == 2
    assert all("hello from 1.0\n" in log for log in logs.values())
    # Its own timed step; first on PATH; nobody can write to it by accident.
    job = server.job(made["a"]["id"])
    assert [step["name"] for step in job["steps"]][0] == "python environment" and job["steps"][0]["duration_ms"] > 0
    ready, builds = environments(server)
    assert len(ready) == 1 and list(ready.values()) == builds
    folder = pathlib.Path(server.data) / "agent/environments/python" / builds[0]
    assert f"{folder.parent}/{list(ready)[0]}/bin/python\n" in logs["a"]
    assert folder.stat().st_mode & 0o222 == 0
    # Another commit with the same file: nothing is built, and the index isn't asked.
    asked = len(index.asked)
    detail, again = project.push_and_end({"other": "change"}, "passed")
    assert "is there, Python" in server.log_of(again["a"]["id"]).decode() and len(index.asked) == asked
    # Another content: another environment.
    detail, other = project.push_and_end(index.requirements("2.0"), "passed")
    assert "hello from 2.0\n" in server.log_of(other["b"]["id"]).decode()
    assert len(environments(server)[0]) == 2


def test_a_killed_build_leaves_no_half_environment(world, index):
    server = world.server(capacity=2)
    server.wait_agent_online()
    project = server.project("py", hooks=())
    index.open.clear()
    run = project.run_of(project.push({**jobs("a"), **index.requirements("1.0")}))
    wait_for(lambda: index.asked, "the build to ask the index")
    ready, builds = environments(server)
    assert ready == {} and len(builds) == 1
    os.kill(EmbeddedAgent(server).runner_pid(), signal.SIGKILL)
    index.open.set()
    detail = server.ended(run, "passed")  # the retry builds it anew
    job = detail["jobs"][0]
    assert job["attempt"] == 2
    ready, after = environments(server)
    assert list(ready.values()) == after and after != builds
    assert "hello from 1.0\n" in server.log_of(job["id"]).decode()


def test_what_is_missing_is_named(ci, project):
    text = "version: 1\non: {push: {}}\njobs:\n  a: {python: {requirements: none.txt}, run: 'echo ran'}\n" \
           "  b: {python: {version: '3.99'}, run: 'echo ran'}\n  c: {python: {lock: uv.lock}, run: 'echo ran'}\n" \
           "  d: {python: {}, run: 'python -c \"import sys; print(sys.prefix != sys.base_prefix)\"'}\n"
    detail, made = project.push_and_end({".ci.yml": text})
    logs = {key: ci.log_of(job["id"]).decode() for key, job in made.items()}
    assert "python: none.txt: no such file in the workspace\n" in logs["a"] and made["a"]["state"] == "failed"
    assert "python: this machine has no Python 3.99\n" in logs["b"]
    assert "uv.lock: no such file" in logs["c"]
    assert "ran\n" not in "".join(logs.values())
    assert "True\n" in logs["d"] and made["d"]["state"] == "passed"
