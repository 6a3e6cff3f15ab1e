"""Full disks: what can't be stored is refused in words, nothing acknowledged is lost, and it heals by itself."""

import contextlib
import hashlib
import os

import history
import leftovers
import pytest

from disks import Filler, mount, unmount
from harness import Agent, Flag, Server
from wire import wait_for

PIPELINE = "version: 1\non: {push: {}, manual: {}}\njobs:\n  a: {run: sh job.sh}\n"


class Mounted:
    """A server whose data folder, or only its logs, are a small file system of their own."""

    def __init__(self, world, folder, size):
        self.server = Server(world.root, embedded=False)
        self.path = self.server.data / folder if folder else self.server.data
        self.server.data.mkdir()
        mount(self.path, size)
        world.keep(self.server).start()
        self.agent = world.agent(self.server)
        self.project = self.server.project("app", hooks=())


@pytest.fixture
def full_logs(world):
    small = Mounted(world, "logs", "8m")
    yield small
    small.server.kill()
    unmount(small.path)


@pytest.fixture
def full_database(world):
    small = Mounted(world, "", "24m")
    yield small
    if small.server.running():
        small.server.kill()
    # The proof of one ending each is made here, while its database is still there.
    small.server.assert_one_ending_each()
    world.programs.remove(small.server)
    unmount(small.path)


def test_a_log_waits_on_the_agent_while_the_servers_log_folder_is_full(full_logs):
    server, project = full_logs.server, full_logs.project
    filler = Filler(full_logs.path).fill(leave=256 << 10)
    expected = "".join(f"{i} {'x' * 90}\n" for i in range(20_000)).encode()
    run = project.run_of(project.push({".ci.yml": PIPELINE, "job.sh": "cat data\n", "data": expected}))
    job = server.detail(run)["jobs"][0]["id"]
    spool = full_logs.agent.attempt() / "spool"
    wait_for(lambda: spool.stat().st_size == len(expected), "the job to have printed all")
    wait_for(lambda: 0 < len(server.log_of(job)), "what fits to be readable")
    seen = server.log_of(job)
    assert len(seen) < len(expected) and expected.startswith(seen)
    assert server.job(job)["state"] == "running", "a job whose log is not safe has not ended"
    assert server.call("GET", "/healthz").status in (200, 503)
    filler.give_back()
    server.ended(run, "passed")
    assert hashlib.sha256(server.log_of(job)).hexdigest() == hashlib.sha256(expected).hexdigest()


def test_other_jobs_go_on_while_the_log_folder_is_full(full_logs):
    filler = Filler(full_logs.path).fill()
    silent, _ = full_logs.project.push_and_end({".ci.yml": PIPELINE, "job.sh": "true\n"}, "passed")
    run = full_logs.project.run_of(full_logs.project.push({"job.sh": "echo one line\n"}))
    full_logs.agent.attempt()
    assert full_logs.server.detail(run)["run"]["state"] == "active"
    filler.give_back()
    detail = full_logs.server.ended(run, "passed")
    assert full_logs.server.log_of(detail["jobs"][0]["id"]) == b"one line\n"


@pytest.fixture
def full_blobs(world):
    small = Mounted(world, "blobs", "8m")
    yield small
    if small.server.running():
        small.server.kill()
    history_of(world, small)


@pytest.fixture
def full_packs(world):
    small = Mounted(world, "packs", "4m")
    yield small
    small.server.kill()
    unmount(small.path)


def history_of(world, small):
    """The proofs that read what is on the small file system, before it goes."""
    small.server.assert_one_ending_each()
    history.check(small.server)
    world.programs.remove(small.server)
    unmount(small.path)


