"""Fixtures of the end-to-end and fault tests: every test ends with the proof that it left nothing behind."""

import itertools
import pathlib
import shutil
import tempfile

import pytest

import history
import leftovers
from harness import BIN, Agent, EmbeddedAgent, Program, Server

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items):
    if not (BIN / "sluice-server").exists():
        # pytest hands every conftest all items of the session.
        for item in (item for item in items if {"e2e", "faults", "contract"} & set(item.path.parts)):
            item.add_marker(pytest.mark.skip(reason=f"no programs in {BIN}: build first, or set SLUICE_BIN_DIR"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call":
        item.test_passed = report.passed


def _new_root():
    # Not pytest's tmp_path: a hook's socket path and a lock's name must stay short, and rights must not be inherited.
    return pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-")).resolve()


class World:
    """One test's machine: starts servers and agents below one root and ends them."""

    def __init__(self):
        self.root, self.programs = _new_root(), []

    def server(self, **options):
        server = Server(self.root, **options)
        self.programs.append(server)
        return server.start()

    def agent(self, server, **options):
        agent = Agent(server, **options)
        self.programs.append(agent)
        return agent.start()

    def keep(self, program):
        assert isinstance(program, Program)
        self.programs.append(program)
        return program

    def end(self, passed):
        try:
            if passed:
                leftovers.assert_no_job_left(self.root)
                servers = [program for program in self.programs if isinstance(program, Server)]
                for server in servers:
                    if server.running():
                        history.settle(server)
                self.stop_all()
                for server in servers:
                    server.assert_one_ending_each()
                    history.check(server)
                leftovers.assert_nothing_left(self.root)
        finally:
            if not passed:
                for program in self.programs:
                    print(f"--- {program.log_file.name}\n{program.log[-6000:]}")
            leftovers.sweep(self.root)
            shutil.rmtree(self.root, ignore_errors=True)

    def stop_all(self):
        """Agents as people stop them; servers the hard way, which is quick and must leave nothing behind either."""
        for program in sorted(self.programs, key=lambda program: isinstance(program, Server)):
            if not program.running():
                continue
            if isinstance(program, Server):
                program.kill()
            else:
                assert program.stop() == 0, f"{program.log_file.name}:\n{program.log[-3000:]}"


@pytest.fixture
def world(request):
    """A fresh machine for tests that stop, kill or configure servers."""
    world = World()
    yield world
    world.end(getattr(request.node, "test_passed", False))


@pytest.fixture(scope="session")
def shared_world():
    world = World()
    yield world
    world.end(passed=True)


@pytest.fixture(scope="session")
def shared(shared_world):
    """The server that most tests share, each with a project of its own."""
    server = shared_world.server(capacity=4)
    server.wait_agent_online()
    return server


@pytest.fixture
def ci(shared, request):
    """The shared server; afterwards no job of it may be left."""
    shared.alive_or_fail()
    yield shared
    shared.alive_or_fail()
    if getattr(request.node, "test_passed", False):
        leftovers.assert_no_job_left(shared.root)
    else:
        print(f"--- end of {shared.log_file.name}\n{shared.log[-6000:]}")
        for run in shared.get("/api/v1/runs", limit=200)["runs"]:
            if run["state"] == "active":
                shared.call("POST", f"/api/v1/runs/{run['id']}/cancel", {})


@pytest.fixture
def name():
    """A name that no other test uses."""
    return f"p{next(_numbers)}"


@pytest.fixture
def project(ci, name):
    """A project on the shared server whose pushes are told by a hook."""
    return ci.project(name, hooks=())


@pytest.fixture
def embedded(ci):
    return EmbeddedAgent(ci)
