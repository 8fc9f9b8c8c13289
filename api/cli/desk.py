"""The desk: where a command of the command line gets the parts, the books and the read models it works with.

A reading command brings the projections up to the store's end first, so that it sees all that was ever acknowledged,
whether a server runs beside it or not.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from time import monotonic, sleep
from typing import TYPE_CHECKING, Protocol

import typer

from domain.errors import Rejected

if TYPE_CHECKING:  # a call for help does not wait for what only a command needs
    from pathlib import Path

    from sqlalchemy import Connection

    from api.cli.stack import Stack
    from api.figures import Frame
    from api.parts import Parts
    from commands.ports import Asked
    from domain.book import BookId
    from streams.backup.content import Report

QUIET_S = 0.5
"""Work that is over sooner shows no progress bar."""


PROJECTORS_TIMEOUT_S = 30.0
"""How long a command waits for projectors elsewhere; a rebuild of a household's read models takes about that long."""

PROJECTORS_POLL_S = 0.05


class OpenParts(Protocol):
    """Builds the parts, and closes them behind the command."""

    def __call__(self, log_level: str) -> AbstractContextManager[Parts]:
        """`log_level`: the least that is logged, where the settings do not say."""
        ...


class Backups(Protocol):
    """Makes, checks and restores backups. Nothing is opened before it is asked."""

    def create(
        self, path: Path, passphrase: str | None, keys_path: Path | None, told: Callable[[int, int], None]
    ) -> Report:
        """Write a backup; the keys go into it under a passphrase, or into a second file, or nowhere."""
        ...

    def verify(
        self, path: Path, passphrase: str | None, keys_path: Path | None, told: Callable[[int, int], None]
    ) -> Report:
        """Read a backup whole, with its keys where what opens them is given."""
        ...

    def restore(
        self, path: Path, passphrase: str | None, keys_path: Path | None, told: Callable[[int, int], None]
    ) -> Report:
        """Fill an empty store from a backup, and check it."""
        ...

    def needs_passphrase(self, path: Path) -> bool:
        """Whether the keys are in the file."""
        ...


OpenBackups = Callable[[], Backups]
OpenStack = Callable[[], "Stack"]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the program was started with."""

    open_parts: OpenParts
    open_backups: OpenBackups
    open_stack: OpenStack


def parts_of(ctx: typer.Context, log_level: str = "WARNING") -> AbstractContextManager[Parts]:
    """The parts; whoever runs a command sees its answer and no chatter, unless a `log_level` asks for more."""
    desk: Desk = ctx.obj
    return desk.open_parts(log_level)


def backups_of(ctx: typer.Context) -> Backups:
    desk: Desk = ctx.obj
    return desk.open_backups()


def stack_of(ctx: typer.Context) -> Stack:
    desk: Desk = ctx.obj
    return desk.open_stack()


def composed(text: str) -> str:
    """Unicode's composed form: the same name, however a terminal spells its accents."""
    return unicodedata.normalize("NFC", text)


def book_of(parts: Parts, text: str) -> BookId:
    """The book that a name or id means; `book_unknown` where none does."""
    from commands.books import resolve_book

    return resolve_book(parts.store, parts.keys, composed(text))


def asked(parts: Parts) -> Asked:
    """Whoever runs the command line is the local owner; a command of its own begins here."""
    from commands.ports import Asked

    command_id = parts.ids.new()
    return Asked(parts.principal, command_id, command_id, command_id)


def catch_up(parts: Parts) -> None:
    """Bring the read models to the store's end; where events travel by Kafka, wait until its projectors have."""
    if parts.settings.kafka_servers is not None:
        _await_projectors(parts)
        return
    from streams.runner import ProjectionReplaced

    with progress("Bringing the figures up to date") as told:
        try:
            parts.runner.catch_up(told)
        except ProjectionReplaced as replaced:
            raise Rejected("projections_stopped", reason=str(replaced)) from None


def _await_projectors(parts: Parts) -> None:
    until = monotonic() + PROJECTORS_TIMEOUT_S
    while True:
        lag = max((status.lag for status in parts.runner.status()), default=0)
        if lag == 0:
            return
        if monotonic() > until:
            raise Rejected("projections_behind", lag=lag)
        sleep(PROJECTORS_POLL_S)


@contextmanager
def framed(
    ctx: typer.Context, book: str, names: Sequence[str], as_of: date | None = None, known_on: str | None = None
) -> Iterator[tuple[Connection, Frame]]:
    """A connection to the read models `names`, all up to date, and the frame of a question about a book."""
    with parts_of(ctx) as parts, framing(parts, book_of(parts, book), names, as_of, known_on) as both:
        yield both


@contextmanager
def framing(
    parts: Parts, book: BookId, names: Sequence[str], as_of: date | None = None, known_on: str | None = None
) -> Iterator[tuple[Connection, Frame]]:
    """As `framed`, of parts that are open."""
    from api.figures import frame_of, version_held
    from projections import accounts

    catch_up(parts)
    with parts.read() as connection:
        version = version_held(connection, parts.runner, [*names, accounts.NAME], book)
        row = accounts.book(connection, book)
        if row is None:
            raise Rejected("book_unknown", book=book)
        yield connection, frame_of(connection, parts.clock, row, version, as_of, known_on)


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Told `(done, of)`; shows a bar on a terminal's standard error as soon as the work turns out to be long."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    started = monotonic()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, visible=False)

        def told(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of, visible=monotonic() - started > QUIET_S)

        yield told


@contextmanager
def working(title: str) -> Iterator[None]:
    """Show on a terminal's standard error that something is being done whose length nobody knows before."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(title):
        yield


def confirm(question: str) -> None:
    """Ask at the terminal; without one it is `confirmation_needed`. A "no" ends the command, and nothing was done."""
    if not sys.stdin.isatty():
        raise Rejected("confirmation_needed")
    if not typer.confirm(question, err=True):
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(0)
