"""Jobs on the host of an agent that is root, each as a user of its own (decision 0028)."""

import json
import os
import pathlib
import signal
import subprocess

import pytest

import leftovers
from fixtures import World
from harness import BIN, Agent, EmbeddedAgent, by_key, environment
from wire import wait_for

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can give users away")
FIRST = 2_000_000_000


def can_mount():
    probe = ["unshare", "--mount", "--ipc", "true"]
    return os.getuid() == 0 and subprocess.run(probe, check=False, capture_output=True).returncode == 0


def start(world, users="auto", **more):
    folder = world.root / "server-data/agent"
    folder.mkdir(parents=True)
    (folder / "executors.json").write_text(json.dumps({"host": {"users": users, **more}}))
    server = world.server(capacity=3)
    server.wait_agent_online()
    return server


@pytest.fixture(scope="module")
def owners():
    if not can_mount():
        pytest.skip("no mount namespaces here")
    world = World()
    yield start(world)
    world.end(passed=True)


@pytest.fixture
def project(owners, name):
    owners.alive_or_fail()
    yield owners.project(name, hooks=())
    leftovers.assert_no_job_left(owners.root)
    assert processes_of_the_pool() == {}


def processes_of_the_pool(first=FIRST):
    """{pid: command line} of users of the pool."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            status = (entry / "status").read_text() if entry.name.isdigit() else ""
            users = [int(word) for line in status.split("\n") if line.startswith("Uid:") for word in line.split()[1:]]
            if any(first <= user <= first + 255 for user in users) and "State:\tZ" not in status:
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


def pipeline(**jobs):
    return {".ci.yml": json.dumps({"version": 1, "on": {"push": {}}, "jobs": jobs})}


def log_of(project, run, key="a", state="passed"):
    detail, jobs = project.push_and_end(run)
    log = project.server.log_of(jobs[key]["id"]).decode()
    assert jobs[key]["state"] == state, log + json.dumps(jobs[key], indent=1)
    return log


def test_a_step_reads_neither_the_servers_nor_the_agents_folder(project, owners):
    data = owners.data
    assert (data / "secrets.key").exists()
    script = f"""
for path in {data}/secrets.key {data}/sluice.db {data}/admin-token {data}/agent/agent.json /etc/shadow; do
    cat "$path" > /dev/null 2>&1 && echo "READ $path"
done
ls -a {data} {data}/agent {data}/agent/attempts 2>/dev/null
ls "$(dirname "$PWD")"; id -u; id -G
echo made > "$HOME/mine"; echo made > /tmp/mine; echo made > new
"""
    log = log_of(project, pipeline(a={"steps": [script, "cat $HOME/mine /tmp/mine new"]}))
    assert "READ" not in log and "made\nmade\nmade\n" in log
    lines = log.split("\n")
    assert not {"secrets.key", "sluice.db", "agent.json", "job.json", "spool", "lock"} & set(lines), log
    assert {"workspace", "home", "files"} <= set(lines)
    user = next(line for line in lines if line.isdigit() and len(line) == len(str(FIRST)))
    assert FIRST <= int(user) <= FIRST + 255 and lines[lines.index(user) + 1] == user
    assert not pathlib.Path("/tmp/mine").exists()


def test_jobs_at_once_have_different_users_and_cannot_touch_each_other(project, owners):
    meet = """
id -u; echo "$PWD" > where; touch /dev/shm/up-$CI_JOB_ID; chmod 644 /dev/shm/up-$CI_JOB_ID
while [ "$(ls /dev/shm | grep -c "^up-")" -lt 2 ]; do sleep 0.02; done
for pid in $(ps -eo pid,uid | awk -v me=$(id -u) '$2 >= 2000000000 && $2 != me { print $1 }'); do
    kill $pid 2>/dev/null && echo "KILLED $pid"; cat /proc/$pid/environ > /dev/null 2>&1 && echo "READ $pid"
done
true
"""
    detail, jobs = project.push_and_end(pipeline(a={"run": meet}, b={"run": meet}), "passed")
    logs = [owners.log_of(jobs[key]["id"]).decode() for key in ("a", "b")]
    users = [log.split("\n")[0] for log in logs]
    assert users[0] != users[1] and all("KILLED" not in log and "READ" not in log for log in logs), logs
    assert not [name for name in os.listdir("/dev/shm") if name.startswith("up-")]


def test_what_a_job_leaves_running_ends_with_it(project):
    script = """
