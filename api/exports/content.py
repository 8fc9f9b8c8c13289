"""What an export tells of a book: what stands, as the read models have it at one version.

Merged accounts are told as the one that they became part of; voided transactions are not told at all. The event log
(`jsonl`) is the export that leaves nothing out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from domain.ledger import FIRST_DAY, AccountId, ImportId, Posting, TransactionId
from domain.money import Commodity


class Rate(Protocol):
    """One unit of `commodity` was worth `rate` of `currency` on `date`."""

    @property
    def commodity(self) -> str: ...
    @property
    def date(self) -> date: ...
    @property
    def rate(self) -> Decimal: ...
    @property
    def currency(self) -> str: ...


class Told(Protocol):
    """A standing transaction, as the register gives it."""

    @property
    def transaction(self) -> TransactionId: ...
    @property
    def version(self) -> int: ...
    @property
    def date(self) -> date: ...
    @property
    def payee(self) -> str: ...
    @property
    def memo(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def links(self) -> tuple[str, ...]: ...
    @property
    def postings(self) -> tuple[Posting, ...]: ...
    @property
    def import_id(self) -> ImportId | None: ...
    @property
    def corrects(self) -> TransactionId | None: ...


class AccountFacts(Protocol):
    """An account as the accounts read model gives it."""

    @property
    def account(self) -> AccountId: ...
    @property
    def name(self) -> str: ...
    @property
    def commodities(self) -> tuple[str, ...]: ...
    @property
    def opened_on(self) -> date | None: ...
    @property
    def closed_on(self) -> date | None: ...
    @property
    def merged_into(self) -> AccountId | None: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """An account with all that was merged into it. `opened_on` is the first day that it can be posted to."""

    account: AccountId
    name: str
    commodities: tuple[str, ...]
    opened_on: date
    closed_on: date | None


@dataclass(frozen=True, slots=True)
class Content:
    """A book to be written down. `entries` come oldest first and are read once; `accounts` knows every id posted to."""

    name: str
    base: str
    version: int
    commodities: Mapping[str, Commodity]
    accounts: Mapping[AccountId, Standing]
    rates: Iterable[Rate]
    entries: Iterable[Told]

    @property
    def standing(self) -> list[Standing]:
        """Each account once, by name."""
        return sorted(set(self.accounts.values()), key=lambda account: account.name)


def standing_accounts(rows: Sequence[AccountFacts]) -> dict[AccountId, Standing]:
    """Every account id, merged ones too, and the account that stands for it.

    One that others were merged into is open from the first day any of them was, and for the commodities of all.
    """
    by_id = {row.account: row for row in rows}

    def canonical(account: AccountId) -> AccountId:
        while (into := by_id[account].merged_into) is not None:
            account = into
        return account

    parts: dict[AccountId, list[AccountFacts]] = {}
    for row in rows:
        parts.setdefault(canonical(row.account), []).append(row)
    found: dict[AccountId, Standing] = {}
    for account, merged in parts.items():
        own = by_id[account]
        any_takes_all = any(not part.commodities for part in merged)
        codes = () if any_takes_all else tuple(sorted({code for part in merged for code in part.commodities}))
        opened_on = min(part.opened_on or FIRST_DAY for part in merged)
        told = Standing(account, own.name, codes, opened_on, own.closed_on)
        for part in merged:
            found[part.account] = told
    return found