def test_an_artifact_waits_on_the_agent_while_the_blob_folder_is_full(full_blobs):
    server, project = full_blobs.server, full_blobs.project
    filler = Filler(full_blobs.path).fill(leave=100 << 10)
    content = os.urandom(600_000)  # nothing that could be compressed
    job = "version: 1\non: {push: {}}\njobs:\n  a: {run: 'cp data out', artifacts: [{name: made, paths: [out]}]}\n"
    run = project.run_of(project.push({".ci.yml": job, "data": content}))
    uploads = full_blobs.path / "uploads"
    wait_for(lambda: sum(path.stat().st_size for path in uploads.iterdir()) > 0, "what fits to be here")
    # Others need no room there, and go on meanwhile.
    other = server.project("other", hooks=())
    other.push_and_end({".ci.yml": PIPELINE, "job.sh": "echo fits\n"}, "passed")
    assert server.detail(run)["run"]["state"] == "active", "a job whose artifact is not safe has not ended"
    filler.give_back()
    kept = server.ended(run, "passed")["jobs"][0]["id"]
    reply = server.call("GET", f"/api/v1/jobs/{kept}/artifacts/made/files/out")
    assert reply.status == 200 and reply.body == content


def test_a_job_waits_for_its_source_while_the_servers_temporary_packs_have_no_room(full_packs):
    server, project = full_packs.server, full_packs.project
    filler = Filler(full_packs.path).fill()
    run = project.run_of(project.push({".ci.yml": PIPELINE, "job.sh": "wc -c < data\n", "data": os.urandom(300_000)}))
    full_packs.agent.attempt()
    wait_for(lambda: "No space left" in server.log or "disk_full" in server.log
             or server.detail(run)["jobs"][0]["state"] == "running", "the job to be taken")
    assert server.detail(run)["run"]["state"] == "active"
    filler.give_back()
    job = server.ended(run, "passed")["jobs"][0]
    assert server.log_of(job["id"]).strip() == b"300000" and job["attempt"] == 1, job


@contextlib.contextmanager
def agent_on_small_disk(world, size):
    """(server, agent): the folder of the agent, which the test starts, is a small file system of its own."""
    server = world.server(embedded=False)
    agent = world.keep(Agent(server))
    saved = {name: (agent.dir / name).read_bytes() for name in ("agent.json", "install_id")}
    mount(agent.dir, size)
    try:
        for name, data in saved.items():
            (agent.dir / name).write_bytes(data)
        yield server, agent
        agent.stop()
    finally:
        if agent.running():
            leftovers.sweep(world.root)
        else:
            unmount(agent.dir)


def test_a_job_whose_log_does_not_fit_the_agents_spool_says_so(world):
    with agent_on_small_disk(world, "100m") as (server, agent):
        agent.start()
        project = server.project("app", hooks=())
        detail, jobs = project.push_and_end({".ci.yml": PIPELINE, "job.sh": "head -c 200000000 /dev/zero | tr '\\0' 'x'\n"},
                                            "errored")
        assert jobs["a"]["cause"] == "setup" and "the agent's disk refused the log" in jobs["a"]["message"], jobs["a"]
        log = server.log_of(jobs["a"]["id"])
        assert 1 << 20 < len(log) < 100 << 20 and set(log) == {ord("x")}, "what was written is told, and nothing else"
        leftovers.assert_no_job_left(world.root)
        project.push_and_end({"job.sh": "echo fits\n"}, "passed")


def refused_for_space(server):
    reply = server.call("POST", "/api/v1/tokens", {"name": "n" * 90, "role": "read"})
    return reply if reply.status == 503 else None


def test_a_full_database_is_read_only_and_heals(full_database, world):
    server, project, flag = full_database.server, full_database.project, Flag(world.root)
    done, _ = project.push_and_end({".ci.yml": PIPELINE, "job.sh": "echo before\n"}, "passed")
    run = project.run_of(project.push({"job.sh": f"echo during; {flag.wait()}; echo after\n"}))
    job = server.detail(run)["jobs"][0]["id"]
    wait_for(lambda: server.log_of(job) == b"during\n", "the job to print")

    filler = Filler(full_database.path).fill()
    refused = wait_for(lambda: refused_for_space(server), "a write to be refused")
    assert refused.json["error"] == "read_only" and "free space" in refused.json["message"], refused
    wait_for(lambda: server.call("GET", "/healthz").status == 503, "health to tell")
    assert server.get("/api/v1/status")["read_only"] is True
    assert server.detail(done["run"]["id"])["run"]["state"] == "passed", "reading goes on"
    flag.raise_it()
    told = project.repo.commit({"job.sh": "true"})
    pushed = project.repo.push("main")
    assert "not reached" in pushed.stderr, "the hook keeps what the server can't store"
    server.alive_or_fail()

    filler.give_back()
    wait_for(
        lambda: server.call("POST", "/api/v1/tokens", {"name": "after", "role": "read"}).status == 201,
        "writes to work again",
    )
    assert server.call("GET", "/healthz").status == 200
    server.ended(run, "passed")
    assert server.log_of(job) == b"during\nafter\n"
    later = project.push({"a": "1"})
    server.ended(project.run_of(told), "passed")
    server.ended(project.run_of(later), "passed")


