"""A stand-in for a Docker daemon, over real HTTP: its containers are services that run beside it.

It shows that calls and answers fit Docker's and testcontainers' API. What images do with what they are given, it can't.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Signals = dict[str, Callable[[], object]]


class Daemon(ThreadingHTTPServer):
    """One container at a time: `port` is where its service answers, `on` what becomes of a start or a kill."""

    daemon_threads = True

    def __init__(self, port: int = 0, log: str = "", on: Signals | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.port, self.log, self.on = port, log, on or {}
        self.created: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}
        self.calls: list[str] = []
        # What is started lives no longer than the thread that starts it, so this is none of a request.
        self.hands = ThreadPoolExecutor(1)

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.server_port}"

    def inspected(self) -> dict[str, Any]:
        bound = {name: [{"HostIp": "127.0.0.1", "HostPort": str(self.port)}] for name in self.created["ExposedPorts"]}
        status = "removed" if "remove" in self.calls else "running"
        return {
            "Id": "c0ffee",
            "Name": "/stand-in",
            "Image": self.created["Image"],
            "Config": {"Tty": True, "Image": self.created["Image"]},  # else logs come in frames
            "State": {"Status": status, "Running": True},
            "NetworkSettings": {"Ports": bound, "Networks": {}},
        }


class Handler(BaseHTTPRequestHandler):
    server: Daemon

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def answer(self, status: int, body: object = b"") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @property
    def what(self) -> str:
        return urlsplit(self.path).path.rpartition("/")[2]

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        taken = b""
        while size := int(self.rfile.readline(), 16):
            taken += self.rfile.read(size)
            self.rfile.readline()
        return taken

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/version":
            self.answer(200, {"ApiVersion": "1.44"})
        elif self.what == "logs":
            self.answer(200, self.server.log.encode())
        elif "/images/" in path:
            self.answer(200, {"Id": "sha256:1", "RepoTags": [], "Config": {}})
        elif "/containers/" in path:
            self.answer(200, self.server.inspected())
        else:
            self.answer(200, b"OK")

    def do_POST(self) -> None:
        body = self.body()
        self.server.calls.append(self.what)
        self.server.hands.submit(self.server.on.get(self.what, lambda: None)).result()
        if self.what == "create":
            self.server.created = json.loads(body)
            self.answer(201, {"Id": "c0ffee", "Warnings": []})
        elif self.what == "wait":
            self.answer(200, {"StatusCode": 137})
        else:
            self.answer(204)

    def do_PUT(self) -> None:
        with tarfile.open(fileobj=io.BytesIO(self.body())) as packed:
            for member in packed.getmembers():
                file = packed.extractfile(member)
                self.server.files[f"/{member.name.lstrip('/')}"] = file.read() if file else b""
        self.answer(200)

    def do_DELETE(self) -> None:
        self.server.calls.append("remove")
        self.answer(204)
