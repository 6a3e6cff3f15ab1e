"""An agent by raw protocol calls: for what a real one never does."""

import base64
import uuid

from wire import Client

TABLE = []
for number in range(256):
    for _ in range(8):
        number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)
    TABLE.append(number)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


class FakeAgent:
    def __init__(self, server, name="fake", protocol=1):
        self.server, self.client = server, Client(server.url)
        self.session, self.seq = uuid.uuid4().hex, 0
        token = server.post("/api/v1/agents/enrolment-tokens", {})["token"]
        self.registered = self.client.call(
            "POST",
            "/agent/v1/register",
            {
                "protocol": protocol,
                "token": token,
                "install_id": uuid.uuid4().hex,
                "name": name,
                "build": "test",
                "labels": [],
                "os": "linux",
                "arch": "x86_64",
                "host": "here",
                "cpus": 2,
            },
        )
        if self.registered.status == 200:
            self.token = self.registered.json["token"]

    def claim(self, free=1, holding=(), wait_ms=20_000, seq=None, session=None):
        if seq is None:
            self.seq += 1
        body = {
            "session": session or self.session,
            "seq": self.seq if seq is None else seq,
            "free": free,
            "capacity": 2,
            "holding": list(holding),
            "draining": False,
            "wait_ms": wait_ms,
        }
        return self.client.call("POST", "/agent/v1/claim", body, {"Authorization": f"Agent {self.token}"}, timeout=60)

    def one_job(self):
        reply = self.claim()
        assert reply.status == 200 and len(reply.json["jobs"]) == 1, reply
        job = reply.json["jobs"][0]
        self.server.lease_tokens[job["attempt"]] = job["lease_token"]
        return Lease(self.client, job)


class Lease:
    """One claimed job."""

    def __init__(self, client, job, instance=None):
        self.client, self.job, self.token = client, job, job["lease_token"]
        self.instance = instance or uuid.uuid4().hex

    def call(self, what, body=None, method="POST", headers=None, token=None):
        headers = {"Authorization": f"Lease {token or self.token}", **(headers or {})}
        return self.client.call(method, f"/agent/v1/attempts/{self.job['attempt']}/{what}", body, headers)

    def start(self, instance=None):
        return self.call("start", {"runner_instance": instance or self.instance})

    def started(self):
        reply = self.start()
        assert reply.status == 200, reply
        return self

    def log(self, offset, data):
        return self.call(
            "log", data, "PATCH", {"Upload-Offset": str(offset), "Content-Type": "application/octet-stream"}
        )

    def renew(self):
        return self.call("renew", {"wait_ms": 0, "runner_instance": self.instance})

    def outcome(self, log=b"", result="passed", inline=None, **more):
        """The body of a finish; `log` is what the whole log should be, `inline` (offset, bytes) travels along."""
        body = {
            "runner_instance": self.instance,
            "log_size": len(log),
            "log_crc32c": crc32c(log),
            "steps": [],
            "outcome": {
                "result": result,
                "exit_code": 0 if result == "passed" else 1,
                "signal": None,
                "cause": "none" if result == "passed" else "script",
                "message": "",
            },
            "duration_ms": 1,
            **more,
        }
        if inline:
            body.update(inline_log_offset=inline[0], inline_log=base64.b64encode(inline[1]).decode())
        return body

    def finish(self, *words, body=None, **more):
        return self.call("finish", body or self.outcome(*words, **more))
