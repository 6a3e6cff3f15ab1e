"""Agents of their own: enrolment, labels, capacity, drain."""

import json
import os
import shutil


from harness import BIN, Agent, Flag, environment
from harness import run as run_program
from wire import wait_for


def pipeline(run, runs_on="[sluicetest]"):
    return f'version: 1\non: {{push: {{}}, manual: {{}}}}\njobs:\n  a: {{runs_on: {runs_on}, run: "{run}"}}\n'


def test_an_enrolled_agent_works_and_is_shown(world):
    server = world.server(embedded=False)
    agent = world.agent(server, labels=["sluicetest", "size=big"])
    shown = server.wait_agent_online("builder")
    assert shown["labels"] == ["sluicetest", "size=big"] and shown["capacity"] == 2 and shown["os"] == "linux"
    project = server.project("app", hooks=())
    detail, jobs = project.push_and_end(
        {".ci.yml": pipeline("echo here", "[sluicetest, size=big, os=linux]")}, "passed"
    )
    assert jobs["a"]["agent"] == "builder" and server.log_of(jobs["a"]["id"]) == b"here\n"
    config = agent.dir / "agent.json"
    assert config.stat().st_mode & 0o077 == 0


def test_an_enrolment_token_enrols_one_agent(world):
    server = world.server(embedded=False)
    token = server.post("/api/v1/agents/enrolment-tokens", {"labels": ["a"]})["token"]
    agent = Agent(server, name="first")
    assert agent.enrol(token, dir=world.root / "one", check=False).returncode == 0
    assert agent.enrol(token, dir=world.root / "one", check=False).returncode == 0, "the same agent may ask again"
    other = agent.enrol(token, dir=world.root / "two", check=False)
    assert other.returncode == 1 and "used" in other.stderr
    unknown = agent.enrol("no-such-token", dir=world.root / "three", check=False)
    assert unknown.returncode == 1 and "unknown" in unknown.stderr
    names = sorted(row["name"] for row in server.agents())
    assert names[0] == "first" and len(names) == len(set(names)) == 2


def test_a_job_waits_for_an_agent_with_its_labels_and_says_so(world):
    server = world.server(embedded=False)
    world.agent(server)
    project = server.project("app", hooks=())
    run = project.run_of(project.push({".ci.yml": pipeline("true", "[gpu]")}))
    job = server.detail(run)["jobs"][0]
    assert job["state"] == "ready" and "gpu" in job["wait_reason"]
    (told,) = server.detail(run)["diagnostics"]
    assert (told["severity"], told["message"]) == ("warning", "no agent has label `gpu`, which `a` asks for")
    assert server.get("/api/v1/status")["queue_ready"] == 1
    world.agent(server, name="with-gpu", labels=["gpu"])
    assert server.ended(run, "passed")["jobs"][0]["agent"] == "with-gpu"


def test_an_agent_takes_no_more_jobs_than_it_has_slots(world):
    server = world.server(embedded=False)
    world.agent(server, capacity=2)
    flag = Flag(world.root)
    jobs = "".join(f'  j{i}: {{run: "{flag.wait()}"}}\n' for i in range(4))
    project = server.project("app", hooks=())
    run = project.run_of(project.push({".ci.yml": f"version: 1\non: {{push: {{}}}}\njobs:\n{jobs}"}))
    wait_for(lambda: server.get("/api/v1/status")["running"] == 2, "two jobs to run")
    states = sorted(job["state"] for job in server.detail(run)["jobs"])
    assert states == ["ready", "ready", "running", "running"] or states.count("ready") >= 2
    assert len(server.agents()[0]["running"]) == 2
    flag.raise_it()
    server.ended(run, "passed")


def drained(world):
    """A drained agent, idle, and a run that waits for it."""
    server = world.server(embedded=False)
    world.agent(server)
    flag = Flag(world.root)
    project = server.project("app", hooks=())
    running = project.run_of(project.push({".ci.yml": pipeline(flag.wait(), "[os=linux]")}))
    wait_for(lambda: server.detail(running)["jobs"][0]["state"] == "running", "the job to run")
    told = server.sluice("agent", "drain", "builder")
    assert "no new jobs" in told.stdout
    assert server.agents()[0]["state"] == "draining"
    waiting = project.start()
    flag.raise_it()
    server.ended(running, "passed")
    wait_for(lambda: server.agents()[0]["running"] == [], "the agent to be idle")
    return server, waiting


