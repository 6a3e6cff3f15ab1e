"""An agent of a user who is not root, with that user's own podman. User, subordinate numbers and devices are those of a
mount namespace: the machine's own files stay as they are."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

import leftovers
from containers import IMAGE, container_store  # noqa: F401 (a fixture)
from harness import Agent, environment
from test_host_users import can_mount
from wire import wait_for

pytestmark = pytest.mark.container
NEEDED = ("newuidmap", "newgidmap", "slirp4netns", "setpriv")
DEVICES = {"net/tun": (10, 200), "fuse": (10, 229)}  # for everybody, as udev makes them


def missing():
    if not can_mount():
        return "not root, or no mount namespaces here"
    for program in NEEDED:
        if shutil.which(program) is None:
            return f"no {program}: ./dev setup installs it"
    for device in DEVICES:
        if not os.path.exists(f"/dev/{device}"):
            return f"no /dev/{device}"
    return ""


class RootlessAgent(Agent):
    def __init__(self, server):
        # One user for each process that runs tests.
        self.uid = 2_000_010_000 + os.getpid() % 1000
        self.first = 2_100_000_000 + os.getpid() % 1000 * 65536
        super().__init__(server, name="rootless", capacity=3)
        self.home, self.own = self.root / "rootless-home", self.root / "rootless"
        for folder in (self.home / ".config/containers", self.root / "rootless-run", self.own):
            folder.mkdir(parents=True)
        (self.home / ".config/containers/containers.conf").write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n')
        (self.home / ".config/containers/storage.conf").write_text('[storage]\ndriver = "overlay"\n')
        for name, line in {"passwd": f"sluicer:x:{self.uid}:{self.uid}::{self.home}:/bin/sh",
                           "group": f"sluicer:x:{self.uid}:",
                           "subuid": f"sluicer:{self.first}:65536", "subgid": f"sluicer:{self.first}:65536"}.items():
            known = pathlib.Path("/etc") / name
            (self.own / name).write_text((known.read_text() if known.exists() else "") + line + "\n")
        script = [f"mount --bind {self.own}/{name} /etc/{name}" for name in ("passwd", "group", "subuid", "subgid")]
        for device, number in DEVICES.items():
            node = self.own / device.replace("/", "-")
            os.mknod(node, 0o20666, os.makedev(*number))
            node.chmod(0o666)
            script.append(f"mount --bind {node} /dev/{device}")
        script.append(f'exec setpriv --reuid={self.uid} --regid={self.uid} --clear-groups --inh-caps=-all "$@"')
        (self.own / "enter").write_text("set -e\nmount --make-rshared /\n" + "\n".join(script) + "\n")
        self.root.chmod(0o755)
        for folder in (self.home, self.root / "rootless-run", self.dir):
            subprocess.run(["chown", "-R", f"{self.uid}:{self.uid}", folder], check=True)
        self.env = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config"),
                    "XDG_RUNTIME_DIR": str(self.root / "rootless-run")}

    def enter(self, *words):
        return ["unshare", "--mount", "sh", str(self.own / "enter"), *words]

    def spawn(self, command, env):
        super().spawn(self.enter(*command), env)

    def podman(self, *words, check=True):
        done = subprocess.run(self.enter("podman", *map(str, words)), env=environment(self.root, **self.env), cwd=self.home,
                              capture_output=True, text=True, timeout=120, check=False)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def processes(self):
        """{pid: name} of the user's."""
        found = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.stat(f"/proc/{entry}").st_uid == self.uid:
                    found[int(entry)] = pathlib.Path(f"/proc/{entry}/comm").read_text().strip()
            except OSError:
                pass
        return found

    def end_user(self):
        """podman's process that keeps the user's namespaces, and whatever else there is."""
        for _ in range(100):
            left = self.processes()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not left:
                return


