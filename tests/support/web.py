"""Servers for faults that no real one can be made to commit, and a way out of the panel that is fully in our hands."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpcore

Reply = tuple[int, Mapping[str, str], bytes]


@dataclass
class Request:
    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Web:
    """A running server: where it listens and what it was asked."""

    host: str
    port: int
    requests: list[Request] = field(default_factory=list)

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}"


@contextmanager
def serve(answer: Callable[[Request], Reply], *, certificate: Any = None) -> Iterator[Web]:
    """An HTTP server on a free loopback port that answers as `answer` says; with a certificate it speaks TLS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            request = Request(self.command, self.path, {key.lower(): value for key, value in self.headers.items()})
            web.requests.append(request)
            status, headers, body = answer(request)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are part of the test
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate_file, certificate.key_file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    web = Web("127.0.0.1", server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def talk(conversation: Callable[[socket.socket], None]) -> Iterator[Web]:
    """A TCP server that does with each connection what `conversation` says, until the test ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    web = Web("127.0.0.1", listener.getsockname()[1])

    def converse(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            conversation(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            web.requests.append(Request("", "", {}))
            threading.Thread(target=converse, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextmanager
def silence() -> Iterator[Web]:
    """A server that accepts and never says anything; its `requests` count the connections."""
    over = threading.Event()

    def wait(_: socket.socket) -> None:
        over.wait()

    with talk(wait) as web:
        try:
            yield web
        finally:
            over.set()


class Internet(httpcore.NetworkBackend):
    """TCP to a pretended internet: each `address:port` leads to a server of the test, all else is refused."""

    def __init__(self, routes: Mapping[str, Web]) -> None:
        self._routes = routes
        self.dialed: list[str] = []

    def connect_tcp(self, host: str, port: int, timeout=None, local_address=None, socket_options=None):
        self.dialed.append(f"{host}:{port}")
        web = self._routes.get(self.dialed[-1])
        if web is None:
            raise httpcore.ConnectError("no route") from ConnectionRefusedError()
        return httpcore.SyncBackend().connect_tcp(web.host, web.port, timeout, local_address, socket_options)
