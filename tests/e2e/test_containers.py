"""Jobs in containers, by a real podman and a real docker, and images from scratch."""

import base64
import json
import os
import pathlib
import re
import signal

import pytest

import leftovers
from containers import IMAGE, container_store, docker_store, engine_server, engine_store  # noqa: F401 (fixtures)
from fixtures import World
from harness import Agent, EmbeddedAgent, by_key
from test_image_kind import PASSWORD, USER, registry  # noqa: F401 (a fixture)
from test_local_run import Checkout
from wire import wait_for

pytestmark = pytest.mark.container


@pytest.fixture(scope="module")
def boxes(engine_store):  # noqa: F811
    """A server whose agent has one of the engines; all tests of this file share it."""
    world = World()
    server = engine_server(world, engine_store, capacity=3)
    yield server
    world.end(passed=True)


@pytest.fixture
def box(boxes, name):
    """A project on it; afterwards no container and no network of a job is left."""
    boxes.alive_or_fail()
    yield boxes.project(name, hooks=())
    leftovers.assert_no_job_left(boxes.root)
    wait_for(lambda: boxes.store.left() == [], "the end of every container and network")


def pipeline(*jobs):
    return {".ci.yml": "version: 1\non: {push: {}}\njobs:\n" + "".join(f"  {job}\n" for job in jobs)}


def one(box, text, state=None, files=None):
    """Pushes one job `a` and waits: the job, its log, its state."""
    detail, jobs = box.push_and_end({**pipeline("a: " + text), **(files or {})})
    job = jobs["a"]
    log = box.server.log_of(job["id"]).decode()
    assert state in (None, job["state"]), log + json.dumps(job, indent=1)
    return job, log


def test_a_job_with_an_image_runs_in_it(box):
    job, log = one(box, "{image: '" + IMAGE + "', steps: ["
                   "'echo image $FROM_IMAGE in $PWD; cat kept; echo made > out.txt; touch /etc/installed', "
                   "{run: 'ls /etc/installed out.txt; echo x=1 >> $CI_ENV; exec 2>&1; ls /etc/debian_version'}, "
                   "{when: always, run: 'echo x is $x; cat /proc/1/comm'}]}", "failed", {"kept": "of the commit\n"})
    assert "image yes in /ci/workspace\nof the commit\n" in log
    # Steps share the workspace and what they change in the image.
    assert "/etc/installed\nout.txt\n" in log
    assert "/etc/debian_version: No such file" in log
    assert "x is 1\nsluice-exec\n" in log


def test_outputs_and_the_environment_are_as_on_the_host(box):
    job, log = one(box, "{image: '" + IMAGE + "', params: {who: Ada}, outputs: {answer: number}, env: {A: a b}, run: "
                   "'echo \"answer=42\" >> $CI_OUTPUT; echo \"[$A] $CI_PARAM_WHO\"; cat $CI_PARAMS_FILE; env'}", "passed")
    assert job["outputs"] == {"answer": 42}
    assert "[a b] Ada\n" in log and '{"who": "Ada"}' in log
    assert "CI_WORKSPACE=/ci/workspace\n" in log and "CONTAINERS_CONF" not in log


def test_nothing_is_allowed_that_a_job_does_not_need(box):
    job, log = one(box, "{image: '" + IMAGE + "', run: 'grep -E \"^(CapEff|CapBnd|NoNewPrivs|Seccomp):\" /proc/self/status; "
                   "echo pids $(cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null); "
                   "ls /ci; ip -o link | grep -v LOOPBACK | grep -c eth; cat /ci/../job.json /ci/job.json'}", "failed")
    assert re.search(r"CapEff:\s*0+\n", log) and re.search(r"CapBnd:\s*0+\n", log)
    assert re.search(r"NoNewPrivs:\s*1\n", log) and re.search(r"Seccomp:\s*2\n", log)
    assert "pids 4096" in log
    # Of the attempt's folder, with its lease token, only the shared part is seen.
    assert "files\nsluice-exec\nworkspace\n1\n" in log and "lease_token" not in log


def test_an_image_with_a_user_of_its_own_may_write_the_workspace(box):
    image = box.server.store.build("localhost/sluice-user:1", config=("--user", "app"))
    job, log = one(box, "{image: '" + image + "', outputs: {o: string}, run: 'id -u; echo o=1 >> $CI_OUTPUT; touch f; "
                   "mkdir -p deep/er; echo x > deep/er/y; chmod 500 deep/er'}", "passed", {"file": "x"})
    assert "1000\n" in log and job["outputs"] == {"o": "1"}
    job, log = one(box, "{image: {name: '" + IMAGE + "', user: '1000:1000'}, run: 'id -u; touch f'}", "passed")
    assert "1000\n" in log


