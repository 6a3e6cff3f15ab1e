"""`source: {lfs: true}`: files of Git LFS in the workspace, pushed by the real git-lfs."""

import re
import shutil
import socket

import pytest

from forges import GitHub
from harness import Link, Repo, by_key
from lfs import LfsServer, has_git_lfs, has_giftless, oid, pointer, stored, track
from wire import wait_for

pytestmark = pytest.mark.skipif(not has_git_lfs(), reason="no git-lfs: ./dev setup installs it")
over_http = pytest.mark.skipif(not has_giftless(), reason="no giftless: ./dev setup installs it into build/tools/lfs")

HEAD = "version: 1\non: { push: {}, pull_request: {}, manual: {} }\njobs:\n"
# Not by git-lfs: git must find nothing changed without it.
SHOW = ('  a: { source: { lfs: true }, run: "sha256sum *.bin */*.bin; stat -c %a:%n *.bin; '
        'echo status[$(GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null git status --porcelain)]; ls -A .git" }\n')
BIG = bytes(range(256)) * 20_000
SMALL = b"a small one\n"
LONE = b"a lone one\n"


def fetched(server):
    """Objects that the server has fetched so far."""
    text = server.call("GET", "/metrics").body
    text = text.decode() if isinstance(text, bytes) else text
    return int(re.search(r"^sluice_lfs_objects_total (\d+)$", text, re.M).group(1))


def log_of(server, run_id, state="passed"):
    detail = server.ended(run_id, state)
    return server.log_of(by_key(detail)["a"]["id"]).decode()


def refusal(server, project, state="errored"):
    detail = server.ended(project.start(branch="main"), state)
    job = by_key(detail)["a"]
    assert job["cause"] == "setup", job
    return server.log_of(job["id"]).decode()


def push_all(project, files):
    """Commit and objects."""
    project.push(files)


def push_alone(project, files):
    """The commit without objects: git-lfs is not asked, and asks no server."""
    sha = project.repo.commit(files)
    project.repo.git("push", "-q", "--no-verify", "origin", f"{sha}:refs/heads/main")


@pytest.fixture
def local(ci, name):
    project = ci.project(name)
    track(project.repo)
    return project


def test_files_are_there_whole_and_git_finds_nothing_changed(ci, local):
    files = {".ci.yml": HEAD + SHOW, "big.bin": BIG, "again.bin": BIG, "d/small.bin": SMALL, "plain.txt": "text\n"}
    push_all(local, files)
    assert stored(local.repo.bare, oid(BIG)).is_file()
    log = log_of(ci, local.start(branch="main"))
    assert "source: fetching 3 files of Git LFS, 11 MB" in log
    assert log.count(oid(BIG)) == 2 and oid(SMALL) in log
    assert "status[]" in log and "sluice-lfs" not in log


def test_an_executable_file_stays_one(ci, local):
    push_all(local, {".ci.yml": HEAD + SHOW, "tool.bin": b"#!/bin/sh\n", "d/x.bin": SMALL})
    (local.repo.work / "tool.bin").chmod(0o755)
    push_all(local, {})
    assert re.search(r"7[57]5:tool.bin", log_of(ci, local.start(branch="main")))


def test_objects_are_fetched_once_per_project(ci, local, name):
    push_all(local, {".ci.yml": HEAD + SHOW, "big.bin": BIG, "d/small.bin": SMALL})
    before = fetched(ci)
    log_of(ci, local.start(branch="main"))
    assert fetched(ci) == before + 2
    shutil.rmtree(local.repo.bare / "lfs")
    assert oid(BIG) in log_of(ci, local.start(branch="main"))
    assert fetched(ci) == before + 2
    # Knowing a digest gives another project nothing: it must have the object itself.
    other = ci.project(f"{name}-other")
    other.push({".ci.yml": HEAD + SHOW, ".gitattributes": "*.bin filter=lfs\n", "big.bin": pointer(BIG)})
    assert "lfs_missing" in refusal(ci, other)
    assert fetched(ci) == before + 2


def test_jobs_of_one_commit_share_the_fetch(world, name):
    server = world.server()
    project = server.project(name)
    track(project.repo)
    jobs = "".join(SHOW.replace("  a:", f"  {key}:") for key in ("a", "b", "c"))
    push_all(project, {".ci.yml": HEAD + jobs, "d/small.bin": SMALL,
                       **{f"f{n}.bin": f"file {n}\n" * 1000 for n in range(30)}})
    detail = server.ended(project.start(branch="main"), "passed")
    assert len({server.log_of(job["id"]) for job in detail["jobs"]}) == 1
    assert fetched(server) == 31


def test_a_job_that_does_not_ask_has_the_pointers(ci, local):
    push_all(local, {".ci.yml": HEAD + '  a: { run: "cat big.bin" }\n', "big.bin": BIG})
    before = fetched(ci)
    assert pointer(BIG).strip() in log_of(ci, local.start(branch="main"))
    assert fetched(ci) == before


