"""A private Caddy with the panel's own configuration, in a folder and on ports of its own."""

import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.networking import proxy
from panel.env import Environment


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class PrivateProxy:
    """One Caddy process. `ports` replaces fixed loopback ports of the configuration, which only one Caddy can hold."""

    environment: Environment
    ports: dict[int, int] = field(default_factory=dict)
    adjust: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def write_config(self) -> None:
        proxy.write_config(self.environment)
        file = proxy.config_file(self.environment)
        text = file.read_text()
        for old, new in self.ports.items():
            text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        for name, value in self.adjust.items():
            assert name in text
            text = text.replace(name, value)
        file.write_text(text)

    def start(self) -> None:
        command = ["caddy", "run", "--config", str(proxy.config_file(self.environment))]
        log = (self.environment.data_dir / "caddy.log").open("ab")
        home = {**os.environ, "HOME": str(self.environment.data_dir)}
        with log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=home)
        proxy.load_config(self.environment)
        if self.environment.is_https:
            self._await_certificate()

    def _await_certificate(self) -> None:
        """Caddy obtains the panel's certificate right after its start, while it serves already."""
        trusting_anyone = ssl.create_default_context()
        trusting_anyone.check_hostname = False
        trusting_anyone.verify_mode = ssl.CERT_NONE
        for _ in range(200):
            try:
                with socket.create_connection(self.address) as connection:
                    trusting_anyone.wrap_socket(connection, server_hostname=self.environment.host).close()
            except ssl.SSLError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError("Caddy obtained no certificate for the panel")

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(10)

    @property
    def config(self) -> dict[str, Any]:
        return dict(json.loads(proxy.config_file(self.environment).read_text()))

    @property
    def address(self) -> tuple[str, int]:
        """Where visitors connect to."""
        server = self.config["apps"]["http"]["servers"]["https" if self.environment.is_https else "apps"]
        return "127.0.0.1", int(server["listen"][0].rpartition(":")[2])


@contextmanager
def running_proxy(data_dir: Path, *, adjust: dict[str, str] | None = None, **options: Any) -> Iterator[PrivateProxy]:
    """Run Caddy for this data folder; `options` are fields of `Environment`, `adjust` replaces text of what it loads.

    The routes are the files of `<data_dir>/routes`: set `settings.ENVIRONMENT` to the yielded `.environment` to let the
    panel's own services write them.
    """
    environment = Environment(data_dir=data_dir, **{"apps_port": free_port(), **options})
    private = PrivateProxy(environment, {proxy.ASK_PORT: free_port()}, adjust or {})
    private.write_config()
    try:
        private.start()
        yield private
    finally:
        private.stop()
