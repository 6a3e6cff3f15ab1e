"""`sluice shell`: a person in the kept place of a failed job, over the server, on a real terminal."""

import hashlib
import os
import re
import signal

import pytest

import leftovers
from containers import IMAGE, container_store  # noqa: F401 (a fixture)
from harness import BIN, EmbeddedAgent, by_key, environment
from terminals import Terminal
from test_forks import fork_run
from wire import wait_for

JOB = """
version: 1
on: {push: {}, manual: {}}
jobs:
  good: {run: "true"}
  test:
    env: {COLOUR: blue}
    steps: ["echo made > by-a-step; sleep 31337 & cat of-the-commit", {name: breaks, run: "exit 9"}]
"""


def on_terminal(server, *words, token=None, **more):
    env = environment(server.root, SLUICE_URL=server.url, SLUICE_TOKEN=token or server.token, NO_COLOR="1")
    return Terminal(words, server.root, env, **more)


def kept(project, keep="1h", files=None):
    """A job that failed and is kept: (its id, the words that name it)."""
    server = project.server
    detail, _ = project.push_and_end(files or {".ci.yml": JOB, "of-the-commit": "read me\n"}, "failed")
    again = server.post(f"/api/v1/runs/{detail['run']['id']}/retry?keep={keep}")
    jobs = by_key(server.ended(again["id"], "failed"))
    wait_for(lambda: server.job(jobs["test"]["id"])["kept_until"], "the job's place to be kept")
    return jobs["test"]["id"], f"{again['id']}/test"


def release(server, job, words):
    assert "no longer" in server.sluice("shell", words, "--release").stdout
    assert server.job(job)["kept_until"] is None
    leftovers.assert_no_job_left(server.root)


def test_a_person_looks_around_where_a_job_has_failed(ci, name):
    project = ci.project(name, hooks=())
    job, words = kept(project)
    assert f"sluice shell {words}".encode() in ci.log_of(job)
    shell = on_terminal(ci, "shell", words, size=(40, 100))
    shell.until("(test) ")
    # The failed step is one key away.
    shell.type("\x1b[A")
    shell.until("exit 9")
    shell.type("\x15")
    # What the job made and had, on a terminal that works as one; nothing of the job runs any more.
    shell.ask("cat by-a-step of-the-commit", "made\r\nread me")
    shell.ask("echo $COLOUR $CI_JOB_NAME", "blue test")
    shell.ask("stty size; tty", "40 100\r\n/dev/pts/")
    assert "sleep 31337" not in leftovers.processes(ci.root).values()
    shell.resize(30, 90)
    shell.ask("until [ \"$(stty size)\" = '30 90' ]; do sleep 0.05; done; echo it is n''ow", "it is now")
    # Ctrl-C ends a program, not the shell.
    shell.type("sleep 1000\r")
    wait_for(lambda: [c for c in leftovers.processes(ci.root).values() if c == "sleep 1000"], "it to sleep")
    shell.type("\x03")
    shell.ask("echo code $?", "code 130")
    shell.ask("touch kept-for-the-next", "(test) ")
    shell.type("exit 7\r")
    shell.end()
    assert shell.code == 7, shell.output
    # Another one finds what the first has left; its input may be a pipe.
    second = ci.sluice("shell", words, stdin="ls kept-for-the-next; exit 3\n", check=False)
    assert second.returncode == 3 and "kept-for-the-next" in second.stdout, second.stdout + second.stderr
    listed = ci.get("/api/v1/shells", job=job)["shells"]
    assert [shell["exit_code"] for shell in listed] == [3, 7]
    assert {(shell["state"], shell["opened_by"]) for shell in listed} == {("ended", "admin")}
    assert all(shell["duration_ms"] >= 0 for shell in listed)
    table = ci.sluice("shell", "--list", words).stdout
    assert re.search(rf"{words}\s.* admin\s.* ended\s.* 7", table), table
    audit = [entry for entry in ci.get("/api/v1/audit", action="shell")["entries"] if words in entry["subject"]]
    assert [entry["action"] for entry in reversed(audit)] == ["shell.request", "shell.open", "shell.end"] * 2
    assert "exit_code=7" in audit[3]["detail"] and "duration_ms=" in audit[3]["detail"]
    assert words in ci.sluice("audit", "--action", "shell").stdout
    release(ci, job, words)
    refused = ci.sluice("shell", words, check=False)
    assert refused.returncode == 5 and "--keep" in refused.stderr


