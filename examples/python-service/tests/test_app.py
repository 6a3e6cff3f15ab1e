import io
import json

import pytest

from shortener.app import App, is_web_url
from shortener.store import Store


class Client:
    """Calls the app as a WSGI server would."""

    def __init__(self):
        self._app = App(Store())

    def request(self, method, path, body=b""):
        answer = {}

        def start_response(status, headers):
            answer["status"], answer["headers"] = status, dict(headers)

        environ = {"REQUEST_METHOD": method, "PATH_INFO": path,
                   "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
        answer["body"] = b"".join(self._app(environ, start_response))
        return answer

    def shorten(self, url):
        return json.loads(self.request("POST", "/links", json.dumps({"url": url}).encode())["body"])


@pytest.fixture
def client():
    return Client()


def test_a_short_link_redirects_to_its_target(client):
    slug = client.shorten("https://example.org/long/path")["slug"]
    answer = client.request("GET", "/" + slug)
    assert answer["status"] == "302 Found"
    assert answer["headers"]["Location"] == "https://example.org/long/path"


def test_an_unknown_slug_is_not_found(client):
    assert client.request("GET", "/nope")["status"].startswith("404")


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b'{"url": 7}'])
def test_a_bad_body_is_refused(client, body):
    assert client.request("POST", "/links", body)["status"].startswith("400")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "/relative", "https://", "http://a b/",
                                 "https://x/\r\nSet-Cookie: a=b"])
def test_only_web_urls_are_shortened(url):
    assert not is_web_url(url)


def test_a_huge_body_is_refused_unread(client):
    assert client.request("POST", "/links", b"x" * 20000)["status"].startswith("413")
