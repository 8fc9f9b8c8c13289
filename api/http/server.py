"""The server: uvicorn around the app, ended without losing what was accepted."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from api.http.app import Fault, close_app
from api.http.gate import loopback_only
from domain.errors import Rejected

GRACEFUL_S = 30
"""How long requests that were taken may still take when the server is told to end."""

KEEP_ALIVE_S = 60
BACKLOG = 2_048

Ready = Callable[[str, int], None]
"""Told once, when requests are taken: the address and the port."""


class _Server(uvicorn.Server):
    """Ends as if it were told to as soon as `fault` tells of one: uvicorn asks ten times a second."""

    def __init__(self, config: uvicorn.Config, ready: Ready, fault: Fault) -> None:
        super().__init__(config)
        self._ready = ready
        self._fault = fault

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._fault() is not None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._ready(host, port)


def serve(app: FastAPI, host: str, port: int, ready: Ready) -> None:
    """Serve until SIGTERM, SIGINT or a fault of the app, then finish what was taken. `port` 0 takes a free one.

    In `local` mode whoever reaches the address is the owner of the books, so an address beyond loopback is
    `bind_refused` unless the settings allow it.
    """
    bind = app.state.parts.settings.local_bind
    if host != bind and not loopback_only([host]):
        raise Rejected("bind_refused", host=host)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="auto",
        http="auto",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACEFUL_S,
        backlog=BACKLOG,
    )
    try:
        _Server(config, ready, app.state.fault).run()
    finally:
        close_app(app)
