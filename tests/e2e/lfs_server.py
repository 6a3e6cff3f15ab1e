"""Repositories over HTTP (git http-backend) and their Git LFS (giftless) at one address, for tests: run by the Python
of build/tools/lfs as `lfs_server.py ROOT`.

Repositories are below ROOT/repos, objects are files ROOT/lfs/repos/NAME/OID. A file ROOT/lfs-answer.json
({"status", "headers", "body"}) answers batch requests in giftless's place: what no honest server would say. Prints
{"port"} once it serves, and ends with its standard input."""

import json
import os
import pathlib
import secrets
import subprocess
import sys
import threading
import warnings

warnings.simplefilter("ignore")

from giftless.app import init_app  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

ROOT = pathlib.Path(sys.argv[1])
ANSWER = ROOT / "lfs-answer.json"


def backend(environ, start_response):
    """git http-backend as CGI."""
    size = int(environ.get("CONTENT_LENGTH") or 0)
    is_whole = environ.get("wsgi.input_terminated", False)  # in chunks
    body = environ["wsgi.input"].read() if is_whole else environ["wsgi.input"].read(size)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(ROOT),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.receivepack",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_PROJECT_ROOT": str(ROOT),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
    }
    for name in ("PATH_INFO", "QUERY_STRING", "REQUEST_METHOD", "CONTENT_TYPE", "HTTP_CONTENT_ENCODING",
                 "HTTP_GIT_PROTOCOL"):
        if name in environ:
            env[name.replace("HTTP_GIT_PROTOCOL", "GIT_PROTOCOL")] = environ[name]
    done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=True)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
    status = next((value for name, value in headers if name == "Status"), "200 OK")
    start_response(status, [header for header in headers if header[0] != "Status"])
    return [content]


def main():
    giftless = init_app(additional_config={
        "AUTH_PROVIDERS": ["giftless.auth.allow_anon:read_write"],
        "LEGACY_ENDPOINTS": False,
        "PRE_AUTHORIZED_ACTION_PROVIDER": {"options": {"private_key": secrets.token_hex(32)}},
        "TRANSFER_ADAPTERS": {"basic": {"options": {"storage_options": {"path": str(ROOT / "lfs")}}}},
    })

    def application(environ, start_response):
        path = environ["PATH_INFO"]
        if path.endswith("/objects/batch") and ANSWER.exists():
            answer = json.loads(ANSWER.read_text())
            headers = {"Content-Type": "application/vnd.git-lfs+json", **answer.get("headers", {})}
            start_response(f"{answer.get('status', 200)} Told", list(headers.items()))
            return [json.dumps(answer.get("body", {})).encode()]
        return (giftless if "/info/lfs/" in path else backend)(environ, start_response)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port}), flush=True)
    sys.stdin.read()
    server.shutdown()


main()
