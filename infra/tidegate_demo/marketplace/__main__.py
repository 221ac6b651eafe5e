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
    # Longer than the visitors keep a connection, or they would send a request into one that is just being closed.
    config = uvicorn.Config(app, log_level="critical", access_log=False, timeout_keep_alive=60)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
