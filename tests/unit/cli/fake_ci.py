"""A server that answers as Sluice's API does, from what a test put into it. Listens on 127.0.0.1, a free port."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Tuple
from urllib.parse import parse_qs, urlsplit

TOKEN = "good-token"


def a_run(**changes: Any) -> Dict[str, Any]:
    run = {"id": 12, "number": 3, "project": "shortener", "project_id": 1, "event": "push", "branch": "main", "tag": "",
           "sha": "8f3e2a1c04" * 4, "message": "Redirect permanently\n\nmore", "author": "Demo", "actor": "demo",
           "pr_number": None, "state": "failed", "reason": "", "retry_of": None,
           "created_at": "2026-11-23T08:30:00.000Z", "finished_at": None, "duration_ms": 14200, "jobs_total": 2,
           "jobs_done": 2}
    return {**run, **changes}


def a_job(**changes: Any) -> Dict[str, Any]:
    job = {"id": 34, "run_id": 12, "key": "test", "base": "test", "name": "unit tests", "kind": "script",
           "state": "failed", "wait_reason": "", "cause": "script", "message": "", "exit_code": 1,
           "allow_failure": False, "needs": [], "matrix": {}, "attempt": 1, "agent": "embedded",
           "created_at": "2026-11-23T08:30:00.000Z", "started_at": None, "finished_at": None, "duration_ms": 3400,
           "log_size": 10, "steps": [], "reports": {}, "carried_from": None}
    return {**job, **changes}


def a_gate(verdict: str, run_id: Any = 12, **changes: Any) -> Dict[str, Any]:
    gate = {"project": "shortener", "sha": "8f3e2a1c04" * 4, "branch": "main", "verdict": verdict,
            "summary": f"it is {verdict}", "run_id": run_id, "config_sha": "8f3e2a1c04" * 4, "checks": []}
    return {**gate, **changes}


class FakeCi:
    """`answers` maps "METHOD /path" to (status, value), or to a function of the query that returns that."""

    def __init__(self) -> None:
        self.answers: Dict[str, Any] = {}
        self.streams: Dict[str, Callable[[Any, str], None]] = {}
        self.requests: List[Tuple[str, Dict[str, str], str]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                pass

            def answer(self) -> None:
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                key = f"{self.command} {url.path}"
                fake.requests.append((f"{self.command} {self.path}", dict(self.headers), body))
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    self.reply(401, {"error": "unauthorized", "message": "a token is needed"})
                elif key in fake.streams:
                    self.send_response(200)
                    self.send_header("Content-Type", "text/event-stream")
                    self.end_headers()
                    fake.streams[key](self.wfile, self.headers.get("Last-Event-ID") or "")
                    self.close_connection = True
                elif key in fake.answers:
                    answer = fake.answers[key]
                    query = {name: values[0] for name, values in parse_qs(url.query).items()}
                    self.reply(*(answer(query) if callable(answer) else answer))
                else:
                    self.reply(404, {"error": "not_found", "message": f"nothing at {url.path}"})

            def reply(self, status: int, value: Any) -> None:
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = answer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
