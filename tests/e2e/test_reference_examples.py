"""The examples of docs/reference/ci-yml.md, as one pipeline on this machine. That each of them plans is for
tests/unit/pipelines; here those run that need neither a container nor files that a real job would write."""

import json
import re

import pytest
import yaml

from harness import CHECKOUT
from test_local_run import Checkout

PAGE = CHECKOUT / "docs/reference/ci-yml.md"
SECTION = re.compile(r"^### `([^`]+)`\n(.*?)^```yaml\n(.*?)^```$", re.M | re.S)
# Keys of a job that change nothing on one machine, or ask for what is not here.
LEFT_OUT = {"image", "kind", "outputs", "reports", "thresholds", "inputs", "uses", "with", "generate", "needs", "extends",
            "secrets", "id_tokens", "services", "cache", "memoize", "environment", "python", "resources",
            "source"}
OTHERS = {"build": {"run": "make"}, "test": {"needs": ["build"], "run": "make test"}, ".base": {"timeout": "20m"}}


def runnable():
    """Topic → the job of its example."""
    out = {}
    for topic, prose, block in SECTION.findall(PAGE.read_text()):
        job = (yaml.safe_load(block).get("jobs") or {}).get("example")
        if job and True in job:  # PyYAML reads YAML 1.1, where `on` is a boolean
            job["on"] = job.pop(True)
        kind = job.get("kind", "script") if job else None
        if kind != "script" or "Not carried out yet" in prose or LEFT_OUT & set(job) - {topic.removeprefix("job.")}:
            continue
        if topic == "step.image":
            continue
        if topic.removeprefix("job.") in LEFT_OUT - {"needs", "extends"}:
            continue
        out[topic] = job
    return out


def test_the_examples_run(tmp_path):
    jobs = runnable()
    assert len(jobs) >= 25
    ids = {"example-" + re.sub(r"[^a-z0-9]", "-", topic): topic for topic in jobs}
    checkout = Checkout(tmp_path)
    whole = {"version": 1, "on": {"push": {}}, "jobs": {**OTHERS, **{id: jobs[topic] for id, topic in ids.items()}}}
    checkout.write({".ci.yml": yaml.safe_dump(whole, sort_keys=False), "Makefile": "all test:\n\techo $@\n",
                    "server/Makefile": "test:\n\techo $@\n", "src/a.c": ""})
    checkout.commit()
    done = checkout.run("--json", "-j", "4")
    assert '"jobs"' in done.stdout, done.stderr
    bad = {job["id"]: job["reason"] for job in json.loads(done.stdout)["jobs"]
           if job["state"] not in ("passed", "warned", "not_selected")}
    assert bad == {} and done.returncode == 0


@pytest.mark.parametrize("topic", ["job.run", "job.needs", "job.timeout", "job.matrix", "job.when", "retry.infra"])
def test_what_a_newcomer_looks_up_is_among_them(topic):
    assert topic in runnable()
