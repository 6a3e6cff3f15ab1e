"""`python`: environments that are built once and shared, by real venv and pip and by a real uv, against a package index of
the test's own."""

import base64
import hashlib
import http.server
import io
import os
import pathlib
import signal
import subprocess
import threading
import zipfile

import pytest

from harness import CHECKOUT, EmbeddedAgent
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


UV = CHECKOUT / "build/tools/uv/bin/uv"


@pytest.fixture(params=["pip", "uv"])
def tool(request, world):
    """The environment of an agent that has uv, or has none."""
    return {"PATH": path_with_uv(world) if request.param == "uv" else path_without_uv()}


def path_without_uv():
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (pathlib.Path(folder) / "uv").exists())


def path_with_uv(world):
    if not UV.exists():
        pytest.skip("no uv: ./dev setup --for uv installs it")
    (world.root / "bin").mkdir()
    (world.root / "bin/uv").symlink_to(UV)
    return f"{world.root}/bin:{path_without_uv()}"


class Index:
    """A package index that can be made to wait."""

    def __init__(self):
        self.asked, self.open = [], threading.Event()
        self.open.set()
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.do_GET()

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
                    if self.command == "GET":
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


def test_an_environment_is_built_once_and_shared(world, index, tool):
    server = world.server(capacity=3, env=tool)
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


def test_a_killed_build_leaves_no_half_environment(world, index, tool):
    server = world.server(capacity=2, env=tool)
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


def test_what_is_missing_is_named(world, tool):
    ci = world.server(capacity=2, env=tool)
    ci.wait_agent_online()
    project = ci.project("missing", hooks=())
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


# A build backend in the project itself: it packs the folder `app`.
BACKEND = """import os, zipfile
def build_wheel(folder, settings=None, metadata=None):
    name = "app-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.write("src/app.py", "app.py")
        wheel.writestr("app-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: app\\nVersion: 1.0\\n")
        wheel.writestr("app-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("app-1.0.dist-info/RECORD", "")
    return name
"""


def test_a_lock_file_of_uv_gives_what_it_says_and_the_project_as_it_is(world, index):
    env = {"PATH": path_with_uv(world)}
    url = f"http://127.0.0.1:{index.server.server_port}/simple/"
    folder = world.root / "lock"
    (folder / "src").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        "[project]\nname = 'app'\nversion = '1.0'\nrequires-python = '>=3.8'\ndependencies = ['greet==1.0']\n"
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        f"[[tool.uv.index]]\nurl = '{url}'\ndefault = true\n")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "src/app.py").write_text("print('app, first')\n")
    subprocess.run([UV, "lock", "--quiet"], cwd=folder, env={**os.environ, "HOME": str(world.root)}, check=True, timeout=60)
    server = world.server(capacity=2, env=env)
    server.wait_agent_online()
    project = server.project("locked", hooks=())
    text = "version: 1\non: {push: {}}\njobs:\n  a: {python: {lock: uv.lock}, run: 'greet; python -m app'}\n"
    files = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}

    def log(changes):
        _, made = project.push_and_end(changes, "passed")
        return server.log_of(made["a"]["id"]).decode()

    first = log({".ci.yml": text, **files})
    assert "building environment" in first and "hello from 1.0\napp, first\n" in first
    assert "is there, Python" in log({".ci.yml": text + "# another commit\n"})
    assert "app, second\n" in log({"src/app.py": "print('app, second')\n"})
    # An environment shares no file with uv's cache, which jobs can write to.
    built = [path for path in (pathlib.Path(server.data) / "agent/environments/python").rglob("greet/__init__.py")]
    assert built and all(path.stat().st_nlink == 1 for path in built)
