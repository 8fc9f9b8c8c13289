"""`finshift serve`: the HTTP API and the projections, in one program, until it is told to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.desk import catch_up, parts_of
from api.cli.telling import say
from domain.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.cli.children import Children
    from api.following import Following
    from api.http.app import Fault
    from api.items import Item
    from api.parts import Parts


Host = Annotated[str, typer.Option("--host", help="The address to listen at.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65_535, help="The port; 0 takes a free one.")]

ROLES = ("relay", "project", "alerts")
"""The processes beside the API where events travel by Kafka; the lake too, where there is a place for it."""


def serve(
    ctx: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    with_demo: Annotated[
        bool, typer.Option("--demo", help="With the sample household, made where it is missing.")
    ] = False,
) -> None:
    """Serve the HTTP API with all behind it; it tells where, and ends on Ctrl-C without losing what it accepted.

    The read models are followed in this program, or, where FINSHIFT_KAFKA_SERVERS names brokers, by the relay, the
    projector and the watcher that it starts beside itself. It also ends, with code 1, where the projections stop.
    """
    from api.cli import demo

    with parts_of(ctx, log_level="INFO") as parts:
        if parts.settings.kafka_servers is None:
            catch_up(parts)
        following = _followers(parts)
        following.start()
        try:
            households = demo.make(parts) if with_demo else []
            _serve(parts, host, port, following.fault, households)
        finally:
            following.end()
        fault = following.fault()
        if fault is not None:
            raise Rejected("projections_stopped", reason=fault)


def api(ctx: typer.Context, host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve the HTTP API alone; `finshift project` keeps the read models, and `finshift relay` feeds Kafka."""
    with parts_of(ctx, log_level="INFO") as parts:
        _serve(parts, host, port, lambda: None, [])


def _serve(parts: Parts, host: str, port: int, fault: Fault, households: Sequence[Item]) -> None:
    from api.cli import demo
    from api.http.app import create_app
    from api.http.server import serve as serve_http

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
            serve_http(create_app(parts, fault), host, port, ready)
    except SystemExit:
        if is_served.is_set():
            raise
        raise Rejected("address_not_free", host=host, port=port) from None


def _followers(parts: Parts) -> Following | Children:
    """What keeps the read models up to date: a thread here, or, by way of Kafka, processes beside."""
    from api.cli.children import Children
    from api.following import Following

    if parts.settings.kafka_servers is None:
        return Following(parts.runner)
    lake = () if parts.settings.documents_url is None else ("lake",)
    return Children(parts.program, (*ROLES, *lake))


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
