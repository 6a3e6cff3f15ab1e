"""What `./dev up --full` shows beyond a push: examples/churn-training, whose gate is a model's quality, and
examples/python-service built, pushed to a registry, approved and rolled out to Kubernetes.

Called with the server's programs and a folder of its own; SLUICE_URL and SLUICE_TOKEN are set. What this machine lacks is
named and left out."""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import containers  # noqa: E402 (the same real parts as in the tests)
import kube  # noqa: E402


class Failure(Exception):
    """Something went another way than it must."""


class Demo:
    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder

    def say(self, text):
        print(f"==> {text}", flush=True)

    def sluice(self, *words, stdin=None, codes=(0,), show=True):
        command = [str(self.programs / "sluice"), *map(str, words)]
        done = subprocess.run(command, input=stdin, text=True, check=False, stdout=None if show else subprocess.PIPE)
        if done.returncode not in codes:
            raise Failure(f"sluice {' '.join(command[1:])} exited with {done.returncode}, not {codes}")
        return done.stdout

    def git(self, work, *words):
        identity = ["-c", "user.name=Demo", "-c", "user.email=demo@example.org"]
        return subprocess.run(["git", "-C", str(work), *identity, *words], check=True, capture_output=True,
                              text=True).stdout.strip()

    def project(self, name, example):
        """A project whose repository holds the example; its work tree."""
        self.say(f"a project from examples/{example}")
        bare, work = self.folder / f"{name}.git", self.folder / f"{name}-work"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
        self.sluice("project", "add", name, bare, show=False)
        self.sluice("hooks", "install", bare, "--project", name, show=False)
        shutil.copytree(ROOT / "examples" / example, work, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        subprocess.run(["git", "init", "-q", "-b", "main", str(work)], check=True)
        self.git(work, "remote", "add", "origin", str(bare))
        return work

    def push(self, work, message, branch="main"):
        self.git(work, "add", "-A")
        self.git(work, "commit", "-q", "-m", message)
        sha = self.git(work, "rev-parse", "HEAD")
        self.say(f"pushing {sha[:10]} to {branch}: {message}")
        self.git(work, "push", "-q", "origin", f"HEAD:{branch}")
        return sha

    def gate(self, project, sha, green):
        self.sluice("gate", sha, "--project", project, "--branch", "main", "--wait", "--timeout", "10m",
                    codes=(0,) if green else (1,))

    def newest_run(self, project):
        return json.loads(self.sluice("run", "list", "--project", project, "--json", show=False))["runs"][0]["id"]


def churn(demo):
    work = demo.project("churn", "churn-training")
    # scikit-learn is not of Debian's Python: ./dev setup has put it beside.
    pipeline = work / ".ci.yml"
    pipeline.write_text(pipeline.read_text() + f"\nenv: {{ PATH: \"{ROOT}/build/tools/ml/bin:/usr/bin:/bin\" }}\n")
    demo.gate("churn", demo.push(work, "A model of churn"), green=True)
    features = work / "churn" / "features.py"
    features.write_text(features.read_text().replace("FEATURES = 30", "FEATURES = 2"))
    demo.gate("churn", demo.push(work, "Hide most of the columns from the model", branch="fewer-columns"), green=False)
    demo.sluice("run", "show", demo.newest_run("churn"))


def deployed(demo, store, cluster):
    work = demo.project("shop", "python-service")
    demo.sluice("secret", "set", "kube/shortener", "--project", "shop", stdin=cluster.kubeconfig)
    pipeline = work / ".ci.yml"
    env = json.dumps({**store.env, "BUILDAH_ISOLATION": "chroot"})
    base = containers.python_image(store, demo.folder)
    pipeline.write_text(pipeline.read_text().replace(
        "    kind: image\n", f"    kind: image\n    env: {env}\n    build_args: {{ BASE: \"{base}\" }}\n"))
    demo.gate("shop", demo.push(work, "Shorten links"), green=True)
    demo.say("building an image, and asking for a deployment")
    demo.sluice("run", "start", "shop", "--branch", "main")
    run = demo.newest_run("shop")
    held = None
    while not held:
        jobs = json.loads(demo.sluice("run", "show", run, "--json", show=False))["jobs"]
        broken = [job["key"] for job in jobs if job["state"] in ("failed", "errored")]
        if broken:
            demo.sluice("run", "show", run)
            raise Failure(f"{broken} did not pass")
        held = [job for job in jobs if job["key"] == "deploy" and job["state"] == "held"]
        time.sleep(0.5)
    demo.say("the deployment waits for an approval: giving it")
    demo.sluice("run", "approve", run, "deploy")
    demo.sluice("run", "logs", run, "deploy", "--follow")
    demo.sluice("run", "show", run)
    print(cluster.kubectl("get", "deployment,pods", "-l", "app=shortener"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--once", action="store_true", help="take the cluster down at the end")
    options = parser.parse_args()
    demo = Demo(options.programs, options.folder)
    try:
        churn(demo)
        lacking = containers.missing() or kube.missing()
        if lacking:
            demo.say(f"left out: image and deployment: {lacking}")
            return 0
        demo.say("starting a registry and a Kubernetes node")
        store, cluster = containers.Store(), kube.Cluster()
        try:
            deployed(demo, store, cluster)
        finally:
            if options.once:
                cluster.down()
                store.remove()
        if not options.once:
            print(f"    cluster   KUBECONFIG={cluster.root}/state/admin.kubeconfig kubectl get pods\n"
                  f"              R={cluster.root}/state BIN={cluster.root}/programs bash {cluster.kit}/down.sh", flush=True)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
