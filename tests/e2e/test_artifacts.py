"""Artifacts: what a job keeps, and how people get it back: list, browse, one file of many, all of it."""

import hashlib
import os

from wire import wait_for

HEAD = "version: 1\non: {push: {}, manual: {}}\njobs:\n"
BUILD = HEAD + """
  build:
    run: |
      mkdir -p out/bin out/doc out/many
      printf '#!/bin/sh\\necho hi\\n' > out/bin/tool; chmod 755 out/bin/tool
      echo '<script>alert(1)</script>' > out/doc/page.html
      for i in $(seq 1 300); do echo "file $i" > out/many/$i.txt; done
      head -c 9000000 /dev/urandom > out/big.bin
      ln -s bin/tool out/link
      mkdir out/empty
      mkfifo out/pipe 2>/dev/null; rm -f out/pipe
      echo stray > stray.txt
    artifacts:
      - {name: dist, paths: ["out/**"]}
      - {name: logs, paths: [stray.txt], when: failure}
      - {name: none, paths: ["nothing/*"]}
      - {name: everything, paths: [stray.txt], when: always, expire_in: 14d}
"""


def listed(ci, job, name="dist", **query):
    return ci.get(f"/api/v1/jobs/{job}/artifacts/{name}/files", **query)["files"]


def file_of(ci, job, path, name="dist", headers=None):
    return ci.call("GET", f"/api/v1/jobs/{job}/artifacts/{name}/files/{path}", headers=headers or {})


def test_a_green_jobs_artifacts_come_back_through_api_and_cli(project, ci):
    detail, jobs = project.push_and_end({".ci.yml": BUILD}, "passed")
    run, job = detail["run"]["id"], jobs["build"]["id"]
    log = ci.log_of(job).decode()
    assert "artifact dist: 305 files, 9.0 MB" in log
    assert "artifact none: no file matches, nothing is kept" in log
    kept = {one["name"]: one for one in ci.get(f"/api/v1/jobs/{job}/artifacts")["artifacts"]}
    assert sorted(kept) == ["dist", "everything"]
    assert kept["dist"]["files"] == 305 and kept["dist"]["bytes"] > 9_000_000

    # Browse: folders stand for what is in them.
    top = listed(ci, job, folder="out")
    assert [(one["path"], one["type"]) for one in top] == [
        ("out/big.bin", "file"), ("out/bin", "dir"), ("out/doc", "dir"), ("out/empty", "dir"), ("out/link", "link"),
        ("out/many", "dir")]
    assert top[-1]["files"] == 300
    pages, after = [], ""
    while after is not None:
        page = ci.get(f"/api/v1/jobs/{job}/artifacts/dist/files", folder="out/many", limit=128, after=after)
        pages.append([one["path"] for one in page["files"]])
        after = page["next"]
    assert [len(page) for page in pages] == [128, 128, 44] and len({p for page in pages for p in page}) == 300

    # One file of many, never run by a browser (T12).
    page = file_of(ci, job, "out/doc/page.html")
    assert (page.status, page.body) == (200, b"<script>alert(1)</script>\n")
    assert page.headers["Content-Type"] == "application/octet-stream"
    assert page.headers["Content-Disposition"] == "attachment; filename*=UTF-8''page.html"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Content-Security-Policy"] == "sandbox"
    part = file_of(ci, job, "out/many/7.txt", headers={"Range": "bytes=2-5"})
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"le 7", "bytes 2-5/7")
    assert file_of(ci, job, "out/many/7.txt", headers={"Range": "bytes=99-"}).status == 416
    assert file_of(ci, job, "out/nothing").status == 404
    big = file_of(ci, job, "out/big.bin").body
    assert len(big) == 9_000_000

    # By the command line.
    table = ci.sluice("artifacts", "list", run).stdout
    assert "build  dist        artifact  305    9.0 MB" in table
    assert f"{'9000000':>10}  out/big.bin" in ci.sluice("artifacts", "list", f"{run}/build", "dist").stdout
    said = ci.sluice("artifacts", "get", f"{run}/build", "dist", "-o", "got").stdout
    assert said == "305 files, 9.0 MB in got\n"
    got = ci.root / "got" / "out"
    assert hashlib.sha256((got / "big.bin").read_bytes()).digest() == hashlib.sha256(big).digest()
    assert os.access(got / "bin/tool", os.X_OK) and os.readlink(got / "link") == "bin/tool"
    assert (got / "many/300.txt").read_text() == "file 300\n" and (got / "empty").is_dir()
    assert sorted(os.listdir(ci.root / "got")) == ["out"]
    again = ci.sluice("artifacts", "get", f"{run}/build", "dist", "-o", "got", check=False)
    assert again.returncode != 0 and "is there already" in again.stderr
    one = ci.sluice("artifacts", "get", f"{run}/build", "dist", "--file", "out/many/12.txt", "-o", "-").stdout
    assert one == "file 12\n"
    lost = ci.sluice("artifacts", "get", f"{run}/build", "nothing", check=False)
    assert "job build of run" in lost.stderr and "has no artifact nothing" in lost.stderr