@pytest.fixture
def rootless(world, container_store):  # noqa: F811
    if missing():
        pytest.skip(missing())
    server = world.server(embedded=False)
    agent = world.keep(RootlessAgent(server))
    app = container_store.build("localhost/sluice-user:1", config=("--user", "app"))
    try:
        for image in (IMAGE, app):
            archive = agent.own / "image.tar"
            container_store.run("buildah", "push", "-q", image, f"docker-archive:{archive}:{image}")
            archive.chmod(0o644)
            agent.podman("load", "-q", "-i", archive)
            archive.unlink()
        agent.start()
        yield agent
        leftovers.assert_no_job_left(world.root)
        wait_for(lambda: agent.podman("ps", "--all", "--quiet") == "", "the end of every container")
        assert agent.podman("network", "ls", "--filter", "label=io.sluice.attempt", "--quiet") == ""
        agent.stop()
    finally:
        agent.end_user()


def pipeline(**jobs):
    return {".ci.yml": json.dumps({"version": 1, "on": {"push": {}}, "jobs": jobs})}


WEB = {"image": IMAGE, "cmd": "sleep 1; exec httpd -f -p 8080 -h /etc", "ready": {"tcp": 8080}}


def test_a_job_and_its_services_run_without_root(rootless):
    project = rootless.server.project("app", hooks=())
    fetch = "(echo GET /passwd HTTP/1.0; echo) | nc $CI_SERVICE_WEB_HOST $CI_SERVICE_WEB_PORT"
    # Not allowed to others: their files can be read only by who they are given back to.
    private = "umask 077; id -u; mkdir deep; echo made > deep/file; chmod 500 deep"
    run = project.run_of(project.push(pipeline(
        root={"image": IMAGE, "services": {"web": WEB}, "resources": {"memory": "64Mi"},
              "run": f"{fetch}; {private}; cat /proc/self/uid_map; echo begun; while [ ! -e go ]; do sleep 0.05; done"},
        app={"image": "localhost/sluice-user:1", "run": private, "artifacts": [{"name": "deep", "paths": ["deep/**"]}]},
        host={"services": {"web": WEB}, "run": "curl -sf http://$CI_SERVICE_WEB_HOST:$CI_SERVICE_WEB_PORT/passwd; id -u"})))

    def jobs():
        return {job["key"]: job for job in rootless.server.detail(run)["jobs"]}

    def log(key):
        return rootless.server.log_of(jobs()[key]["id"]).decode()

    wait_for(lambda: "begun" in log("root"), "the step to run")
    wait_for(lambda: jobs()["app"]["state"] == "passed" and jobs()["host"]["state"] == "passed", "the other jobs")
    made = next(pathlib.Path(rootless.dir).glob("attempts/*/workspace/deep/file"))
    assert made.stat().st_uid == rootless.uid
    (made.parent.parent / "go").write_text("")
    rootless.server.ended(run, "passed")
    assert "app:x:1000" in log("root") and f"{rootless.uid}" in log("root")
    assert "not held to it" in log("root")
    assert "app:x:1000" in log("host") and f"{rootless.uid}\n" in log("host")
    assert "1000\n" in log("app")
    kept = rootless.server.get(f"/api/v1/jobs/{jobs()['app']['id']}/artifacts/deep/files")["files"]
    assert kept == [{"path": "deep", "type": "dir", "files": 1, "size": len("made\n")}]


def test_what_a_killed_runner_leaves_of_other_users_goes_too(rootless):
    project = rootless.server.project("app", hooks=())
    run = project.run_of(project.push(pipeline(
        a={"image": "localhost/sluice-user:1", "retry": {"infra": 0},
           "run": "umask 077; mkdir deep; echo made > deep/file; echo begun; sleep 1000"})))
    job = wait_for(lambda: rootless.server.detail(run)["jobs"][0], "the job")
    wait_for(lambda: b"begun" in rootless.server.log_of(job["id"]), "the step to run")
    made = next(pathlib.Path(rootless.dir).glob("attempts/*/workspace/deep/file"))
    assert made.stat().st_uid == rootless.first + 999
    os.kill(rootless.runner_pid(), signal.SIGKILL)
    assert rootless.server.ended(run)["jobs"][0]["cause"] == "runner_lost"
