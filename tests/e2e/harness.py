"""Starts what an end-to-end test needs, from the real programs: a server, agents, repositories with hooks.

Everything lives below one root folder and is started with an environment variable that names it; leftovers.py finds
by it what was not stopped. Waits are for conditions (wire.wait_for), never for time."""

import base64
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import time

import leftovers
from wire import DEADLINE, Client, wait_for

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN_DIR") or os.environ.get("SLUICE_BIN") or CHECKOUT / "build/dev/bin")
ENDED = {"passed", "warned", "failed", "errored", "cancelled", "not_selected", "blocked"}


def environment(root, **more):
    """A clean environment: nothing of the person or CI that runs the tests reaches a job."""
    home = pathlib.Path(root) / "home"
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        leftovers.MARK: str(root),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **{name: str(value) for name, value in more.items()},
    }


def run(command, cwd=None, env=None, check=True, **more):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        **more,
    )
    assert not check or done.returncode == 0, f"{command} exited {done.returncode}: {done.stdout}{done.stderr}"
    return done


class Program:
    """One process that the test started, and what it printed."""

    def __init__(self, root, name):
        self.root, self.log_file, self.process = pathlib.Path(root), pathlib.Path(root) / f"{name}.log", None
        self.cwd = None

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def spawn(self, command, env):
        self.printed_before = len(self.log)
        with open(self.log_file, "a") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                env=env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def running(self):
        return self.process is not None and self.process.poll() is None

    def alive_or_fail(self):
        assert (
            self.running()
        ), f"{self.log_file.name} ended by itself with {self.process.returncode}:\n{self.log[-4000:]}"

    def signal(self, number):
        os.kill(self.pid, number)

    def wait_end(self):
        return self.process.wait(DEADLINE)

    def kill(self):
        """As a crash or the out-of-memory killer does it."""
        self.signal(signal.SIGKILL)
        self.wait_end()

    def freeze(self):
        self.signal(signal.SIGSTOP)
        wait_for(lambda: state_of(self.pid) == "T", "the process to stand still")

    def thaw(self):
        self.signal(signal.SIGCONT)