def test_much_output_and_much_input_come_whole(ci, name):
    job, words = kept(ci.project(name, hooks=()))
    shell = on_terminal(ci, "shell", words)
    shell.until("(test) ")
    shell.ask("seq 1 200000 | sed s/^/line-/; echo a''ll", "\r\nall\r\n")
    assert re.findall(r"line-(\d+)\r\n", shell.output) == [str(n) for n in range(1, 200001)]
    lines = "".join(f"word {n}\n" for n in range(20000))
    shell.ask("stty -echo; echo re''ady; cat > typed; stty echo; sha256sum typed", "ready")
    shell.type(lines.replace("\n", "\r") + "\x04")
    shell.until(hashlib.sha256(lines.encode()).hexdigest())
    shell.type("exit\r")
    shell.end()
    assert shell.code == 0
    release(ci, job, words)


def test_a_pipe_ends_the_shell_with_the_code_of_its_last_command(ci, name):
    job, words = kept(ci.project(name, hooks=()))

    def piped(text):
        return ci.sluice("shell", words, stdin=text, check=False)

    told = piped("cat by-a-step\n")
    assert told.returncode == 0 and "made" in told.stdout, told.stdout + told.stderr
    # Without a newline, and with a command that fails.
    assert piped("ls by-a-step; (exit 4)").returncode == 4
    # A program runs that does not read, and the end of the pipe has come before it ends.
    assert piped("until read -t 0; do sleep 0.1; done; (exit 6)\n").returncode == 6
    # One that reads gets all, and the end.
    assert piped("cat > typed\nfour\n").returncode == 0
    assert "is four" in piped("echo is $(cat typed)\n").stdout
    release(ci, job, words)


def test_a_reader_that_goes_away_leaves_the_terminal_as_it_was(ci, name):
    job, words = kept(ci.project(name, hooks=()))
    env = environment(ci.root, SLUICE_URL=ci.url, SLUICE_TOKEN=ci.token, NO_COLOR="1")
    script = f"{BIN}/sluice shell {words} | head -1; stty -a | grep -o -- '-*icanon'; echo o''ver"
    shell = Terminal(["-c", script], ci.root, env, program="/bin/sh")
    shell.type("yes\r")
    shell.until("over")
    assert "nobody reads" in shell.output and "-icanon" not in shell.output and "icanon" in shell.output
    shell.end()
    wait_for(lambda: ci.get("/api/v1/shells", job=job)["shells"][0]["state"] == "ended", "its end")
    release(ci, job, words)


def test_a_shell_that_takes_nothing_more_can_be_left(ci, name):
    job, words = kept(ci.project(name, hooks=()))
    for leaving in ("~.", None):
        shell = on_terminal(ci, "shell", words)
        shell.until("(test) ")
        shell.ask("echo re''ady; sleep 1000", "ready")
        # More than the server holds.
        shell.type("a line\r" * 60_000)
        if leaving:
            shell.type(leaving)
        else:
            os.kill(shell.pid, signal.SIGTERM)
        assert "you have left it" in shell.end() and shell.code == 5
        wait_for(lambda: ci.get("/api/v1/shells", job=job)["shells"][0]["state"] == "ended", "its end")
    release(ci, job, words)