def test_a_step_may_have_an_image_of_its_own(box):
    other = box.server.store.build("localhost/sluice-other:1", {"bin/other": "#!/bin/sh\necho other tool\n"})
    job, log = one(box, "{image: '" + IMAGE + "', steps: ['echo 1 > f; touch /etc/mark', "
                   "{image: '" + other + "', run: 'other; cat f; ls /etc/mark'}, "
                   "{when: always, run: 'ls /etc/mark; echo back'}]}", "failed")
    assert "other tool\n1\n" in log and "/etc/mark: No such file" in log and "/etc/mark\nback\n" in log


def test_no_step_can_lead_the_runner_out_of_what_it_shares(box):
    """The runner, root outside, makes and writes things below /ci between steps."""
    other = box.server.store.build("localhost/sluice-lead:1", {"bin/other": "#!/bin/sh\necho other tool\n"})
    outside = box.server.root / "outside"
    outside.mkdir(mode=0o755, exist_ok=True)
    script = f"set +e; cd /ci; mv files x; ln -s {outside} files; rm -f sluice-exec; touch mine; mkdir secrets; " \
             "ls -A /ci; echo kept > /ci/files/written; for i in 1 2 3; do ln -sf /etc/passwd keeper-$i; done; true"
    jobs = {"a": {"image": IMAGE, "params": {"who": "Ada"}, "steps": [
        script, {"image": other, "run": "other; cat $CI_PARAMS_FILE; cat /ci/files/written"}]}}
    run = box.run_of(box.push({".ci.yml": json.dumps({"version": 1, "on": {"push": {}}, "jobs": jobs})}))
    job = by_key(box.server.ended(run, "passed"))["a"]
    log = box.server.log_of(job["id"]).decode()
    assert "files\nsluice-exec\nworkspace\n" in log and "mine" not in log.split("\n"), log
    assert 'other tool\n{"who": "Ada"}\nkept\n' in log, log
    assert list(outside.iterdir()) == [] and outside.stat().st_mode & 0o7777 == 0o755


def test_what_is_not_there_is_named(box):
    job, log = one(box, "{image: {name: 'localhost/nothing:9', pull: never}, run: 'true', retry: {infra: 0}}", "errored")
    assert job["cause"] == "image" and "`pull` is never" in job["message"]
    job, log = one(box, "{image: '127.0.0.1:9/nothing:9', run: 'true', retry: {infra: 0}}", "errored")
    assert job["cause"] == "image" and "image 127.0.0.1:9/nothing:9: " in job["message"]
    assert "pulling 127.0.0.1:9/nothing:9" in log


def test_a_checkpoint_image_is_refused(box):
    # docker knows of no annotations.
    kind = "--annotation" if box.server.store.engine == "podman" else "--label"
    image = box.server.store.build("localhost/sluice-checkpoint:1",
                                   config=(kind, "io.podman.annotations.checkpoint.name=x"))
    job, log = one(box, "{image: '" + image + "', run: 'echo ran'}", "errored")
    assert job["cause"] == "policy" and "checkpoint" in job["message"] and "ran\n" not in log


def test_an_image_is_never_an_option(box):
    detail, jobs = box.push_and_end(pipeline("a: {image: '--privileged', run: 'true'}"))
    assert jobs == {} and "image" in json.dumps(detail["run"])


def test_a_runner_that_is_killed_leaves_no_container(box):
    run = box.run_of(box.push(pipeline("a: {image: '" + IMAGE + "', retry: {infra: 0}, run: 'echo begun; sleep 1000'}")))
    job = wait_for(lambda: box.server.detail(run)["jobs"][0], "the job")
    wait_for(lambda: b"begun" in box.server.log_of(job["id"]), "the step to run")
    assert len(box.server.store.left()) == 2  # one container, one network
    os.kill(EmbeddedAgent(box.server).runner_pid(), signal.SIGKILL)
    detail = box.server.ended(run)
    assert detail["jobs"][0]["state"] == "errored" and detail["jobs"][0]["cause"] == "runner_lost"


def kill_container_of(box, job):
    wait_for(lambda: b"begun" in box.server.log_of(job["id"]), "the step to run")
    [name] = [line.split()[0] for line in box.server.store.left() if " Up " in line]
    box.server.store.run(box.server.store.engine, "kill", name)


