"""A stand-in web server on loopback, and one small index of documents that all tests ask."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.rag import load
from core.rag.evaluate import examples_index
from core.rag.index import Index, block
from core.rag.split import passages


@pytest.fixture
def stand_in():
    """start(reply) -> URL of a server that calls reply(handler) for every request; handler.body is what was sent."""
    servers = []

    def start(reply):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                reply(self)

            do_POST = do_GET

            def say(self, status, body, kind="application/json"):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def index_of(*files):
    """Paths or (bytes, name) -> Index"""
    documents = [d for f in files for d in (load.read(*f) if isinstance(f, tuple) else load.read(f))]
    return Index([block([part for document in documents for part in passages(document)])])


@pytest.fixture(scope="session")
def index():
    return examples_index()
