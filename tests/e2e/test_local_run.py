"""`sluice run [JOB]…`: the pipeline of a dirty tree, without any server."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from harness import BIN, CHECKOUT, environment, run
from terminals import Terminal
from wire import DEADLINE, wait_for

GIT = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "Ada",
       "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": "/dev/null"}
HEAD = "version: 1\non: {push: {}, pull_request: {}, manual: {}}\njobs:\n"


class Checkout:
    """A git checkout with a pipeline, and `sluice` in it."""

    def __init__(self, root):
        self.root, self.path = root, root / "app"
        self.path.mkdir()
        # Debian's python3 has flake8 and pytest, whatever the person's own is.
        self.env = {**environment(root, XDG_CACHE_HOME=root / "cache", **GIT),
                    "PATH": f"/usr/bin:/bin:{os.environ['PATH']}"}
        self.git("init", "-q", "-b", "main")

    def git(self, *words):
        return run(["git", *words], cwd=self.path, env=self.env).stdout

    def write(self, files):
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)

    def pipeline(self, jobs):
        self.write({".ci.yml": HEAD + jobs})

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-qm", "A change")
        return self.git("rev-parse", "HEAD").strip()

    def run(self, *words, **env):
        return run([BIN / "sluice", "run", *words], cwd=self.path, env={**self.env, **env}, check=False)

    def states(self, *words):
        done = self.run("--json", *words)
        return {job["id"]: job["state"] for job in json.loads(done.stdout)["jobs"]}, done.returncode

    def start(self, *words):
        return subprocess.Popen([str(BIN / "sluice"), "run", *words], cwd=self.path, env=self.env,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


@pytest.fixture
def app(world):
    return Checkout(world.root)


class OnTerminal(Terminal):
    """`sluice run …` on a terminal of its own."""

    def __init__(self, app, *words, **env):
        super().__init__(["run", *words], app.path, {**app.env, **env})


def test_the_dirty_tree_is_run_and_stays_as_it_is(app):
    app.pipeline("  look:\n    run: |\n      cat tracked untracked; test ! -e ignored\n"
                 "      rm tracked; echo made > new; git rev-parse HEAD\n")
    app.write({"tracked": "old\n", ".gitignore": "ignored\n"})
    sha = app.commit()
    app.write({"tracked": "changed\n", "untracked": "fresh\n", "ignored": "secret\n"})
    done = app.run("--verbose")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "look │ changed" in done.stdout and "look │ fresh" in done.stdout
    assert f"look │ {sha}" in done.stdout
    assert (app.path / "tracked").read_text() == "changed\n"
    assert sorted(os.listdir(app.path)) == [".ci.yml", ".git", ".gitignore", "ignored", "tracked", "untracked"]
    assert app.git("status", "--short") == " M tracked\n?? untracked\n"


def test_a_checkout_without_a_commit_runs_too(app):
    app.pipeline('  a: {run: "echo $CI_COMMIT_SHA"}\n')
    assert app.states() == ({"a": "passed"}, 0)


def test_outcomes_are_those_of_a_server(app):
    app.pipeline("""
  build: {run: "true"}
  test: {needs: [build], matrix: {py: [a, b]}, run: 'test "${{ matrix.py }}" = a'}
  after: {needs: [test], run: "true"}
  clean: {needs: [test], when: always, run: "true"}
  alarm: {needs: [test], when: failure, run: "true"}
  later: {needs: [test], when: always, if: "needs.test.result == 'passed'", run: "true"}
  tagged: {if: event == 'tag', run: "false"}
  soft: {allow_failure: true, run: "false"}
  codes: {allow_failure: [3], run: "exit 3"}
