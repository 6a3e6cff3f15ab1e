"""Kind deploy against a real Kubernetes: images by digest, a rollout that is watched, a way back that is verified."""

import json
import urllib.request

import pytest

from wire import wait_for

pytestmark = pytest.mark.kubernetes

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  progressDeadlineSeconds: 20
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: shop
        command: [sh, -c, "COMMAND"]
        readinessProbe: {exec: {command: [test, -e, /tmp/up]}, periodSeconds: 1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {version: "VERSION"}
"""
GOOD = "touch /tmp/up; exec sleep 100000"


def manifest(command=GOOD, version="1"):
    return MANIFEST.replace("COMMAND", command).replace("VERSION", version)


def pipeline(namespace, digest, **more):
    settings = {"manifests": "deploy/", "namespace": namespace, "auth": "kube/test", "wait": "25s",
                "images": {"shop": f"127.0.0.1:5000/busybox@{digest}"}, **more}
    return json.dumps({"version": 1, "on": {"push": {}}, "jobs": {
        "deploy": {"kind": "deploy", "kubernetes": settings},
        "after": {"needs": ["deploy"], "env": {"REVISION": "${{ needs.deploy.outputs.revision }}"},
                  "run": 'echo "revision=$REVISION"'}}})


@pytest.fixture
def place(world, cluster, name):
    """A project that may deploy into a namespace of its own."""
    namespace = name.lower().replace("_", "-")
    cluster.kubectl("create", "namespace", namespace)
    server = world.server()
    server.wait_agent_online()
    project = server.project("shop", hooks=())
    server.sluice("secret", "set", "kube/test", "--project", "shop", stdin=cluster.kubeconfig)
    yield server, project, namespace
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def digest_of(cluster):
    request = urllib.request.Request(f"http://{cluster.registry}/v2/busybox/manifests/1", method="HEAD")
    kinds = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
    request.add_header("Accept", ", ".join(kinds))
    with urllib.request.urlopen(request, timeout=30) as reply:
        return reply.headers["Docker-Content-Digest"]


def image_of(cluster, namespace):
    return cluster.kubectl("-n", namespace, "get", "deployment", "web", "-o",
                           "jsonpath={.spec.template.spec.containers[0].image}")


def test_a_deployment_is_watched_and_a_broken_one_goes_back(place, cluster):
    server, project, namespace = place
    digest = digest_of(cluster)
    files = {".ci.yml": pipeline(namespace, digest), "deploy/web.yaml": manifest()}
    _, jobs = project.push_and_end(files, "passed")
    log = server.log_of(jobs["deploy"]["id"]).decode()
    assert image_of(cluster, namespace) == f"127.0.0.1:5000/busybox@{digest}"
    assert "revision=web=1" in server.log_of(jobs["after"]["id"]).decode(), log
    assert "BEGIN CERTIFICATE" not in log and "client-key-data" not in log

    broken = manifest("exec sleep 100000", version="2") + "---\n" + \
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {a: b}\n"
    _, jobs = project.push_and_end({"deploy/web.yaml": broken}, "failed")
    log = server.log_of(jobs["deploy"]["id"]).decode()
    assert "rolled back and verified" in log and "NOT rolled back" not in log, log
    assert jobs["after"]["state"] == "blocked"
    assert cluster.kubectl("-n", namespace, "get", "configmap", "settings", "-o", "jsonpath={.data.version}") == "1"
    assert cluster.kubectl("-n", namespace, "get", "configmap", "extra", "--ignore-not-found", "-o", "name") == ""
    command = cluster.kubectl("-n", namespace, "get", "deployment", "web", "-o",
                              "jsonpath={.spec.template.spec.containers[0].command[2]}")
    assert command == GOOD and image_of(cluster, namespace) == f"127.0.0.1:5000/busybox@{digest}"
    wait_for(lambda: cluster.kubectl("-n", namespace, "get", "deployment", "web", "-o",
                                     "jsonpath={.status.readyReplicas}") == "1", "the old pods to serve")


def test_the_first_deployment_that_fails_leaves_nothing(place, cluster):
    server, project, namespace = place
    files = {".ci.yml": pipeline(namespace, digest_of(cluster), wait="8s"), "deploy/web.yaml": manifest("exit 1")}
    _, jobs = project.push_and_end(files, "failed")
    log = server.log_of(jobs["deploy"]["id"]).decode()
    assert "nothing was there before" in log, log
    assert cluster.kubectl("-n", namespace, "get", "deployment,configmap", "-o", "name").count("web") == 0


def test_an_image_that_no_manifest_has_is_refused_before_anything_is_applied(place, cluster):
    server, project, namespace = place
    files = {".ci.yml": pipeline(namespace, digest_of(cluster)).replace('"shop"', '"shap"'), "deploy/web.yaml": manifest()}
    _, jobs = project.push_and_end(files, "failed")
    assert "no manifest has the image" in server.log_of(jobs["deploy"]["id"]).decode()
    assert cluster.kubectl("-n", namespace, "get", "deployment", "-o", "name") == ""
