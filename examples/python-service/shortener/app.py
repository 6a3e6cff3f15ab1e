"""The HTTP side: POST /links, GET /links, GET /{slug}, GET /healthz."""

import json
from typing import Any, Callable, Dict, Iterable, List, Tuple
from urllib.parse import urlsplit

from .store import Link, Store

# Not 301: browsers keep that for ever, and visits would not be counted.
REDIRECT = "302 Found"
MAX_BODY = 16 * 1024

Headers = List[Tuple[str, str]]
StartResponse = Callable[[str, Headers], Any]


def is_web_url(url: Any) -> bool:
    """Only absolute http(s) URLs with a host: a redirect to `javascript:` would be an attack."""
    if not isinstance(url, str) or any(ord(c) <= 32 for c in url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


class App:
    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, environ: Dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        status, headers, body = self._route(method, path, environ)
        start_response(status, headers + [("Content-Length", str(len(body)))])
        return [body]

    def _route(self, method: str, path: str, environ: Dict[str, Any]) -> Tuple[str, Headers, bytes]:
        if path == "/healthz":
            return reply("200 OK", {"status": "ok"})
        if path == "/links" and method == "POST":
            return self._add(environ)
        if path == "/links" and method == "GET":
            return reply("200 OK", {"links": [as_json(link) for link in self._store.top()]})
        if method != "GET":
            return reply("405 Method Not Allowed", {"error": "only GET here"})
        return self._follow(path[1:])

    def _add(self, environ: Dict[str, Any]) -> Tuple[str, Headers, bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > MAX_BODY:
            return reply("413 Payload Too Large", {"error": f"at most {MAX_BODY} bytes"})
        try:
            url = json.loads(environ["wsgi.input"].read(length))["url"]
        except (ValueError, KeyError, TypeError):
            return reply("400 Bad Request", {"error": 'send {"url": "https://…"}'})
        if not is_web_url(url):
            return reply("400 Bad Request", {"error": "not an absolute http or https URL"})
        return reply("201 Created", as_json(self._store.add(url)))

    def _follow(self, slug: str) -> Tuple[str, Headers, bytes]:
        url = self._store.follow(slug)
        if url is None:
            return reply("404 Not Found", {"error": "no such link"})
        return REDIRECT, [("Location", url)], b""


def as_json(link: Link) -> Dict[str, Any]:
    return {"slug": link.slug, "url": link.url, "hits": link.hits}


def reply(status: str, value: Dict[str, Any]) -> Tuple[str, Headers, bytes]:
    return status, [("Content-Type", "application/json")], json.dumps(value).encode()