""")
    states, code = app.states()
    assert code == 1
    assert states == {"build": "passed", "test (a)": "passed", "test (b)": "failed", "after": "blocked",
                      "clean": "passed", "alarm": "passed", "later": "not_selected", "tagged": "not_selected",
                      "soft": "warned", "codes": "warned"}


def test_needs_come_along_or_not(app):
    app.pipeline('  a: {run: "true"}\n  b: {needs: [a], run: "true"}\n'
                 '  c: {needs: [b], run: "true"}\n  d: {run: "true"}\n')
    assert app.states("c")[0] == {"a": "passed", "b": "passed", "c": "passed"}
    assert app.states("c", "--no-needs")[0] == {"c": "passed"}
    assert app.states("{b,d}", "--no-needs")[0] == {"b": "passed", "d": "passed"}


def test_one_cell_of_a_matrix(app):
    app.pipeline('  t: {matrix: {py: [a, b]}, run: "true"}\n')
    assert app.states("t (b)")[0] == {"t (b)": "passed"}


def test_the_event_is_chosen_by_options(app):
    app.write({".ci.yml": """version: 1
on: {push: {branches: [release]}, pull_request: {branches: [main]}, tag: ["v*"], manual: {}}
jobs:
  what: {run: 'echo "event=$CI_EVENT branch=$CI_COMMIT_BRANCH tag=$CI_COMMIT_TAG target=$CI_PR_TARGET_BRANCH"'}
"""})
    app.commit()
    assert "event=pull_request branch= tag= target=main" in app.run("-v").stdout, "push is for release only"
    assert "event=push branch=release" in app.run("-v", "--branch", "release").stdout
    assert "event=tag branch= tag=v1" in app.run("-v", "--tag", "v1").stdout
    assert "event=manual branch=main" in app.run("-v", "--event", "manual").stdout
    refused = app.run("--event", "push")
    assert refused.returncode == 2 and "no job is for a push of main" in refused.stderr


def test_changed_paths_come_from_git(app):
    app.pipeline('  docs: {changes: ["docs/**"], run: "true"}\n  code: {changes: ["src/**"], run: "true"}\n')
    app.write({"docs/a": "a", "src/b": "b"})
    app.commit()
    app.write({"docs/new": "n"})
    assert app.states("--changed-from", "HEAD")[0] == {"docs": "passed", "code": "not_selected"}
    assert app.states()[0] == {"docs": "passed", "code": "passed"}
    assert app.run("--changed-from", "nowhere").returncode == 2


def test_expressions_read_the_dirty_tree(app):
    app.pipeline("""
  yes: {if: "exists('fresh.txt')", env: {KEY: "${{ hash_files('*.txt') }}"}, run: 'echo "key=$KEY"'}
  no: {if: "exists('ignored')", run: "true"}
""")
    app.write({".gitignore": "ignored\n", "ignored": "", "fresh.txt": "1"})
    first = app.run("-v").stdout
    assert "key=" in first and "not_selected  no" in first
    app.write({"fresh.txt": "2"})

    def key(output):
        return next(line for line in output.splitlines() if "key=" in line)

    assert key(app.run("-v").stdout) != key(first)


def test_the_list_tells_what_would_run_and_runs_nothing(app):
    app.pipeline('  a: {run: "false"}\n  b: {needs: [a], run: "true"}\n'
                 "  c: {if: event == 'tag', run: x}\n")
    done = app.run("--list")
    assert done.returncode == 0
    assert "b    a" in done.stdout and "not needed: `if: event == 'tag'` is false" in done.stdout
    assert not (app.root / "cache").exists()


def test_a_failure_shows_its_step_its_last_lines_and_its_tests(app):
    app.write({"junit.xml": """<testsuite name="s"><testcase classname="tests.t" name="adds" file="t.py" line="7">
<failure message="1 != 2">t.py:7: AssertionError</failure></testcase></testsuite>"""})
    app.pipeline("""
  good: {run: "echo folded away"}
  bad:
    steps: ["echo first", {name: the test, run: "seq 100; echo '\\x1b[31mred'; exit 3"}, "echo never"]
    reports: {junit: junit.xml}
