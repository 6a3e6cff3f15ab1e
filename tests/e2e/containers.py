"""A container store of the tests' own, with images that are made from a static busybox: nothing is pulled from outside."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

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


class Store:
    """Storage, networks and settings of podman below one folder, chosen by environment variables alone."""

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
        return self.run("podman", "image", "inspect", "--format", "{{.Digest}}", name)

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