def test_who_is_no_admin_asks_one(ci, name):
    job, words = kept(ci.project(name, hooks=()))
    writer = ci.post("/api/v1/tokens", {"name": f"writer-{name}", "role": "write"})["token"]
    reader = ci.post("/api/v1/tokens", {"name": f"reader-{name}", "role": "read"})["token"]
    no = ci.sluice("shell", words, check=False, SLUICE_TOKEN=reader)
    assert no.returncode == 5 and "role write" in no.stderr
    shell = on_terminal(ci, "shell", words, token=writer)
    number = re.search(r"--approve (\d+)", shell.until("gives up")).group(1)
    # Nobody approves for themselves, and nobody else reads along.
    assert ci.sluice("shell", "--approve", number, check=False, SLUICE_TOKEN=writer).returncode == 5
    assert ci.call("GET", f"/api/v1/shells/{number}/output").status == 403
    busy = ci.sluice("shell", words, check=False)
    assert busy.returncode == 5 and f"writer-{name} has a shell" in busy.stderr
    ci.sluice("shell", "--approve", number)
    shell.until("(test) ")
    shell.ask("echo I am i''n", "I am in")
    ci.sluice("shell", "--end", number)
    assert "ended by admin" in shell.end() and shell.code != 0
    told = ci.get(f"/api/v1/shells/{number}")
    assert (told["opened_by"], told["decided_by"], told["state"]) == (f"writer-{name}", "admin", "ended")
    refused = on_terminal(ci, "shell", words, token=writer)
    number = re.search(r"--approve (\d+)", refused.until("gives up")).group(1)
    ci.sluice("shell", "--reject", number)
    assert "refused by admin" in refused.end() and refused.code == 5
    given_up = on_terminal(ci, "shell", words, token=writer)
    number = re.search(r"--approve (\d+)", given_up.until("gives up")).group(1)
    given_up.type("\x03")
    given_up.end()
    wait_for(lambda: ci.get(f"/api/v1/shells/{number}")["state"] == "ended", "the request to end")
    release(ci, job, words)


def test_a_shell_that_is_left_or_hangs_up_ends(ci, name):
    job, words = kept(ci.project(name, hooks=()))
    shell = on_terminal(ci, "shell", words)
    shell.until("(test) ")
    shell.ask("trap '' HUP INT; echo re''ady; while :; do sleep 0.1; done", "ready")
    shell.type("\r~.")
    shell.end()
    wait_for(lambda: ci.get("/api/v1/shells", job=job)["shells"][0]["state"] == "ended", "its end")
    again = ci.sluice("shell", words, stdin="echo is f''ree; exit 0\n", check=False)
    assert again.returncode == 0 and "is free" in again.stdout, again.stdout + again.stderr
    release(ci, job, words)


def test_only_what_failed_and_was_asked_for_is_kept_and_not_for_long(ci, name):
    project = ci.project(name, hooks=())
    job, _ = kept(project, keep="5s")
    run = ci.job(job)["run_id"]
    good = by_key(ci.detail(run))["good"]["id"]
    assert ci.call("POST", f"/api/v1/jobs/{good}/shells", {}).json["error"] == "not_kept"
    # Its time is over by itself.
    wait_for(lambda: ci.job(job)["kept_until"] is None, "the end of its time")
    leftovers.assert_no_job_left(ci.root)
    plain = ci.post(f"/api/v1/runs/{run}/retry")
    failed = by_key(ci.ended(plain["id"], "failed"))["test"]["id"]
    assert ci.job(failed)["kept_until"] is None
    assert ci.call("DELETE", f"/api/v1/jobs/{failed}/kept").status == 404
    for keep, why in (("soon", "soon"), ("48h", "1d"), ("0s", "0s")):
        reply = ci.call("POST", f"/api/v1/runs/{run}/retry?keep={keep}")
        assert reply.status == 400 and why in reply.json["message"], reply


def test_secrets_are_not_in_the_place_that_is_kept(ci, name):
    project = ci.project(name, hooks=())
    ci.sluice("secret", "set", "api/key", "--project", project.name, stdin="very-secret-value")
    job, words = kept(project, files={".ci.yml": """
version: 1
on: {push: {}}
jobs:
  test:
    secrets: {KEY: api/key, KEY_FILE: {secret: api/key, as: file}}
    run: "test -n \\"$KEY\\"; cat $KEY_FILE > /dev/null; (sleep 1000; echo $KEY) & exit 4"
"""})
    found = ci.sluice("shell", words, stdin="env; ls /dev/shm /run | grep -c sluice; exit 0\n").stdout
    assert "COLOUR" not in found and "CI_JOB_NAME=test" in found
    assert "KEY=" not in found and "KEY_FILE" not in found and "very-secret" not in found
    environments = [leftovers._read(f"/proc/{pid}/environ") for pid in leftovers.processes(ci.root)]
    assert not [text for text in environments if b"very-secret-value" in text]
    release(ci, job, words)


def test_a_forks_job_is_never_kept(ci, name):
    _, run = fork_run(ci, name, JOB.replace("on: {push: {}, manual: {}}", "on: {push: {}, pull_request: {}}"))
    ci.sluice("run", "approve", str(run))
    ci.ended(run)
    refused = ci.sluice("run", "retry", str(run), "--keep", check=False)
    assert refused.returncode == 5 and "never kept" in refused.stderr


