import json
import threading
import urllib.error
import urllib.request

import pytest

from shortener.__main__ import create_server


@pytest.fixture
def address(tmp_path):
    server = create_server(str(tmp_path / "links.db"), 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args):
        return None


def test_a_link_made_over_http_can_be_followed(address):
    data = json.dumps({"url": "https://example.org/"}).encode()
    with urllib.request.urlopen(address + "/links", data=data, timeout=10) as answer:
        assert answer.status == 201
        slug = json.load(answer)["slug"]
    opener = urllib.request.build_opener(NoRedirect)
    with pytest.raises(urllib.error.HTTPError) as redirect:
        opener.open(f"{address}/{slug}", timeout=10)
    assert redirect.value.code == 302
    assert redirect.value.headers["Location"] == "https://example.org/"


def test_the_server_says_that_it_is_well(address):
    with urllib.request.urlopen(address + "/healthz", timeout=10) as answer:
        assert json.load(answer) == {"status": "ok"}