""")
    done = app.run()
    assert done.returncode == 1
    assert 'step "the test": exit code 3' in done.stdout
    assert "✗ t.py:7  tests.t adds: 1 != 2" in done.stdout
    assert "│ 100\n" in done.stdout and "│ 50\n" not in done.stdout and "first" not in done.stdout
    assert "folded away" not in done.stdout and "\x1b" not in done.stdout
    log = next(line.split("log: ")[1] for line in done.stdout.splitlines() if "log: " in line)
    assert "first\n1\n2\n" in open(log).read()

    report = json.loads(app.run("--json").stdout)
    bad = next(job for job in report["jobs"] if job["id"] == "bad")
    assert report["state"] == "failed" and bad["exit_code"] == 3 and bad["cause"] == "script"
    assert bad["failures"][0]["file"] == "t.py" and bad["tests"]["failed"] == 1


def test_environment_outputs_and_retries_are_those_of_an_agent(app):
    app.pipeline("""
  env:
    env: {A: job}
    steps:
      - 'echo "A=from_step" >> "$CI_ENV"; test "$A" = job; test "$CI" = true; test "$PWD" = "$CI_WORKSPACE"'
      - {run: 'test "$A" = from_step; test "$B" = step', env: {B: step}}
      - 'test -z "${XDG_CACHE_HOME:-}"'
  flaky: {retry: {script: 1}, run: 'test "$CI_ATTEMPT" = 2'}
  slow: {timeout: 300ms, run: "sleep 60"}
""")
    done = json.loads(app.run("--json").stdout)
    jobs = {job["id"]: job for job in done["jobs"]}
    assert jobs["env"]["state"] == "passed"
    assert jobs["flaky"]["state"] == "passed" and jobs["flaky"]["attempts"] == 2
    assert jobs["slow"]["state"] == "failed" and jobs["slow"]["cause"] == "timeout"


def test_jobs_run_side_by_side(app):
    meet = 'until test -e "$HOME/{other}"; do touch "$HOME/{mine}"; sleep 0.02; done; touch "$HOME/{mine}"'
    app.pipeline(f"  a: {{timeout: 20s, run: '{meet.format(mine='a', other='b')}'}}\n"
                 f"  b: {{timeout: 20s, run: '{meet.format(mine='b', other='a')}'}}\n")
    assert app.states("-j", "2") == ({"a": "passed", "b": "passed"}, 0)


@pytest.mark.parametrize("words, text", [
    (["tset"], "there is no job 'tset' for this event; did you mean 'test'?"),
    (["lst"], "did you mean `sluice run list`?"),
    (["--event", "tag"], "--event tag needs --tag NAME"),
    (["--shell"], "--shell needs a terminal"),
    (["--bogus"], "--bogus"),
])
def test_mistakes_exit_2_and_say_what_to_do(app, words, text):
    app.pipeline('  test: {run: "true"}\n')
    done = app.run(*words)
    assert done.returncode == 2 and text in done.stderr


def test_mistakes_in_the_configuration_exit_2_with_their_place(app):
    app.pipeline('  test: {runs: "true"}\n')
    done = app.run()
    assert done.returncode == 2
    assert ".ci.yml:4:10: error:" in done.stderr and "did you mean" in done.stderr


def test_outside_of_a_checkout(app):
    done = run([BIN / "sluice", "run"], cwd=app.root, env={**app.env, "GIT_CEILING_DIRECTORIES": str(app.root.parent)},
               check=False)
    assert done.returncode == 2 and "this is no git checkout" in done.stderr


LONG = """
  long:
    steps:
      - run: |
          echo $$ > "$HOME/pid"; (setsid sleep 1000 & echo $! > "$HOME/new")
          trap "" TERM; mv "$HOME/new" "$HOME/stray"; sleep 1000
      - {when: always, run: 'touch "$HOME/cleaned"'}
  never: {needs: [long], run: "true"}
