"""The commit in the workspace: fetched once by an agent, then by its differences; with history when a job asks."""

import random
import re

import pytest

from harness import Repo, by_key
from wire import wait_for

FILES = 40


def noise(seed, size=4000):
    """Text that does not compress to nothing."""
    chance = random.Random(seed)
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz \n", k=size))


def repository(jobs):
    files = {f"src/d{n % 4}/f{n}.txt": noise(n) for n in range(FILES)}
    files[".ci.yml"] = "version: 1\non: { push: {}, manual: {} }\njobs:\n" + jobs
    return files


CHECK = '  a: { run: "git status --porcelain; cat src/*/*.txt | sha256sum; git log -1 --format=%H:%s" }\n'


def sent(server):
    """(packs, bytes) that the server has sent to runners so far."""
    text = server.call("GET", "/metrics").body
    text = text.decode() if isinstance(text, bytes) else text
    return tuple(int(re.search(rf"^sluice_source_{what}_total (\d+)$", text, re.M).group(1)) for what in
                 ("packs", "bytes"))


def log_of(server, run_id):
    detail = server.ended(run_id, "passed")
    return server.log_of(by_key(detail)["a"]["id"])


def again(project, sha):
    return log_of(project.server, project.start(branch="main", sha=sha))


def store(agent):
    """The one project that the agent has kept something of."""
    return next(path for path in (agent.dir / "sources").iterdir() if path.is_dir())


@pytest.fixture
def alone(world, name):
    """A server, an agent of its own with room for two jobs, a project."""
    server = world.server(embedded=False)
    agent = world.agent(server)
    return server, agent, server.project(name)


def test_the_second_job_of_a_commit_downloads_nothing(alone):
    server, _, project = alone
    sha = project.push(repository(CHECK))
    run = project.start(branch="main")
    first = log_of(server, run)
    packs, received = sent(server)
    assert packs >= 1 and received > FILES * 2000
    assert again(project, sha) == first
    assert f"{sha}:change" in str(first)
    assert sent(server) == (packs, received)


def test_a_new_commit_downloads_the_difference_alone(alone):
    server, _, project = alone
    project.push(repository(CHECK))
    log_of(server, project.start(branch="main"))
    before = sent(server)
    project.push({"src/d1/f1.txt": "changed\n", "src/new/x.txt": "new\n"})
    log = log_of(server, project.start(branch="main"))
    expected = project.repo.git("rev-parse", "HEAD").stdout.strip()
    assert expected in str(log)
    after = sent(server)
    assert after[0] == before[0] + 1
    assert 0 < after[1] - before[1] < 3000
    # And nothing of what was kept shows in the files.
    assert "M " not in str(log) and "??" not in str(log)


