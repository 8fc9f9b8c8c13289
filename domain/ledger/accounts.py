"""Accounts and commodities: what can be posted to, and in which units.

An account has an immutable id; its name is a label that can change. A used account is closed or merged, never deleted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from domain.errors import Rejected
from domain.ledger.state import Ledger
from domain.ledger.vocabulary import (
    FIRST_DAY,
    LAST_DAY,
    MAX_COMMODITIES,
    MAX_NAME_CHARS,
    MAX_NAME_PARTS,
    Account,
    AccountId,
    Kind,
)
from domain.money import ISO_4217, MAX_CODE_CHARS, MAX_SCALE, Commodity
from domain.private import check_id, private

# Commands


@dataclass(frozen=True, slots=True)
class DeclareCommodity:
    """Make a unit known to the book, with its decimal places. ISO 4217 currencies need no declaration."""

    code: str
    scale: int


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """Open an account under a full name such as `Expenses:Food:Groceries`.

    `commodities`: the only ones it takes; empty for any. `opened_on` None: open for any date.
    """

    account: AccountId
    name: str
    commodities: tuple[str, ...] = ()
    opened_on: date | None = None
    on_budget: bool = True


@dataclass(frozen=True, slots=True)
class RenameAccount:
    account: AccountId
    name: str


@dataclass(frozen=True, slots=True)
class CloseAccount:
    """Close an account. A category takes no later days; any other is empty, and takes nothing more on any day."""

    account: AccountId
    on: date


@dataclass(frozen=True, slots=True)
class MergeAccount:
    """Let one category become part of another of its kind, with all its past."""

    account: AccountId
    into: AccountId


# Events


@dataclass(frozen=True, slots=True)
class CommodityDeclared:
    code: str
    scale: int


@dataclass(frozen=True, slots=True)
class AccountOpened:
    account: AccountId
    kind: Kind
    commodities: tuple[str, ...]
    opened_on: date | None
    on_budget: bool
    name: str = private()


@dataclass(frozen=True, slots=True)
class AccountRenamed:
    account: AccountId
    name: str = private()


@dataclass(frozen=True, slots=True)
class AccountClosed:
    account: AccountId
    on: date


@dataclass(frozen=True, slots=True)
class AccountMerged:
    account: AccountId
    into: AccountId


AccountCommand = DeclareCommodity | OpenAccount | RenameAccount | CloseAccount | MergeAccount
AccountEvent = CommodityDeclared | AccountOpened | AccountRenamed | AccountClosed | AccountMerged


# Decisions


def decide_account(ledger: Ledger, command: AccountCommand) -> list[AccountEvent]:
    match command:
        case DeclareCommodity(code, scale):
            return _declare(ledger, code, scale)
        case OpenAccount():
            return _open(ledger, command)
        case RenameAccount(account, name):
            return _rename(ledger, account, name)
        case CloseAccount(account, on):
            return _close(ledger, account, on)
        case MergeAccount(account, into):
            return _merge(ledger, account, into)
        case _:
            assert_never(command)


def evolve_account(ledger: Ledger, event: AccountEvent) -> None:
    match event:
        case CommodityDeclared(code, scale):
            ledger.declare(code, scale)
        case AccountOpened(account, kind, commodities, opened_on, on_budget, name):
            number = len(ledger.numbered)
            ledger.numbered[number] = account
            ledger.names[name] = account
            ledger.accounts[account] = Account(account, number, name, kind, commodities, opened_on, on_budget)
        case AccountRenamed(account, name):
            old = ledger.accounts[account]
            ledger.names.pop(old.name, None)
            ledger.names[name] = account
            ledger.accounts[account] = _with(old, name=name)
        case AccountClosed(account, on):
            ledger.accounts[account] = _with(ledger.accounts[account], closed_on=on)
        case AccountMerged(account, into):
            old = ledger.accounts[account]
            ledger.names.pop(old.name, None)
            ledger.accounts[account] = _with(old, merged_into=into)
            ledger.move(account, into)
        case _:
            assert_never(event)


def _with(account: Account, **changed: object) -> Account:
    values = {name: getattr(account, name) for name in Account.__slots__}
    return Account(**(values | changed))


def kind_of(name: str) -> Kind:
    """The kind that an account's full name tells; `account_name_not_valid` where the name is not one."""
    parts = name.split(":")
    fits = (
        2 <= len(parts) <= MAX_NAME_PARTS
        and len(name) <= MAX_NAME_CHARS
        and parts[0] in set(Kind)
        and all(part and part == part.strip() and part.isprintable() for part in parts)
        and unicodedata.is_normalized("NFC", name)
    )
    if not fits:
        raise Rejected("account_name_not_valid", name=name[:MAX_NAME_CHARS])
    return Kind(parts[0])


def known_account(ledger: Ledger, account: AccountId) -> Account:
    found = ledger.accounts.get(account)
    if found is None:
        raise Rejected("account_unknown", account=account)
    if found.merged_into is not None:
        raise Rejected("account_merged", account=account, into=found.merged_into)
    return found


