"""kill -9 of the server around the end of a job that brings others: they are there exactly once."""

import pytest

from harness import Flag
from wire import wait_for

PIPELINE = """version: 1
on: {push: {}, manual: {}}
jobs:
  gen:
    generate: jobs.yml
    run: |
      until test -e GO; do sleep 0.01; done
      printf 'version: 1\\njobs:\\n' > jobs.yml
      for i in $(seq 50); do echo "  j$i: {run: 'true'}" >> jobs.yml; done
      touch MADE
  after: {needs: [gen], run: "true"}
"""
MATRIX = """version: 1
on: {push: {}, manual: {}}
jobs:
  gen:
    outputs: {parts: list}
    run: |
      until test -e GO; do sleep 0.01; done
      printf 'parts<<END\\n' >> $CI_OUTPUT
      for i in $(seq 50); do echo "j$i" >> $CI_OUTPUT; done
      echo END >> $CI_OUTPUT
      touch MADE
  part: {needs: [gen], matrix: {p: "${{ needs.gen.outputs.parts }}"}, run: "true"}
  after: {needs: [part], run: "true"}
"""
WANTED = {"generate": {"gen", "after", *(f"gen/j{i}" for i in range(1, 51))},
          "matrix": {"gen", "after", *(f"part (j{i})" for i in range(1, 51))}}


@pytest.mark.parametrize("moment", ["before", "at the end", "at the end again", "after"])
@pytest.mark.parametrize("by", ["generate", "matrix"])
def test_a_server_that_dies_while_a_run_grows_has_each_job_once(world, moment, by):
    server = world.server(embedded=False)
    world.agent(server)
    go, made = Flag(world.root, "go"), Flag(world.root, "made")
    project = server.project("grow", hooks=())
    run = project.run_of(project.push(
        {".ci.yml": (PIPELINE if by == "generate" else MATRIX).replace("GO", str(go.path)).replace("MADE", str(made.path))}))
    wait_for(lambda: server.detail(run)["jobs"][0]["state"] == "running", "the generator to run")
    if moment == "before":
        server.kill()
        go.raise_it()
        made.await_it()
    else:
        go.raise_it()
        if moment == "after":
            wait_for(lambda: len(server.detail(run)["jobs"]) > 3, "the jobs to be there", pause=0.001)
        else:  # the runner is about to tell it, is telling it, or has just told it
            wait_for(made.path.exists, "the fragment to be written", pause=0.0005)
        server.kill()
    server.start()
    detail = server.ended(run, "passed")
    keys = [job["key"] for job in detail["jobs"]]
    assert set(keys) == WANTED[by] and len(keys) == len(WANTED[by])
    assert detail["run"]["jobs_total"] == detail["run"]["jobs_done"] == len(WANTED[by])
    server.assert_one_ending_each()
