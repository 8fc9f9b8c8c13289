"""Words of standing transactions, from the register: what decisions by likeness and by rules are made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import starmap

from sqlalchemy import Connection

from commands.ports import StandingEntry
from domain.book import BookId
from domain.errors import Rejected
from domain.ledger import AccountId, TransactionId
from projections import register
from projections.register.telling import standing_on, words_of
from streams.runner import ProjectionRunner

MAX_WAIT_S = 10.0
"""How long the register has to reach a version: far beyond the usual milliseconds, within what clients wait."""


class RegisterWords:
    """The ports `Words` and `StandingEntries`. `read` opens a connection to the read models that `runner` keeps."""

    def __init__(self, runner: ProjectionRunner, read: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._runner = runner
        self._read = read

    def of(
        self, book: BookId, transactions: Collection[TransactionId], min_version: int
    ) -> Mapping[TransactionId, tuple[str, str]]:
        self._reach(book, min_version)
        with self._read() as connection:
            return words_of(connection, book, transactions)

    @contextmanager
    def standing_on(
        self, book: BookId, accounts: Collection[AccountId], min_version: int
    ) -> Iterator[Iterator[StandingEntry]]:
        self._reach(book, min_version)
        with self._read() as connection:
            yield starmap(StandingEntry, standing_on(connection, book, accounts))

    def _reach(self, book: BookId, min_version: int) -> None:
        reached = self._runner.wait_for([register.NAME], book, min_version, MAX_WAIT_S)
        if reached < min_version:
            raise Rejected("min_version_not_reached", min_version=min_version, reached=reached)
