"""HTTP and server-sent events as the tests speak them: nothing is hidden, a refusal is a reply like any other."""

import http.client
import json
import os
import socket
import ssl
import time
import urllib.parse

# A wait ends as soon as its condition holds; this is only how long a broken one may hang on a busy machine.
DEADLINE = float(os.environ.get("SLUICE_TEST_DEADLINE", "60"))


def wait_for(condition, what, deadline=None, pause=0.02):
    """The first true value of condition(); an exception of it counts as `not yet`. Fails naming what was awaited."""
    end = time.monotonic() + (deadline or DEADLINE)
    while True:
        seen = None
        try:
            seen = condition()
            if seen:
                return seen
        except (OSError, http.client.HTTPException, AssertionError, KeyError, ValueError) as error:
            seen = error
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline or DEADLINE:.0f} s for {what}; last seen: {seen!r}")
        time.sleep(pause)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def __repr__(self):
        return f"<{self.status} {self.text[:600]!r}>"


class Client:
    """Speaks to one server with one token; every call is a connection of its own."""

    def __init__(self, url, token=None, ca=None, timeout=30, seen=None):
        """seen(method, path, body, reply) is told of each call that was answered."""
        self.url, self.token, self.ca, self.timeout, self.seen = url.rstrip("/"), token, ca, timeout, seen

    def connect(self, timeout=None):
        at = urllib.parse.urlsplit(self.url)
        timeout = timeout or self.timeout
        if at.scheme == "https":
            context = ssl.create_default_context(cafile=self.ca)
            return http.client.HTTPSConnection(at.hostname, at.port, timeout=timeout, context=context)
        return http.client.HTTPConnection(at.hostname, at.port, timeout=timeout)

    def begin(self, method, path, body=None, headers=None, token=..., timeout=None):
        """(connection, reply with its body unread)."""
        headers = dict(headers or {})
        token = self.token if token is ... else token
        if token:
            headers.setdefault("Authorization", f"Bearer {token}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body=body, headers=headers)
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def call(self, method, path, body=None, headers=None, token=..., timeout=None):
        connection, reply = self.begin(method, path, body, headers, token, timeout)
        try:
            answer = Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()
        if self.seen:
            self.seen(method, path, body, answer)
        return answer

    def get(self, path, **query):
        """The JSON of a 200; anything else fails the test."""
        query = {name: value for name, value in query.items() if value is not None}
        reply = self.call("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))
        assert reply.status == 200, f"GET {path}: {reply}"
        return reply.json

    def post(self, path, body=None, expect=(200, 201, 202)):
        reply = self.call("POST", path, {} if body is None else body)
        assert reply.status in expect, f"POST {path}: {reply}"
        return reply.json

    def stream(self, path, headers=None, **query):
        return Events(self, path + ("?" + urllib.parse.urlencode(query) if query else ""), headers)


class Events:
    """A stream of server-sent events. Iterate, or ask until(): a stream that says nothing for a deadline fails."""

    def __init__(self, client, path, headers=None):
        self.connection, self.reply = client.begin("GET", path, headers=headers, timeout=DEADLINE)
        assert self.reply.status == 200, self.reply.read()
        assert self.reply.headers["Content-Type"].startswith("text/event-stream")

    def __iter__(self):
        event = {"id": "", "type": "message", "data": []}
        while True:
            try:
                line = self.reply.readline()
            except (socket.timeout, http.client.HTTPException, OSError) as error:
                raise AssertionError(f"the stream broke off or fell silent: {error!r}")
            if not line:
                return
            line = line.decode().rstrip("\r\n")
            if not line:
                if event["data"]:
                    yield {**event, "data": "\n".join(event["data"])}
                event = {"id": event["id"], "type": "message", "data": []}
                continue
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if name == "data":
                event["data"].append(value)
            elif name == "event":
                event["type"] = value
            elif name == "id":
                event["id"] = value

    def until(self, wanted):
        """All events up to the first for which wanted(event) is true; the stream's end before it fails."""
        seen = []
        for event in self:
            seen.append(event)
            if wanted(event):
                return seen
        raise AssertionError(f"the stream ended before what was awaited; seen: {seen[-5:]}")

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
