"""Starts that can't work say why, in words, and leave what is there alone."""

import os
import socket
import sqlite3
import subprocess

import pytest

from harness import Server, environment, run


def start(server, *more, listen=None):
    words = [str(word) for word in server.command(*more)]
    if listen:
        words[words.index("--listen") + 1] = listen
    return run(words, env=environment(server.root), check=False)


def test_a_second_server_on_one_data_folder_refuses(world):
    server = world.server(embedded=False)
    second = start(server)
    assert second.returncode == 2
    assert "another sluice-server uses" in second.stderr and str(server.data) in second.stderr
    assert "--data" in second.stderr, "it says what to do"
    server.alive_or_fail()
    assert server.get("/api/v1/status")["version"]
    server.kill()
    server.restart()


def test_a_port_in_use_is_named(world):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = start(Server(world.root, embedded=False), listen=address)
    assert done.returncode == 2
    assert address in done.stderr and "in use" in done.stderr and "--listen" in done.stderr


def test_an_address_of_another_machine_is_named(world):
    done = start(Server(world.root, embedded=False), listen="192.0.2.1:8080")
    assert done.returncode == 2 and "192.0.2.1:8080" in done.stderr


@pytest.mark.parametrize(
    "break_it, words",
    [
        (lambda data: data.write_text("a file"), ["--data"]),
        (lambda data: (data.mkdir(), (data / "sluice.db").write_text("this is no database" * 100)), ["sluice.db"]),
        (lambda data: (data.mkdir(), (data / "sluice.db").mkdir()), ["sluice.db"]),
    ],
)
def test_a_data_folder_that_cannot_be_used_is_explained(world, break_it, words):
    server = Server(world.root, embedded=False)
    break_it(server.data)
    done = start(server)
    assert done.returncode in (1, 2) and "sluice-server: " in done.stderr, done
    for word in words:
        assert word in done.stderr, done.stderr


def test_a_database_of_a_newer_version_is_not_touched(world):

    server = world.server(embedded=False)
    server.kill()
    database = sqlite3.connect(server.data / "sluice.db")
    ((before,),) = database.execute("PRAGMA user_version").fetchall()
    tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    if before:
        database.execute("PRAGMA user_version = 9999")
    elif "migrations" in tables:
        database.execute("INSERT INTO migrations SELECT 9999, * FROM (SELECT 'x') WHERE 0")
        pytest.skip("the schema's version is not kept in user_version")
    else:
        database.execute("UPDATE meta SET value = '9999' WHERE key = 'schema_version'")
    database.commit()
    database.close()
    done = start(server)
    assert done.returncode in (1, 2) and "newer" in done.stderr, done


def test_a_data_folder_without_rights_is_explained(world):
    server = Server(world.root, embedded=False)
    server.data.mkdir()
    if os.geteuid() != 0:
        server.data.chmod(0)
        assert start(server).returncode == 2
        return
    os.chmod(world.root, 0o755)
    words = [str(word) for word in server.command()]
    done = subprocess.run(
        words, env=environment(world.root), capture_output=True, text=True, timeout=60, user=65534, check=False
    )
    assert done.returncode in (1, 2) and str(server.data) in done.stderr, done