"""


def alive(path):
    # The runner reaps; a zombie of somebody else's child is dead enough.
    stat = f"/proc/{path.read_text().strip()}/stat"
    return os.path.exists(stat) and open(stat).read().rsplit(")", 1)[1].split()[0] != "Z"


def test_an_interrupt_cancels_cleanly_with_the_whole_tree(app):
    app.pipeline(LONG.replace('trap "" TERM; ', ""))
    home = app.root / "home"
    process = app.start("--json")
    wait_for(lambda: (home / "stray").read_text().strip(), "the job")
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=DEADLINE)[0]
    assert process.returncode == 1
    report = json.loads(output[output.index("{"):])
    assert report["state"] == "cancelled"
    assert {job["id"]: job["state"] for job in report["jobs"]} == {"long": "cancelled", "never": "cancelled"}
    assert (home / "cleaned").exists(), "`when: always` steps run after a cancel"
    assert not alive(home / "pid") and not alive(home / "stray")


def test_a_second_interrupt_ends_it_at_once(app):
    app.pipeline(LONG)
    home = app.root / "home"
    process = app.start()
    wait_for(lambda: (home / "stray").read_text().strip(), "the job")
    process.send_signal(signal.SIGINT)
    # The second counts only once the first was taken: two pending signals of a kind are one.
    wait_for(lambda: "cancelled" in process.stdout.readline(), "the first to be taken")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert not (home / "cleaned").exists()
    assert not alive(home / "pid") and not alive(home / "stray")


def test_the_death_of_the_program_takes_its_jobs_along(app):
    app.pipeline(LONG.replace('trap "" TERM; ', ""))
    home = app.root / "home"
    process = app.start()
    wait_for(lambda: (home / "stray").read_text().strip(), "the job")
    process.kill()
    process.communicate(timeout=DEADLINE)
    wait_for(lambda: not alive(home / "pid") and not alive(home / "stray"), "the end of all processes")


def test_the_death_of_a_runner_is_told(app):
    app.pipeline('  long: {run: \'echo $PPID > "$HOME/pid"; sleep 1000\'}\n')
    process = app.start("--json")
    home = app.root / "home"
    wait_for(lambda: (home / "pid").read_text().strip(), "the job")
    os.kill(int((home / "pid").read_text()), signal.SIGKILL)
    output = process.communicate(timeout=DEADLINE)[0]
    job = json.loads(output[output.index("{"):])["jobs"][0]
    assert (job["state"], job["cause"], process.returncode) == ("errored", "runner_lost", 1)


def test_on_a_terminal_running_jobs_move_and_colours_show(app):
    app.pipeline('  one: {run: \'until test -e "$HOME/go"; do sleep 0.02; done\'}\n')
    terminal = OnTerminal(app)
    terminal.until("\x1b[1A\x1b[J")
    (app.root / "home" / "go").touch()
    output = terminal.end()
    assert terminal.code == 0
    assert "\x1b[32mpassed" in output
    assert "⠋ one" in output or "⠙ one" in output


def test_no_color_on_a_terminal(app):
    app.pipeline('  one: {run: "printf \'\\\\033[31mred\\\\n\'; false"}\n')
    terminal = OnTerminal(app, NO_COLOR="1")
    output = terminal.end()
    assert terminal.code == 1
    assert "│ red" in output and "\x1b[3" not in output


def test_a_shell_opens_in_place_of_the_failed_step(app):
    app.pipeline("""
  good: {run: "true"}
  bad:
    env: {FROM_JOB: one}
    steps:
      - 'echo FROM_STEP=two >> "$CI_ENV"; mkdir sub; echo left > sub/file'
      - {run: "exit 1", working_directory: sub, env: {STEP: three}}
