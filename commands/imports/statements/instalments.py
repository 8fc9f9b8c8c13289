"""Instalments: which purchase a row k/n belongs to, whichever file brings it.

Rows of one purchase have its account, its words (but for k/n), its n and its month in common. Most banks date a row in
the month that it falls into, some on the day of the purchase: which one, the file's other rows tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from commands.imports.plan import Desk
from commands.imports.reading import StatementRow
from domain.budgets import month_later
from domain.ledger import AccountId, Instalment
from domain.words import words as words_of

NEAR_DAYS = 20
"""How far beyond the file's other rows a row may lie and still be dated in its own month."""


@dataclass(slots=True)
class Purchases:
    """The purchases of a plan; `first` and `last` are the days of the file's rows that are no instalments."""

    desk: Desk
    first: date | None
    last: date | None
    _equals: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, desk: Desk, rows: Iterable[StatementRow]) -> Purchases:
        days = [row.date for row in rows if row.date is not None and row.instalment is None]
        return cls(desk, min(days, default=None), max(days, default=None))

    def instalment(self, account: AccountId, row: StatementRow, day: date) -> Instalment | None:
        """The row's place in its purchase; None where it is no instalment."""
        if row.instalment is None:
            return None
        k, n = row.instalment
        began = day if self._is_dated_by_purchase(day, k) else month_later(day, 1 - k)
        words = " ".join(words_of(_without(f"{row.payee} {row.memo}", k, n)))
        key = f"purchase.v1|{account}|{n}|{began:%Y-%m}|{words}"
        # Two purchases alike in one month are told apart by their order among rows of one k.
        self._equals[f"{key}|{k}"] += 1
        return Instalment(k, n, self.desk.fingerprint(f"{key}|{self._equals[f'{key}|{k}']}"))

    def _is_dated_by_purchase(self, day: date, k: int) -> bool:
        if k == 1 or self.first is None or self.last is None:
            return False
        falls = month_later(day, k - 1)
        return not self._is_near(day) and self._is_near(falls)

    def _is_near(self, day: date) -> bool:
        assert self.first is not None
        assert self.last is not None
        return (self.first - day).days <= NEAR_DAYS and (day - self.last).days <= NEAR_DAYS


def _without(text: str, k: int, n: int) -> str:
    """A row's words without its k/n, which is all that tells two rows of one purchase apart."""
    return re.sub(rf"(?:\bparc(?:ela)?\b\.?\s*)?\b0*{k}\s*(?:/|de)\s*0*{n}\b", " ", text, flags=re.IGNORECASE)