def test_a_server_on_a_full_disk_can_be_restarted_after_space_is_freed(full_database):
    server, project = full_database.server, full_database.project
    done, _ = project.push_and_end({".ci.yml": PIPELINE, "job.sh": "echo before\n"}, "passed")
    filler = Filler(full_database.path).fill()
    wait_for(lambda: refused_for_space(server), "a write to be refused")
    server.kill()
    filler.give_back()
    server.restart()
    assert server.detail(done["run"]["id"])["run"]["state"] == "passed"
    project.push_and_end({"a": "1"}, "passed")


def test_an_agent_whose_disk_is_full_reports_it_and_the_job_is_no_pass(world):
    with agent_on_small_disk(world, "100m") as (server, agent):
        agent.start()
        project = server.project("app", hooks=())
        detail, jobs = project.push_and_end({".ci.yml": PIPELINE, "job.sh": "head -c 400000000 /dev/zero > file\n"})
        assert jobs["a"]["state"] in ("failed", "errored"), jobs["a"]
        assert jobs["a"]["state"] == "failed" or (jobs["a"]["cause"] == "setup" and "disk" in jobs["a"]["message"])
        leftovers.assert_no_job_left(world.root)
        project.push_and_end({"job.sh": "echo fits\n"}, "passed")


def test_what_an_agent_has_kept_of_repositories_goes_before_its_disk_is_full(world):
    with agent_on_small_disk(world, "128m") as (server, agent):
        kept, pack, commit = agent.dir / "sources" / ("a" * 32), "pack-" + "b" * 40, "c" * 40
        for folder in ("packs", "commits"):
            (kept / folder).mkdir(parents=True)
        for ending, size in ((".pack", 90 << 20), (".idx", 1 << 20)):
            (kept / "packs" / (pack + ending)).write_bytes(bytes(size))
        (kept / "commits" / commit).write_text(pack + "\n")
        agent.start()
        project = server.project("app", hooks=())
        project.push_and_end({".ci.yml": PIPELINE, "job.sh": "echo there is room\n", "data": os.urandom(200_000)}, "passed")
        assert list((kept / "packs").iterdir()) == []
        # And nothing is kept where room is short.
        assert list((agent.dir / "sources").glob("*/packs/*")) == []
        leftovers.assert_no_job_left(world.root)


def test_a_place_kept_for_people_gives_way_before_the_agents_disk_is_full(world):
    """And none is kept where room is short."""
    with agent_on_small_disk(world, "400m") as (server, agent):
        agent.start()
        project = server.project("app", hooks=())
        detail, _ = project.push_and_end({".ci.yml": PIPELINE, "job.sh": "exit 3\n"}, "failed")

        def again():
            run = server.post(f"/api/v1/runs/{detail['run']['id']}/retry?keep=1h")
            return server.ended(run["id"], "failed")["jobs"][0]["id"]

        job = again()
        wait_for(lambda: server.job(job)["kept_until"], "the job's place to be kept")
        filler = Filler(agent.dir).fill(leave=200 << 20)
        wait_for(lambda: server.job(job)["kept_until"] is None, "the place to give way", deadline=90)
        leftovers.assert_no_job_left(world.root)
        refused = again()
        assert "not kept for a shell: the agent's disk is nearly full" in server.log_of(refused).decode()
        filler.give_back()