def test_after_a_container_has_ended_the_next_step_has_another(box):
    box.server.sluice("secret", "set", "deploy/key", "--project", box.name, stdin="what every step may have")
    jobs = {"a": {"image": IMAGE, "secrets": {"KEY": {"secret": "deploy/key", "as": "file"}}, "steps": [
        "echo made > in-the-workspace; touch /etc/mark; echo begun; sleep 1000",
        {"when": "always", "run": "cat in-the-workspace; grep -c every $KEY; ls /etc/mark || echo another one"}]}}
    run = box.run_of(box.push({".ci.yml": json.dumps({"version": 1, "on": {"push": {}}, "jobs": jobs})}))
    kill_container_of(box, wait_for(lambda: box.server.detail(run)["jobs"], "the job")[0])
    job = by_key(box.server.ended(run, "failed"))["a"]
    assert job["cause"] == "script", job
    log = box.server.log_of(job["id"]).decode()
    assert "made\n1\n" in log and "another one" in log, log


def test_an_agent_without_podman_never_gets_such_a_job(box, world):
    server = world.server(embedded=False)
    plain = Agent(server, name="plain")
    (plain.dir / "executors.json").write_text('{"container": {"engine": "none"}}')
    world.keep(plain).start()
    project = server.project("waits", hooks=())
    run = project.run_of(project.push(pipeline("a: {image: '" + IMAGE + "', run: 'true'}", "b: {run: 'true'}")))
    wait_for(lambda: [j for j in server.detail(run)["jobs"] if j["key"] == "b" and j["state"] == "passed"], "b")
    waiting = [j for j in server.detail(run)["jobs"] if j["key"] == "a"][0]
    assert waiting["state"] == "ready" and waiting["wait_reason"] == "waiting for an agent with executor=container"
    server.post(f"/api/v1/runs/{run}/cancel", {})
    server.ended(run)


def test_the_owner_of_a_machine_may_name_the_images(box, container_store, world):  # noqa: F811
    server = world.server(embedded=False)
    picky = Agent(server, name="picky", env=container_store.env)
    (picky.dir / "executors.json").write_text('{"container": {"images": ["registry.example/**"]}}')
    world.keep(picky).start()
    project = server.project("picky", hooks=())
    detail, jobs = project.push_and_end(pipeline("a: {image: '" + IMAGE + "', run: 'true'}"))
    assert jobs["a"]["cause"] == "policy" and "does not allow it" in jobs["a"]["message"]


