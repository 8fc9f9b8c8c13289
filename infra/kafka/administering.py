"""A connection for a few questions to the brokers, closed behind them whatever happens.

The library keeps the sockets and the thread of a client that found no broker: whoever waits for one for hours would
gather them. So somebody has to listen before it is let try.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient

REQUEST_TIMEOUT_MS = 10_000
CONNECT_TIMEOUT_S = 5.0


class _Administrator(KafkaAdminClient):  # type: ignore[misc]  # published without types
    def __init__(self, **configs: Any) -> None:
        try:
            super().__init__(**configs)
        except BaseException:
            if "_net" in vars(self):
                self._closed = False
                self.close()
            raise


@contextmanager
def administering(servers: Sequence[str], client_id: str) -> Iterator[Any]:
    """An administrator of the brokers `servers` (`host:port` each); raises what the library raises, and OSError."""
    _find_listener(servers)
    administrator = _Administrator(
        bootstrap_servers=list(servers),
        client_id=client_id,
        bootstrap_timeout_ms=REQUEST_TIMEOUT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        yield administrator
    finally:
        administrator.close()


def _find_listener(servers: Sequence[str]) -> None:
    """Return when one of the brokers takes connections; raises the last one's OSError where none does."""
    refused: OSError = OSError("no broker is named")
    for server in servers:
        host, _, port = server.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
        except OSError as error:
            refused = error
        else:
            return
    raise refused
