"""`python -m tidegate_demo.marketplace`: serves, and prints its address as one JSON line."""

from __future__ import annotations

import json
import socket
import sys

import uvicorn

from tidegate_demo.marketplace.app import create_app
from tidegate_demo.marketplace.settings import MarketplaceSettings


def main() -> None:
    """Serve until SIGTERM."""
    settings = MarketplaceSettings()  # type: ignore[call-arg]  # filled from the environment
    listener = socket.create_server((settings.host, settings.port))
    app = create_app(settings)
    host, port = listener.getsockname()[:2]
    sys.stdout.write(json.dumps({"url": f"http://{host}:{port}"}) + "\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False)).run(sockets=[listener])


if __name__ == "__main__":
    main()
