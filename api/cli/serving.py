"""`finshift serve`: the HTTP API and the projections, in one program, until it is told to end."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from api.cli.desk import catch_up, parts_of
from api.cli.telling import say


def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="The port; 0 takes a free one.")] = 8000,
    with_demo: Annotated[
        bool, typer.Option("--demo", help="With the sample household, made where it is missing.")
    ] = False,
) -> None:
    """Serve the HTTP API; it tells where, and ends on Ctrl-C without losing what it accepted."""
    from api.cli import demo
    from api.http.app import create_app
    from api.http.server import serve as serve_http

    with parts_of(ctx) as parts:
        if with_demo:
            told = demo.make(parts)
        catch_up(parts)
        stop = threading.Event()
        following = threading.Thread(target=parts.runner.run, args=(stop,), name="projections")
        following.start()

        def ready(at_host: str, at_port: int) -> None:
            address = f"http://[{at_host}]:{at_port}" if ":" in at_host else f"http://{at_host}:{at_port}"
            say(f"Finshift serves at {address} (documentation: {address}/docs). Ctrl-C ends it.")
            if with_demo:
                for item in told:
                    demo.tell(item)
                say(f"Look around: curl {address}/v1/books/demo/net-worth, or: finshift balances --book demo")

        try:
            serve_http(create_app(parts), host, port, ready)
        finally:
            stop.set()
            following.join()
