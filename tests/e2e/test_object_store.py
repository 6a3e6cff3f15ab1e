"""Blobs in an S3-compatible object store: what a server with --blobs keeps, finds, gives back, and survives."""

import hashlib
import signal
import sqlite3

import pytest

from harness import Server
from object_store import BUCKET, ObjectStore, has_moto
from wire import wait_for

pytestmark = pytest.mark.skipif(not has_moto(), reason="no moto: ./dev setup installs it into build/tools/s3")

HEAD = "version: 1\non: {push: {}, manual: {}}\njobs:\n"
# More than a part of 16 MiB, and files that share a blob.
BUILD = HEAD + """
  build:
    run: |
      mkdir -p out deps; head -c 40000000 /dev/urandom > out/big.bin; sha256sum out/big.bin
      for i in $(seq 1 300); do echo "file $i" > out/$i.txt; done
      echo dep > deps/one
    artifacts: [{name: dist, paths: ["out/**"]}]
    outputs: {big: {type: file, path: out/big.bin}}
  use:
    needs: [build]
    inputs: {big: build.big}
    run: sha256sum < "$CI_INPUT_BIG"
"""
CACHED = BUILD.replace("    outputs:", "    cache: [{key: deps, paths: [deps]}]\n    outputs:")


@pytest.fixture
def store(world):
    return world.keep(ObjectStore(world.root))


@pytest.fixture
def project(world, store):
    return world.server(args=store.options()).project("app", hooks=())


def known(server):
    return {row["digest"] for row in server.rows("SELECT digest FROM blobs")}


def doubts(server):
    return {row["digest"] for row in server.rows("SELECT digest FROM blob_doubts")}


def uploads_left(server):
    return [path.name for folder in ("uploads", "parts") for path in (server.data / "blobs" / folder).glob("*")]


def file_of(server, job, path, name="dist", **headers):
    return server.call("GET", f"/api/v1/jobs/{job}/artifacts/{name}/files/{path}", headers=headers)


def in_log(server, jobs, key):
    return server.log_of(jobs[key]["id"]).decode()


def test_artifacts_outputs_and_caches_go_through_the_object_store(world, project, store):
    server = project.server
    _, jobs = project.push_and_end({".ci.yml": CACHED}, "passed")
    job = jobs["build"]["id"]
    digest = next(line.split()[0] for line in in_log(server, jobs, "build").splitlines() if "out/big.bin" in line)
    assert digest in in_log(server, jobs, "use")
    assert store.digests() == known(server) and doubts(server) == set()
    assert uploads_left(server) == [] and list((server.data / "blobs").glob("??/*")) == []
    assert all(key.startswith("ci/") for key in store.ask("keys")) and store.ask("uploads") == {}

    # One file of many, a part of it, all of them.
    assert file_of(server, job, "out/7.txt").body == b"file 7\n"
    assert file_of(server, job, "out/7.txt", Range="bytes=5-5").body == b"7"
    big = file_of(server, job, "out/big.bin").body
    assert hashlib.sha256(big).hexdigest() == digest
    assert file_of(server, job, "out/big.bin", Range="bytes=39999990-").body == big[-10:]
    listed = server.get(f"/api/v1/jobs/{job}/artifacts/dist/files", folder="out", limit=5)["files"]
    assert len(listed) == 5
    server.sluice("artifacts", "get", f"{jobs['build']['run_id']}/build", "dist", "-o", "got")
    assert (server.root / "got/out/big.bin").read_bytes() == big

    # The cache comes back, and after a restart everything is still there.
    server.stop()
    server.restart()
    _, jobs = project.push_and_end({".ci.yml": CACHED, "more": "1"}, "passed")
    assert "cache deps: restored" in in_log(server, jobs, "build")
    assert file_of(server, job, "out/12.txt").body == b"file 12\n"


def test_what_nobody_refers_to_any_more_is_deleted_there(project, store):
    text = HEAD + """
  build:
    run: "head -c 5000000 /dev/urandom > big; echo small > small"
    artifacts: [{name: a, paths: [big, small], expire_in: 1ms}]
"""
    server = project.server
    project.push_and_end({".ci.yml": text}, "passed")
    wait_for(lambda: known(server) == set() and store.digests() == set(), "the blobs to be deleted")
    wait_for(lambda: doubts(server) == set(), "the deletion to be noted")


def test_a_store_that_is_down_for_a_while_only_delays(project, store):
    """A job that keeps files waits, a download says so; nothing is lost and nothing sent twice by the agent."""
    server = project.server
    _, jobs = project.push_and_end({".ci.yml": BUILD}, "passed")
    job = jobs["build"]["id"]
    store.ask("down")
    away = file_of(server, job, "out/7.txt")
    assert (away.status, away.json["error"]) == (503, "object_store_unreachable")
    assert store.url in away.json["message"]
    run = project.run_of(project.push({".ci.yml": BUILD, "more": "1"}))
    wait_for(lambda: doubts(server), "the first blob to wait for the store", deadline=60)
    assert server.detail(run)["run"]["state"] == "active"
    store.ask("up")
    detail = server.ended(run, "passed")
    assert file_of(server, detail["jobs"][0]["id"], "out/7.txt").body == b"file 7\n"
    assert store.digests() == known(server) and doubts(server) == set()


