"""examples/python-service whole: tested, built, pushed to a real registry, approved, running on a real Kubernetes."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from containers import container_store  # noqa: F401
from harness import CHECKOUT, by_key
from wire import wait_for

pytestmark = [pytest.mark.container, pytest.mark.kubernetes]
PYTHON = "/usr/bin/python3"


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


def test_the_example_is_built_approved_and_serves(world, cluster, container_store):  # noqa: F811
    base = python_image(container_store, world.root)
    server = world.server()
    server.wait_agent_online()
    project = server.project("shortener", hooks=())
    server.sluice("secret", "set", "kube/shortener", "--project", "shortener", stdin=cluster.kubeconfig)
    example = CHECKOUT / "examples/python-service"
    files = {str(path.relative_to(example)): path.read_text() for path in example.rglob("*")
             if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"}
    # What this machine lacks: a registry of base images, and its store is the tests' own.
    env = json.dumps({**container_store.env, "BUILDAH_ISOLATION": "chroot"})
    files[".ci.yml"] = files[".ci.yml"].replace("    kind: image\n", f"    kind: image\n    env: {env}\n"
                                                f"    build_args: {{ BASE: \"{base}\" }}\n")
    sha = project.push(files)
    pushed = by_key(server.ended(project.run_of(sha), "passed"))
    assert not {"image", "deploy"} & set(pushed)  # a push asks for neither
    run = project.start(branch="main")
    held = wait_for(lambda: [job for job in server.detail(run)["jobs"] if job["key"] == "deploy" and job["state"] == "held"],
                    "the deployment to wait for an approval")
    assert held and cluster.kubectl("get", "deployment", "shortener", "--ignore-not-found", "-o", "name") == ""
    server.sluice("run", "approve", str(run), "deploy")
    jobs = by_key(server.ended(run))
    assert jobs["deploy"]["state"] == "passed", server.log_of(jobs["deploy"]["id"]).decode()
    outputs = json.loads(server.rows("SELECT outputs FROM jobs WHERE id = ?", jobs["image"]["id"])[0]["outputs"])
    image = "jsonpath={.items[0].spec.containers[0].image}"
    assert cluster.kubectl("get", "pods", "-l", "app=shortener", "-o", image) == outputs["ref"]
    answer = cluster.kubectl("exec", "deploy/shortener", "--", "python3", "-c",
                             "import urllib.request as u; print(u.urlopen(u.Request('http://127.0.0.1:8000/links',"
                             " data=b'{\"url\": \"https://example.org/a\"}')).status)")
    assert answer == "201"
    cluster.kubectl("delete", "-f", str(example / "deploy/shortener.yaml"), "--wait=false")
