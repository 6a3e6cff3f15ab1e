"""Starts a server and an agent, makes projects, speaks to the API. Everything lies in one folder and ends with it."""

import http.client
import json
import os
import select
import shutil
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass

WAIT_SECONDS = 60
GIT_ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "Bench", "GIT_AUTHOR_EMAIL": "bench@example.org",
    "GIT_COMMITTER_NAME": "Bench", "GIT_COMMITTER_EMAIL": "bench@example.org",
    # The person's own settings (signing, hooks, templates) would be measured too.
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
}


class BenchError(Exception):
    """Something that the person at the terminal can act on."""


@dataclass
class Tools:
    """Paths of what is measured and of the helpers that measure."""

    server: str
    agent: str
    cli: str
    hook: str
    stamp: str
    floor: str
    client: str

    @staticmethod
    def find(programs, helpers):
        """Both are lists of folders; the first that has the file wins."""
        def path(name, folders):
            for folder in folders:
                candidate = os.path.join(folder, name)
                if os.access(candidate, os.X_OK):
                    return os.path.abspath(candidate)
            raise BenchError(f"no {name} in {' or '.join(folders)}; run ./dev bench, which builds it first")

        measured = [path(name, programs) for name in ("sluice-server", "sluice-agent", "sluice", "sluice-hook")]
        measuring = [path(name, helpers) for name in ("bench_stamp", "bench_floor", "bench_client")]
        return Tools(*measured, *measuring)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what, seconds=WAIT_SECONDS, step=0.002):
    """The condition's first true value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise BenchError(f"waited {seconds} s for {what}")
        time.sleep(step)


def git(*arguments, cwd=None):
    done = subprocess.run(["git", *arguments], cwd=cwd, env={**os.environ, **GIT_ENVIRONMENT}, capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise BenchError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


class Api:
    """One kept-alive connection with a bearer token, made anew after a pause: the server closes idle ones. Not for several
    threads."""

    IDLE_SECONDS = 5

    def __init__(self, port, token, tls=None):
        if tls:
            self._connection = http.client.HTTPSConnection("127.0.0.1", port, context=tls, timeout=WAIT_SECONDS)
        else:
            self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
        self._headers = {"Authorization": "Bearer " + token}
        self._connect()

    def _connect(self):
        self._connection.close()
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._used = time.monotonic()

    def call(self, method, path, body=None):
        if time.monotonic() - self._used > self.IDLE_SECONDS:
            self._connect()
        text = None if body is None else json.dumps(body)
        headers = dict(self._headers)
        if text is not None:
            headers["Content-Type"] = "application/json"
        self._connection.request(method, path, text, headers)
        reply = self._connection.getresponse()
        content = reply.read()
        self._used = time.monotonic()
        if reply.status >= 300:
            raise BenchError(f"{method} {path}: {reply.status} {content[:300]!r}")
        return json.loads(content) if content else None

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None):
        return self.call("POST", path, {} if body is None else body)

    def close(self):
        self._connection.close()


class Stamps:
    """A FIFO that bench_stamp writes to: waiting for the first command costs no CPU time."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._text = b""

    def next(self, what, seconds=WAIT_SECONDS):
        """The next stamp, CLOCK_REALTIME in ns."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._text:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                raise BenchError(f"waited {seconds} s for {what}")
            self._text += os.read(self._fd, 4096)
        line, _, self._text = self._text.partition(b"\n")
        return int(line)

    def drain(self):
        self._text = b""
        while select.select([self._fd], [], [], 0)[0]:
            os.read(self._fd, 65536)

    def close(self):
        os.close(self._fd)


class Sluice:
    """A server with its data in `work`, and agents when asked for. A context manager: leaves no process behind."""

    def __init__(self, tools, work, tls=False, server_options=()):
        self.tools = tools
        self.work = os.path.abspath(work)
        self.data = os.path.join(self.work, "data")
        self.repositories = os.path.join(self.work, "repositories")
        os.makedirs(self.repositories)
        self.port = free_port()
        self.tls = self._make_certificate() if tls else None
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._options = list(server_options)
        self.server = None
        self.agents = []

    def __enter__(self):
        self.start_server()
        return self

    def __exit__(self, *_):
        for agent in self.agents:
            self._stop(agent)
        self.stop_server()

    def _make_certificate(self):
        self._key = os.path.join(self.work, "tls.key")
        self._certificate = os.path.join(self.work, "tls.crt")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=sluice bench", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", self._key, "-out", self._certificate], check=True, capture_output=True)
        return ssl.create_default_context(cafile=self._certificate)

    def _log(self, name):
        return open(os.path.join(self.work, name + ".log"), "ab")

    def _spawn(self, name, arguments):
        with self._log(name) as log:
            return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @staticmethod
    def _stop(process):
        if process and process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def server_command(self):
        command = [self.tools.server, "--data", self.data, "--listen", f"127.0.0.1:{self.port}", "--local-root",
                   self.repositories, "--log-level", "warn", *self._options]
        if self.tls:
            command += ["--tls-cert", self._certificate, "--tls-key", self._key]
        return command

    def start_server(self):
        """Returns the seconds from exec to the first 200 of /healthz (a new connection each try, 0.3 ms apart)."""
        begin = time.monotonic()
        self.server = self._spawn("server", self.server_command())
        while not self._healthy():
            if self.server.poll() is not None or time.monotonic() - begin > WAIT_SECONDS:
                with open(os.path.join(self.work, "server.log")) as log:
                    raise BenchError("sluice-server does not start: " + log.read()[-500:])
            time.sleep(0.0003)
        seconds = time.monotonic() - begin
        with open(os.path.join(self.data, "admin-token")) as file:
            self.token = file.read().strip()
        return seconds

    def _healthy(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as plain:
                stream = self.tls.wrap_socket(plain, server_hostname="127.0.0.1") if self.tls else plain
                stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return stream.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def stop_server(self):
        self._stop(self.server)

    def api(self):
        return Api(self.port, self.token, self.tls)

    def start_agent(self, name="bench", capacity=2, wait=True):
        """Enrols, when it is new, and starts a daemon; waits until the server has seen its claim."""
        folder = os.path.join(self.work, "agent-" + name)
        api = self.api()
        if not os.path.exists(folder):
            token = api.post("/api/v1/agents/enrolment-tokens")["token"]
            command = [self.tools.agent, "enrol", "--server", self.url, "--token", token, "--dir", folder,
                       "--name", name]
            if self.tls:
                command += ["--ca", self._certificate]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                raise BenchError(f"sluice-agent enrol: {done.stderr.strip()}")
        agent = self._spawn("agent-" + name, [self.tools.agent, "run", "--dir", folder, "--capacity", str(capacity)])
        self.agents.append(agent)
        if wait:
            def online():
                agents = api.get("/api/v1/agents")["agents"]
                return any(agent["state"] == "online" and agent["name"] == name for agent in agents)

            wait_for(online, "the agent to come online")
        api.close()
        return agent

    def stop_agent(self, agent):
        self._stop(agent)
        self.agents.remove(agent)

    def cli(self, *arguments):
        done = subprocess.run([self.tools.cli, *arguments], capture_output=True, text=True,
                              env={**os.environ, "SLUICE_URL": self.url, "SLUICE_TOKEN": self.token})
        if done.returncode != 0:
            raise BenchError(f"sluice {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def add_project(self, name, files, hooks=False):
        """A bare repository with one commit on main, registered; returns a Project."""
        project = Project(self, name)
        project.create(files)
        api = self.api()
        api.post("/api/v1/projects", {"name": name, "url": project.bare})
        api.close()
        if hooks:
            project.install_hooks()
        return project


class Project:
    """A bare repository, a clone to push from, and the stamps of its job and of its hook."""

    def __init__(self, sluice, name):
        self.sluice = sluice
        self.name = name
        self.bare = os.path.join(sluice.repositories, name + ".git")
        self.clone = os.path.join(sluice.work, name + "-clone")
        self.job_stamps = Stamps(os.path.join(sluice.work, name + ".job"))
        self.hook_stamps = Stamps(os.path.join(sluice.work, name + ".hook"))
        self.hook_ends = Stamps(os.path.join(sluice.work, name + ".hook-end"))

    def stamp_command(self):
        return f"{self.sluice.tools.stamp} {self.job_stamps.path}"

    def create(self, files):
        git("init", "-q", "--bare", "-b", "main", self.bare)
        git("init", "-q", "-b", "main", self.clone)
        git("remote", "add", "origin", self.bare, cwd=self.clone)
        for path, text in files(self).items():
            target = os.path.join(self.clone, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w") as file:
                file.write(text)
        git("add", "-A", cwd=self.clone)
        git("commit", "-q", "-m", "first", cwd=self.clone)
        git("push", "-q", "origin", "main", cwd=self.clone)

    def install_hooks(self):
        """sluice-hook as `sluice hooks install` leaves it, with a stamp before it and one after it."""
        self.sluice.cli("hooks", "install", self.bare, "--project", self.name, "--program", self.sluice.tools.hook)
        hook = os.path.join(self.bare, "hooks", "post-receive")
        os.rename(hook, os.path.join(self.bare, "hooks", "sluice-post-receive"))
        tools = self.sluice.tools
        with open(hook, "w") as file:
            file.write(f"#!/bin/sh\n{tools.stamp} {self.hook_stamps.path} {tools.hook} post-receive\n"
                       f"exec {tools.stamp} {self.hook_ends.path}\n")
        os.chmod(hook, 0o755)

    def commit(self, text):
        git("commit", "-q", "--allow-empty", "-m", text, cwd=self.clone)
        return git("rev-parse", "HEAD", cwd=self.clone)

    def start_push(self):
        with open(os.path.join(self.sluice.work, "push.log"), "ab") as log:
            return subprocess.Popen(["git", "push", "-q", "origin", "main"], cwd=self.clone,
                                    env={**os.environ, **GIT_ENVIRONMENT}, stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=log)


def remove_folder(path):
    shutil.rmtree(path, ignore_errors=True)