@pytest.mark.parametrize("point", ["blob.in@2", "blob_part.in@2", "blob.after_commit@2"])
def test_a_server_that_dies_while_a_blob_moves_leaves_none_that_only_one_side_knows(world, store, point):
    """Killed with the object there and no row, in the middle of an upload in parts, and after the row."""
    server = world.keep(Server(world.root, args=store.options(), env={"SLUICE_FAILPOINT": point}))
    project = server.start().project("app", hooks=())
    run = project.run_of(project.push({".ci.yml": BUILD}))
    assert server.wait_end() == -signal.SIGKILL
    assert known(server) <= store.digests()
    if point.startswith("blob_part"):
        assert list(store.ask("uploads").values()) == [[1, 2]]
    server.env = {}
    server.restart()
    detail = server.ended(run, "passed")
    job = next(one["id"] for one in detail["jobs"] if one["key"] == "build")
    assert file_of(server, job, "out/7.txt").body == b"file 7\n"
    assert store.digests() == known(server) and doubts(server) == set()
    assert store.ask("uploads") == {} and uploads_left(server) == []


def test_what_a_lost_attempt_moved_is_taken_back(project, store):
    """The object is there, no row tells of it, and nobody comes back to finish it."""
    server, digest = project.server, "ab" * 32
    server.stop()
    store.ask(f"put ci/ab/{digest}")
    with sqlite3.connect(server.data / "sluice.db") as database:
        database.execute("INSERT INTO blob_doubts(digest, attempt_id) VALUES (?, 999)", (digest,))
    database.close()
    server.restart()
    wait_for(lambda: store.digests() == set() and doubts(server) == set(), "the object to be deleted")


def test_a_removal_that_was_cut_off_is_ended_later(world, store):
    text = HEAD + """
  build: {run: "head -c 5000000 /dev/urandom > big", artifacts: [{name: a, paths: [big], expire_in: 1ms}]}
"""
    server = world.keep(Server(world.root, args=store.options(), env={"SLUICE_FAILPOINT": "blob_removal.after_commit"}))
    project = server.start().project("app", hooks=())
    project.push({".ci.yml": text})
    assert server.wait_end() == -signal.SIGKILL
    assert known(server) == set() and store.digests() == doubts(server) != set()
    server.env = {}
    server.restart()
    wait_for(lambda: store.digests() == set() and doubts(server) == set(), "the objects to be deleted")


def refused(world, *args, env=None):
    server = Server(world.root, embedded=False, args=args, env=env, name="refused")
    with pytest.raises(RuntimeError) as failed:
        server.start()
    assert server.wait_end() == 2 or server.process.returncode > 100
    return str(failed.value)


def test_a_start_that_cannot_keep_blobs_says_why_and_what_to_do(world, store):
    assert f"there is no bucket nothing-here at {store.url}: create it" in refused(
        world, *store.options("s3://nothing-here"))
    store.write_credentials("wrong")
    said = refused(world, *store.options())
    assert f"refuses the credentials for the bucket {BUCKET}: SignatureDoesNotMatch" in said
    store.credentials.chmod(0o644)
    assert "chmod 600 it" in refused(world, *store.options())
    place = ["--blobs", f"s3://{BUCKET}", "--s3-endpoint", store.url]
    assert "no credentials: name a file with --s3-credentials" in refused(world, *place)
    store.ask("down")
    given = {"AWS_ACCESS_KEY_ID": store.key_id, "AWS_SECRET_ACCESS_KEY": store.secret}
    assert f"the object store at {store.url} can't be reached: " in refused(world, *place, env=given)
    store.ask("up")
    assert "must be s3://BUCKET" in refused(world, "--blobs", "files", "--s3-endpoint", store.url)
    assert "--s3-endpoint" in refused(world, "--blobs", f"s3://{BUCKET}")
    assert "without credentials in it" in refused(world, "--blobs", f"s3://{BUCKET}", "--s3-endpoint",
                                                  "http://key:secret@127.0.0.1:1")


def test_a_data_folder_knows_where_its_blobs_are(world, store):
    """Files of the time before stay where they are; who forgets --blobs is told, before anything is lost."""
    server = world.server()
    project = server.project("app", hooks=())
    _, jobs = project.push_and_end({".ci.yml": BUILD}, "passed")
    before = jobs["build"]["id"]
    server.stop()
    plain, server.args = list(server.args), [*server.args, *store.options()]
    server.restart()
    assert file_of(server, before, "out/7.txt").body == b"file 7\n"
    _, jobs = project.push_and_end({".ci.yml": BUILD, "more": "1"}, "passed")
    assert store.digests() and store.digests() < known(server)
    server.stop()
    server.args = plain
    with pytest.raises(RuntimeError, match=f"are in s3://{BUCKET}/ci/: start with --blobs s3://{BUCKET}/ci/"):
        server.start()
    server.args = [*plain, *store.options()]
    server.restart()
    assert file_of(server, jobs["build"]["id"], "out/7.txt").body == b"file 7\n"


def test_credentials_of_the_environment_reach_no_child(world, store):
    place = ["--blobs", f"s3://{BUCKET}", "--s3-endpoint", store.url]
    server = world.server(args=place, env={"AWS_ACCESS_KEY_ID": store.key_id, "AWS_SECRET_ACCESS_KEY": store.secret})
    project = server.project("app", hooks=())
    text = HEAD + '  show: {run: "cat /proc/$PPID/environ | tr \'\\\\0\' \'\\\\n\'; env", artifacts: [".ci.yml"]}\n'
    _, jobs = project.push_and_end({".ci.yml": text}, "passed")
    assert "AWS_" not in in_log(server, jobs, "show")
    assert len(store.digests()) == 2
