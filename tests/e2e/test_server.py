"""The server as a program: stopping, starting again, TLS, and what it says when it can't start."""

import pytest

from harness import BIN, Agent, Flag, Server, environment, run
from wire import Client, wait_for

PIPELINE = "version: 1\non: {push: {}, manual: {}}\njobs:\n  a: {run: echo hello}\n"


def test_a_server_that_is_stopped_and_started_keeps_its_history(world):
    server = world.server()
    project = server.project("app", hooks=())
    detail, jobs = project.push_and_end({".ci.yml": PIPELINE}, "passed")
    before = server.detail(detail["run"]["id"])
    identity = server.get("/api/v1/status")["server_id"]
    assert server.stop() == 0
    server.restart()
    assert server.detail(detail["run"]["id"]) == before
    assert server.log_of(jobs["a"]["id"]) == b"hello\n"
    assert server.get("/api/v1/status")["server_id"] == identity
    assert "First start" not in server.log[server.printed_before:]
    second, _ = project.push_and_end({"a": "1"}, "passed")
    assert second["run"]["number"] == 2 and second["run"]["id"] > detail["run"]["id"]


def test_a_job_outlives_a_graceful_restart_of_its_server(world):
    server = world.server()
    flag = Flag(world.root)
    project = server.project("app", hooks=())
    run_id = project.run_of(
        project.push({".ci.yml": PIPELINE.replace("echo hello", f'"echo one; {flag.wait()}; echo two"')})
    )
    wait_for(lambda: b"one\n" in server.log_of(server.detail(run_id)["jobs"][0]["id"]), "the job to print")
    assert server.stop() == 0
    server.restart()
    flag.raise_it()
    job = server.ended(run_id, "passed")["jobs"][0]
    assert server.log_of(job["id"]) == b"one\ntwo\n" and job["attempt"] == 1


def test_streams_end_and_clients_are_answered_when_the_server_stops(world):
    server = world.server(embedded=False)
    with server.client.stream("/api/v1/events", after=0) as stream:
        server.signal(15)
        assert list(stream) is not None
    assert server.wait_end() == 0


def test_a_signal_right_after_the_start_is_a_graceful_stop(world):
    for number in range(3):
        server = Server(world.root, embedded=False, name=f"s{number}")
        world.keep(server).start()
        assert server.stop() == 0


class Certificates:
    """A certificate authority of our own, and a server certificate for 127.0.0.1 signed by it."""

    def __init__(self, root):
        folder = root / "tls"
        folder.mkdir()
        self.ca, self.cert, self.key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
        env = environment(root)
        extensions = folder / "ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-keyout",
                folder / "ca.key",
                "-out",
                self.ca,
                "-subj",
                "/CN=Test CA",
                "-days",
                "2",
                "-addext",
                "basicConstraints=critical,CA:TRUE",
            ],
            env=env,
        )
        run(
            [
                "openssl",
                "req",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-keyout",
                self.key,
                "-out",
                folder / "server.csr",
                "-subj",
                "/CN=localhost",
            ],
            env=env,
        )
        run(
            [
                "openssl",
                "x509",
                "-req",
                "-in",
                folder / "server.csr",
                "-CA",
                self.ca,
                "-CAkey",
                folder / "ca.key",
                "-CAcreateserial",
                "-out",
                self.cert,
                "-days",
                "2",
                "-extfile",
                extensions,
            ],
            env=env,
        )


@pytest.fixture
def tls(world):
    return Certificates(world.root)


def test_a_server_with_tls_works_with_an_agent_that_trusts_its_authority(world, tls):
    server = world.server(embedded=False, tls=tls)
    assert server.url.startswith("https://")
    world.agent(server)
    project = server.project("app")
    project.push({".ci.yml": PIPELINE})
    detail = server.ended(project.start(), "passed")
    assert server.log_of(detail["jobs"][0]["id"]) == b"hello\n"
    cookie = server.call("POST", "/api/v1/session", {"token": server.token}, token=None).headers["Set-Cookie"]
    assert "Secure" in cookie


def test_an_agent_that_does_not_trust_the_authority_does_not_enrol(world, tls):
    server = world.server(embedded=False, tls=tls)
    world.keep(Agent(server, name="trusting"))
    token = server.post("/api/v1/agents/enrolment-tokens", {})["token"]
    refused = run(
        [BIN / "sluice-agent", "enrol", "--server", server.url, "--dir", world.root / "other"],
        env=environment(world.root, SLUICE_ENROL_TOKEN=token),
        check=False,
    )
    assert refused.returncode != 0 and "certificate" in refused.stderr.lower()


def test_a_server_with_tls_has_an_embedded_agent_too(world, tls):
    server = world.server(tls=tls)
    project = server.project("app")
    project.push({".ci.yml": PIPELINE})
    server.ended(project.start(), "passed")


def test_pushes_reach_a_server_with_tls_by_its_plain_listener_for_hooks(world, tls):
    server = world.server(tls=tls, args=["--hook-listen", "127.0.0.1:0"])
    project = server.project("app")
    server.sluice("hooks", "install", project.repo.bare, "--project", "app", SLUICE_CA=tls.ca)
    server.ended(project.run_of(project.push({".ci.yml": PIPELINE})), "passed")
    listener = server.get("/api/v1/status")["hook_listener"]
    plain = Client(f"http://{listener}", server.token)
    assert plain.call("GET", "/api/v1/status").status == 404, "a token has no business there"
    assert plain.call("GET", "/healthz").status == 200


def test_hooks_cannot_be_installed_for_a_server_with_tls_alone(world, tls):
    server = world.server(tls=tls, embedded=False)
    project = server.project("app")
    words = ["hooks", "install", project.repo.bare, "--project", "app"]
    assert "--hook-listen" in server.sluice(*words, check=False, SLUICE_CA=tls.ca).stderr
    refused = run(
        [*server.command("--hook-listen", "0.0.0.0:0")], env=environment(world.root), check=False
    )
    assert refused.returncode != 0 and "loopback" in refused.stderr


def test_an_option_that_is_wrong_is_explained(world):
    def refused(*words):
        server = Server(world.root, embedded=False)
        done = run([*server.command()[:1], *words], env=environment(world.root), check=False)
        assert done.returncode not in (0, -6, -11), done
        return done.stderr + done.stdout

    assert "--data" in refused()
    assert "--listen" in refused("--data", world.root / "d", "--listen", "nonsense")
    assert "--tls-key" in refused("--data", world.root / "d", "--tls-cert", __file__)