def test_damage_in_what_was_kept_costs_a_download_and_is_said(alone):
    server, agent, project = alone
    sha = project.push(repository(CHECK))
    good = log_of(server, project.start(branch="main"))
    for damage in ("cut", "flip", "gone", "index"):
        pack = next((store(agent) / "packs").glob("*.pack"))
        content = bytearray(pack.read_bytes())
        if damage == "cut":
            pack.write_bytes(content[: len(content) // 2])
        elif damage == "flip":
            content[len(content) // 2] ^= 0x55
            pack.write_bytes(content)
        elif damage == "gone":
            pack.unlink()
        else:
            pack.with_suffix(".idx").write_bytes(b"no index")
        before = sent(server)
        log = again(project, sha)
        assert str(good).strip("b'\"") in str(log), damage
        assert damage == "gone" or "cannot be used, fetching all of it anew" in str(log), damage
        assert sent(server)[0] == before[0] + 1, damage
        before = sent(server)
        assert again(project, sha) == good, damage
        assert sent(server) == before, damage


def test_two_jobs_at_once_and_a_third_one_after_them(alone):
    server, _, project = alone
    jobs = "".join(CHECK.replace("  a:", f"  {key}:") for key in ("a", "b", "c", "d"))
    project.push(repository(jobs))
    detail = server.ended(project.start(branch="main"), "passed")
    assert len({str(server.log_of(job["id"])) for job in detail["jobs"]}) == 1
    before = sent(server)
    detail = server.ended(project.start(branch="main"), "passed")
    assert sent(server) == before


@pytest.mark.parametrize("point", ["source_index.in", "source_keep.in", "source_keep.in@2"])
def test_a_runner_killed_while_it_fetches_or_keeps_leaves_nothing_half(world, name, point):
    server = world.server(embedded=False)
    agent = world.agent(server, env={"SLUICE_FAILPOINT": point})
    project = server.project(name)
    sha = project.push(repository(CHECK))
    server.ended(project.start(branch="main", sha=sha), "errored")
    agent.stop()
    agent.env = {}
    agent.start()
    log = again(project, sha)
    assert sha in str(log) and "cannot be used" not in str(log)
    before = sent(server)
    assert sha in str(again(project, sha))
    assert sent(server) == before
    left = [path.name for path in (store(agent) / "packs").iterdir()]
    assert sorted(name.rpartition(".")[2] for name in left if name.startswith("pack-")) == ["idx", "pack"]


def test_what_was_not_used_for_longest_goes(world, name):
    server = world.server(embedded=False)
    agent = world.agent(server)
    agent.stop()
    (agent.dir / "executors.json").write_text('{"source": {"cache": "150K"}}')
    agent.start()
    first, second = server.project(name), server.project(name + "-other")
    shas = [project.push(repository(CHECK)) for project in (first, second)]
    for project in (first, second, first):
        log_of(server, project.start(branch="main"))

    def small():
        return sum(path.stat().st_size for path in (agent.dir / "sources").rglob("pack-*")) <= 150_000

    wait_for(small, "the store to be trimmed")
    assert shas[0] in str(again(first, shas[0])) and shas[1] in str(again(second, shas[1]))


def test_nothing_is_kept_when_the_owner_says_so(world, name):
    server = world.server(embedded=False)
    agent = world.agent(server)
    agent.stop()
    (agent.dir / "executors.json").write_text('{"source": {"cache": "none"}}')
    agent.start()
    project = server.project(name)
    sha = project.push(repository(CHECK))
    for count in (1, 2):
        assert sha in str(log_of(server, project.start(branch="main")))
        assert sent(server)[0] == count
    assert not (agent.dir / "sources").exists()


HISTORY = ('  a: { source: { history: full }, run: "git status --porcelain; git rev-list --count HEAD; '
           'git describe --always; git rev-parse origin/main; git fsck --connectivity-only" }\n')


def test_a_job_with_history_sees_ancestors_tags_and_the_default_branch(alone):
    server, _, project = alone
    first = project.push(repository(HISTORY))
    project.push({"README": "2"})
    project.repo.git("tag", "-a", "-m", "one", "v1.0", first)
    project.repo.push("v1.0")
    sha = project.push({"README": "3"})
    log = str(log_of(server, project.start(branch="main")))
    assert "3\\n" in log or "\n3\n" in log
    assert f"v1.0-2-g{sha[:7]}" in log and sha in log
    before = sent(server)
    tip = project.push({"README": "4"})
    log = str(log_of(server, project.start(branch="main")))
    assert f"v1.0-3-g{tip[:7]}" in log
    assert sent(server)[1] - before[1] < 3000
    # A tag that comes later is seen although nothing else is new.
    project.repo.git("tag", "-a", "-m", "two", "v2.0", tip)
    project.repo.push("v2.0")
    assert "v2.0" in str(again(project, tip))


def test_a_job_without_history_has_the_commit_alone(alone):
    server, _, project = alone
    project.push(repository('  a: { run: "git rev-list --count HEAD; git rev-parse --is-shallow-repository" }\n'))
    project.push({"README": "2"})
    log = str(log_of(server, project.start(branch="main")))
    assert "1" in log and "true" in log


SUBMODULES = ('  a: { source: { submodules: true }, run: "git status --porcelain; cat libs/lib/text libs/lib/deep/inner; '
              'git -C libs/lib log -1 --format=%H" }\n')


def add_submodule(repo, path, url, sha):
    """By the index, as git writes it: `git submodule` refuses local URLs and clones first."""
    with open(repo.work / ".gitmodules", "a") as file:
        file.write(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n')
    (repo.work / path).mkdir(parents=True)
    repo.git("add", ".gitmodules")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{sha},{path}")
    repo.git("commit", "-q", "-m", f"submodule {path}")
    return repo.git("rev-parse", "HEAD").stdout.strip()


def push_tip(repo):
    repo.push("HEAD:refs/heads/main")
    return repo.git("rev-parse", "HEAD").stdout.strip()


@pytest.fixture
def nested(alone, name):
    """A project whose submodule has one of its own, all beside each other."""
    server, agent, project = alone
    inner, lib = Repo(server.root, name + "-inner"), Repo(server.root, name + "-lib")
    inner.commit({"inner": "inner text\n"})
    lib.commit({"text": noise(1, 150_000) + "\nlib text\n"})
    add_submodule(lib, "deep", f"../{name}-inner.git", push_tip(inner))
    project.push({".ci.yml": repository(SUBMODULES)[".ci.yml"]})
    add_submodule(project.repo, "libs/lib", f"../{name}-lib.git", push_tip(lib))
    push_tip(project.repo)
    return server, agent, project, lib


def test_submodules_are_there_when_a_job_asks_for_them(nested):
    server, _, project, lib = nested
    log = str(log_of(server, project.start(branch="main")))
    tip = lib.git("rev-parse", "HEAD").stdout.strip()
    assert "lib text" in log and "inner text" in log and tip in log
    assert "source: submodule libs/lib/deep at " in log
    assert " M " not in log and "??" not in log
    # Kept as the repository itself is; the small ones are asked for again.
    before = sent(server)
    log_of(server, project.start(branch="main"))
    assert sent(server)[1] - before[1] < 5000


def test_a_job_that_does_not_ask_gets_empty_folders(nested):
    server, _, project, _ = nested
    files = {".ci.yml": repository('  a: { run: "ls -A | wc -l; test ! -e libs/lib/text" }\n')[".ci.yml"]}
    project.push(files)
    log_of(server, project.start(branch="main"))


@pytest.mark.parametrize(
    "url, why",
    [
        ("/etc", "beside the project's own"),
        ("../../outside/lib.git", "beside the project's own"),
        ("ext::true", "use https://"),
        ("http://127.0.0.1:1/x.git", "private or local address"),
        ("-uevil", "begins with a dash"),
    ],
)
def test_a_submodule_that_leads_elsewhere_is_refused(alone, url, why):
    server, _, project = alone
    project.push({".ci.yml": repository(SUBMODULES)[".ci.yml"]})
    add_submodule(project.repo, "libs/lib", url, "1" * 40)
    push_tip(project.repo)
    detail = server.ended(project.start(branch="main"), "errored")
    assert why in str(by_key(detail)["a"]) + server.log_of(by_key(detail)["a"]["id"]).decode()
