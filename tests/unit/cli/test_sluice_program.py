"""The `sluice` program as a person or a script meets it, against a fake server."""

import json
import os
import pathlib
import pty
import shutil
import stat
import subprocess

import pytest

from fake_ci import TOKEN, FakeCi, a_gate, a_job, a_run

BIN = pathlib.Path(os.environ.get("SLUICE_BIN", pathlib.Path(__file__).resolve().parents[3] / "build/dev/bin"))
SHA = "8f3e2a1c04" * 4
GATE = "GET /api/v1/projects/shortener/gate"


@pytest.fixture
def ci():
    fake = FakeCi()
    yield fake
    fake.close()


@pytest.fixture
def sluice(ci, tmp_path):
    """Runs sluice in an empty folder with an empty home; the fake server and its token by environment."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "SLUICE_URL": ci.url,
                   "SLUICE_TOKEN": TOKEN, "LC_ALL": "C.UTF-8"}

    def run(*arguments, input="", cwd=tmp_path, **env):
        merged = {**environment, **env}
        return subprocess.run([str(BIN / "sluice"), *arguments], input=input, cwd=cwd, capture_output=True, text=True,
                              timeout=60, env={name: value for name, value in merged.items() if value is not None})

    run.environment = environment
    return run


def on_terminal(arguments, environment, cwd):
    """What the program prints on a terminal of 80 columns."""
    parent, child = pty.openpty()
    process = subprocess.Popen([str(BIN / "sluice"), *arguments], stdin=child, stdout=child, stderr=child, cwd=cwd,
                               env={"TERM": "xterm", **environment})
    os.close(child)
    output = b""
    while True:
        try:
            piece = os.read(parent, 4096)
        except OSError:
            break
        if not piece:
            break
        output += piece
    os.close(parent)
    return process.wait(timeout=60), output.decode()


def test_without_an_argument_the_commands_are_listed(sluice):
    done = sluice()
    assert done.returncode == 3
    assert "needs a command: agent" in done.stderr or "needs a command" in done.stderr


@pytest.mark.parametrize("verdict, run_id, code", [("green", 12, 0), ("red", 12, 1), ("pending", 12, 2),
                                                   ("red", None, 2)])
def test_a_gate_is_an_exit_code(sluice, ci, verdict, run_id, code):
    ci.answers[GATE] = (200, a_gate(verdict, run_id))
    done = sluice("gate", SHA, "--project", "shortener")
    assert done.returncode == code
    assert f"it is {verdict}" in done.stdout
    assert ci.requests[0][0] == f"GET /api/v1/projects/shortener/gate?sha={SHA}"


def test_waiting_for_a_gate_says_what_it_waits_for_and_ends_with_the_verdict(sluice, ci):
    running = a_gate("pending", checks=[{"name": "test", "color": "pending", "state": "running", "note": "",
                                         "job_id": 34}])
    replies = [a_gate("red", None), running, running, a_gate("green")]
    ci.answers[GATE] = lambda _query: (200, replies.pop(0) if len(replies) > 1 else replies[0])
    done = sluice("gate", "main", "--project", "shortener", "--wait")
    assert done.returncode == 0
    assert "waiting for a run of this commit" in done.stderr
    assert "waiting for test (running)" in done.stderr
    assert done.stdout.startswith("green  shortener")


def test_waiting_ends_at_the_timeout_with_unknown(sluice, ci):
    ci.answers[GATE] = (200, a_gate("pending"))
    assert sluice("gate", "main", "--project", "shortener", "--wait", "--timeout", "300ms").returncode == 2
    bad = sluice("gate", "main", "--project", "shortener", "--wait", "--timeout", "60")
    assert bad.returncode != 2 and "60" in bad.stderr


def test_json_is_the_servers_reply_and_nothing_else(sluice, ci):
    gate = a_gate("red")
    ci.answers[GATE] = (200, gate)
    done = sluice("gate", SHA, "--project", "shortener", "--wait", "--json")
    assert json.loads(done.stdout) == gate
    assert done.stderr == ""


def test_refusals_are_json_too_when_json_was_asked_for(sluice, ci):
    ci.answers["POST /api/v1/runs/12/cancel"] = (409, {"error": "run_ended", "message": "run 12 has ended"})
    done = sluice("run", "cancel", "12", "--json")
    assert done.returncode == 5
    assert json.loads(done.stdout)["error"] == "run_ended"
    assert "run 12 has ended" in done.stderr


def test_no_server_is_its_own_exit_code_and_says_what_to_start(sluice):
    done = sluice("status", SLUICE_URL="http://127.0.0.1:1")
    assert done.returncode == 4
    assert "sluice-server --data DIR" in done.stderr


def test_a_missing_token_is_named(sluice):
    done = sluice("status", SLUICE_TOKEN=None)
    assert done.returncode == 5
    assert "sluice login" in done.stderr


def test_login_checks_the_token_and_keeps_it_for_its_owner(sluice, ci, tmp_path):
    ci.answers["GET /api/v1/whoami"] = (200, {"id": 1, "name": "me", "role": "admin"})
    assert sluice("login", ci.url, input="wrong\n", SLUICE_URL=None, SLUICE_TOKEN=None).returncode == 5
    stored = tmp_path / "home/.config/sluice/config.json"
    assert not stored.exists()
    done = sluice("login", ci.url, input=TOKEN + "\n", SLUICE_URL=None, SLUICE_TOKEN=None)
    assert done.returncode == 0 and "as me (admin)" in done.stdout
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    ci.answers["GET /api/v1/projects"] = (200, {"projects": []})
    assert sluice("project", "list", SLUICE_URL=None, SLUICE_TOKEN=None).returncode == 0
    assert sluice("logout", SLUICE_URL=None, SLUICE_TOKEN=None).returncode == 0
    assert not stored.exists()


def test_a_failed_run_shows_the_failing_tests_line(sluice, ci):
    tests = {"total": 25, "passed": 23, "failed": 2, "errored": 0, "skipped": 0, "truncated": False, "failures": [
        {"suite": "tests.test_app", "name": "test_redirects", "state": "failed", "message": "assert 301 == 302",
         "file": "tests/test_app.py", "line": 39},
        {"suite": "tests.test_app", "name": "test_\x1b[2J_nasty", "state": "failed", "message": "a\nb"}]}
    steps = [{"name": "pytest", "state": "failed", "exit_code": 1, "log_begin": 0, "log_end": 9, "duration_ms": 3100}]
    ci.answers["GET /api/v1/runs/12"] = (200, {"run": a_run(), "diagnostics": [], "jobs": [
        a_job(id=33, key="lint", state="passed", cause="none", exit_code=0),
        a_job(reports={"tests": tests, "problems": ["reports.junit: out/x.xml: no such file"]}, steps=steps)]})
    done = sluice("run", "show", "12")
    assert done.returncode == 0
    assert "test: 2 of 25 tests failed" in done.stdout
    assert "tests/test_app.py:39  test_redirects" in done.stdout
    assert "pytest  (exit code 1)" in done.stdout
    assert "no such file" in done.stdout
    assert "\x1b" not in done.stdout


def a_run_with_reports(ci):
    tests = {"total": 25, "passed": 22, "failed": 2, "errored": 0, "skipped": 1, "flaky": 1, "failures": [
        {"suite": "s", "name": "test_new", "state": "failed", "message": "assert 1 == 2", "file": "t.py", "line": 3},
        {"suite": "s", "name": "test_old", "state": "failed", "message": "no \x1b[2J way"}],
        "flaky_cases": [{"suite": "s", "name": "test_odd", "state": "passed", "flaky": True, "message": "reset"}]}
    coverage = {"lines": 200, "lines_covered": 150, "branches": 0, "branches_covered": 0, "files": 2, "changed_lines": 10,
                "changed_covered": 4}
    thresholds = [{"metric": "coverage.changed", "verdict": "failed", "value": 40, "base": None,
                   "text": "coverage.changed is 40%"}]
    findings = {"total": 9, "errors": 1, "warnings": 8, "notes": 0, "added": 1, "fixed": 2, "annotations": []}
    shard = {"of": "test", "index": 1, "count": 2}
    ci.answers["GET /api/v1/runs/12"] = (200, {"run": a_run(), "diagnostics": [], "jobs": [
        a_job(id=33, key="build"),
        a_job(id=34, key="test (1/2)", shard=shard, reports={"tests": {"total": 12, "failures": []}}),
        a_job(id=35, key="test (2/2)", shard={**shard, "index": 2}, reports={"tests": {"total": 13, "failures": []}}),
        a_job(id=36, key="lint", shard=None, reports={"findings": findings})]})
    whole = {"tests": tests, "coverage": coverage, "thresholds": thresholds}
    ci.answers["GET /api/v1/jobs/34/reports"] = lambda query: (200, whole if query["shards"] == "all" else {})
    name = {"suite": "s", "name": "test_new"}
    ci.answers["GET /api/v1/jobs/34/comparison"] = (200, {
        "base": {"name": "run 2 of main (1a2b3c4)", "run_id": 11, "number": 2, "branch": "main", "sha": "1a2b",
                 "job_id": 30},
        "metrics": [{"name": "tests.total", "value": 25, "base": 22}, {"name": "coverage.lines", "value": 75, "base": 75.5},
                    {"name": "size", "value": 12.5, "base": None}],
        "tests": {"new_failures": 1, "still_failing": 1, "fixed": 0, "added": 3, "removed": 0, "slower": 1,
                  "new_failure_names": [name], "fixed_names": [],
                  "slower_tests": [{"suite": "s", "name": "test_slow", "duration_ms": 3000, "base_ms": 1000}]},
        "records": []})
    ci.answers["GET /api/v1/jobs/34/reports/coverage"] = (200, {"total": 1, "next": None, "items": [
        {"file": "a.py", "lines": 20, "covered": 9, "uncovered": "3-9", "changed_uncovered": "4-9"}]})
    ci.answers["GET /api/v1/jobs/36/reports/findings"] = lambda query: (200, {"total": 1, "next": None, "items": [
        {"tool": "ruff", "rule": "F401", "severity": "error", "message": "unused", "file": "a.py", "line": 1, "column": 1}]
        if query["state"] == "new" else []})


def test_a_run_shows_its_reports_beside_those_of_the_base(sluice, ci):
    a_run_with_reports(ci)
    lines = sluice("run", "show", "12").stdout.splitlines()
    assert "test: 25 tests (+3), 2 failed (1 new), 1 flaky, 1 skipped; coverage 75.0% (-0.5%), changed lines 40.0%" in lines
    assert "    compared with run 2 of main (1a2b3c4)" in lines
    # An older server can't compare.
    assert "lint: 9 findings, 1 new, 2 fixed" in lines


def test_the_reports_of_a_run_in_full(sluice, ci):
    a_run_with_reports(ci)
    done = sluice("run", "reports", "12")
    assert done.returncode == 0, done.stderr
    for line in ["  failed  coverage.changed is 40%", "  new failure  test_new  t.py:3", "      assert 1 == 2",
                 "  failed  test_old", "  flaky  test_odd  reset", "  slower  test_slow  3.0s, was 1.0s",
                 "  changed, not covered  a.py: 4-9", "  new  a.py:1  error: unused  [F401]",
                 "coverage.lines  75.0%  75.5%  -0.5%", "size            12.5   -"]:
        assert line in done.stdout.splitlines(), (line, done.stdout)
    assert "\x1b" not in done.stdout
    only = sluice("run", "reports", "12", "lint").stdout
    assert "lint: 9 findings" in only and "test" not in only
    value = json.loads(sluice("run", "reports", "12", "test", "--json").stdout)
    assert [job["key"] for job in value["jobs"]] == ["test"]
    assert value["jobs"][0]["reports"]["tests"]["total"] == 25
    assert value["jobs"][0]["comparison"]["base"]["number"] == 2
    refused = sluice("run", "reports", "12", "build")
    assert refused.returncode != 0 and "run 12 has no job 'build' with reports" in refused.stderr


def test_a_run_that_could_not_be_planned_shows_its_diagnostics(sluice, ci):
    diagnostic = {"severity": "error", "id": "unknown_key", "file": ".ci.yml", "line": 3, "column": 5, "message": "m",
                  "hint": "", "text": ".ci.yml:3:5: error: unknown key"}
    run = a_run(state="errored", reason="the configuration has errors")
    ci.answers["GET /api/v1/runs/12"] = (200, {"run": run, "jobs": [], "diagnostics": [diagnostic]})
    done = sluice("run", "show", "12")
    assert "the configuration has errors" in done.stdout
    assert ".ci.yml:3:5: error: unknown key" in done.stdout


def test_runs_are_a_table(sluice, ci):
    runs = [a_run(), a_run(id=11, state="passed")]
    ci.answers["GET /api/v1/projects/shortener/runs"] = (200, {"runs": runs, "next": None})
    lines = sluice("run", "list", "--project", "shortener", "--branch", "a b&c").stdout.splitlines()
    assert lines[0].split() == ["ID", "RUN", "STATE", "TIME", "WHEN", "REF", "COMMIT", "MESSAGE"]
    assert lines[1].endswith("8f3e2a1c04  Redirect permanently")
    assert ci.requests[0][0].endswith("runs?limit=20&branch=a%20b%26c")


def test_colours_only_on_a_terminal_and_never_with_no_color(sluice, ci, tmp_path):
    ci.answers["GET /api/v1/runs"] = (200, {"runs": [a_run()], "next": None})
    assert "\x1b" not in sluice("run", "list").stdout
    code, coloured = on_terminal(["run", "list"], sluice.environment, tmp_path)
    assert code == 0 and "\x1b[31mfailed\x1b[0m" in coloured
    for plain in (on_terminal(["run", "list"], {**sluice.environment, "NO_COLOR": "1"}, tmp_path)[1],
                  on_terminal(["run", "list", "--no-color"], sluice.environment, tmp_path)[1]):
        assert "failed" in plain and "\x1b" not in plain


def test_a_wait_on_a_terminal_redraws_one_line(sluice, ci, tmp_path):
    replies = [a_gate("pending"), a_gate("pending"), a_gate("green")]
    ci.answers[GATE] = lambda _query: (200, replies.pop(0) if len(replies) > 1 else replies[0])
    code, screen = on_terminal(["gate", SHA, "--project", "shortener", "--wait"], sluice.environment, tmp_path)
    assert code == 0
    assert "\r\x1b[K" in screen
    assert screen.splitlines()[-1].endswith("it is green") or "it is green" in screen


def test_a_log_is_printed_as_it_is_to_a_pipe_and_filtered_on_a_terminal(sluice, ci, tmp_path):
    ci.answers["GET /api/v1/runs/12"] = (200, {"run": a_run(), "jobs": [a_job()], "diagnostics": []})
    ci.answers["GET /api/v1/jobs/34/log"] = (200, b"\x1b[31mred\x1b[0m\x1b]0;title\x07 done\n")
    assert "\x1b]0;title\x07 done\n" in sluice("run", "logs", "12", "test").stdout
    _, screen = on_terminal(["run", "logs", "12", "test"], sluice.environment, tmp_path)
    assert screen == "\x1b[31mred\x1b[0m done\r\n"


def test_an_unknown_job_names_those_there_are(sluice, ci):
    ci.answers["GET /api/v1/runs/12"] = (200, {"run": a_run(), "jobs": [a_job()], "diagnostics": []})
    done = sluice("run", "logs", "12", "lint")
    assert done.returncode == 5 and "it has: test" in done.stderr


def test_a_followed_log_survives_a_broken_connection_without_losing_or_doubling_a_byte(sluice, ci):
    seen = []

    def stream(out, last_id):
        seen.append(last_id)
        if len(seen) == 1:
            out.write(b'event: log\nid: 4\ndata: "one\\n"\n\nevent: log\nid: 8\ndata: "tw')
        else:
            out.write(b'event: log\nid: 8\ndata: "two\\n"\n\n: ping\n\nevent: end\nid: 8\ndata: "failed"\n\n')

    ci.streams["GET /api/v1/jobs/34/log/stream"] = stream
    done = sluice("run", "logs", "--job", "34", "-f")
    assert done.returncode == 0
    assert done.stdout == "one\ntwo\n"
    assert seen == ["0", "4"]


def test_following_a_run_prints_its_jobs_as_they_start(sluice, ci):
    def details():
        yield {"run": a_run(state="active"), "diagnostics": [], "jobs": [
            a_job(id=33, key="lint", state="running", log_size=0), a_job(state="waiting", log_size=0)]}
        yield {"run": a_run(state="active"), "diagnostics": [], "jobs": [
            a_job(id=33, key="lint", state="passed"), a_job(state="ready", log_size=0)]}
        while True:
            yield {"run": a_run(), "diagnostics": [], "jobs": [a_job(id=33, key="lint", state="passed"), a_job()]}

    script = details()
    ci.answers["GET /api/v1/runs/12"] = lambda _query: (200, next(script))
    ci.streams["GET /api/v1/jobs/33/log/stream"] = lambda out, _id: out.write(
        b'event: log\nid: 5\ndata: "lint\\n"\n\nevent: end\ndata: "passed"\n\n')
    ci.answers["GET /api/v1/jobs/34/log"] = (200, b"test without newline")
    done = sluice("run", "logs", "12", "-f")
    assert done.stdout == "=== lint  running\nlint\n=== test  failed\ntest without newline\n"


def test_the_project_is_found_by_the_checkouts_remote(sluice, ci, tmp_path):
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "init", "-q", str(checkout)], check=True)
    subprocess.run(["git", "-C", str(checkout), "remote", "add", "origin", "git@host.org:team/app.git"], check=True)
    ci.answers["GET /api/v1/projects"] = (200, {"projects": [
        {"name": "other", "url": "https://host.org/team/other"}, {"name": "app", "url": "https://host.org/team/app"}]})
    ci.answers["GET /api/v1/projects/app/gate"] = (200, a_gate("green"))
    assert sluice("gate", "main", cwd=checkout).returncode == 0
    outside = sluice("gate", "main")
    assert outside.returncode == 3 and "--project NAME" in outside.stderr


def test_agents_and_tokens_are_named_or_numbered(sluice, ci):
    agent = {"id": 7, "name": "builder", "state": "online", "labels": ["linux", "gpu"], "capacity": 2, "running": [34],
             "host": "vm1", "last_seen_at": None}
    ci.answers["GET /api/v1/agents"] = (200, {"agents": [agent]})
    ci.answers["POST /api/v1/agents/7/drain"] = (200, {**agent, "state": "draining"})
    assert "1/2" in sluice("agent", "list").stdout
    assert "no new jobs; 1 still running" in sluice("agent", "drain", "builder").stdout
    assert sluice("agent", "drain", "7").returncode == 0
    assert sluice("agent", "drain", "nobody").returncode == 5
    ci.answers["GET /api/v1/tokens"] = (200, {"tokens": [{"id": 5, "name": "bot", "role": "read"}]})
    ci.answers["DELETE /api/v1/tokens/5"] = (204, b"")
    assert sluice("token", "revoke", "bot").returncode == 0


def test_an_unknown_name_is_refused_with_what_is_near_or_there(sluice, ci):
    ci.answers["GET /api/v1/agents"] = (200, {"agents": [{"id": 7, "name": "builder"}]})
    ci.answers["GET /api/v1/tokens"] = (200, {"tokens": []})
    ci.answers["GET /api/v1/runs/12"] = (200, {"run": a_run(), "jobs": [a_job()], "diagnostics": []})
    for what in ("environments", "secrets", "schedules"):
        ci.answers[f"GET /api/v1/projects/app/{what}"] = (200, {what: [{"id": 3, "name": "nightly", "environment": ""}]})
    for words, what, hint in (
        (("agent", "show", "bilder"), "agent", "no agent 'bilder'; did you mean 'builder'?"),
        (("agent", "logs", "nobody"), "agent", "no agent 'nobody'; there are: builder"),
        (("token", "revoke", "bot"), "token", "no token 'bot'; there is none"),
        (("environment", "show", "nightli", "--project", "app"), "environment", "did you mean 'nightly'?"),
        (("environment", "remove", "x", "--project", "app"), "environment", "app has no environment 'x'; it has: nightly"),
        (("schedule", "run", "nightli", "--project", "app"), "schedule", "did you mean 'nightly'?"),
        (("secret", "remove", "nightli", "--project", "app"), "secret", "did you mean 'nightly'?"),
        (("secret", "remove", "nightly", "--environment", "p", "--project", "app"), "secret",
         "app has no secret 'nightly' for environment 'p'"),
        (("run", "logs", "12", "xyz"), "job", "run 12 has no job 'xyz'; it has: test"),
        (("shell", "12/xyz"), "job", "run 12 has no job 'xyz'; it has: test"),
    ):
        done = sluice(*words)
        assert done.returncode == 5 and hint in done.stderr, (words, done.stderr)
        if words[0] != "shell":
            told = json.loads(sluice("--json", *words).stdout)
            assert told["error"] == f"{what}_unknown" and hint in told["message"], told


def test_a_shell_has_no_json(sluice):
    done = sluice("--json", "shell", "12/test")
    assert done.returncode == 3 and "no --json" in done.stderr


def test_a_script_can_pipe_a_new_token_away_from_the_advice(sluice, ci):
    ci.answers["POST /api/v1/tokens"] = (201, {"token": "abc", "info": {}})
    done = sluice("token", "create", "bot", "--role", "read")
    assert done.stdout == "abc\n" and "shown once" in done.stderr
    assert json.loads(ci.requests[0][2]) == {"name": "bot", "role": "read"}


def test_wrong_arguments_are_usage_errors_with_help(sluice):
    for arguments in (["gaet"], ["run", "show"], ["run", "show", "x"], ["token", "create", "a", "--role", "king"],
                      ["run", "list", "--limit", "0"], ["gate", "--nonsense"]):
        done = sluice(*arguments)
        assert done.returncode == 3, arguments
        assert "--help" in done.stderr


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_completes_commands_options_and_project_names(sluice, ci, tmp_path):
    ci.answers["GET /api/v1/projects"] = (200, {"projects": [{"name": "shortener"}, {"name": "evil; rm -rf /"}]})
    (tmp_path / "a file.yml").write_text("")

    def tab(*words):
        line = " ".join(["sluice", *words])
        script = (f'PATH="{BIN}:$PATH"; source <(sluice completion bash)\n'
                  f'COMP_WORDS=(sluice {" ".join(repr(word) for word in words)}); COMP_CWORD={len(words)}\n'
                  f'COMP_LINE="{line}"; _sluice; printf "%s\\n" "${{COMPREPLY[@]}}"')
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=60,
                              env=sluice.environment)
        return done.stdout.split("\n")[:-1]

    assert tab("ga") == ["gate"]
    assert tab("gate", "--wa") == ["--wait"]
    assert tab("gate", "--project", "") == ["shortener"]
    assert tab("validate", "a") == ["a file.yml"]


def test_every_command_and_option_is_in_the_reference(sluice):
    reference = (pathlib.Path(__file__).resolve().parents[3] / "docs/reference/cli.md").read_text()

    def walk(path):
        text = sluice(*path, "--help").stdout
        options = [line.split()[0].split(",")[-1] for line in text.splitlines() if line.startswith("  -")]
        names = []
        if "Subcommands:" in text:
            listed = text.split("Subcommands:\n", 1)[1].split("\n\n", 1)[0]
            names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "]
        if path and not names:
            assert f"sluice {' '.join(path)}" in reference, path
        for option in set(options) - {"--help"}:
            assert f"`{option}" in reference or f" {option}" in reference, (path, option)
        for name in names:
            walk([*path, name])

    walk([])


def test_import_writes_the_result_and_reports_what_is_lost(sluice, tmp_path):
    (tmp_path / "ci.yml").write_text("on: push\n"
                                     "jobs: { a: { runs-on: ubuntu-latest, odd: 1, steps: [{ run: make }] } }\n")
    done = sluice("import", "github", "ci.yml", "-o", "out.yml")
    assert done.returncode == 1 and done.stdout == ""
    assert "ci.yml:2:38: lost: jobs.a.odd: is not converted" in done.stderr
    assert "converted partly (1 lost, 0 changed)" in done.stderr
    assert "run" in (tmp_path / "out.yml").read_text() or "make" in (tmp_path / "out.yml").read_text()
    assert sluice("import", "github", "ci.yml", "-o", "out.yml").returncode == 3, "it exists"
    piped = sluice("import", "woodpecker", "-", "--json",
                   input="steps: { a: { image: alpine, commands: [make] } }\n")
    assert piped.returncode == 0 and json.loads(piped.stdout)["share"] == "fully"
