"""`finshift relay`: every event onto Kafka, until it is told to end.

Weather ends nothing: where the broker or the store is missing, at the start or later, it waits, says so in a log line
and comes back. It ends by itself, with code 1, only where a person has to decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.desk import parts_of
from api.cli.roles import run_until_told
from api.cli.telling import say
from domain.errors import Rejected

if TYPE_CHECKING:
    from streams.relay import Relay

METRICS_HOST = "127.0.0.1"


def relay(
    ctx: typer.Context,
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", min=1, max=65_535, help="Serve metrics for Prometheus here, on loopback."),
    ] = None,
) -> None:
    """Publish every event to Kafka, in the store's order and none left out.

    Several may run: one works, and another takes over within seconds where it ends.
    """
    with parts_of(ctx, log_level="INFO") as parts, parts.roles.relay() as relay, metered(relay, metrics_port):
        say("Publishing every event to Kafka. Ctrl-C ends it.")
        run_until_told(relay)


@contextmanager
def metered(relay: Relay, port: int | None) -> Iterator[None]:
    """The relay's lag for Prometheus, while it runs; nothing where there is no port."""
    if port is None:
        yield
        return
    from prometheus_client import CollectorRegistry, start_http_server

    from api.cli.metering import RelayCollector

    registry = CollectorRegistry()
    registry.register(RelayCollector(relay))
    try:
        server, thread = start_http_server(port, METRICS_HOST, registry)
    except OSError:
        raise Rejected("address_not_free", host=METRICS_HOST, port=port) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