def test_a_drained_agent_finishes_its_job_and_takes_no_other(world):
    server, waiting = drained(world)
    assert server.detail(waiting)["jobs"][0]["state"] == "ready"
    server.post(f"/api/v1/runs/{waiting}/cancel")
    server.ended(waiting, "cancelled")


def test_a_resumed_agent_takes_jobs_at_once(world):
    server, waiting = drained(world)
    server.sluice("agent", "resume", "builder")
    wait_for(lambda: server.detail(waiting)["run"]["state"] == "passed", "the job to run", deadline=15)


def test_sigterm_drains_a_daemon(world):
    server = world.server(embedded=False)
    agent = world.agent(server)
    project = server.project("app", hooks=())
    go = Flag(world.root, "second")
    run = project.run_of(project.push({".ci.yml": pipeline(go.wait() + "; echo done", "[os=linux]")}))
    wait_for(lambda: server.detail(run)["jobs"][0]["state"] == "running", "the job to run")
    agent.signal(15)
    wait_for(lambda: "draining" in agent.log, "the daemon to drain")
    assert agent.running()
    go.raise_it()
    assert agent.wait_end() == 0 and "drained" in agent.log
    detail = server.ended(run, "passed")
    assert server.log_of(detail["jobs"][0]["id"]) == b"done\n"


def test_two_signals_make_a_daemon_leave_and_the_next_one_adopts_its_job(world):
    server = world.server(embedded=False)
    agent = world.agent(server)
    flag = Flag(world.root)
    project = server.project("app", hooks=())
    run = project.run_of(
        project.push({".ci.yml": pipeline("echo begun; " + flag.wait() + "; echo done", "[os=linux]")})
    )
    wait_for(lambda: server.detail(run)["jobs"][0]["state"] == "running", "the job to run")
    agent.attempt()
    assert agent.leave() == 0
    agent.start()
    assert "adopted a live runner" in agent.log[agent.printed_before:]
    flag.raise_it()
    detail = server.ended(run, "passed")
    assert server.log_of(detail["jobs"][0]["id"]) == b"begun\ndone\n" and detail["jobs"][0]["attempt"] == 1


def test_a_second_daemon_on_one_folder_refuses(world):
    server = world.server(embedded=False)
    agent = world.agent(server)
    second = run_program([BIN / "sluice-agent", "run", "--dir", agent.dir], env=environment(world.root), check=False)
    assert second.returncode == 3 and "another sluice-agent runs" in second.stderr
    lost = run_program(
        [BIN / "sluice-agent", "run", "--dir", world.root / "empty"], env=environment(world.root), check=False
    )
    assert lost.returncode == 2 and "enrol" in lost.stderr


def test_a_copy_of_an_agents_folder_takes_over_and_the_first_leaves(world):
    server = world.server(embedded=False)
    agent = world.agent(server)
    server.wait_agent_online("builder")
    copy = world.keep(Agent(server, name="copy"))
    shutil.rmtree(copy.dir)
    copy.dir.mkdir()
    for name in ("agent.json", "install_id"):
        shutil.copy(agent.dir / name, copy.dir / name)
    copy.start()
    assert agent.wait_end() != 0
    assert "identity" in agent.log
    project = server.project("app", hooks=())
    project.push_and_end({".ci.yml": pipeline("true", "[os=linux]")}, "passed")


