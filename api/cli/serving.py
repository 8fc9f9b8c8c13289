"""`finshift serve`: the HTTP API and the projections, in one program, until it is told to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer

from api.cli.desk import catch_up, parts_of
from api.cli.telling import say
from domain.errors import Rejected


def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="The port; 0 takes a free one.")] = 8000,
    with_demo: Annotated[
        bool, typer.Option("--demo", help="With the sample household, made where it is missing.")
    ] = False,
) -> None:
    """Serve the HTTP API; it tells where, and ends on Ctrl-C without losing what it accepted.

    It also ends, with code 1, where the projections cannot go on.
    """
    from api.cli import demo
    from api.following import Following
    from api.http.app import create_app
    from api.http.server import serve as serve_http

    with parts_of(ctx, log_level="INFO") as parts:
        households = demo.make(parts) if with_demo else []
        catch_up(parts)
        following = Following(parts.runner)
        following.start()
        is_served = threading.Event()

        def ready(at_host: str, at_port: int) -> None:
            is_served.set()
            address = f"http://[{at_host}]:{at_port}" if ":" in at_host else f"http://{at_host}:{at_port}"
            say(f"Finshift serves at {address} (documentation: {address}/docs). Ctrl-C ends it.")
            for item in households:
                demo.tell(item)
            if households:
                name = households[0]["name"]
                say(f"Look around: curl {address}/v1/books/{name}/net-worth, or: finshift balances --book {name}")

        try:
            with _signals_ending_the_server_alone(is_served):
                serve_http(create_app(parts, following.fault), host, port, ready)
        except SystemExit:
            if is_served.is_set():
                raise
            raise Rejected("address_not_free", host=host, port=port) from None
        finally:
            following.end()
        fault = following.fault()
        if fault is not None:
            raise Rejected("projections_stopped", reason=fault)


@contextmanager
def _signals_ending_the_server_alone(is_served: threading.Event) -> Iterator[None]:
    """Once it is served, SIGINT and SIGTERM end the server and nothing besides.

    Uvicorn raises them again when it is done, which would end the program before the parts behind it are closed.
    """

    def told(number: int, frame: FrameType | None) -> None:
        if not is_served.is_set():
            raise KeyboardInterrupt

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
