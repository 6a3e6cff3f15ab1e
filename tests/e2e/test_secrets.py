"""Secrets: who gets them, how they reach a step, and that nothing else ever shows them."""

import base64
import hashlib
import json
import os
import pathlib
import subprocess
import urllib.parse

from forges import GitHub
from harness import BIN, by_key, environment, run
from wire import wait_for

GITHUB = GitHub()
VALUE = "S3cr3t/value+with \"quotes\" & 'more'"


def set_secret(project, name, value=VALUE, *words):
    return project.server.sluice("secret", "set", name, "--project", project.name, *words, stdin=value)


def pipeline(run, **job):
    lines = {"secrets": {"TOKEN": "deploy/token"}, "run": run, **job}
    return json.dumps({"version": 1, "on": {"push": {}, "pull_request": {}, "manual": {}}, "jobs": {"a": lines}})


def test_a_secret_reaches_its_step_and_no_log(project, ci):
    set_secret(project, "deploy/token")
    script = """
test "$(printf %s "$TOKEN" | sha256sum | cut -d' ' -f1)" = "$WANTED" || exit 9
echo "plain: $TOKEN."
printf '%s' "$TOKEN" | cut -c1-9 | tr -d '\\n'; printf '%s' "$TOKEN" | cut -c10- | tr -d '\\n'; echo
printf '%s' "$TOKEN" | base64; printf 'xy%s' "$TOKEN" | base64 -w0; echo
set -x; true "$TOKEN"; set +x
python3 - <<'PY'
import json, os, urllib.parse, time, sys
token = os.environ["TOKEN"]
print(json.dumps({"t": token}), urllib.parse.quote(token, safe=""), urllib.parse.quote_plus(token), token.encode().hex())
for c in token:
    sys.stdout.write(c); sys.stdout.flush()
PY
echo; echo end
"""
    wanted = hashlib.sha256(VALUE.encode()).hexdigest()
    detail, jobs = project.push_and_end({".ci.yml": pipeline(script, env={"WANTED": wanted})}, "passed")
    log = ci.log_of(jobs["a"]["id"]).decode()
    assert log.count("***") >= 8 and "plain: ***." in log and log.rstrip().endswith("end"), log
    for form in (VALUE, VALUE[:20], VALUE[10:], base64.b64encode(VALUE.encode()).decode()[:-4],
                 base64.b64encode(b"xy" + VALUE.encode()).decode()[4:-4], urllib.parse.quote(VALUE, safe=""),
                 json.dumps(VALUE)[1:-1], VALUE.encode().hex()):
        assert form not in log, form
    audit = ci.rows("SELECT action, subject, detail, actor FROM audit WHERE subject = ? ORDER BY id",
                    f"{project.name}:deploy/token")
    assert [row["action"] for row in audit] == ["secret.set", "secret.read"]
    assert f"run={detail['run']['id']} job=a" in audit[1]["detail"] and audit[0]["actor"] == "admin"


def test_a_fork_gets_no_secret_even_after_an_approval(ci, name):
    project = ci.project(name, forge="github")
    set_secret(project, "deploy/token", VALUE, "--event", "pull_request", "--event", "push")
    project.push({".ci.yml": pipeline("true")})
    sha = project.repo.commit({".ci.yml": pipeline("echo $TOKEN")}, branch="topic")
    project.repo.push(f"{sha}:refs/pull/7/head")
    GITHUB.send(project, *GITHUB.pull_request("opened", sha, number=7, fork=True))
    run_id = project.run_of(sha, "pull_request")
    detail = ci.ended(run_id)
    job = by_key(detail)["a"]
    assert (job["state"], job["cause"]) == ("blocked", "policy") and "fork" in job["message"], job
    assert job["attempt"] == 0


def test_a_fork_keeps_optional_secrets_out_and_runs(ci, name):
    project = ci.project(name, forge="github")
    set_secret(project, "deploy/token", VALUE, "--event", "pull_request")
    text = pipeline('echo "[${TOKEN-none}]"', secrets={"TOKEN": {"secret": "deploy/token", "optional": True}})
    project.push({"a": "1"})
    sha = project.repo.commit({".ci.yml": text}, branch="topic")
    project.repo.push(f"{sha}:refs/pull/7/head")
    GITHUB.send(project, *GITHUB.pull_request("opened", sha, number=7, fork=True))
    run_id = project.run_of(sha, "pull_request")
    ci.sluice("run", "approve", str(run_id))
    job = by_key(ci.ended(run_id, "passed"))["a"]
    assert "[none]" in ci.log_of(job["id"]).decode()