def test_the_death_of_the_daemon_does_not_end_a_shell(world):
    server = world.server(embedded=False)
    agent = world.agent(server, capacity=1)
    job, words = kept(server.project("app", hooks=()))
    shell = on_terminal(server, "shell", words)
    shell.until("(test) ")
    agent.kill()
    shell.ask("echo still h''ere", "still here")
    agent.start()
    assert "adopted a live runner" in agent.log[agent.printed_before:]
    shell.ask("echo h''ere again", "here again")
    # What is kept takes no slot and holds up no drain.
    other = "version: 1\non: {push: {}}\njobs: {a: {run: 'true'}}\n"
    server.project("other", hooks=()).push_and_end({".ci.yml": other}, "passed")
    assert agent.stop() == 0
    shell.type("exit 5\r")
    shell.end()
    assert shell.code == 5
    release(server, job, words)


def test_the_death_of_the_runner_ends_a_shell_and_nothing_is_left(world):
    server = world.server(embedded=False)
    agent = world.agent(server)
    _, words = kept(server.project("app", hooks=()))
    shell = on_terminal(server, "shell", words)
    shell.until("(test) ")
    shell.ask("(setsid sleep 1000 &) ; echo be''gun", "begun")
    # Nobody but the runner can wait for what the shell has left and has ended.
    shell.ask("(setsid sh -c 'echo > over' &); until [ -e over ]; do sleep 0.05; done; sleep 0.2; echo le''ft", "left")
    runner = agent.runner_pid()
    wait_for(lambda: leftovers.zombies_of(runner) == [], "its orphans to be reaped")
    os.kill(agent.runner_pid(), signal.SIGKILL)
    leftovers.assert_no_job_left(server.root)
    shell.type("\r~.")
    shell.end()


def test_a_restart_of_the_server_ends_a_shell_and_says_so(world):
    server = world.server(embedded=False)
    world.agent(server)
    job, words = kept(server.project("app", hooks=()))
    shell = on_terminal(server, "shell", words)
    shell.until("(test) ")
    server.kill()
    server.restart()
    assert "the server was restarted" in shell.end() and shell.code == 5
    wait_for(lambda: server.job(job)["kept_until"], "the runner to be back")
    again = server.sluice("shell", words, stdin="echo st''ill; exit 0\n")
    assert "still" in again.stdout
    release(server, job, words)


@pytest.mark.container
def test_a_shell_in_the_container_of_a_job(world, container_store):  # noqa: F811
    server = world.server(env=container_store.env)
    server.wait_agent_online()
    job, words = kept(server.project("app", hooks=()), files={".ci.yml": f"""
version: 1
on: {{push: {{}}}}
jobs:
  test:
    image: {IMAGE}
    steps: ["touch /etc/installed; (setsid sleep 1000 &)", "echo x > made; exit 9"]
"""})
    shell = on_terminal(server, "shell", words, size=(33, 77))
    shell.until("(test) $ ")
    shell.ask("pwd; cat made; ls /etc/installed; echo $FROM_IMAGE", "/ci/workspace\r\nx\r\n/etc/installed\r\nyes")
    shell.ask("ps | grep -c '[s]leep 1000'", "\r\n0\r\n")
    # Once it is told that it runs, the terminal is the program's: Ctrl-C is no longer a letter for the shell.
    shell.ask("echo it r''uns; sleep 1000", "it runs")
    shell.type("\x03")
    shell.ask("echo code $?", "code 130")
    shell.type("exit 6\r")
    shell.end()
    assert shell.code == 6
    piped = server.sluice("shell", words, stdin="cat made; (exit 4)\n", check=False)
    assert piped.returncode == 4 and "x" in piped.stdout, piped.stdout + piped.stderr
    # A runner that is killed takes the container along.
    again = on_terminal(server, "shell", words)
    again.until("(test) $ ")
    os.kill(EmbeddedAgent(server).runner_pid(), signal.SIGKILL)
    leftovers.assert_no_job_left(world.root)
    wait_for(lambda: container_store.left() == [], "the end of every container and network")
    again.type("\r~.")
    again.end()
    assert server.job(job)["state"] == "failed"