""")
    terminal = OnTerminal(app, "--shell")
    terminal.until("(bad)")
    terminal.type('echo "<$FROM_JOB,$FROM_STEP,$STEP,$(cat file),$CI_JOB_NAME>"; exit\n')
    output = terminal.end()
    assert "<one,two,three,left,bad>" in output
    assert 'What failed there is step "exit 1"; the ↑ key brings it again.' in output
    assert terminal.code == 1
    assert not list(app.root.glob("cache/**/workspace")), "the workspace goes with the shell"


def test_what_failed_can_be_repeated_in_the_shell(app):
    app.pipeline("""
  bad: {run: "echo tried-$((20 + 3)); exit 1"}
""")
    terminal = OnTerminal(app, "--shell")
    terminal.until("(bad)")
    terminal.type("\x1b[A\n")  # the key ↑: the step's script, whose `exit 1` ends the shell
    output = terminal.end()
    assert output.count("tried-23") == 2, output


def test_a_terminal_is_told_how_to_look_closer_and_a_pipe_is_not(app):
    app.pipeline("""
  bad: {run: "echo; echo the $((1 + 1)) ends; exit 1"}
""")
    terminal = OnTerminal(app)
    output = terminal.end()
    assert "a shell in its place: sluice run --shell bad" in output
    assert "1 file of the working tree" in output
    lines = output.splitlines()
    said = next(i for i, line in enumerate(lines) if "the 2 ends" in line)
    assert "│" in lines[said] and "│" not in lines[said - 1], "an empty line stands before what was printed"
    assert "--shell" not in app.run().stdout


def test_workspaces_are_kept_on_request_only(app):
    app.pipeline('  one: {run: "echo made > made"}\n')
    app.run()
    assert not list(app.root.glob("cache/**/made"))
    app.run("--keep")
    assert len(list(app.root.glob("cache/sluice/run/app-*/2/*/workspace/made"))) == 1


def test_only_the_newest_runs_are_kept(app):
    app.pipeline('  one: {run: "true"}\n')
    for _ in range(12):
        assert app.run().returncode == 0
    kept = {int(folder.name) for folder in app.root.glob("cache/sluice/run/app-*/*")}
    assert max(kept) == 12 and len(kept) <= 11


@pytest.mark.parametrize("example", ["python-service", "cpp-cmake", "node-web", "monorepo", "reuse"])
def test_each_example_is_green(app, example):
    shutil.copytree(CHECKOUT / "examples" / example, app.path, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("__pycache__"))
    app.commit()
    # Compilers and Node take their time on a busy machine.
    done = subprocess.run([str(BIN / "sluice"), "run"], cwd=app.path, env=app.env, capture_output=True, text=True,
                          timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed in " in done.stdout


def test_outputs_cells_and_limits_are_those_of_a_server(app):
    app.pipeline("""
  build:
    matrix: {os: [linux, mac]}
    outputs: {wheel: string, n: number}
    env: {OS: "${{ matrix.os }}"}
    run: |
      echo "wheel=app $OS" >> $CI_OUTPUT
      echo n=1.0 >> $CI_OUTPUT
  test:
    matrix: {os: [linux, mac]}
    needs: [{job: build, matrix: [os]}]
    env: {WHEEL: "${{ needs.build.outputs.wheel }}", OS: "${{ matrix.os }}"}
    run: test "$WHEEL" = "app $OS" -a ${{ needs.build.outputs.n }} = 1
  fast:
    matrix: {n: [1, 2, 3], fail_fast: true, max_parallel: 1}
    run: exit 1
  blocked: {needs: [{job: fast, matrix: {n: 1}}], run: "true"}