def outcome(project, run_id):
    job = by_key(project.server.ended(run_id))["a"]
    return job["state"], job["message"]


def test_a_secret_is_for_protected_branches_unless_it_says_more(project, ci):
    set_secret(project, "deploy/token")
    text = pipeline('test -n "$TOKEN"')
    main = project.push({".ci.yml": text})
    assert outcome(project, project.run_of(main))[0] == "passed"
    topic = project.push({"a": "1"}, branch="topic")
    state, why = outcome(project, project.run_of(topic))
    assert state == "blocked" and "protected branches" in why and "T2" in why
    # By hand, with the name of the protected branch but another commit.
    state, why = outcome(project, project.start(branch="main", sha=topic))
    assert state == "blocked", why
    set_secret(project, "deploy/token", VALUE, "--branch", "topic", "--branch", "main")
    assert outcome(project, project.start(branch="topic"))[0] == "passed"
    state, why = outcome(project, project.start(branch="main", sha=topic))
    assert state == "blocked" and "protected" in why, "the name of a branch is not the branch"
    set_secret(project, "deploy/token", VALUE, "--event", "push")
    state, why = outcome(project, project.start(branch="main"))
    assert state == "blocked" and "manual" in why
    ci.sluice("secret", "remove", "deploy/token", "--project", project.name)
    state, why = outcome(project, project.start(branch="main"))
    assert state == "blocked" and "sluice secret set" in why


def test_a_secret_of_a_step_is_for_that_step_alone(project, ci):
    set_secret(project, "deploy/token")
    text = json.dumps({"version": 1, "on": {"push": {}}, "jobs": {"a": {"steps": [
        {"run": 'echo "one ${TOKEN+set}"', "secrets": {"TOKEN": "deploy/token"}},
        {"run": 'echo "two ${TOKEN-unset}"'}]}}})
    _, jobs = project.push_and_end({".ci.yml": text}, "passed")
    log = ci.log_of(jobs["a"]["id"]).decode()
    assert "one set" in log and "two unset" in log


def test_what_waits_for_a_refused_job_is_decided_too(project, ci):
    text = json.loads(pipeline("true", secrets={"T": "no/such"}))
    text["jobs"] |= {"first": {"run": "true"}, "a": {**text["jobs"]["a"], "needs": ["first"]},
                     "after": {"needs": ["a"], "run": "true"},
                     "clean": {"needs": ["a"], "when": "always", "run": "true"}}
    detail, jobs = project.push_and_end({".ci.yml": json.dumps(text)}, "failed")
    states = {key: job["state"] for key, job in jobs.items()}
    assert states == {"first": "passed", "a": "blocked", "after": "blocked", "clean": "passed"}, detail


def test_a_secret_as_a_file_is_in_memory_and_goes_with_the_job(project, ci):
    set_secret(project, "deploy/token", "line one of it\nline two of it\n")
    script = 'stat -c "%a %T" "$TOKEN"; stat -f -c %T "$TOKEN"; cat "$TOKEN"; echo "at=$TOKEN"'
    text = pipeline(script, secrets={"TOKEN": {"secret": "deploy/token", "as": "file"}})
    _, jobs = project.push_and_end({".ci.yml": text}, "passed")
    log = ci.log_of(jobs["a"]["id"]).decode()
    assert "600" in log and "tmpfs" in log and "line one" not in log and "line two" not in log
    at = log.split("at=")[1].split()[0]
    assert not os.path.exists(at) and not os.path.exists(os.path.dirname(at))


def unpacked(body):
    """Full reports travel as they lie: compressed."""
    magic = b"\x28\xb5\x2f\xfd"
    return subprocess.run(["zstd", "-dc"], input=body, capture_output=True, check=True).stdout if body[:4] == magic else body


