"""Small real servers on loopback that stand for an application's containers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from websockets.sync.server import ServerConnection, serve


@dataclass
class Upstream:
    """An HTTP server that answers every request with its name, and keeps what it was asked."""

    name: str
    address: str = ""
    answer_headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)


@contextmanager
def running_upstream(
    name: str, *, silent: bool = False, answer_headers: dict[str, str] | None = None
) -> Iterator[Upstream]:
    """Serve on a free loopback port; a `silent` one accepts requests and answers only when `may_answer` is set."""
    upstream = Upstream(name, answer_headers=answer_headers or {})
    if not silent:
        upstream.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            upstream.requests.append((self.path, dict(self.headers.items())))
            upstream.may_answer.wait()
            self.send_response(200)
            for header, value in {"Content-Length": str(len(name)), **upstream.answer_headers}.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(name.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Tests read `requests` instead."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    upstream.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield upstream
    finally:
        upstream.may_answer.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running_echo() -> Iterator[str]:
    """A WebSocket server that sends back what it gets; yields `ip:port`."""

    def echo(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with serve(echo, "127.0.0.1", 0, server_header=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()