def test_equal_files_are_stored_once_and_their_place_is_given_back(project, ci):
    text = HEAD + """
  first:
    run: "head -c 5000000 /dev/zero | tr '\\\\0' x > big; echo one > small"
    artifacts: [{name: a, paths: [big, small], expire_in: 365d}]
  second:
    needs: [first]
    run: "head -c 5000000 /dev/zero | tr '\\\\0' x > big; echo two > small"
    artifacts: [{name: b, paths: [big, small], expire_in: 1ms}]
"""

    def kept():
        return {row["digest"] for row in ci.rows("SELECT digest FROM blobs")}

    def files():
        return {path.name for path in (ci.data / "blobs").glob("??/*")}

    before = kept()
    _, jobs = project.push_and_end({".ci.yml": text}, "passed")
    first = ci.get(f"/api/v1/jobs/{jobs['first']['id']}/artifacts/a")["pack"]
    # The large file has a blob of its own, which both refer to; the rest of the second goes.
    left = before | {first["manifest"]["sha256"], *(blob["sha256"] for blob in first["blobs"])}
    wait_for(lambda: kept() == left, "the second's blobs to be removed")
    wait_for(lambda: files() == left, "their files to go")
    assert ci.get(f"/api/v1/jobs/{jobs['second']['id']}/artifacts")["artifacts"] == []
    assert file_of(ci, jobs["second"]["id"], "small", "b").status == 404
    assert file_of(ci, jobs["first"]["id"], "small", "a").body == b"one\n"


def test_a_failed_job_keeps_what_it_asked_for(project, ci):
    text = HEAD + """
  build:
    run: "echo why > why.log; echo x > dist; exit 3"
    artifacts: [{name: dist, paths: [dist]}, {name: logs, paths: ["*.log"], when: failure}]
"""
    _, jobs = project.push_and_end({".ci.yml": text}, "failed")
    job = jobs["build"]["id"]
    assert [one["name"] for one in ci.get(f"/api/v1/jobs/{job}/artifacts")["artifacts"]] == ["logs"]
    assert file_of(ci, job, "why.log", "logs").body == b"why\n"


def test_what_no_archive_may_hold_errors_the_job(project, ci):
    text = HEAD + """
  device: {run: "mkfifo pipe", artifacts: [pipe]}
  outside: {run: "ln -s /etc/passwd link", artifacts: [link]}
"""
    _, jobs = project.push_and_end({".ci.yml": text}, "errored")
    assert jobs["device"]["message"] == "artifact artifacts: pipe is no file, folder or link and can't be packed"
    assert jobs["outside"]["message"] == (
        'artifact artifacts: "link" -> "/etc/passwd": a link to an absolute path')
    assert {job["cause"] for job in jobs.values()} == {"setup"}
