"""A real single-node Kubernetes for tests, started by a kit that lies outside of the repository.

SLUICE_KUBERNETES_KIT names its folder: `up.sh` and `down.sh` (they take R, the folder of the state, and BIN, the folder
with the five programs by name), `images.sh` (pushes busybox:1 to the registry on 127.0.0.1:5000), and `kube-all.xz`, one
program that is all five. Without it the tests skip by name."""

import fcntl
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import pytest

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
NEEDED = ("etcd", "containerd", "runc", "kubectl", "conntrack", "iptables", "docker-registry", "buildah", "xz", "openssl")


def missing():
    kit = os.environ.get("SLUICE_KUBERNETES_KIT", "")
    if not kit or not (pathlib.Path(kit) / "up.sh").exists():
        return "no Kubernetes kit: SLUICE_KUBERNETES_KIT names its folder"
    if os.getuid() != 0:
        return "not root: a node of Kubernetes needs it"
    for program in NEEDED:
        if shutil.which(program) is None:
            return f"no {program}"
    for port in (6443, 5000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return f"port {port} is taken: one cluster a host"
    return ""


class Cluster:
    registry = "127.0.0.1:5000"

    def __init__(self):
        self.kit = pathlib.Path(os.environ["SLUICE_KUBERNETES_KIT"])
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sluice-kube-")).resolve()
        programs = self.root / "programs"
        programs.mkdir()
        with open(programs / "kube-all", "wb") as out:
            subprocess.run(["xz", "-dc", str(self.kit / "kube-all.xz")], stdout=out, check=True)
        (programs / "kube-all").chmod(0o755)
        for name in PROGRAMS:
            (programs / name).symlink_to("kube-all")
        self.env = {**os.environ, "R": str(self.root / "state"), "BIN": str(programs)}
        self.script("up.sh")
        self.script("images.sh")

    def script(self, name, check=True):
        done = subprocess.run(["bash", str(self.kit / name)], env=self.env, capture_output=True, text=True, timeout=240,
                              check=False)
        assert not check or done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"

    @property
    def kubeconfig(self):
        return (self.root / "state/admin.kubeconfig").read_text()

    def kubectl(self, *words, check=True):
        done = subprocess.run(["kubectl", *words], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "KUBECONFIG": str(self.root / "state/admin.kubeconfig")})
        assert not check or done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout.strip()

    def down(self):
        self.script("down.sh", check=False)
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster():
    # One at a time on a host, also when the tests run in several processes.
    with open(pathlib.Path(tempfile.gettempdir()) / f"sluice-kube-{os.getuid()}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if missing():
            pytest.skip(missing())
        made = Cluster()
        yield made
        made.down()
