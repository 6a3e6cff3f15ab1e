"""What a runner gets of Git LFS, and what it does not get however it asks."""

import pytest

from fake_agent import FakeAgent
from lfs import LfsServer, has_git_lfs, has_giftless, oid, stored, track
from wire import wait_for

pytestmark = pytest.mark.skipif(not has_git_lfs(), reason="no git-lfs: ./dev setup installs it")
over_http = pytest.mark.skipif(not has_giftless(), reason="no giftless: ./dev setup installs it into build/tools/lfs")

PIPELINE = "version: 1\non: {push: {}, manual: {}}\njobs:\n  a: {source: {lfs: true}, run: echo hello}\n"
BIG = bytes(range(256)) * 2000
SMALL = b"a small one\n"


def leased(world, files, *args, remote=False):
    """A started attempt of a commit with these files in Git LFS."""
    lfs = world.keep(LfsServer(world.root)) if remote else None
    server = world.server(embedded=False, args=["--allow-git-host", "127.0.0.1", *args])
    agent = FakeAgent(server)
    project = server.project("app", url=lfs.url("app") if lfs else None)
    if lfs:
        project.repo.git("remote", "set-url", "origin", lfs.url("app"))
    track(project.repo)
    project.push({".ci.yml": PIPELINE, **files})
    agent.project, agent.lfs = project, lfs
    project.start()
    return agent, agent.one_job().started()


def ready(lease):
    """The files, once the server has all of them."""
    def asked():
        reply = lease.call("lfs", {"wait_ms": 5000})
        assert reply.status == 200, reply
        return reply.json["files"] if reply.json["ready"] else None

    return wait_for(asked, "the objects")


def part(lease, digest, begin=0):
    return lease.call(f"lfs/{digest}", method="GET", headers={"Range": f"bytes={begin}-"})


def refused(lease):
    """The refusal of the fetch: (word, message)."""
    def asked():
        reply = lease.call("lfs", {"wait_ms": 5000})
        return reply if reply.status != 200 else None

    told = wait_for(asked, "the refusal").json
    return told["error"], told["message"]


def files_of(*contents):
    return [{"path": path, "sha256": oid(content), "size": len(content)} for path, content in contents]


@pytest.mark.parametrize("remote", [False, pytest.param(True, marks=over_http)], ids=["folder", "http"])
def test_the_server_names_and_brings_the_files_of_the_commit(world, remote):
    agent, lease = leased(world, {"big.bin": BIG, "d/small.bin": SMALL, "plain": "text\n"}, remote=remote)
    assert part(lease, oid(BIG)).status == 404
    first = lease.call("lfs", {})
    assert first.status == 200 and first.json["files"] == files_of(("big.bin", BIG), ("d/small.bin", SMALL))
    assert ready(lease) == first.json["files"]
    whole, rest = part(lease, oid(BIG)), part(lease, oid(BIG), len(BIG) - 10)
    assert whole.status == 206 and whole.body == BIG and rest.body == BIG[-10:]
    # Kept: the place that they came from is not asked any more.
    if agent.lfs:
        agent.lfs.answer(status=500)
    else:
        stored(agent.project.repo.bare, oid(BIG)).unlink()
    assert lease.finish().status == 200
    agent.project.start()
    again = agent.one_job().started()
    assert part(again, oid(BIG)).json["error"] == "lfs_not_asked"
    ready(again)
    assert part(again, oid(BIG)).body == BIG
    assert again.finish().status == 200


def test_what_the_commit_does_not_name_is_not_given(world):
    agent, lease = leased(world, {"big.bin": BIG, "d/small.bin": SMALL})
    ready(lease)
    for wrong in (oid(b"other"), "x" * 64, oid(BIG).upper()):
        assert part(lease, wrong).status == 404, wrong
    reply = lease.call("lfs", {"submodule": "nowhere"})
    assert reply.status == 404 and reply.json["error"] == "bad_submodule"
    assert lease.call("lfs", {"want": [oid(b"other")]}).status == 400
    assert lease.call("lfs", {}, token="wrong").status == 401
    assert lease.finish().status == 200
    # Nor to who comes too late.
    assert part(lease, oid(BIG)).status in (401, 404, 409)


def test_a_commit_without_files_is_ready_at_once(world):
    _, lease = leased(world, {"plain": "text\n"})
    reply = lease.call("lfs", {})
    assert reply.json == {"files": [], "ready": True}
    assert lease.finish().status == 200