def test_pointers_without_the_filter_and_links_stay_as_they_are(ci, name):
    project = ci.project(name)
    show = '  a: { source: { lfs: true }, run: "cat p.txt; readlink l.bin" }\n'
    project.push({".ci.yml": HEAD + show, ".gitattributes": "*.bin filter=lfs\n", "p.txt": pointer(BIG),
                  "l.bin": Link("p.txt")})
    log = log_of(ci, project.start(branch="main"))
    assert pointer(BIG).strip() in log and "p.txt" in log and "fetching" not in log


@pytest.mark.parametrize(
    "text, why",
    [
        (pointer(BIG), f"p.bin: the repository does not have object {oid(BIG)}"),
        (pointer(LONE, size=5), f"p.bin: object {oid(LONE)} has {len(LONE)} bytes, and 5 by its pointer"),
        (pointer(SMALL, size=5), f"p.bin and d/x.bin name object {oid(SMALL)} with different sizes"),
        (pointer(SMALL, size=1 << 40), "p.bin: object " + oid(SMALL) + " has 1099511627776 bytes by its pointer"),
        (pointer(SMALL, digest=oid(b"damaged")), "has another digest"),
        (pointer(SMALL).replace("sha256", "md5"), "p.bin is no pointer of Git LFS: its second line"),
    ],
    ids=["lfs_missing", "lfs_mismatch-size", "lfs_mismatch-two", "lfs_too_large", "lfs_mismatch-digest", "lfs_bad_pointer"],
)
def test_an_object_that_is_not_what_its_pointer_says_ends_the_job(ci, local, text, why, request):
    push_all(local, {".ci.yml": HEAD + SHOW, "small.bin": SMALL, "d/x.bin": SMALL})
    for digest, content in ((oid(b"damaged"), SMALL), (oid(LONE), LONE)):
        at = stored(local.repo.bare, digest)
        at.parent.mkdir(parents=True)
        at.write_bytes(content)
    # By the index: git-lfs would not make such a pointer.
    (local.repo.work / "p.txt").write_text(text)
    blob = local.repo.git("hash-object", "-w", "--no-filters", "p.txt").stdout.strip()
    local.repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},p.bin")
    local.repo.git("commit", "-q", "-m", "pointer")
    local.repo.git("push", "-q", "--no-verify", "origin", "HEAD:refs/heads/main")
    log = refusal(ci, local)
    assert why in log and "Git LFS" in log
    assert f"({request.node.callspec.id.split('-')[0]})" in log


def test_a_commit_over_the_limit_is_refused(world, name):
    server = world.server(args=["--lfs-limit", "20000"])
    project = server.project(name)
    track(project.repo)
    push_all(project, {".ci.yml": HEAD + SHOW, "a.bin": b"a" * 15_000, "d/b.bin": b"b" * 15_000})
    assert "have more than 20000 bytes; the server takes at most 20000 of a commit (--lfs-limit)" in refusal(
        server, project)
    assert fetched(server) == 0


def test_a_forks_run_fetches_nothing_before_it_is_approved(world, name):
    server = world.server()
    project = server.project(name, forge="github")
    track(project.repo)
    push_all(project, {".ci.yml": HEAD + SHOW, "big.bin": BIG, "d/x.bin": SMALL})
    sha = project.repo.commit({"new.bin": b"of a fork"}, branch="topic")
    project.repo.push(f"{sha}:refs/pull/7/head")
    forge = GitHub()
    forge.send(project, *forge.pull_request("opened", sha, number=7, fork=True))
    run = project.run_of(sha)
    assert by_key(server.detail(run))["a"]["state"] == "held"
    assert fetched(server) == 0
    server.sluice("run", "approve", str(run))
    assert oid(b"of a fork") in log_of(server, run)


def test_files_of_submodules_come_too(ci, local, name):
    lib = Repo(ci.root, f"{name}-lib")
    track(lib)
    tip = lib.commit({"in.bin": BIG})
    lib.push(f"{tip}:refs/heads/main")
    show = '  a: { source: { submodules: true, lfs: true }, run: "sha256sum libs/lib/in.bin d/x.bin" }\n'
    local.repo.commit({".ci.yml": HEAD + show, "d/x.bin": SMALL,
                       ".gitmodules": f'[submodule "l"]\n\tpath = libs/lib\n\turl = ../{name}-lib.git\n'})
    local.repo.git("update-index", "--add", "--cacheinfo", f"160000,{tip},libs/lib")
    local.repo.git("commit", "-q", "-m", "submodule")
    local.repo.push("HEAD:refs/heads/main")
    log = log_of(ci, local.start(branch="main"))
    assert oid(BIG) in log and oid(SMALL) in log
    assert "source: fetching 1 file of Git LFS for submodule libs/lib, 6 MB" in log


# ---- over http -------------------------------------------------------------------------------------------------------


@pytest.fixture
def remote(world, name):
    """A project that is read over http, with an LFS server at the usual address."""
    lfs = world.keep(LfsServer(world.root))
    server = world.server(args=["--allow-git-host", "127.0.0.1"])
    project = server.project(name, url=lfs.url(name))
    project.repo.git("remote", "set-url", "origin", lfs.url(name))
    track(project.repo)
    return server, project, lfs


