"""`python3 -m shortener`: serves on 127.0.0.1 and prints the address once it listens."""

import argparse
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from .app import App
from .store import Store


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None:
        """A line per request would be noise in a test's output."""


def create_server(database: str, port: int, host: str = "127.0.0.1") -> WSGIServer:
    """Listens already when it returns; port 0 lets the system choose (`server.server_port`)."""
    return make_server(host, port, App(Store(database)), handler_class=QuietHandler)


def main() -> None:
    parser = argparse.ArgumentParser(prog="shortener", description="A URL shortener")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--database", default="links.db")
    options = parser.parse_args()
    with create_server(options.database, options.port, options.host) as server:
        print(f"listening on http://{options.host}:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
