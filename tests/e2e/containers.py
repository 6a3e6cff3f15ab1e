"""Container engines of the tests' own, with images that are made from a static busybox: nothing is pulled from outside."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from wire import wait_for

APPLETS = ("sh ls cat id sleep echo env nc httpd ps kill wget touch mkdir rm ip ping stat dd true false test grep yes head "
           "setsid tail chmod ln mv").split()
IMAGE = "localhost/sluice-test:1"
PYTHON = "/usr/bin/python3"  # Debian's: its libraries lie where ldd says


def missing():
    """What the machine lacks for tests with containers, or nothing."""
    if os.getuid() != 0:
        return "not root: the tests' container store needs it"
    for program in ("podman", "buildah", "runc", "busybox"):
        if shutil.which(program) is None:
            return f"no {program}: ./dev setup installs it"
    return ""


def missing_docker():
    """What the machine lacks for tests with docker, or nothing."""
    for program in ("dockerd", "docker", "containerd"):
        if of_debian(program) is None:
            return f"no {program} of Debian's docker.io: ./dev setup installs it"
    return ""


def of_debian(program):
    """Past what an administrator put into /usr/local: the daemon's and the client's versions belong together."""
    return shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")


class Store:
    """Storage, networks and settings of podman below one folder, chosen by environment variables alone."""

    engine = "podman"

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sluice-pod-")).resolve()
        for name in ("graph", "run", "networks", "tmp"):
            (self.root / name).mkdir()
        # What this machine's kernel and cgroups need (a hybrid mount, a low hard limit) is the machine's affair.
        (self.root / "containers.conf").write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n'
            f'[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\ntmp_dir = "{self.root}/tmp"\n'
            f'[network]\nnetwork_config_dir = "{self.root}/networks"\n')
        (self.root / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{self.root}/graph"\nrunroot = "{self.root}/run"\n')
        self.env = {"CONTAINERS_CONF": str(self.root / "containers.conf"),
                    "CONTAINERS_STORAGE_CONF": str(self.root / "storage.conf")}

    def run(self, *words, check=True):
        done = subprocess.run([str(word) for word in words], env={**os.environ, **self.env}, capture_output=True,
                              text=True, timeout=120, check=False)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def build(self, name, files=None, config=()):
        """An image from scratch: busybox, two users, and the files given."""
        tree = self.root / "tree"
        (tree / "bin").mkdir(parents=True)
        (tree / "etc").mkdir()
        (tree / "tmp").mkdir(mode=0o1777)
        (tree / "tmp").chmod(0o1777)
        shutil.copy(shutil.which("busybox"), tree / "bin/busybox")
        for applet in APPLETS:
            (tree / "bin" / applet).symlink_to("busybox")
        (tree / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/tmp:/bin/sh\n")
        for path, text in (files or {}).items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
            (tree / path).chmod(0o755)
        container = self.run("buildah", "from", "scratch")
        self.run("buildah", "copy", "-q", container, tree, "/")
        self.run("buildah", "config", "--env", "FROM_IMAGE=yes", "--env", "PATH=/bin", *config, container)
        self.run("buildah", "commit", "-q", "--rm", container, name)
        shutil.rmtree(tree)
        return name

    def digest(self, name):
        """What a job's facts say of it."""
        return self.run("podman", "image", "inspect", "--format", "{{.Digest}}", name)

    def push(self, image, name, login):
        self.run("buildah", "push", "-q", "--tls-verify=false", f"--creds={login}", image, name)

    def forget(self, name):
        self.run("podman", "rmi", "--force", name)

    def left(self):
        """Containers and networks of jobs."""
        containers = self.run("podman", "ps", "--all", "--format", "{{.Names}} {{.Status}}").split("\n")
        networks = self.run("podman", "network", "ls", "--filter", "label=io.sluice.attempt",
                            "--format", "{{.Name}}").split("\n")
        return [line for line in containers + networks if line]

    def remove(self):
        self.run("podman", "rm", "--all", "--force", "--time", "0", check=False)
        for name in self.run("podman", "network", "ls", "--filter", "label=io.sluice.attempt", "--format", "{{.Name}}",
                             check=False).split():
            self.run("podman", "network", "rm", "--force", name, check=False)
        self.run("podman", "system", "reset", "--force", check=False)
        shutil.rmtree(self.root, ignore_errors=True)


