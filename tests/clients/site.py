"""A small web site: the pages of tests/clients/pages, and the packages' files under /node_modules/."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.clients.node_workspace import NodeWorkspace

PAGES = Path(__file__).with_name("pages")


class Site:
    """Where the pages are."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"

    def page(self, name: str, **facts: Any) -> str:
        """Address of a page, which finds the facts as JSON in its query: `new URLSearchParams(location.search)`."""
        return f"{self.origin}/{name}?facts={quote(json.dumps(facts))}"


@contextmanager
def serving(packages: NodeWorkspace) -> Iterator[Site]:
    """Serve for as long as the block, at a port that the system picks."""

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            bare = path.partition("?")[0].lstrip("/")
            root = packages.folder if bare.startswith("node_modules/") else PAGES
            return str(root / bare)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Site(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
