"""A household's log and its read models on both databases, told and looked at in the words of a household."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from domain.book import BookId
from domain.ledger import AccountId, RecordTransaction, TransactionId
from projections import balances, register
from tests import servers
from tests.folding import Log, create, empty, fold
from tests.given import BOOK, CHECKING, FOOD, Told, brl, household, moved, on


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """Read models, made once a database; every test's rows are rolled back."""
    if request.param == "sqlite":
        path: Path = tmp_path_factory.mktemp("read") / "read.db"
        yield create(sa.create_engine(f"sqlite:///{path}"))
        return
    server: sa.URL = request.getfixturevalue("postgres_server")
    with servers.fresh_database(server) as url:
        made = create(sa.create_engine(url, poolclass=sa.NullPool))
        yield made


@dataclass
class House:
    """A household's log, and its read models."""

    connection: sa.Connection
    log: Log
    folded: int = 0

    def tell(self, *told: Told, book: BookId = BOOK) -> int:
        """Let it happen and fold it in; the book's version after it."""
        version = self.log.tell(*told, book=book)
        fold(self.connection, self.log.events[self.folded :])
        self.folded = len(self.log.events)
        return version

    def held(self, day: str, known: int | None = None) -> dict[AccountId, str]:
        found = balances.balances(self.connection, BOOK, on(day), known)
        assert [(b.account, b.amount.commodity.code) for b in found] == sorted(
            (b.account, b.amount.commodity.code) for b in found
        )
        return {b.account: str(b.amount) for b in found}

    def page(self, **asked: object) -> register.Page:
        return register.transactions(self.connection, BOOK, **asked)  # type: ignore[arg-type]

    def listed(self, **asked: object) -> list[str]:
        return [entry.transaction for entry in self.page(**asked).items]


@pytest.fixture
def house(engine: sa.Engine) -> Iterator[House]:
    with empty(engine) as connection:
        made = House(connection, Log())
        made.tell(household())
        yield made


def spent(
    transaction: TransactionId, day: str, amount: str, category: AccountId = FOOD, **more: object
) -> RecordTransaction:
    return RecordTransaction(transaction, on(day), moved(brl(amount), CHECKING, category), **more)  # type: ignore[arg-type]
