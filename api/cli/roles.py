"""`finshift project` and `finshift lake`: parts of a server as programs of their own, each until it is told to end.

`serve` is all of them in one; where events travel by Kafka it starts the others beside itself.
"""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer

from api.cli.desk import parts_of
from api.cli.telling import say
from api.parts import Role
from domain.errors import Rejected


def project(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Read models; all where none is named.")
    ] = None,
) -> None:
    """Keep read models up to date, by way of Kafka where FINSHIFT_KAFKA_SERVERS names brokers, else from the store.

    Any number may run: those with the same names share the partitions among them.
    """
    with parts_of(ctx, log_level="INFO") as parts:
        known = [status.name for status in parts.runner.status()]
        for name in names or []:
            if name not in known:
                raise Rejected("projection_unknown", projection=name, known=", ".join(sorted(known)))
        with parts.roles.projector(names or []) as role:
            say(f"Keeping up to date: {', '.join(names or known)}. Ctrl-C ends it.")
            run_until_told(role)


def lake(ctx: typer.Context) -> None:
    """Keep every event as it was published in MongoDB (FINSHIFT_DOCUMENTS_URL), for analysts to ask.

    Any number may run: they share the partitions among them.
    """
    with parts_of(ctx, log_level="INFO") as parts:
        role = parts.roles.lake()
        say("Keeping every event in the lake. Ctrl-C ends it.")
        run_until_told(role)


def run_until_told(role: Role) -> None:
    """Run until SIGTERM or SIGINT; what it was doing is finished first."""
    from streams.runner import ProjectionReplaced

    with told_to_stop() as stop:
        try:
            role.run(stop)
        except ProjectionReplaced as replaced:
            raise Rejected("projections_stopped", reason=str(replaced)) from None


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set, instead of what they do otherwise; so does the end of a server that started
    this process and holds the other end of its standard input.
    """
    stop = threading.Event()
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_wait_for_the_end_of_input, args=(stop,), name="starter", daemon=True).start()

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_for_the_end_of_input(stop: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    stop.set()