class DockerStore:
    """A dockerd with its own data, socket and networks below one folder. Its images are a Store's: docker has no other way
    to make them without a registry."""

    engine = "docker"

    def __init__(self, builder):
        self.builder = builder
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sluice-dock-")).resolve()
        (self.root / "bin").mkdir()
        (self.root / "bin/docker").symlink_to(of_debian("docker"))
        # With a hook of this name on its path dockerd knows `--gpus`. No driver is behind this one.
        hook = self.root / "bin/nvidia-container-runtime-hook"
        hook.write_text("#!/bin/sh\nexec cat > /dev/null\n")
        hook.chmod(0o755)
        self.env = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "DOCKER_HOST": f"unix://{self.root}/docker.sock",
                    "DOCKER_CONFIG": str(self.root / "config")}
        # This machine's packet filter belongs to others; ports are published by docker's proxy. Nor is there a default
        # bridge, whose name all daemons share.
        words = [of_debian("dockerd"), "--data-root", self.root / "data", "--exec-root", self.root / "exec",
                 "--pidfile", self.root / "pid", "--host", self.env["DOCKER_HOST"], "--iptables=false", "--ip6tables=false",
                 "--bridge=none", "--config-file", self.root / "daemon.json"]
        (self.root / "daemon.json").write_text(json.dumps(
            {"default-address-pools": [{"base": f"10.{100 + os.getpid() % 100}.0.0/16", "size": 24}]}))
        with open(self.root / "log", "wb") as log:
            self.daemon = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env={**os.environ, "PATH": self.env["PATH"]}, start_new_session=True)
        try:
            wait_for(self.answers, "dockerd to answer", 60)
        except BaseException:
            self.stop()
            raise

    def answers(self):
        if self.daemon.poll() is not None:
            pytest.skip(f"dockerd does not run here: {(self.root / 'log').read_text()[-500:]}")
        return subprocess.run([self.root / "bin/docker", "version"], env={**os.environ, **self.env}, capture_output=True,
                              check=False).returncode == 0

    def run(self, *words, check=True):
        return Store.run(self, *words, check=check)

    def take(self, name):
        """Loads an image of the builder's."""
        archive = self.root / "image.tar"
        self.builder.run("buildah", "push", "-q", name, f"docker-archive:{archive}:{name}")
        self.run(self.root / "bin/docker", "load", "-q", "-i", archive)
        archive.unlink()
        return name

    def build(self, name, files=None, config=()):
        return self.take(self.builder.build(name, files, config))

    def digest(self, name):
        return ""  # docker knows digests of what it pulled, only

    def push(self, image, name, login):
        self.builder.push(image, name, login)

    def forget(self, name):
        self.run(self.root / "bin/docker", "rmi", "--force", name)

    def left(self):
        docker = self.root / "bin/docker"
        containers = self.run(docker, "ps", "--all", "--format", "{{.Names}} {{.Status}}").split("\n")
        networks = self.run(docker, "network", "ls", "--filter", "label=io.sluice.attempt",
                            "--format", "{{.Name}}").split("\n")
        return [line for line in containers + networks if line]

    def remove(self):
        docker = self.root / "bin/docker"
        for name in self.run(docker, "ps", "--all", "--quiet", check=False).split():
            self.run(docker, "rm", "--force", "--volumes", name, check=False)
        for name in self.run(docker, "network", "ls", "--filter", "label=io.sluice.attempt", "--quiet", check=False).split():
            self.run(docker, "network", "rm", name, check=False)
        self.stop()

    def stop(self):
        """It takes its containerd along."""
        self.daemon.terminate()
        try:
            self.daemon.wait(30)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait(30)
        for line in reversed(pathlib.Path("/proc/self/mountinfo").read_text().splitlines()):
            if line.split()[4].startswith(f"{self.root}/"):
                subprocess.run(["umount", "-l", line.split()[4]], check=False)
        shutil.rmtree(self.root, ignore_errors=True)


def engine_server(world, store, **options):
    """A server whose own agent uses the store's engine."""
    folder = world.root / "server-data/agent"
    folder.mkdir(parents=True)
    (folder / "executors.json").write_text(json.dumps({"container": {"engine": store.engine}}))
    server = world.server(env={**store.env, **options.pop("env", {})}, **options)
    server.wait_agent_online()
    server.store = store
    return server


def python_image(store, root):
    """A base image with this machine's Python: nothing can be pulled here."""
    tree = root / "base"
    stdlib = pathlib.Path(subprocess.run([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"],
                                         capture_output=True, text=True, check=True).stdout.strip())
    shutil.copytree(stdlib, tree / str(stdlib)[1:], ignore=shutil.ignore_patterns("test", "__pycache__", "config-*",
                                                                                  "idlelib", "*-packages"))
    programs = [PYTHON, *map(str, (stdlib / "lib-dynload").glob("*.so"))]
    linked = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    for path in {PYTHON, *re.findall(r"(/\S+) \(0x", linked)}:
        (tree / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(path), tree / path[1:])
    (tree / "tmp").mkdir(mode=0o1777, exist_ok=True)
    (tree / "tmp").chmod(0o1777)
    container = store.run("buildah", "from", "scratch")
    store.run("buildah", "copy", "-q", container, tree, "/")
    store.run("buildah", "config", "--env", "PATH=/usr/bin:/bin", container)
    store.run("buildah", "commit", "-q", "--rm", container, "localhost/python-base:1")
    return "localhost/python-base:1"


@pytest.fixture(scope="session")
def container_store():
    if missing():
        pytest.skip(missing())
    store = Store()
    store.build(IMAGE)
    yield store
    store.remove()


@pytest.fixture(scope="session")
def docker_store(container_store):
    if missing_docker():
        pytest.skip(missing_docker())
    store = DockerStore(container_store)
    store.take(IMAGE)
    yield store
    store.remove()


@pytest.fixture(scope="session", params=["podman", "docker"])
def engine_store(request):
    return request.getfixturevalue({"podman": "container_store", "docker": "docker_store"}[request.param])