""")
    done = app.run("--json")
    jobs = {job["id"]: job for job in json.loads(done.stdout)["jobs"]}
    assert jobs["build (mac)"]["outputs"] == {"n": 1, "wheel": "app mac"}
    assert jobs["test (linux)"]["state"] == jobs["test (mac)"]["state"] == "passed"
    assert [jobs[f"fast ({n})"]["state"] for n in (1, 2, 3)] == ["failed", "cancelled", "cancelled"]
    assert jobs["fast (2)"]["reason"] == "`fast (1)` failed, and `fail_fast` ends the other cells"
    assert jobs["blocked"]["state"] == "blocked"
    shown = app.run("build").stdout
    assert "build (linux): wheel = app linux\n" in shown


def test_who_reads_outputs_brings_the_cells_that_give_them(app):
    app.pipeline("""
  build: {matrix: {os: [linux, mac]}, outputs: {w: string}, run: "echo w=$CI_JOB_NAME >> $CI_OUTPUT"}
  test:
    matrix: {os: [linux, mac]}
    needs: [{job: build, matrix: [os]}]
    env: {W: "${{ needs.build.outputs.w }}"}
    run: test "$W" = "build (mac)"
""")
    assert app.states("test (mac)") == ({"build (mac)": "passed", "test (mac)": "passed"}, 0)
    alone = app.run("test (mac)", "--no-needs")
    assert alone.returncode == 2
    assert "`test (mac)` reads outputs of `build`: leave --no-needs out, or name `build`, too" in alone.stderr


def test_secrets_come_from_variables_and_files_and_are_masked(app):
    app.pipeline("""  a:
    secrets: {TOKEN: registry/token, KEY: {secret: deploy/key, as: file}, EXTRA: {secret: extra/one, optional: true}}
    run: |
      echo "token $TOKEN, key $(cat "$KEY"), extra ${EXTRA-none}, $(printf %s "$TOKEN" | rev)"
      stat -f -c %T "$KEY"; stat -c %a "$KEY"
  b: {run: 'echo "b has ${TOKEN-none}"'}
""")
    (app.root / "key").write_text("the key of the deployment\n")
    told = {"REGISTRY_TOKEN": "a token of some length"}
    words = ("--secret", "registry/token", "--secret-file", f"deploy/key={app.root}/key", "-v")
    done = app.run(*words, **told)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "token ***, key ***, extra none, htgnel emos fo nekot a" in done.stdout and "b has none" in done.stdout
    assert "tmpfs" in done.stdout and "600" in done.stdout
    values = ("-e", "a token of some length", "-e", "the key of the deployment")
    kept = subprocess.run(["grep", "-rl", *values, app.root / "cache"], capture_output=True, text=True, check=False)
    assert kept.returncode == 1, kept.stdout
    done = app.run("--secret", "registry/token=OTHER", "a", OTHER="another token of it")
    assert done.returncode == 1 and "`--secret-file deploy/key=FILE`" in done.stdout


def test_a_secret_of_several_lines_keeps_its_last_newline_as_on_a_server(app):
    app.pipeline("""  a:
    secrets: {KEY: {secret: deploy/key, as: file}, LINE: {secret: one/line, as: file}}
    run: 'echo "key $(wc -c < "$KEY"), line $(wc -c < "$LINE")"'
""")
    (app.root / "key").write_text("-----BEGIN\nabcdefgh\n-----END\n")
    (app.root / "line").write_text("one line\r\n")
    done = app.run("-v", "--secret-file", f"deploy/key={app.root}/key", "--secret-file", f"one/line={app.root}/line")
    assert done.returncode == 0 and "key 29, line 8" in done.stdout, done.stdout + done.stderr


def test_a_secret_that_was_not_meant_so_is_refused(app):
    app.pipeline("  a: {secrets: {TOKEN: registry/token}, run: 'true'}\n")
    for words, complaint in (
        (("--secret", "registry/token"), "there is no variable REGISTRY_TOKEN"),
        (("--secret", "registry/tokne=HOME"), "did you mean 'registry/token'"),
        (("--secret-file", "registry/token"), "say NAME=FILE"),
        (("--secret-file", "registry/token=/no/such/file"), "/no/such/file"),
        (("--secret", "registry/token=SHORT"), "8 bytes"),
    ):
        done = app.run(*words, SHORT="short")
        assert done.returncode == 2 and complaint in done.stderr, done.stderr
    done = app.run()
    assert done.returncode == 1 and "`--secret registry/token=VARIABLE`" in done.stdout