@over_http
def test_objects_come_from_an_lfs_server(remote, name):
    server, project, lfs = remote
    files = {f"f{n}.bin": f"file {n}\n" * 1000 for n in range(30)}
    push_all(project, {".ci.yml": HEAD + SHOW, "big.bin": BIG, "d/small.bin": SMALL, **files})
    assert lfs.stored(name, oid(BIG)).is_file()
    log = log_of(server, project.start(branch="main"))
    assert oid(BIG) in log and oid(SMALL) in log and "status[]" in log
    assert all(oid(text.encode()) in log for text in files.values())
    assert fetched(server) == 32
    # What is known is not asked for again.
    lfs.answer(status=500)
    assert oid(BIG) in log_of(server, project.start(branch="main"))


@over_http
def test_an_object_that_the_lfs_server_lacks_or_has_damaged(remote, name):
    server, project, lfs = remote
    push_all(project, {".ci.yml": HEAD + SHOW, "big.bin": BIG, "d/small.bin": SMALL})
    at = lfs.stored(name, oid(BIG))
    at.write_bytes(bytes(len(BIG)))
    assert f"big.bin: what the LFS server sends as object {oid(BIG)} has another digest (lfs_mismatch)" in refusal(
        server, project)
    at.write_bytes(BIG[:1000])
    assert "Cannot validate any of the requested objects (lfs_mismatch)" in refusal(server, project)
    at.unlink()
    # giftless says so of the batch when it has none of it.
    log = refusal(server, project)
    assert "big.bin: " in log and "Cannot find any of the requested objects (lfs_missing)" in log
    at.write_bytes(BIG)
    log_of(server, project.start(branch="main"))


@over_http
@pytest.mark.parametrize(
    "url, why",
    [
        ("http://127.0.0.1:1/x", "127.0.0.1 can't be reached"),
        ("http://localhost/x", "only the repository's own host, 127.0.0.1"),
        ("file:///etc", "LFS objects are fetched by https only"),
        ("https://user:secret@127.0.0.1/x", "credentials do not belong into the URL"),
    ],
    ids=["lfs_unreachable", "lfs_denied", "lfs_denied-file", "lfs_denied-credentials"],
)
def test_an_lfs_url_that_leads_elsewhere_or_nowhere(remote, url, why, request):
    server, project, _ = remote
    push_all(project, {".ci.yml": HEAD + SHOW, "d/small.bin": SMALL})
    push_alone(project, {".lfsconfig": f"[lfs]\n\turl = {url}\n"})
    log = refusal(server, project)
    assert why in log and f"({request.node.callspec.id.split('-')[0]})" in log


@over_http
def test_an_lfs_url_at_the_repositorys_host_is_used(remote, name):
    server, project, lfs = remote
    other = lfs.url(name + "-objects") + "/info/lfs"
    push_all(project, {".ci.yml": HEAD + SHOW, "a.bin": BIG, "d/small.bin": SMALL,
                       ".lfsconfig": f"[lfs]\n\turl = {other}\n"})
    assert lfs.stored(name + "-objects", oid(BIG)).is_file()
    assert oid(BIG) in log_of(server, project.start(branch="main"))


@over_http
def test_private_addresses_are_reached_by_the_administrators_word_alone(world, name):
    lfs = world.keep(LfsServer(world.root))
    server = world.server()
    reply = server.call("POST", "/api/v1/projects", {"name": name, "url": lfs.url(name), "forge": "git",
                                                     "default_branch": "main"})
    assert reply.status == 400 and "--allow-git-host" in reply.json["message"]


@over_http
def test_a_server_that_is_killed_while_it_fetches_goes_on(world, name):
    lfs = world.keep(LfsServer(world.root))
    server = world.server(args=["--allow-git-host", "127.0.0.1"], embedded=False,
                          env={"SLUICE_FAILPOINT": "blob.after_commit@2"})
    world.agent(server)
    project = server.project(name, url=lfs.url(name))
    project.repo.git("remote", "set-url", "origin", lfs.url(name))
    track(project.repo)
    push_all(project, {".ci.yml": HEAD + SHOW, "d/small.bin": SMALL,
                       **{f"f{n}.bin": f"file {n}\n" * 1000 for n in range(8)}})
    run = project.start(branch="main")
    wait_for(lambda: not server.running(), "the server to die")
    server.env = {}
    server.restart()
    assert oid(SMALL) in log_of(server, run)


@over_http
def test_a_cancelled_job_does_not_wait_for_an_lfs_server_that_hangs(remote):
    server, project, _ = remote
    with socket.create_server(("127.0.0.1", 0)) as silent:
        push_all(project, {".ci.yml": HEAD + SHOW, "d/small.bin": SMALL})
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        push_alone(project, {".lfsconfig": f"[lfs]\n\turl = {url}\n"})
        run = project.start(branch="main")
        job = wait_for(lambda: by_key(server.detail(run)).get("a"), "the job")["id"]
        wait_for(lambda: b"fetching 1 file of Git LFS" in server.log_of(job), "the fetch to begin")
        server.post(f"/api/v1/runs/{run}/cancel")
        server.ended(run, "cancelled")
        assert server.stop() == 0
        server.restart()
