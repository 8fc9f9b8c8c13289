"""The parts that the doors stand on, as the composition root builds them.

The api floor receives parts and never makes one, so that another mode, or a test, swaps a part in one place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from commands.bus import CommandBus
from commands.ports import Clock, EventStore, Ids, Keys
from domain.book import BookId
from streams.contract import Envelope

if TYPE_CHECKING:  # heavy to import, and named here alone
    from sqlalchemy import Connection

    from commands.imports import ImportService
    from commands.rules import RuleService
    from streams.relay import Relay
    from streams.runner import ProjectionRunner


class Log(EventStore, Protocol):
    """The event store, with the events as they are stored: what audit and history read."""

    def envelopes(self, book: BookId, after_version: int, limit: int) -> list[Envelope]:
        """The next events of a book as stored, in version order."""
        ...


class OutsideSettings(Protocol):
    """What the settings say about being reached from outside."""

    @property
    def local_bind(self) -> str | None:
        """The address beyond loopback that `local` mode may bind; None for loopback alone."""
        ...

    @property
    def kafka_servers(self) -> str | None:
        """The brokers by which events travel to the read models; None where those follow the store."""
        ...

    @property
    def documents_url(self) -> object | None:
        """Where the documents are, which may hold a password; None where there is no place for them."""
        ...


class Role(Protocol):
    """What one process of the program does until it is told to stop. What may pass is waited out."""

    def run(self, stop: threading.Event) -> None: ...


class Together:
    """A role and one that runs beside it, in a thread: both end when one is told to stop, or fails."""

    def __init__(self, role: Role, beside: Role) -> None:
        self._role = role
        self._beside = beside

    def run(self, stop: threading.Event) -> None:
        raised: list[BaseException] = []

        def run_beside() -> None:
            try:
                self._beside.run(stop)
            except BaseException as error:
                raised.append(error)
                stop.set()

        thread = threading.Thread(target=run_beside, name="beside")
        thread.start()
        try:
            self._role.run(stop)
        finally:
            stop.set()
            thread.join()
        if raised:
            raise raised[0]


class Roles(Protocol):
    """The processes behind the API, each opened by the one that has it."""

    def relay(self) -> AbstractContextManager[Relay]:
        """Publishes every event to Kafka; raises `kafka_missing` where no broker is named."""
        ...

    def projector(self, names: Sequence[str]) -> AbstractContextManager[Role]:
        """Keeps these read models a fold of the log, by way of Kafka where there is one; all where none is named."""
        ...

    def lake(self) -> Role:
        """Keeps every event as a document; raises `kafka_missing` and `documents_missing`."""
        ...

    def alerts(self) -> AbstractContextManager[Role]:
        """Watches the spending of every book by way of Kafka; raises `kafka_missing` where no broker is named."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a door may use. `read` opens a connection to the read models; `principal` is the local owner;
    `program` is how another process of this program is started.
    """

    bus: CommandBus
    store: Log
    keys: Keys
    ids: Ids
    clock: Clock
    runner: ProjectionRunner
    read: Callable[[], AbstractContextManager[Connection]]
    imports: ImportService
    rules: RuleService
    roles: Roles
    program: Sequence[str]
    principal: str
    settings: OutsideSettings
