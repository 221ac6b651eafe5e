"""A TCP link that loses answers: what a retry is for."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

BLOCK_BYTES = 65_536


class LossyLink:
    """Passes bytes on to a port of this machine, but cuts the connection when an answer that is to be lost begins.

    The request has been taken then: an answer of the gateway begins after Kafka's acknowledgement.
    """

    def __init__(self, port: int, on_loss: Callable[[], None] = lambda: None) -> None:
        self._target, self._on_loss = port, on_loss
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        #: answers that are still to be lost
        self.to_lose = 0
        #: the first bytes of each lost answer
        self.lost: list[bytes] = []
        #: set when the last one of them is lost
        self.all_lost = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, answers: int) -> None:
        """Lose the next answers."""
        self.to_lose = answers

    def close(self) -> None:
        """Take no more connections."""
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            client.close()
            return
        threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()
        self._pass(client, server, False)

    def _pass(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(BLOCK_BYTES):
                if answers and self.to_lose:
                    self._lose(data)
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _lose(self, data: bytes) -> None:
        self.lost.append(data)
        self.to_lose -= 1
        self._on_loss()
        if not self.to_lose:
            self.all_lost.set()
