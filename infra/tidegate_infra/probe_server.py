"""A small HTTP server in a thread that answers /healthz and /metrics."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from socket import SO_REUSEADDR, SOL_SOCKET
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Health", "ProbeServer"]


@dataclass(frozen=True)
class Health:
    """Whether all is well, and what there is to say about it."""

    ok: bool
    detail: Mapping[str, object]


class ProbeServer:
    """Serves until closed. `health` is called for each /healthz, in a thread: 200 if ok, else 503."""

    def __init__(
        self, host: str, port: int, health: Callable[[], Health], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._server = make_server(host, port, _application(health, registry), _Server, _QuietHandler)
        self.port = int(self._server.server_port)
        self._thread = Thread(target=self._server.serve_forever, name="probes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without the look-up of our own name; a start again must get the port of the last run."""
        self.socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds: not worth a line each."""


def _application(health: Callable[[], Health], registry: CollectorRegistry) -> "WSGIApplication":
    metrics: WSGIApplication = make_wsgi_app(registry)

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            return metrics(environ, start)
        if path != "/healthz":
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"only /healthz and /metrics live here\n"]
        found = health()
        start("200 OK" if found.ok else "503 Service Unavailable", [("Content-Type", "application/json")])
        return [json.dumps({"ok": found.ok, **found.detail}).encode() + b"\n"]

    return answer
