"""The parts that the doors stand on, as the composition root builds them.

The api floor receives parts and never makes one, so that another mode, or a test, swaps a part in one place.
"""

from __future__ import annotations

from collections.abc import Callable
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


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a door may use. `read` opens a connection to the read models; `principal` is the local owner."""

    bus: CommandBus
    store: Log
    keys: Keys
    ids: Ids
    clock: Clock
    runner: ProjectionRunner
    read: Callable[[], AbstractContextManager[Connection]]
    imports: ImportService
    rules: RuleService
    principal: str
    settings: OutsideSettings
