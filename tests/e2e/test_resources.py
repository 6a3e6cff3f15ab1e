"""Jobs that ask for a share of a machine: reserved, kept to it, measured. The GPUs are a fake: an `nvidia-smi` that the
test writes prints what the real one prints; no driver is behind it."""

import json
import os
import pathlib

import pytest

from containers import IMAGE, container_store  # noqa: F401 (a fixture)
from harness import Flag
from wire import wait_for

CORES = len(os.sched_getaffinity(0))
GPUS = ("GPU-aaaa, NVIDIA T4, 15360, 0\nGPU-bbbb, NVIDIA A100-SXM4-40GB, 40960, [N/A]\n"
        "GPU-dead, NVIDIA T4, 15360, 3\n")


def pipeline(**jobs):
    return {".ci.yml": "version: 1\non: {push: {}}\njobs:\n" + "".join(f"  {k}: {{{v}}}\n" for k, v in jobs.items())}


def memory_groups():
    """Whether a child group with a limit of memory can be made here (version 1, or version 2 with delegation)."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        folder = pathlib.Path("/sys/fs/cgroup/memory" + path) / f"sluice-probe-{os.getpid()}"
        if "memory" in controllers.split(","):
            try:
                folder.mkdir()
            except OSError:
                return False
            folder.rmdir()
            return True
    return False


def with_gpus(world, args=()):
    tools = world.root / "tools"
    tools.mkdir()
    smi = tools / "nvidia-smi"
    smi.write_text("#!/bin/sh\ncat <<'END'\n" + GPUS + "END\n")
    smi.chmod(0o755)
    server = world.server(capacity=4, args=args, env={"PATH": f"{tools}:{os.environ['PATH']}"})
    server.wait_agent_online()
    return server


@pytest.fixture
def gpus(world):
    """A server whose agent finds two healthy GPUs and one with errors."""
    return with_gpus(world)


def test_an_agent_tells_what_it_has(gpus):
    agent = wait_for(lambda: [a for a in gpus.agents() if a["resources"]], "the agent's resources")[0]
    assert agent["resources"]["cpu_millis"] == CORES * 1000
    assert agent["resources"]["memory"] > 1 << 27 and agent["resources"]["disk"] > 1 << 20
    # The one with uncorrected errors is left out.
    assert agent["resources"]["gpus"] == [
        {"uuid": "GPU-aaaa", "model": "NVIDIA T4", "memory": 15360 << 20},
        {"uuid": "GPU-bbbb", "model": "NVIDIA A100-SXM4-40GB", "memory": 40960 << 20}]
    assert agent["reserved"] == {"cpu_millis": 0, "memory": 0, "disk": 0, "gpus": []}


def test_gpus_are_given_by_uuid_and_nobody_sees_anothers(gpus):
    project = gpus.project("gpus", hooks=())
    flag = Flag(gpus.root)
    said = f"echo \"[$CUDA_VISIBLE_DEVICES]\"; {flag.wait()}"
    run = project.run_of(project.push(pipeline(
        big=f"resources: {{gpu: {{count: 1, model: A100}}}}, run: {json.dumps(said)}",
        small=f"resources: {{gpu: 1}}, run: {json.dumps(said)}",
        third=f"resources: {{gpu: 1}}, run: {json.dumps(said)}",
        none=f"run: {json.dumps(said)}")))

    def running():
        return {job["key"]: job for job in gpus.detail(run)["jobs"] if job["state"] == "running"}

    wait_for(lambda: len(running()) == 3, "three jobs to run")
    agent = gpus.agents()[0]
    assert sorted(agent["reserved"]["gpus"]) == ["GPU-aaaa", "GPU-bbbb"]
    waiting = [job for job in gpus.detail(run)["jobs"] if job["state"] == "ready"]
    assert len(waiting) == 1 and waiting[0]["wait_reason"] == "waiting for an agent with 1 GPU free"
    flag.raise_it()
    jobs = {job["key"]: job for job in gpus.ended(run, "passed")["jobs"]}
    logs = {key: gpus.log_of(job["id"]).decode() for key, job in jobs.items()}
    assert logs["big"] == "[GPU-bbbb]\n" and logs["none"] == "[]\n"
    assert logs["small"] == "[GPU-aaaa]\n" and logs["third"] in ("[GPU-aaaa]\n", "[GPU-bbbb]\n")
    assert gpus.job(jobs["big"]["id"])["execution"]["gpus"] == ["GPU-bbbb"]


def test_what_no_agent_has_waits_and_says_for_what(ci, project):
    run = project.run_of(project.push(pipeline(
        a="resources: {cpu: 5000, memory: 64Mi}, run: 'true'", b="run: 'true'")))
    wait_for(lambda: [j for j in ci.detail(run)["jobs"] if j["key"] == "b" and j["state"] == "passed"], "b")
    job = [j for j in ci.detail(run)["jobs"] if j["key"] == "a"][0]
    assert job["state"] == "ready"
    assert job["wait_reason"] == "waiting for an agent with 5000 cores, 64 MiB of memory free"
    ci.post(f"/api/v1/runs/{run}/cancel", {})
    ci.ended(run)


def test_jobs_that_need_the_whole_machine_run_one_after_another(ci, project):
    held = project.repo.root / f"held-{project.name}"
    script = f"mkdir {held} && sleep 0.3 && rmdir {held}"
    jobs = {f"j{i}": f"resources: {{cpu: {CORES}}}, run: {json.dumps(script)}" for i in range(3)}
    detail, made = project.push_and_end(pipeline(**jobs), "passed")
    assert len(made) == 3


def test_what_a_job_used_is_measured(ci, project):
    script = "import time; x = b'x' * (80 << 20); e = time.process_time() + 1.2\\nwhile time.process_time() < e: pass"
    detail, made = project.push_and_end(pipeline(a="shell: python, run: \"" + script + "\""), "passed")
    execution = ci.job(made["a"]["id"])["execution"]
    assert execution["facts"]["executor"] == "host"
    assert execution["usage"]["cpu_ms"] >= 1000 and execution["usage"]["peak"] >= 80 << 20
    samples = execution["usage"]["samples"]
    assert samples and [s["at_ms"] for s in samples] == sorted(s["at_ms"] for s in samples)


EATER = "x = []\nwhile len(x) < 400: x.append(b'x' * (1 << 20))\nprint('ate it all')"


@pytest.mark.skipif(not memory_groups(), reason="no control group with a limit of memory can be made here")
def test_a_job_on_the_host_is_held_to_its_memory(ci, project):
    detail, made = project.push_and_end({**pipeline(
        a="resources: {memory: 64Mi}, run: 'python3 eat.py'", b="run: 'python3 eat.py'"), "eat.py": EATER})
    assert made["b"]["state"] == "passed"
    assert made["a"]["cause"] == "oom" and "the job ran out of memory" in made["a"]["message"]
    assert 32 << 20 < ci.job(made["a"]["id"])["execution"]["usage"]["peak"] <= 64 << 20
    mine = pathlib.Path("/sys/fs/cgroup/memory" + next(
        line.split(":", 2)[2] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()
        if "memory" in line.split(":")[1].split(",")))
    wait_for(lambda: not list(mine.glob("sluice-*")), "the end of every group")


@pytest.mark.container
def test_a_container_that_eats_its_memory_says_so(world, container_store):  # noqa: F811
    server = world.server(capacity=2, env=container_store.env)
    server.wait_agent_online()
    project = server.project("eats", hooks=())
    detail, made = project.push_and_end(pipeline(
        a=f"image: '{IMAGE}', resources: {{memory: 64Mi, cpu: 1}}, run: 'echo eating; head -c 300m /dev/zero | tail'"))
    job = server.job(made["a"]["id"])
    assert job["cause"] == "oom" and "the container ran out of memory" in job["message"]
    assert job["execution"]["facts"]["image"] == IMAGE
    assert job["execution"]["facts"]["image_digest"] == container_store.digest(IMAGE)
    assert 32 << 20 < job["execution"]["usage"]["peak"] <= 64 << 20
    wait_for(lambda: container_store.left() == [], "the end of every container")


def test_small_jobs_are_not_leased_past_one_that_waits_for_the_whole_agent(world):
    server = with_gpus(world, args=["--hold-room-seconds", "0"])
    flag = Flag(server.root)

    def push(name, resources, run="true"):
        project = server.project(name, hooks=())
        return project.run_of(project.push(pipeline(**{name: f"{resources} run: {json.dumps(run)}"})))

    def job(run):
        return server.detail(run)["jobs"][0]

    first = push("first", "resources: {gpu: 1},", flag.wait())
    wait_for(lambda: job(first)["state"] == "running", "one GPU to be in use")
    large = push("large", "resources: {gpu: 2},")
    late = push("late", "resources: {gpu: 1},")
    # The agent goes on with what needs no GPU.
    server.ended(push("other", ""), "passed")
    assert job(late)["state"] == "ready" and job(large)["state"] == "ready"
    assert "takes nothing smaller before it fits" in job(large)["wait_reason"], job(large)
    flag.raise_it()
    for run in (first, large, late):
        server.ended(run, "passed")
    order = server.rows("SELECT j.key FROM attempts a JOIN jobs j ON j.id = a.job_id ORDER BY a.id")
    assert [row["key"] for row in order if row["key"] != "other"] == ["first", "large", "late"]
