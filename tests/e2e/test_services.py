"""`services`: containers beside a job, ready before its first step, reachable by name, with logs of their own."""

import json

import pytest

import leftovers
from containers import IMAGE, container_store, docker_store, engine_server, engine_store  # noqa: F401 (fixtures)
from fixtures import World
from wire import wait_for

pytestmark = pytest.mark.container


@pytest.fixture(scope="module")
def boxes(engine_store):  # noqa: F811
    world = World()
    server = engine_server(world, engine_store, capacity=3)
    yield server
    world.end(passed=True)


@pytest.fixture
def box(boxes, name):
    boxes.alive_or_fail()
    yield boxes.project(name, hooks=())
    leftovers.assert_no_job_left(boxes.root)
    wait_for(lambda: boxes.store.left() == [], "the end of every container and network")


WEB = "web: {image: '" + IMAGE + "', cmd: [sh, -c, 'echo starting; sleep 1; exec httpd -f -v -p 8080 -h /etc'], "


def one(box, text, state):
    detail, jobs = box.push_and_end({".ci.yml": "version: 1\non: {push: {}}\njobs:\n  a: {" + text + "}\n"})
    job = box.server.job(jobs["a"]["id"])
    log = box.server.log_of(job["id"])
    assert job["state"] == state, log.decode() + json.dumps(job, indent=1)
    return job, log


@pytest.mark.parametrize("place", ["", f"image: '{IMAGE}', "])
def test_a_service_is_ready_before_the_first_step_and_has_a_log_of_its_own(box, place):
    fetch = "nc $CI_SERVICE_WEB_HOST $CI_SERVICE_WEB_PORT"
    if not place:
        fetch = "python3 -c \"import os, urllib.request as u; e = os.environ; print(u.urlopen('http://' + " \
                "e['CI_SERVICE_WEB_HOST'] + ':' + e['CI_SERVICE_WEB_PORT'] + '/passwd').read().decode())\""
    script = f"(echo GET /passwd HTTP/1.0; echo) | {fetch}; echo host $CI_SERVICE_WEB_HOST"
    services = "services: {" + WEB + "ready: {http: ':8080/passwd'}}}, "
    job, log = one(box, place + services + "run: " + json.dumps(script), "passed")
    text = log.decode()
    assert "service web is ready after " in text
    assert "app:x:1000" in text
    assert "host " + ("web" if place else "127.0.0.1") + "\n" in text
    section = job["steps"][-1]
    assert section["name"] == "service web" and section["state"] == "passed"
    assert b"starting\n" in log[section["log_begin"]:section["log_end"]]
    assert b"app:x:1000" not in log[section["log_begin"]:section["log_end"]]


def test_readiness_by_port_and_by_command(box):
    job, log = one(box, "image: '" + IMAGE + "', services: {" + WEB + "ready: {tcp: 8080}}, "
                   "other: {image: '" + IMAGE + "', env: {WORD: told}, cmd: 'sleep 1; echo $WORD > /tmp/up; sleep 1000', "
                   "ready: {cmd: [test, -e, /tmp/up]}}}, run: 'grep -E \"(web|other)$\" /etc/hosts'", "passed")
    assert b"service other is ready" in log and b"service web is ready" in log
    names = {line.split()[-1] for line in log.decode().split("\n") if line.startswith("10.")}
    assert names == {"web", "other"}


def test_what_a_service_gets_as_its_environment_is_none_of_the_engines(box):
    # Each of them would be obeyed by the engine, with code of the workspace outside of any container.
    env = {"LD_LIBRARY_PATH": "/proc/self/cwd/workspace", "PATH": "/bin", "CONTAINERS_CONF": "workspace/evil.conf",
           "DOCKER_HOST": "unix:///nowhere", "TEXT": "two\nlines, one \"quoted\""}
    text = {"services": {"web": {"image": IMAGE, "env": env, "cmd": "unset LD_LIBRARY_PATH; env; sleep 1000"}},
            "run": "sleep 1; echo ran"}
    detail, jobs = box.push_and_end({".ci.yml": json.dumps({"version": 1, "on": {"push": {}}, "jobs": {"a": text}}),
                                     "evil.conf": "[nonsense", "evil.so": "no library"}, "passed")
    log = box.server.log_of(jobs["a"]["id"]).decode()
    assert "ran\n" in log and "CONTAINERS_CONF=workspace/evil.conf\n" in log and "DOCKER_HOST=unix:///nowhere\n" in log
    assert 'TEXT=two\nlines, one "quoted"\n' in log


def test_a_service_that_does_not_become_ready_is_named(box):
    job, log = one(box, "retry: {infra: 0}, services: {db: {image: '" + IMAGE + "', cmd: [sleep, '1000'], "
                   "ready: {tcp: 5432, timeout: 2s}}}, run: 'echo ran'", "errored")
    assert job["message"] == "service db was not ready within 2s" and b"ran\n" not in log
    job, log = one(box, "retry: {infra: 0}, services: {db: {image: '" + IMAGE + "', cmd: 'echo no config >&2; exit 3', "
                   "ready: {tcp: 5432}}}, run: 'echo ran'", "errored")
    assert job["message"] == "service db ended with exit code 3 before it was ready" and b"no config\n" in log


def test_a_service_that_ends_during_the_job_is_told(box):
    job, log = one(box, "services: {db: {image: '" + IMAGE + "', cmd: 'sleep 1; exit 7'}}, run: 'sleep 3'", "passed")
    assert b"service db had ended by itself with exit code 7" in log
    assert job["steps"][-1]["state"] == "warned" and job["steps"][-1]["exit_code"] == 7


def test_a_service_is_heard_while_the_job_runs(box):
    box.server.sluice("secret", "set", "db/password", "--project", box.name, stdin="the password of the database")
    script = "echo begun; while [ ! -e go ]; do sleep 0.05; done; echo going on"
    cmd = "echo listening; echo using the pass''word of the database; while true; do sleep 0.2; echo beat; done"
    text = {"services": {"db": {"image": IMAGE, "cmd": cmd}}, "secrets": {"P": "db/password"}, "run": script}
    run = box.run_of(box.push({".ci.yml": json.dumps({"version": 1, "on": {"push": {}}, "jobs": {"a": text}})}))
    job = wait_for(lambda: box.server.detail(run)["jobs"][0], "the job")
    log = wait_for(lambda: (log := box.server.log_of(job["id"])).count(b"beat\n") > 2 and log, "the service to be heard")
    assert box.server.job(job["id"])["state"] == "running" and b"going on" not in log
    assert b"::group::service db\nlistening\nusing ***\n" in log and log.count(b"::group::") == log.count(b"::endgroup::")
    box.server.post(f"/api/v1/jobs/{job['id']}/cancel", {})
    box.server.ended(run)
    job = box.server.job(job["id"])
    section = next(step for step in job["steps"] if step["name"] == "service db")
    whole = box.server.log_of(job["id"])[section["log_begin"]:section["log_end"]]
    assert whole.startswith(b"listening\nusing ***\nbeat\n") and b"::group::" not in whole