for i in 1 2 3; do setsid -f env -i sleep 1000; done
(trap '' TERM; sleep 1000) &
(while :; do (sleep 1000 &); sleep 0.05; done) &
"""
    log_of(project, pipeline(a={"run": script}))
    assert processes_of_the_pool() == {}


def test_nothing_is_left_when_the_runner_is_killed(project, owners):
    agent = EmbeddedAgent(owners)
    script = "setsid -f env -i sleep 1000; touch /dev/shm/left; echo up; sleep 1000"
    text = pipeline(a={"retry": {"infra": 0}, "run": script})
    run = project.run_of(project.push(text))
    job = wait_for(lambda: (j := by_key(owners.detail(run))["a"])["state"] == "running" and j, "the job to run")
    wait_for(lambda: b"up" in owners.log_of(job["id"]), "its step")
    os.kill(agent.runner_pid(), signal.SIGKILL)
    assert by_key(owners.ended(run))["a"]["state"] == "errored"
    wait_for(lambda: processes_of_the_pool() == {}, "the end of everything of the user")
    wait_for(lambda: not pathlib.Path("/dev/shm/left").exists(), "the end of its shared memory")


def test_processes_end_although_the_engine_that_has_the_rest_does_not_answer(world):
    if not can_mount():
        pytest.skip("no mount namespaces here")
    server = start(world, "400000-400010")
    agent = EmbeddedAgent(server)
    project = server.project("app", hooks=())
    script = "setsid -f env -i sleep 1000; echo up; sleep 1000"
    run = project.run_of(project.push(pipeline(a={"retry": {"infra": 0}, "run": script})))
    job = wait_for(lambda: (j := by_key(server.detail(run))["a"])["state"] == "running" and j, "the job to run")
    wait_for(lambda: b"up" in server.log_of(job["id"]), "its step")
    settings, journal = agent.dir / "executors.json", agent.attempt() / "journal"
    before, begun = settings.read_text(), journal.read_text()
    settings.write_text(json.dumps({"container": {"engine": "none"}}))
    journal.write_text(begun + '{"at": "intent", "executor": "container", "name": "sluice-of-nobody"}\n')
    assert processes_of_the_pool(400_000)
    os.kill(agent.runner_pid(), signal.SIGKILL)
    wait_for(lambda: processes_of_the_pool(400_000) == {}, "the end of everything of the user")
    assert server.job(job["id"])["state"] == "running", "the engine is asked again before the job is answered for"
    settings.write_text(before)
    journal.write_text(begun)
    assert by_key(server.ended(run))["a"]["cause"] == "runner_lost"


def test_files_and_links_of_a_job_never_lead_the_runner_out(project, owners):
    outside = owners.root / "outside"
    outside.mkdir(mode=0o755)
    (outside / "kept").write_text("kept")
    owner = (outside / "kept").stat().st_uid
    links = {".sluice": outside, "link": outside / "kept", "shadow": "/etc/shadow"}
    script = "\n".join(["rm -rf .sluice", *(f"ln -s {to} {name}" for name, to in links.items())])
    log_of(project, pipeline(a={"steps": [script, "ls -l .sluice; echo second"]}))
    assert (outside / "kept").stat().st_uid == owner and outside.stat().st_uid == 0


def test_secrets_as_files_caches_and_python_are_there(project, owners):
    owners.sluice("secret", "set", "deploy/key", "--project", project.name, stdin="a value of some length")
    job = {"secrets": {"KEY": {"secret": "deploy/key", "as": "file"}}, "python": {"version": "3"},
           "cache": [{"key": "c", "paths": ["kept"]}],
           "steps": ['wc -c < "$KEY"; stat -c %a "$KEY"', 'python -c "import sys; print(sys.prefix)"; cat kept/file || true',
                     "mkdir -p kept; echo from before > kept/file"]}
    log = log_of(project, pipeline(a=job))
    assert "22\n600\n" in log and "environments/python/" in log and "from before" not in log
    again = log_of(project, {**pipeline(a=job), "x": "1"})
    assert "from before" in again and " is there, Python" in again


def test_no_step_can_lead_the_runner_out_of_where_it_writes_secrets(project, owners):
    for name in ("deploy/one", "deploy/two"):
        owners.sluice("secret", "set", name, "--project", project.name, stdin=f"the value of {name}")
    outside = owners.root / "outside-secrets"
    outside.mkdir(mode=0o755)
    script = f"""