def state_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def children(pid):
    """{pid: command line} of the direct children."""
    found = {}
    for entry in os.listdir("/proc"):
        try:
            stat = pathlib.Path(f"/proc/{entry}/stat").read_text() if entry.isdigit() else ""
            if stat and int(stat.rpartition(")")[2].split()[1]) == pid:
                found[int(entry)] = pathlib.Path(f"/proc/{entry}/cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            continue
    return found


class Server(Program):
    """sluice-server on a data folder of its own; `url`, `client` (admin) and the shorthands below."""

    def __init__(self, root, embedded=True, capacity=3, args=(), env=None, tls=None, data=None, name="server", cwd=None):
        super().__init__(root, name)
        self.cwd = cwd
        self.data = pathlib.Path(data or self.root / f"{name}-data")
        self.repos = self.root / "repos"
        self.repos.mkdir(parents=True, exist_ok=True)
        self.args = ["--local-root", self.repos, *args]
        if embedded:
            self.args += ["--embedded-agent", "--embedded-capacity", capacity]
        self.tls, self.env, self.embedded = tls, dict(env or {}), embedded
        if tls:
            self.args += ["--tls-cert", tls.cert, "--tls-key", tls.key]
        self.url = None
        self.acknowledged = set()  # ids of deliveries that were answered 2xx
        self.canaries = set()  # values of secrets, which no sink may show
        self.lease_tokens = {}  # of attempts that a test looked into

    def command(self, *more):
        return [BIN / "sluice-server", "--data", self.data, "--listen", "127.0.0.1:0", *self.args, *more]

    def start(self):
        self.spawn(self.command(), environment(self.root, **self.env))

        def serving():
            self.alive_or_fail_start()
            info = json.loads((self.data / "server.json").read_text())
            return info if info["pid"] == self.pid else None

        info = wait_for(serving, "the server to serve")
        self.url = info["url"]
        self.token = (self.data / "admin-token").read_text().strip()
        self.client = self.as_person(self.token)
        return self

    def alive_or_fail_start(self):
        if not self.running():
            raise RuntimeError(f"the server did not start ({self.process.returncode}):\n{self.log[-4000:]}")

    def stop(self):
        """SIGTERM, as an init system does; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait_end()

    def restart(self):
        """Again on the same data and port."""
        before = self.url
        self.start()
        assert self.url == before, "the server came back at another address"
        return self

    def as_person(self, token):
        return Client(self.url, token, ca=self.tls.ca if self.tls else None, seen=self.note)

    def note(self, method, path, body, reply):
        """What the proofs after the test must know (history.py)."""
        if method != "POST" or not 200 <= reply.status < 300:
            return
        if path.startswith("/hooks/") and not path.endswith("/gate") and reply.json.get("outcome") != "duplicate":
            self.acknowledged.add(reply.json["delivery"])
        if path.endswith("/secrets") and isinstance(body, dict):
            self.canaries.add(base64.b64decode(body["value"]).decode("utf-8", "replace"))

    def get(self, path, **query):
        return self.client.get(path, **query)

    def post(self, path, body=None, **more):
        return self.client.post(path, body, **more)

    def call(self, *args, **more):
        return self.client.call(*args, **more)

    # -- what people ask for ------------------------------------------------------------------------------------

    def project(self, name, forge="git", default_branch="main", hooks=None, url=None):
        """A bare repository and its project. hooks: words for `sluice hooks install`, None = no hook."""
        repo = Repo(self.root, name, default_branch)
        body = {"name": name, "url": url or str(repo.bare), "forge": forge, "default_branch": default_branch}
        project = Project(self, repo, self.post("/api/v1/projects", body))
        if hooks is not None:
            project.install_hooks(*hooks)
        return project

    def detail(self, run_id):
        return self.get(f"/api/v1/runs/{run_id}")

    def ended(self, run_id, state=None):
        """The run with its jobs once it has ended; in `state` if one is named."""

        def over():
            detail = self.detail(run_id)
            return detail if detail["run"]["state"] != "active" else None

        detail = wait_for(over, f"the end of run {run_id}")
        assert state in (None, detail["run"]["state"]), json.dumps(detail, indent=1)
        return detail

    def job(self, job_id):
        return self.get(f"/api/v1/jobs/{job_id}")

    def log_of(self, job_id, **query):
        reply = self.call("GET", f"/api/v1/jobs/{job_id}/log" + "".join(f"?{k}={v}" for k, v in query.items()))
        assert reply.status == 200, reply
        return reply.body

    def agents(self):
        return self.get("/api/v1/agents")["agents"]

    def wait_agent_online(self, name="embedded"):
        return wait_for(
            lambda: [a for a in self.agents() if a["name"] == name and a["state"] == "online"],
            f"agent {name} to be online",
        )[0]

    def sluice(self, *words, check=True, cwd=None, stdin=None, **env):
        """The command-line program, logged in by its environment."""
        surroundings = environment(self.root, SLUICE_URL=self.url, SLUICE_TOKEN=self.token, NO_COLOR="1")
        surroundings.update({k: v for k, v in env.items() if v is not None})
        for name in [k for k, v in env.items() if v is None]:
            surroundings.pop(name, None)
        given = {} if stdin is None else {"input": stdin}
        if words[:2] == ("secret", "set") and stdin:
            self.canaries.add(stdin.rstrip("\n"))
        return run([BIN / "sluice", *words], env=surroundings, check=check, cwd=cwd or self.root, **given)

    # -- the database, read behind the server's back ---------------------------------------------------------------

    def rows(self, sql, *values):
        connection = sqlite3.connect(f"file:{self.data}/sluice.db?mode=ro", uri=True, timeout=10)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, values)]
        finally:
            connection.close()

    def assert_one_ending_each(self):
        """Every job and run ended exactly once, and every job that ran has one attempt whose word counted."""
        told, finished, run_ends = {}, {}, {}
        for row in self.rows("SELECT type, run_id, job_id, state FROM events ORDER BY id"):
            if row["type"] == "job.changed" and row["state"] in ENDED:
                told.setdefault(row["job_id"], []).append(row["state"])
            if row["type"] == "run.finished":
                run_ends.setdefault(row["run_id"], []).append(row["state"])
        for row in self.rows("SELECT job_id, state FROM attempts"):
            assert row["state"] not in ("leased", "running", "unreachable"), row
            finished[row["job_id"]] = finished.get(row["job_id"], 0) + (row["state"] == "finished")
        for job in self.rows("SELECT id, state, carried_from, attempts FROM jobs"):
            ends = told.get(job["id"], [])
            assert job["state"] in ENDED, f"job {job['id']} never ended: {job['state']}"
            # A job that was carried over or never ran may be born in its last state.
            born_ended = job["carried_from"] is not None or job["attempts"] == 0
            assert ends == [job["state"]] or (
                born_ended and not ends
            ), f"job {job['id']} is {job['state']}, was told {ends}"
            if job["state"] in ("passed", "failed", "warned") and not born_ended:
                assert finished.get(job["id"], 0) >= 1, f"job {job['id']} is {job['state']}, but no attempt said so"
        for run in self.rows("SELECT id, state FROM runs"):
            assert run_ends.get(run["id"]) == [run["state"]], f"run {run['id']}: told {run_ends.get(run['id'])}"


class Project:
    """A project of a server with its repository."""

    def __init__(self, server, repo, created):
        self.server, self.repo = server, repo
        self.name, self.id = created["project"]["name"], created["project"]["id"]
        self.secret, self.hook_url = created["hook_secret"], created["hook_url"]
        self.path = f"/api/v1/projects/{self.name}"

    def install_hooks(self, *words):
        self.server.sluice("hooks", "install", self.repo.bare, "--project", self.name, *words)
        config = (self.repo.bare / "sluice.conf").read_text()
        self.secret = re.search(r"^secret = (.*)$", config, re.M).group(1)

    def push(self, files, message="change", branch="main", options=()):
        """Commits and pushes; the commit's id."""
        sha = self.repo.commit(files, message, branch)
        self.repo.push(f"{sha}:refs/heads/{branch}", options=options)
        return sha

    def runs(self, **query):
        return self.server.get(f"{self.path}/runs", **query)["runs"]

    def run_of(self, sha, event=None, count=1):
        """The id of the newest run of a commit, once it exists."""

        def there():
            found = [run for run in self.runs(sha=sha) if event in (None, run["event"])]
            return found if len(found) >= count else None

        return wait_for(there, f"a run of {sha[:10]} in {self.name}")[0]["id"]

    def push_and_end(self, files, state=None, **more):
        """Pushes and waits for the run's end: (run with jobs, {key: job})."""
        detail = self.server.ended(self.run_of(self.push(files, **more)), state)
        return detail, by_key(detail)

    def start(self, **body):
        return self.server.post(f"{self.path}/runs", body)["id"]

    def gate(self, **query):
        return self.server.get(f"{self.path}/gate", **query)

    def deliveries(self):
        return self.server.get("/api/v1/deliveries", project=self.name)["deliveries"]

    def settled(self, delivery_id):
        """The delivery once the server is done with it."""

        def done():
            found = [row for row in self.deliveries() if row["id"] == delivery_id]
            return found[0] if found and found[0]["state"] != "received" else None

        return wait_for(done, f"delivery {delivery_id} to be settled")


def by_key(detail):
    return {job["key"]: job for job in detail["jobs"]}


class Agent(Program):
    """A separate sluice-agent daemon, enrolled with a fresh token."""

    def __init__(self, server, name="builder", capacity=2, labels=(), env=None, url=None):
        super().__init__(server.root, f"agent-{name}")
        self.env = dict(env or {})
        self.server, self.name, self.capacity, self.url = server, name, capacity, url or server.url
        self.dir = self.root / f"agent-{name}"
        body = {"labels": list(labels)}
        token = server.post("/api/v1/agents/enrolment-tokens", body)["token"]
        self.enrolled = self.enrol(token)

    def enrol(self, token, dir=None, check=True):
        words = [
            BIN / "sluice-agent",
            "enrol",
            "--server",
            self.url,
            "--dir",
            dir or self.dir,
            "--name",
            self.name,
        ]
        if self.server.tls:
            words += ["--ca", self.server.tls.ca]
        return run(words, env=environment(self.root, SLUICE_ENROL_TOKEN=token), check=check)

    def launch(self):
        """As start(), without waiting: it may die before it is ready."""
        self.spawn(
            [BIN / "sluice-agent", "run", "--dir", self.dir, "--capacity", self.capacity],
            environment(self.root, **self.env),
        )
        return self

    def start(self):
        self.launch()

        def ready():
            if not self.running():
                raise RuntimeError(f"the agent did not start ({self.process.returncode}):\n{self.log[-4000:]}")
            return "agent ready" in self.log[self.printed_before:]

        wait_for(ready, "the agent to be ready")
        return self

    def stop(self):
        """Drains: SIGTERM, and waits for the jobs."""
        self.signal(signal.SIGTERM)
        return self.wait_end()

    def leave(self):
        """Two signals: leaves at once, its runners go on."""
        self.signal(signal.SIGTERM)
        wait_for(lambda: "draining" in self.log[self.printed_before:], "the first signal to be seen")
        if self.running():
            self.signal(signal.SIGTERM)
        return self.wait_end()

    def attempt(self):
        """The folder of the one attempt here, once its runner runs."""

        def told(path):
            try:
                return (path / "lock").read_text().endswith("}")
            except FileNotFoundError:
                return False

        def there():
            folders = [path for path in (self.dir / "attempts").iterdir() if told(path)]
            return folders[0] if folders else None

        folder = wait_for(there, "a runner's folder")
        try:
            self.server.lease_tokens[int(folder.name)] = json.loads((folder / "job.json").read_text())["job"]["lease_token"]
        except FileNotFoundError:
            pass  # it has just ended
        return folder

    def runner_pid(self):
        return json.loads((self.attempt() / "lock").read_text())["pid"]

    def zygote_pid(self):
        return wait_for(
            lambda: [pid for pid, command in children(self.pid).items() if command.endswith(" zygote")], "the zygote"
        )[0]


class EmbeddedAgent:
    """Where an embedded agent keeps its attempts; its daemon is the server's child."""

    def __init__(self, server):
        self.server, self.dir = server, server.data / "agent"

    attempt = Agent.attempt
    runner_pid = Agent.runner_pid

    def daemon_pid(self):
        return wait_for(
            lambda: [pid for pid, command in children(self.server.pid).items() if "sluice-agent run" in command],
            "the embedded agent's daemon",
        )[0]


class Repo:
    """A bare repository below the server's local root, and a work copy to push from."""

    def __init__(self, root, name, default_branch="main"):
        self.root, self.bare = pathlib.Path(root), pathlib.Path(root) / "repos" / f"{name}.git"
        self.work = pathlib.Path(root) / "work" / name
        self.env = environment(
            root,
            GIT_AUTHOR_NAME="Ada",
            GIT_AUTHOR_EMAIL="ada@example.org",
            GIT_COMMITTER_NAME="Ada",
            GIT_COMMITTER_EMAIL="ada@example.org",
            GIT_CONFIG_GLOBAL="/dev/null",
        )
        run(["git", "init", "-q", "--bare", "-b", default_branch, self.bare], env=self.env)
        run(["git", "init", "-q", "-b", default_branch, self.work], env=self.env)
        self.git("remote", "add", "origin", self.bare)

    def git(self, *words, check=True):
        return run(["git", *words], cwd=self.work, env=self.env, check=check)

    def commit(self, files, message="change", branch="main", amend=False):
        """files: {path: text, bytes, a Link, or None to remove}. On an existing branch it goes on from its tip."""
        known = self.git("rev-parse", "-q", "--verify", f"refs/heads/{branch}", check=False).returncode == 0
        born = self.git("rev-parse", "-q", "--verify", "HEAD", check=False).returncode == 0
        if known:
            self.git("checkout", "-q", branch)
        elif born:
            self.git("checkout", "-q", "-b", branch)
        else:
            self.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        for path, content in files.items():
            target = self.work / path
            if target.is_symlink() or target.exists():
                target.unlink()
            if content is None:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Link):
                target.symlink_to(content.to)
            elif isinstance(content, bytes):
                target.write_bytes(content)
            else:
                target.write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", *(["--amend"] if amend else []), "-m", message)
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(self, *refs, options=(), check=True):
        words = [word for option in options for word in ("-o", option)]
        return self.git("push", *words, "origin", *refs, check=check)


class Link:
    """A symbolic link in a commit."""

    def __init__(self, to):
        self.to = to


class Flag:
    """A file that a step waits for: `while [ ! -e FLAG ]` goes on when the test raises it."""

    def __init__(self, root, name="go"):
        self.path = pathlib.Path(root) / f"flag-{name}-{time.monotonic_ns()}"

    def wait(self):
        """Shell text."""
        return f"while [ ! -e '{self.path}' ]; do sleep 0.02; done"

    def mark(self):
        """Shell text that raises it from a step."""
        return f"echo up > '{self.path}'"

    def raise_it(self):
        self.path.write_text("up\n")

    def await_it(self):
        wait_for(self.path.exists, f"{self.path.name}")