def test_a_local_run_uses_the_image_too(container_store, world):  # noqa: F811
    app = Checkout(world.root)
    app.pipeline("  a: {image: '" + IMAGE + "', run: 'echo image $FROM_IMAGE; cat kept; echo made > out.txt'}\n")
    app.write({"kept": "dirty tree\n"})
    app.commit()
    done = app.run("-v", **container_store.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "image yes\n" in done.stdout and "dirty tree\n" in done.stdout
    assert container_store.left() == []


def test_a_private_image_is_pulled_with_a_login_that_no_step_sees(world, registry, engine_store):  # noqa: F811
    name = f"{registry}/team/tool:1"
    engine_store.push(IMAGE, name, f"{USER}:{PASSWORD}")
    server = engine_server(world, engine_store)
    project = server.project("app", hooks=())

    def one_of(secret, **image):
        server.sluice("secret", "set", "registry/team", "--project", "app", stdin=secret)
        text = {"image": {"name": name, "pull": "always", "auth": "registry/team", **image},
                "run": "echo in $FROM_IMAGE; env | grep -i auth || ls /dev/shm /ci"}
        jobs = {"a": {**text, "retry": {"infra": 0}}}
        project.push({".ci.yml": json.dumps({"version": 1, "on": {"manual": {}}, "jobs": jobs})})
        job = by_key(server.ended(project.start(branch="main")))["a"]
        return job, server.log_of(job["id"]).decode()

    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for secret in (f"{USER}:{PASSWORD}", json.dumps({"auths": {registry: {"auth": basic}}})):
        job, log = one_of(secret)
        assert job["state"] == "passed", log
        assert "in yes" in log and "auth" not in log.lower() and "sluice-secrets" not in log and PASSWORD not in log
    job, log = one_of(f"{USER}:another-password")
    assert (job["state"], job["cause"]) == ("errored", "image") and "another-password" not in log + job["message"]
    job, log = one_of("no login at all")
    assert (job["state"], job["cause"]) == ("errored", "image") and "USER:PASSWORD" in job["message"]
    server.sluice("secret", "remove", "registry/team", "--project", "app")
    job = by_key(server.ended(project.start(branch="main")))["a"]
    assert job["state"] == "blocked" and "sluice secret set registry/team" in job["message"]
    # Others' jobs on this machine have theirs there, too.
    left = [path.read_text() for path in pathlib.Path("/dev/shm").glob("sluice-secrets*/*") if path.is_file()]
    assert not [text for text in left if "what the other step has" in text]
    engine_store.forget(name)


def test_what_one_project_has_pulled_with_its_login_is_no_other_projects(world, registry, container_store):  # noqa: F811
    store, logins = container_store, f"--creds={USER}:{PASSWORD}"
    name, same = f"{registry}/team/inner:1", f"{registry}/team/same:1"
    made = store.build("localhost/sluice-inner:1", {"bin/inner": "#!/bin/sh\necho from inside\n"})
    for image, to in ((made, name), (IMAGE, same)):
        store.run("buildah", "push", "-q", "--tls-verify=false", logins, image, to)
    store.run("podman", "rmi", "--force", made)
    server = world.server(env=store.env)
    server.wait_agent_online()
    ours, theirs = server.project("ours", hooks=()), server.project("theirs", hooks=())
    server.sluice("secret", "set", "registry/team", "--project", "ours", stdin=f"{USER}:{PASSWORD}")

    def one_of(project, image, script="inner"):
        jobs = {"a": {"image": image, "run": script, "retry": {"infra": 0}}}
        project.push({".ci.yml": json.dumps({"version": 1, "on": {"manual": {}}, "jobs": jobs})})
        job = by_key(server.ended(project.start(branch="main")))["a"]
        return job, server.log_of(job["id"]).decode()

    private = {"name": name, "auth": "registry/team"}
    job, log = one_of(ours, private)
    assert job["state"] == "passed" and "pulling" in log and "from inside\n" in log, log
    number = store.run("podman", "image", "inspect", "--format", "{{.Id}}", name)
    alias = "localhost/sluice-alias:1"
    store.run("podman", "tag", name, alias)
    for known_as in (name, f"{registry}/team/inner@{store.digest(name)}", number, alias, {"name": name, "pull": "never"}):
        job, log = one_of(theirs, known_as)
        assert (job["state"], job["cause"]) == ("errored", "image") and "from inside" not in log, (known_as, job, log)
    # Who has pulled it need not do so again.
    job, log = one_of(ours, private)
    assert job["state"] == "passed" and "pulling" not in log, log
    # What was anybody's before stays so under its other name.
    assert one_of(ours, {"name": same, "auth": "registry/team"}, "true")[0]["state"] == "passed"
    assert one_of(theirs, IMAGE, "true")[0]["state"] == "passed"
    store.run("podman", "rmi", "--force", name, alias)
    store.run("podman", "untag", IMAGE, same)


@pytest.mark.parametrize("user", ["", "app"])
def test_a_secret_is_a_file_in_memory_inside_a_container(box, user):
    box.server.sluice("secret", "set", "deploy/key", "--project", box.name, stdin="line one of it\nline two of it\n")
    box.server.sluice("secret", "set", "deploy/other", "--project", box.name, stdin="what the other step has")
    image = {"name": IMAGE, **({"user": user} if user else {})}
    script = 'grep -c line "$KEY"; stat -f -c %T "$KEY"; cat "$KEY"; echo "at=$KEY"; ' \
             'echo x 2> /dev/null > "$KEY" || echo read-only'
    steps = [script, {"run": 'grep -c other "$OTHER"', "secrets": {"OTHER": {"secret": "deploy/other", "as": "file"}}}]
    jobs = {"a": {"image": image, "secrets": {"KEY": {"secret": "deploy/key", "as": "file"}}, "steps": steps}}
    files = {".ci.yml": json.dumps({"version": 1, "on": {"push": {}}, "jobs": jobs})}
    _, ended = box.push_and_end(files, "passed")
    log = box.server.log_of(ended["a"]["id"]).decode()
    assert log.startswith("2\n") and "tmpfs" in log and "line one" not in log and "at=/ci/secrets/1" in log
    assert "read-only\n1\n" in log, log
    # Others' jobs on this machine have theirs there, too.
    left = [path.read_text() for path in pathlib.Path("/dev/shm").glob("sluice-secrets*/*") if path.is_file()]
    assert not [text for text in left if "what the other step has" in text]


def test_the_engine_leaves_nothing_where_the_server_stands(world, container_store):  # noqa: F811
    stand = world.root / "stand"
    stand.mkdir()
    server = world.server(env=container_store.env, cwd=stand)
    server.wait_agent_online()
    project = server.project("app", hooks=())
    job = "{image: '" + IMAGE + "', services: {web: {image: '" + IMAGE + "', cmd: [sleep, '1000']}}, run: 'true'}"
    project.push_and_end(pipeline("a: " + job), "passed")
    wait_for(lambda: container_store.left() == [], "the end of every container")
    assert list(stand.iterdir()) == []
