"""A bad network between an agent and its server: connections break off, are held up, closed on one side, and requests come
twice. Every job ends once, each byte of its log arrives once, nothing stays behind."""

import re

import pytest

from chaos import FAULTS, Proxy
from wire import wait_for

JOBS = 4
LINES = 400
PIPELINE = "version: 1\non: {push: {}, manual: {}}\njobs:\n" + "".join(f"""  j{i}:
    timeout: 5m
    outputs: {{n: number}}
    shell: python
    run: |
      import os
      for i in range({LINES}):
          print("line", i, "." * (i % 97), flush=True)
      open(os.environ["CI_OUTPUT"], "a").write("n={i}\\n")
""" for i in range(JOBS)) + "  all: {needs: [" + ", ".join(f"j{i}" for i in range(JOBS)) + "], run: 'true'}\n"
LOG = "".join(f"line {i} {'.' * (i % 97)}\n" for i in range(LINES)).encode()


@pytest.fixture
def behind(world):
    """(server, proxy, agent): the agent knows the server only by the proxy."""
    made = []

    def make(seed, faults=FAULTS, **options):
        server = world.server(embedded=False)
        proxy = Proxy(server, seed, faults=(), **options)
        proxy.start()
        made.append(proxy)
        world.agent(server, url=proxy.url)
        proxy.faults = faults  # from here on: enrolment is a person's, who would try again
        return server, proxy

    yield make
    for proxy in made:
        proxy.end()


def carry_out(server, proxy):
    project = server.project("app", hooks=())
    run = project.run_of(project.push({".ci.yml": PIPELINE}))
    wait_for(lambda: proxy.harmed() >= 6 or server.detail(run)["run"]["state"] != "active", "connections to come to harm")
    proxy.heal()
    detail = server.ended(run, "passed")
    for job in detail["jobs"]:
        if job["key"] != "all":
            assert server.log_of(job["id"]) == LOG, job["key"]
            assert job["outputs"] == {"n": int(job["key"][1:])}
    return detail


@pytest.mark.parametrize("fault", FAULTS)
def test_one_kind_of_fault(behind, fault):
    server, proxy = behind(1, (fault,), farthest=700)
    carry_out(server, proxy)
    assert fault == "delay" or proxy.done.get(fault, 0) > 0, proxy.done


@pytest.mark.parametrize("seed", range(1, 7))
def test_all_kinds_of_faults_by_a_seed(behind, seed):
    server, proxy = behind(seed)
    carry_out(server, proxy)
    assert proxy.harmed() > 0, "the network was too good"


SIZE = 24_000_000
BIG = f"""version: 1
on: {{push: {{}}}}
jobs:
  make:
    run: head -c {SIZE} /dev/urandom > big; sha256sum big
    outputs: {{big: {{type: file, path: big}}}}
  take:
    needs: [make]
    inputs: {{big: make.big}}
    run: sha256sum "$CI_INPUT_BIG"
"""


@pytest.mark.parametrize("fault, job", [("drop", "make"), ("truncate", "take")])
def test_a_transfer_that_is_cut_goes_on_where_it_was(behind, fault, job):
    """Uploads break off for `make`, downloads for `take`; only what is longer than any other request comes to harm."""
    server, proxy = behind(1, (fault,), nearest=3_000_000, farthest=6_000_000)
    project = server.project("app", hooks=())
    detail = server.ended(project.run_of(project.push({".ci.yml": BIG})), "passed")
    digests = {re.search(r"\b[0-9a-f]{64}\b", server.log_of(job["id"]).decode()).group() for job in detail["jobs"]}
    assert len(digests) == 1, digests
    # No connection carried more than a quarter of the file: it ends only if each goes on where the last one was.
    assert proxy.done[fault] >= 3, proxy.done
