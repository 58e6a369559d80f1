"""A slow line in front of a server: passes bytes on at a given rate."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CHUNK = 16 * 1024


@contextmanager
def slow_line(host: str, bytes_per_s: int) -> Iterator[str]:
    """`host:port` of a relay to `host` whose answers come at `bytes_per_s` (requests pass at once)."""
    target, _, port = host.partition(":")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    upstream = socket.create_connection((target, int(port)))
                    threading.Thread(target=_pump, args=(client, upstream, None), daemon=True).start()
                    threading.Thread(target=_pump, args=(upstream, client, bytes_per_s), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def _pump(source: socket.socket, sink: socket.socket, bytes_per_s: int | None) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
            if bytes_per_s:
                time.sleep(len(data) / bytes_per_s)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
