"""A TCP link that loses answers: what a retry is for."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

BLOCK_BYTES = 65_536


class LossyLink:
    """Passes bytes on to a port of this machine, but cuts the connection when an answer that is to be lost begins.

    The request has been taken then: an answer of the gateway begins after Kafka's acknowledgement. Only answers to POST
    are lost, not those to what a browser asks before it.
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
        posted = threading.Event()
        threading.Thread(target=self._answer, args=(server, client, posted), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := client.recv(BLOCK_BYTES):
                if data.startswith((b"GET ", b"OPTIONS ")):
                    posted.clear()
                elif data.startswith(b"POST "):
                    posted.set()
                server.sendall(data)
        self._cut(client, server)

    def _answer(self, server: socket.socket, client: socket.socket, posted: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(BLOCK_BYTES):
                if posted.is_set() and self.to_lose:
                    self._lose(data)
                    break
                client.sendall(data)
        self._cut(client, server)

    @staticmethod
    def _cut(*ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _lose(self, data: bytes) -> None:
        self.lost.append(data)
        self.to_lose -= 1
        self._on_loss()
        if not self.to_lose:
            self.all_lost.set()
