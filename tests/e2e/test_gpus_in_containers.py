"""GPUs of jobs in containers, by the engines' real ways: podman by CDI, docker by `--gpus`. The GPUs are fakes: an
`nvidia-smi` that the test writes tells of them, and what a device gives to a container is /dev/null under another name."""

import json
import os
import pathlib
import uuid

import pytest

from containers import IMAGE, container_store, docker_store, engine_server  # noqa: F401 (fixtures)
from wire import wait_for

pytestmark = pytest.mark.container
GREEDY = "localhost/sluice-greedy:1"
CDI = pathlib.Path("/var/run/cdi")
LOOK = "echo [$CUDA_VISIBLE_DEVICES] [$NVIDIA_VISIBLE_DEVICES] [$FAKE_GPU]; cd /dev; ls fake-gpu* || true; " \
       "cat /usr/lib/fake-driver"


def gpu_server(world, store, gpus):
    """A server whose agent finds these GPUs."""
    smi = world.root / "tools/nvidia-smi"
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\ncat <<'END'\n" + "".join(f"{gpu}, NVIDIA T4, 15360, 0\n" for gpu in gpus) + "END\n")
    smi.chmod(0o755)
    path = store.env.get("PATH", os.environ["PATH"])
    return engine_server(world, store, capacity=2, env={"PATH": f"{smi.parent}:{path}"})


def ended(server, **jobs):
    project = server.project("gpus", hooks=())
    texts = {key: {"run": LOOK + " || true", "retry": {"infra": 0}, **job} for key, job in jobs.items()}
    _, made = project.push_and_end({".ci.yml": json.dumps({"version": 1, "on": {"push": {}}, "jobs": texts})})
    wait_for(lambda: server.store.left() == [], "the end of every container")
    return {key: (server.job(job["id"]), server.log_of(job["id"]).decode()) for key, job in made.items()}


@pytest.fixture
def described():
    """Two GPUs of this test alone, as a tool of their vendor's would describe them; podman looks nowhere else."""
    gpus = [f"GPU-{uuid.uuid4()}" for _ in range(2)]
    made = not CDI.exists()
    CDI.mkdir(exist_ok=True)
    text = CDI / f"sluice-test-{os.getpid()}.json"
    text.write_text(json.dumps({"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [
        {"name": gpu, "containerEdits": {
            "env": [f"FAKE_GPU={gpu}"],
            "deviceNodes": [{"path": f"/dev/fake-gpu{i}", "hostPath": "/dev/null", "type": "c", "major": 1, "minor": 3}],
            "mounts": [{"hostPath": "/etc/debian_version", "containerPath": "/usr/lib/fake-driver",
                        "options": ["ro", "bind"]}]}}
        for i, gpu in enumerate(gpus)]}))
    yield gpus
    text.unlink()
    if made and not any(CDI.iterdir()):
        CDI.rmdir()


def test_podman_gives_a_job_its_gpus_by_cdi_and_others_none(world, container_store, described):  # noqa: F811
    container_store.build(GREEDY, config=("--env", "NVIDIA_VISIBLE_DEVICES=all"))
    server = gpu_server(world, container_store, described)
    version = pathlib.Path("/etc/debian_version").read_text()
    jobs = ended(server, one={"image": IMAGE, "resources": {"gpu": 1}}, none={"image": IMAGE}, greedy={"image": GREEDY},
                 both={"image": GREEDY, "resources": {"gpu": 2}, "needs": ["one", "none", "greedy"]})
    assert {job["state"] for job, _ in jobs.values()} == {"passed"}, jobs
    mine = jobs["one"][0]["execution"]["gpus"]
    assert len(mine) == 1 and mine[0] in described
    assert f"[{mine[0]}] [] [{mine[0]}]\nfake-gpu{described.index(mine[0])}\n{version}" in jobs["one"][1]
    assert "[] [] []\n" in jobs["none"][1] and "\nfake-gpu" not in jobs["none"][1] and version not in jobs["none"][1]
    # What an image asks for by itself is what others may have.
    assert "[] [void] []\n" in jobs["greedy"][1] and "\nfake-gpu" not in jobs["greedy"][1]
    assert "fake-gpu0\nfake-gpu1\n" in jobs["both"][1] and "[void]" in jobs["both"][1]


def test_a_gpu_that_nobody_has_described_is_named(world, container_store):  # noqa: F811
    gpu = f"GPU-{uuid.uuid4()}"
    server = gpu_server(world, container_store, [gpu])
    job, _ = ended(server, a={"image": IMAGE, "resources": {"gpu": 1}})["a"]
    assert (job["state"], job["cause"]) == ("errored", "setup")
    assert f"nvidia.com/gpu={gpu}" in job["message"] and "nvidia-ctk cdi generate" in job["message"]


def test_docker_gives_a_job_its_gpus_by_uuid_and_others_none(world, docker_store):  # noqa: F811
    docker_store.build(GREEDY, config=("--env", "NVIDIA_VISIBLE_DEVICES=all"))
    gpus = ["GPU-aaaa", "GPU-bbbb"]
    server = gpu_server(world, docker_store, gpus)
    jobs = ended(server, one={"image": IMAGE, "resources": {"gpu": 1}}, none={"image": IMAGE}, greedy={"image": GREEDY},
                 both={"image": IMAGE, "resources": {"gpu": 2}, "needs": ["one", "none", "greedy"]})
    assert {job["state"] for job, _ in jobs.values()} == {"passed"}, jobs
    mine = jobs["one"][0]["execution"]["gpus"]
    assert len(mine) == 1 and f"[{mine[0]}] [{mine[0]}] []\n" in jobs["one"][1]
    assert "[] [] []\n" in jobs["none"][1] and "[] [void] []\n" in jobs["greedy"][1]
    assert "[GPU-aaaa,GPU-bbbb] [GPU-aaaa,GPU-bbbb] []\n" in jobs["both"][1]