def test_an_absent_object_is_told_with_its_path(world):
    agent, lease = leased(world, {"big.bin": BIG, "d/small.bin": SMALL})
    stored(agent.project.repo.bare, oid(SMALL)).unlink()
    word, message = refused(lease)
    assert word == "lfs_missing" and message.startswith("d/small.bin: ")
    assert lease.finish().status == 200


@over_http
def test_hundreds_of_files_come_in_batches(world):
    files = {f"d/f{n}.bin": f"file {n}\n" * 100 for n in range(450)}
    _, lease = leased(world, files, remote=True)
    assert len(ready(lease)) == 450
    assert part(lease, oid(files["d/f449.bin"].encode())).body == files["d/f449.bin"].encode()
    assert lease.finish().status == 200


def entry(**more):
    return {"objects": [{"oid": oid(SMALL), "size": len(SMALL), **more}]}


def download(href, **more):
    return entry(actions={"download": {"href": href, **more}})


# (status, body, headers of the batch's answer, the word, what is said)
ANSWERS = [
    (401, {"message": "who are you"}, {}, "lfs_forbidden", "refuses them: who are you"),
    (403, {}, {}, "lfs_forbidden", "wants credentials"),
    (404, {}, {}, "lfs_missing", "status 404"),
    (422, {}, {}, "lfs_mismatch", "refuses the sizes or digests"),
    (503, {"message": "down"}, {}, "lfs_unreachable", "answers with status 503: down"),
    (200, [], {}, "lfs_unreachable", "no JSON object"),
    (200, {}, {}, "lfs_unreachable", "no list of objects"),
    (200, {"objects": []}, {}, "lfs_missing", "says nothing of object"),
    (200, {"transfer": "tus", "objects": []}, {}, "lfs_unreachable", "not by transfer `basic`"),
    (200, entry(), {}, "lfs_missing", "offers no download"),
    (200, {"objects": [{"oid": oid(SMALL), "size": 3}]}, {}, "lfs_mismatch", "has 3 bytes at the LFS server"),
    (200, entry(error={"code": 403, "message": "no"}), {}, "lfs_forbidden", "d.bin: the LFS server does not give"),
    (200, entry(error={"code": 404, "message": "no"}), {}, "lfs_missing", "d.bin: the LFS server does not have object"),
    (200, entry(error={"code": 500, "message": "no"}), {}, "lfs_unreachable", "has an error of 500"),
    (302, {}, {"Location": "file:///etc/passwd"}, "lfs_denied", "not http or https"),
    (302, {}, {"Location": "http://10.0.0.1/x"}, "lfs_denied", "private or local address"),
    (307, {}, {"Location": "/again/objects/batch"}, "lfs_unreachable", "redirects too often"),
    (200, download("http://10.0.0.1/x"), {}, "lfs_denied", "private or local address"),
    (200, download("http://[::1]/x"), {}, "lfs_denied", "private or local address"),
    (200, download("http://0x7f.1/x"), {}, "lfs_denied", "private or local address"),
    (200, download("http://localhost/x"), {}, "lfs_denied", "private or local address"),
    (200, download("http://user:secret@127.0.0.1/x"), {}, "lfs_denied", "credentials do not belong"),
    (200, download("file:///etc/passwd"), {}, "lfs_denied", "not http or https"),
    (200, download("/etc/passwd"), {}, "lfs_denied", "an address that is none"),
    (200, download(""), {}, "lfs_denied", "an address that is none"),
    (200, download("http://127.0.0.1:1/x"), {}, "lfs_unreachable", "can't be reached"),
    (200, download("http://127.0.0.1:1/x", header={"X-A": "1\r\nX-B: 2"}), {}, "lfs_denied", "header that can't be sent"),
]


@over_http
def test_what_an_lfs_server_may_say_and_where_it_may_lead(world):
    agent, lease = leased(world, {"d.bin": SMALL}, remote=True)
    for status, body, headers, word, said in ANSWERS:
        agent.lfs.answer(body, status, **headers)
        told = refused(lease)
        assert told[0] == word and said in told[1], (told, body)
    (agent.lfs.root / "lfs-answer.json").unlink()
    ready(lease)
    assert lease.finish().status == 200


def test_more_than_the_administrator_allows_is_refused(world):
    _, lease = leased(world, {"d.bin": SMALL}, "--lfs-limit", "10")
    word, message = refused(lease)
    assert word == "lfs_too_large" and message.startswith("d.bin: object") and "--lfs-limit" in message
    assert lease.finish().status == 200
