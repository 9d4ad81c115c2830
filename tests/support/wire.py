"""A wire that can be read: passes bytes on between a client and a server, and keeps them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Wire:
    """What has gone over it.

    :param port: where clients connect to.
    """

    port: int
    connections: list[tuple[bytearray, bytearray]] = field(default_factory=list)

    @property
    def questions(self) -> list[tuple[bytes, Any]]:
        """Head and JSON of each request."""
        return [message for sent, _ in self.connections for message in _messages(bytes(sent))]

    @property
    def answers(self) -> list[tuple[bytes, Any]]:
        """Head and JSON of each response."""
        return [message for _, answered in self.connections for message in _messages(bytes(answered))]

    @property
    def everything(self) -> bytes:
        """All bytes in both directions."""
        return b"".join(bytes(side) for both in self.connections for side in both)


def _messages(raw: bytes) -> list[tuple[bytes, Any]]:
    found = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        size = int(lengths[0].partition(b":")[2]) if lengths else 0
        assert lengths or head.startswith(b"GET"), head
        body, raw = raw[:size], raw[size:]
        found.append((head, json.loads(body) if body else None))
    return found


@contextmanager
def read_wire(port: int) -> Iterator[Wire]:
    """Stand before a server of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        wire = Wire(listening.getsockname()[1])
        open_: list[socket.socket] = []
        lock = threading.Lock()

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, _ = listening.accept()
                    far = socket.create_connection(("127.0.0.1", port))
                    with lock:
                        open_.extend((near, far))
                    wire.connections.append((bytearray(), bytearray()))
                    for source, target, kept in zip((near, far), (far, near), wire.connections[-1], strict=True):
                        threading.Thread(target=_pass_on, args=(source, target, kept), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield wire
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            for one in open_:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            for one in open_:
                one.close()


def _pass_on(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            kept.extend(piece)
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