def undeclared(ledger: Ledger, codes: Iterable[str]) -> list[CommodityDeclared]:
    """The declarations that using `codes` needs first: an ISO currency declares itself; another unit is unknown."""
    new: dict[str, CommodityDeclared] = {}
    for code in codes:
        if code in ledger.commodities or code in new:
            continue
        currency = ISO_4217.get(code)
        if currency is None:
            raise Rejected("commodity_unknown", commodity=code[:MAX_CODE_CHARS])
        new[code] = CommodityDeclared(code, currency.scale)
    return list(new.values())


def unit_of(ledger: Ledger, code: str) -> Commodity:
    """The book's commodity for `code`, declared already or an ISO currency."""
    unit = ledger.commodities.get(code) or ISO_4217.get(code)
    if unit is None:
        raise Rejected("commodity_unknown", commodity=code[:MAX_CODE_CHARS])
    return unit


def _declare(ledger: Ledger, code: str, scale: int) -> list[AccountEvent]:
    standing = ledger.commodities.get(code)
    if standing is not None and standing.scale != scale:
        raise Rejected("commodity_declared_otherwise", commodity=code, scale=standing.scale)
    if standing is not None:
        return []
    if code in ISO_4217 and scale < ISO_4217[code].scale:
        raise Rejected("scale_below_currency", commodity=code, scale=ISO_4217[code].scale)
    if not 0 <= scale <= MAX_SCALE:
        raise Rejected("scale_out_of_range", scale=scale, limit=MAX_SCALE)
    if len(ledger.coded) >= MAX_COMMODITIES:
        raise Rejected("too_many_commodities", limit=MAX_COMMODITIES)
    # ASCII without spaces, as beancount and hledger read it, so that an export can always be read back.
    fits = (
        1 <= len(code) <= MAX_CODE_CHARS
        and code.isascii()
        and code[0].isalpha()
        and code == code.upper()
        and all(c.isalnum() or c in "'._-" for c in code)
        and code[-1].isalnum()
    )
    if not fits:
        raise Rejected("commodity_code_not_valid", commodity=code[:MAX_CODE_CHARS])
    return [CommodityDeclared(code, scale)]


def _open(ledger: Ledger, command: OpenAccount) -> list[AccountEvent]:
    check_id("account", command.account)
    kind = kind_of(command.name)
    if command.account in ledger.accounts:
        raise Rejected("account_id_used", account=command.account)
    _check_name_free(ledger, command.name)
    if command.opened_on is not None and not FIRST_DAY <= command.opened_on <= LAST_DAY:
        raise Rejected("date_out_of_range", date=command.opened_on, first=FIRST_DAY, last=LAST_DAY)
    declared = undeclared(ledger, command.commodities)
    opened = AccountOpened(
        command.account, kind, command.commodities, command.opened_on, command.on_budget, command.name
    )
    return [*declared, opened]


def _rename(ledger: Ledger, account: AccountId, name: str) -> list[AccountEvent]:
    known = known_account(ledger, account)
    if known.name == name:
        return []
    if kind_of(name) is not known.kind:
        raise Rejected("account_kind_fixed", account=known.name, kind=known.kind)
    _check_name_free(ledger, name)
    return [AccountRenamed(account, name)]


def _close(ledger: Ledger, account: AccountId, on: date) -> list[AccountEvent]:
    known = known_account(ledger, account)
    if not FIRST_DAY <= on <= LAST_DAY:
        raise Rejected("date_out_of_range", date=on, first=FIRST_DAY, last=LAST_DAY)
    if known.closed_on is not None:
        raise Rejected("account_closed", account=known.name, on=known.closed_on)
    if known.opened_on is not None and on < known.opened_on:
        raise Rejected("account_not_open_yet", account=known.name, opened_on=known.opened_on, date=on)
    for unit in ledger.commodities.values():
        held_minor = ledger.holdings.get((account, unit.code), 0)
        if held_minor and not known.kind.is_category:
            raise Rejected("account_not_empty", account=known.name, minor=held_minor, commodity=unit.code)
    if ledger.posted_after(account, on):
        raise Rejected("account_used_later", account=known.name, on=on)
    return [AccountClosed(account, on)]


def _merge(ledger: Ledger, account: AccountId, into: AccountId) -> list[AccountEvent]:
    old, new = known_account(ledger, account), known_account(ledger, into)
    if account == into or old.kind is not new.kind or not old.kind.is_category:
        raise Rejected("accounts_not_mergeable", account=old.name, into=new.name)
    if new.closed_on is not None:
        raise Rejected("account_closed", account=new.name, on=new.closed_on)
    if new.commodities and not (old.commodities and set(old.commodities) <= set(new.commodities)):
        raise Rejected("merge_target_narrower", account=old.name, into=new.name)
    if new.opened_on is not None and (old.opened_on is None or old.opened_on < new.opened_on):
        raise Rejected("merge_target_narrower", account=old.name, into=new.name)
    return [AccountMerged(account, into)]


def _check_name_free(ledger: Ledger, name: str) -> None:
    if name in ledger.names:
        raise Rejected("account_name_used", name=name, account=ledger.names[name])