def test_no_sink_shows_a_secret(project, ci):
    set_secret(project, "deploy/token", "needle-in-a-haystack")
    junit = ('<testsuites><testsuite name="s" tests="1" failures="1"><testcase name="t $TOKEN">'
             '<failure message="m $TOKEN">$TOKEN</failure></testcase></testsuite></testsuites>')
    script = f"cat > j.xml <<END\n{junit}\nEND\necho out=$TOKEN >> $CI_OUTPUT\necho '{{\"x\": 1}}' > m.json"
    text = pipeline(script, reports={"junit": "j.xml", "metrics": "m.json"}, outputs={"out": "string"})
    _, jobs = project.push_and_end({".ci.yml": text})
    job = ci.job(jobs["a"]["id"])
    assert "needle" not in json.dumps(job) and "***" in json.dumps(job)
    full = ci.call("GET", f"/api/v1/jobs/{jobs['a']['id']}/reports/tests")
    assert full.status == 200 and b"needle" not in unpacked(full.body) and b"***" in unpacked(full.body)
    assert not [row for row in ci.rows("SELECT outputs FROM jobs WHERE id = ?", jobs["a"]["id"]) if "needle" in str(row)]
    # What the step itself wrote into its workspace goes with the attempt's folder.
    wait_for(lambda: not list((ci.data / "agent/attempts").iterdir()), "the attempt's folder to be removed")
    for path in pathlib.Path(ci.data).rglob("*"):
        if path.is_file() and path.stat().st_size < 1 << 26:
            assert b"needle-in-a-haystack" not in path.read_bytes(), path


def test_values_that_cannot_be_kept_are_refused(project, ci):
    reader = ci.as_person(ci.post("/api/v1/tokens", {"name": project.name, "role": "write"})["token"])
    path = f"{project.path}/secrets"
    for body, code in (({"name": "a/b", "value": "short"}, "secret_too_short"),
                       ({"name": "a/b", "value": " " * 20}, "secret_too_short"),
                       ({"name": "a b", "value": VALUE}, "bad_secret"),
                       ({"name": "a/b", "value": VALUE, "events": ["pushed"]}, "bad_event"),
                       ({"name": "a/b", "value": "$$$$$$$$$$$$", "base64": True}, "bad_value"),
                       ({"name": "a/b", "value": "x" * 70000}, "secret_too_large")):
        reply = ci.call("POST", path, body)
        assert reply.status in (400, 413, 422) and reply.json["error"] == code, (body["name"], reply)
    assert reader.call("POST", path, {"name": "a/b", "value": VALUE}).status == 403
    assert reader.call("GET", path).json == {"secrets": []}
    assert project.server.sluice("secret", "set", "a/b", "--project", project.name, stdin="", check=False).returncode == 3


def test_the_database_holds_no_value_and_rotation_reseals_it(world):
    server = world.server()
    server.wait_agent_online()
    project = server.project("shop", hooks=())
    set_secret(project, "deploy/token", "needle-in-a-haystack")
    keys = server.data / "secrets.key"
    assert keys.stat().st_mode & 0o777 == 0o600
    before, sealed = keys.read_text(), server.rows("SELECT sealed FROM secrets")[0]["sealed"]
    command = [BIN / "sluice-server", "secrets", "rotate", "--data", server.data]
    busy = run(command, env=environment(world.root), check=False)
    assert busy.returncode == 1 and "stop it" in busy.stderr
    assert server.stop() == 0
    done = run(command, env=environment(world.root))
    assert "1 secrets sealed with the new key" in done.stdout
    after = keys.read_text()
    assert not {line for line in before.splitlines() if not line.startswith("#")} & set(after.splitlines())
    server.restart()
    assert server.rows("SELECT sealed FROM secrets")[0]["sealed"] != sealed
    server.wait_agent_online()
    _, jobs = project.push_and_end({".ci.yml": pipeline('printf %s "$TOKEN" | rev')}, "passed")
    assert b"kcatsyah-a-ni-eldeen" in server.log_of(jobs["a"]["id"])
    # Keys that others may read are not used.
    server.stop()
    keys.chmod(0o644)
    refused = run(server.command(), env=environment(world.root), check=False)
    assert refused.returncode == 2 and "chmod 600" in refused.stderr
    keys.chmod(0o600)
    server.restart()
