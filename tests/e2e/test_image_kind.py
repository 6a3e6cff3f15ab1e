"""Kind image against a real registry: built by buildah, pushed with a login from a secret, its digest read by others."""

import base64
import crypt
import json
import shutil
import socket
import subprocess
import urllib.request

import pytest

from containers import container_store  # noqa: F401
from wire import wait_for

pytestmark = pytest.mark.container
USER, PASSWORD = "ci", "a-password-for-the-registry"


@pytest.fixture
def registry(world):
    """docker-registry with a password; its address."""
    if shutil.which("docker-registry") is None:
        pytest.skip("no docker-registry: ./dev setup installs it")
    (world.root / "htpasswd").write_text(f"{USER}:{crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH))}\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = world.root / "registry.yml"
    config.write_text(json.dumps({
        "version": 0.1, "storage": {"filesystem": {"rootdirectory": str(world.root / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "test", "path": str(world.root / "htpasswd")}}}))
    with open(world.root / "registry.log", "w") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
    address = f"127.0.0.1:{port}"
    wait_for(lambda: listens(port), "the registry to listen")
    yield address
    process.terminate()
    process.wait(30)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def manifest(address, name, reference):
    request = urllib.request.Request(f"http://{address}/v2/{name}/manifests/{reference}")
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
    kinds = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
    request.add_header("Accept", ", ".join(kinds))
    with urllib.request.urlopen(request, timeout=30) as reply:
        return reply.headers["Docker-Content-Digest"], json.load(reply)


def test_an_image_is_built_pushed_and_known_by_its_digest(world, registry, container_store):  # noqa: F811
    server = world.server()
    server.wait_agent_online()
    project = server.project("shop", hooks=())
    server.sluice("secret", "set", "registry/shop", "--project", "shop", stdin=f"{USER}:{PASSWORD}")
    jobs = {
        "image": {"kind": "image", "env": {**container_store.env, "BUILDAH_ISOLATION": "chroot"},
                  "build_args": {"WHAT": "it's 1"},
                  "push": {"to": f"{registry}/team/shop", "tags": ["${{ short_sha }}", "latest"], "auth": "registry/shop"}},
        "use": {"needs": ["image"],
                "env": {"REF": "${{ needs.image.outputs.ref }}", "SIZE": "${{ needs.image.outputs.size }}"},
                "run": 'echo "ref=$REF size=$SIZE"'},
    }
    text = json.dumps({"version": 1, "on": {"push": {}}, "jobs": jobs})
    files = {"Containerfile": "FROM scratch\nARG WHAT\nLABEL what=$WHAT\nCOPY hello /hello\n", "hello": "hello\n",
             ".ci.yml": text}
    detail, done = project.push_and_end(files, "passed")
    job = server.job(done["image"]["id"])
    outputs = json.loads(server.rows("SELECT outputs FROM jobs WHERE id = ?", done["image"]["id"])[0]["outputs"])
    digest, _ = manifest(registry, "team/shop", "latest")
    assert outputs["digest"] == digest and outputs["ref"] == f"{registry}/team/shop@{digest}"
    assert manifest(registry, "team/shop", detail["run"]["sha"][:8])[0] == digest
    metrics = job["reports"]["metrics"]
    assert metrics["image.layers"] == 1 and metrics["image.size"] == float(outputs["size"]) > 0
    assert f"ref={registry}/team/shop@{digest} size={outputs['size']}" in server.log_of(done["use"]["id"]).decode()
    log = server.log_of(done["image"]["id"]).decode()
    assert PASSWORD not in log and f"{registry}/team/shop@{digest}" in log
    # A wrong password is the job's failure, and shows no secret either.
    server.sluice("secret", "set", "registry/shop", "--project", "shop", stdin=f"{USER}:a-wrong-password")
    _, done = project.push_and_end({"hello": "again\n"}, "failed")
    log = server.log_of(done["image"]["id"]).decode()
    assert "a-wrong-password" not in log and done["use"]["state"] == "blocked"


def test_what_cannot_be_built_says_why(world, container_store):  # noqa: F811
    server = world.server()
    server.wait_agent_online()
    project = server.project("shop", hooks=())
    env = container_store.env
    jobs = {"none": {"kind": "image", "env": env, "context": "app"},
            "bad": {"kind": "image", "env": env, "file": "c"}}
    text = json.dumps({"version": 1, "on": {"push": {}}, "jobs": jobs})
    _, done = project.push_and_end({".ci.yml": text, "c": "FROM scratch\nCOPY missing /\n"}, "failed")
    assert "app/Containerfile" in done["none"]["message"] and done["none"]["cause"] == "config"
    assert (done["bad"]["state"], done["bad"]["cause"]) == ("failed", "script") and "build" in done["bad"]["message"]
    two = {"two": {"kind": "image", "file": "c", "platforms": ["linux/amd64", "linux/arm64"]}}
    detail, _ = project.push_and_end({".ci.yml": json.dumps({"version": 1, "on": {"push": {}}, "jobs": two})}, "errored")
    assert "`platforms` asks for several in one image" in detail["run"]["reason"]
