"""examples/python-service whole: tested, built, pushed to a real registry, approved, running on a real Kubernetes."""

import json

import pytest

from containers import container_store, python_image  # noqa: F401
from harness import CHECKOUT, by_key
from wire import wait_for

pytestmark = [pytest.mark.container, pytest.mark.kubernetes]


def test_the_example_is_built_approved_and_serves(world, cluster, container_store):  # noqa: F811
    base = python_image(container_store, world.root)
    server = world.server()
    server.wait_agent_online()
    project = server.project("shortener", hooks=())
    server.sluice("secret", "set", "kube/shortener", "--environment", "production", "--project", "shortener",
                  stdin=cluster.kubeconfig)
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
    (deployed,) = server.get(f"{project.path}/environments")["environments"]
    assert deployed["name"] == "production" and deployed["current"]["job_id"] == jobs["deploy"]["id"]
    outputs = json.loads(server.rows("SELECT outputs FROM jobs WHERE id = ?", jobs["image"]["id"])[0]["outputs"])
    image = "jsonpath={.items[0].spec.containers[0].image}"
    assert cluster.kubectl("get", "pods", "-l", "app=shortener", "-o", image) == outputs["ref"]
    answer = cluster.kubectl("exec", "deploy/shortener", "--", "python3", "-c",
                             "import urllib.request as u; print(u.urlopen(u.Request('http://127.0.0.1:8000/links',"
                             " data=b'{\"url\": \"https://example.org/a\"}')).status)")
    assert answer == "201"
    cluster.kubectl("delete", "-f", str(example / "deploy/shortener.yaml"), "--wait=false")