def test_an_agent_tells_of_its_machine_and_is_labelled_and_paused_from_afar(world):
    server = world.server(embedded=False)
    world.agent(server, name="builder", capacity=1)
    agent = server.wait_agent_online("builder")
    assert agent["facts"]["kernel"] == os.uname().release and agent["facts"]["memory"] > 1 << 20
    assert 0 < agent["facts"]["disk_free"] <= agent["facts"]["disk"] and agent["facts"]["cpus"] == os.cpu_count()
    shown = server.sluice("agent", "show", "builder").stdout
    assert os.uname().release in shown and "GiB" in shown
    project = server.project("shop", hooks=())
    text = "version: 1\non: {push: {}}\njobs: {a: {runs_on: [gpu, zone=eu], run: echo}}\n"
    run = project.run_of(project.push({".ci.yml": text}))
    assert "gpu" in wait_for(lambda: server.detail(run)["jobs"][0]["wait_reason"], "the job to say why it waits")
    assert "gpu" in server.sluice("agent", "labels", "builder", "gpu", "zone=eu").stdout
    server.ended(run, "passed")
    assert server.call("PUT", f"/api/v1/agents/{agent['id']}/labels", {"labels": ["a,b"]}).json["error"] == "bad_label"
    assert "no new jobs" in server.sluice("agent", "pause", "builder").stdout
    assert server.agents()[0]["state"] == "paused"
    run = project.run_of(project.push({"a": "1"}))
    assert server.detail(run)["jobs"][0]["state"] == "ready"
    server.sluice("agent", "resume", "builder")
    server.ended(run, "passed")
    assert server.agents()[0]["state"] == "online"
    actions = [row["action"] for row in server.rows("SELECT action FROM audit WHERE action LIKE 'agent.%'")]
    assert {"agent.labels", "agent.pause", "agent.resume"} <= set(actions)


def test_an_agent_of_another_protocol_is_told_what_to_install(world):
    server = world.server(embedded=False)
    agent = world.agent(server, name="builder", capacity=1)
    token = json.loads((agent.dir / "agent.json").read_text())["token"]
    for version, word in ((0, "a newer"), (999, "an older")):
        reply = server.call("POST", "/agent/v1/hello", {"protocol": version, "what": "is new"},
                            {"Authorization": f"Agent {token}"}, token=None)
        assert reply.status == 426 and reply.json["error"] == "upgrade_required"
        assert word in reply.json["message"] and "same folder" in reply.json["message"]
    assert server.call("POST", "/agent/v1/hello", {"protocol": 1}, {"Authorization": "Agent no"}, token=None).status == 401


def test_a_daemons_log_is_read_from_afar_also_when_it_has_gone(world):
    server = world.server(embedded=False)
    agent = world.agent(server)
    lines = wait_for(lambda: [line for line in server.get("/api/v1/agents/1/log")["lines"] if "agent ready" in line],
                     "its lines")
    assert len(lines) == 1 and "builder" in lines[0]
    server.project("app", hooks=()).push_and_end({".ci.yml": pipeline("true", "[os=linux]")}, "passed")
    wait_for(lambda: "job claimed" in server.sluice("agent", "logs", "builder").stdout, "the job in it")
    # A server that has forgotten gets what the daemon still knows, once it says something.
    server.kill()
    wait_for(lambda: "does not answer" in agent.log, "the daemon to notice")
    server.restart()
    wait_for(lambda: "job claimed" in server.sluice("agent", "logs", "builder").stdout, "the old lines again")
    assert agent.stop() == 0
    assert "drained" in server.sluice("agent", "logs", "builder").stdout
    reader = server.as_person(server.post("/api/v1/tokens", {"name": "reader", "role": "read"})["token"])
    assert reader.call("GET", "/api/v1/agents/1/log").status == 403
    assert server.call("GET", "/api/v1/agents/99/log").status == 404


def test_what_people_do_to_an_agent_is_written_down(world):
    server = world.server(embedded=False)
    world.agent(server)
    for words in (("drain",), ("resume",), ("pause",), ("labels", "fast")):
        server.sluice("agent", words[0], "builder", *words[1:])
    assert server.agents()[0]["labels"] == ["fast"] and server.agents()[0]["state"] == "paused"
    entries = server.get("/api/v1/audit", action="agent")["entries"]
    told = [(entry["action"], entry["detail"]) for entry in reversed(entries)][-4:]
    assert told == [("agent.drain", ""), ("agent.resume", ""), ("agent.pause", ""), ("agent.labels", '["fast"]')]
    assert {entry["actor"] for entry in entries[:4]} == {"admin"}
    for word in ("pause", "resume", "drain"):
        assert server.call("POST", f"/api/v1/agents/99/{word}", {}).status == 404
    assert server.call("PUT", "/api/v1/agents/1/labels", {"labels": ["a,b"]}).status == 400