folder=$(dirname "$ONE"); set +e
wc -c < "$ONE"; rm -f "$ONE"; touch $folder/2; ln -s /etc/passwd $folder/3
mv $folder /dev/shm/moved-$CI_JOB_ID && ln -s {outside} $folder
stat -c "%U %a" $folder; true
"""
    job = {"secrets": {"ONE": {"secret": "deploy/one", "as": "file"}},
           "steps": [script, {"run": 'wc -c < "$TWO"; cat "$ONE" > /dev/null && echo "one is there"',
                              "secrets": {"TWO": {"secret": "deploy/two", "as": "file"}}}]}
    log = log_of(project, pipeline(a=job))
    assert list(outside.iterdir()) == [] and outside.stat().st_mode & 0o7777 == 0o755
    assert "23\n" in log and "root 750\n" in log and "23\none is there\n" in log, log
    assert not [name for name in os.listdir("/dev/shm") if name.startswith("moved-")]


def test_two_agents_share_the_numbers_of_a_machine(world):
    if not can_mount():
        pytest.skip("no mount namespaces here")
    server = start(world, "300000-300000")
    project = server.project("app", hooks=())
    _, jobs = project.push_and_end(pipeline(a={"run": "id -u; sleep 0.5"}), "passed")
    assert server.log_of(jobs["a"]["id"]) == b"300000\n"
    both = {"retry": {"infra": 0}, "run": "touch /dev/shm/busy; while [ -e /dev/shm/busy ]; do sleep 0.02; done"}
    run = project.run_of(project.push(pipeline(a=both, b=both)))
    first = wait_for(lambda: [j for j in server.detail(run)["jobs"] if j["state"] == "errored"], "one to be refused")
    assert "pool 300000-300000 are taken" in first[0]["message"]
    server.post(f"/api/v1/runs/{run}/cancel", {})
    server.ended(run)


def test_a_bad_pool_is_refused_by_name(world):
    agent = Agent(world.server())
    for users in ("0-10", "all", "500-400", "2000"):
        (agent.dir / "executors.json").write_text(json.dumps({"host": {"users": users}}))
        done = subprocess.run([BIN / "sluice-agent", "run", "--dir", agent.dir], capture_output=True, text=True, timeout=60,
                              env=environment(world.root), check=False)
        assert done.returncode != 0 and "/host/users" in done.stderr and "`auto`" in done.stderr, done.stderr


def test_a_python_environment_is_for_jobs_of_the_same_project_and_branch_alone(project, owners):
    """What one job has built, and may change for good, is not run by one that is trusted more, or that has other secrets."""
    job = {"python": {"version": "3"}, "run": "python -c 'print(6 * 7)'"}
    plant = """chmod -R u+w "$(readlink -f "$VIRTUAL_ENV")"; rm -f "$VIRTUAL_ENV/bin/python"
printf "#!/bin/sh\\necho PLANTED\\n" > "$VIRTUAL_ENV/bin/python"; chmod +x "$VIRTUAL_ENV/bin/python"
"""
    log = log_of(project, pipeline(a={**job, "run": plant}))
    assert "building environment" in log
    # A job of the same branch shares it: both run what is pushed there.
    assert "PLANTED\n" in log_of(project, {**pipeline(a=job), "x": "1"})
    other = owners.project(project.name + "-other", hooks=())
    run = project.run_of(project.push({**pipeline(a=job), "x": "2"}, branch="topic"))
    topic = by_key(owners.ended(run, "passed"))["a"]
    for log in (log_of(other, pipeline(a=job)), owners.log_of(topic["id"]).decode()):
        assert "building environment" in log and "PLANTED" not in log and "42\n" in log
