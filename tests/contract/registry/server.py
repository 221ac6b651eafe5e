"""A schema registry that answers as Confluent's documentation of its REST API says, over real HTTP."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

KIND = "application/vnd.schemaregistry.v1+json"


class Server(ThreadingHTTPServer):
    """Subjects, ids from 1, compatibility by subject; `failing` is answered to everything while it is set."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.schemas: list[str] = []
        self.subjects: dict[str, list[int]] = {}
        self.compatibility: dict[str, str] = {}
        self.seen: list[tuple[str, str, str]] = []
        self.failing: tuple[int, bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/"

    def id_of(self, schema: str) -> int | None:
        return self.schemas.index(schema) + 1 if schema in self.schemas else None


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def answer(self, status: int, body: object) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", KIND)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def take(self) -> dict[str, str]:
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
        taken: dict[str, str] = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        return taken

    def do_GET(self) -> None:
        self.take()
        number = int(self.path.rpartition("/")[2])
        if self.server.failing:
            self.answer(*self.server.failing)
        elif not 1 <= number <= len(self.server.schemas):
            self.answer(404, {"error_code": 40403, "message": "Schema not found"})
        else:
            self.answer(200, {"schema": self.server.schemas[number - 1]})

    def do_PUT(self) -> None:
        self.server.compatibility[unquote(self.path.rpartition("/")[2])] = self.take()["compatibility"]
        self.answer(200, {"compatibility": "FULL_TRANSITIVE"})

    def do_POST(self) -> None:
        schema = self.take()["schema"]
        subject = unquote(self.path.removeprefix("/api/subjects/").removesuffix("/versions"))
        known = self.server.id_of(schema)
        if self.server.failing:
            self.answer(*self.server.failing)
        elif self.path.endswith("/versions"):
            if known is None:
                self.server.schemas.append(schema)
                known = len(self.server.schemas)
            self.server.subjects.setdefault(subject, []).append(known)
            self.answer(200, {"id": known})
        elif known not in self.server.subjects.get(subject, []):
            self.answer(404, {"error_code": 40401, "message": "Subject not found"})
        else:
            self.answer(200, {"subject": subject, "id": known, "version": 1, "schema": schema})
