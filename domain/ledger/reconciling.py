"""Reconciling: a balance confirmed against the bank's, and periods closed for good.

What is confirmed cannot be falsified by voiding or amending an entry under it; in a closed period nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import assert_never

from domain.errors import Rejected
from domain.ledger.accounts import CommodityDeclared, known_account, undeclared, unit_of
from domain.ledger.state import Ledger
from domain.ledger.transactions import check_day
from domain.ledger.vocabulary import AccountId, ImportId
from domain.money import Amount, at_scale_of
from domain.private import check_id

# Commands


@dataclass(frozen=True, slots=True)
class AssertBalance:
    """Confirm that at the end of `date` an account held exactly `amount`: what is dated by then is reconciled."""

    account: AccountId
    date: date
    amount: Amount
    import_id: ImportId | None = None


@dataclass(frozen=True, slots=True)
class WithdrawAssertion:
    """Take back the latest assertion of an account's balance, so that what it reconciled can be mended."""

    account: AccountId
    commodity: str


@dataclass(frozen=True, slots=True)
class ClosePeriod:
    """Close all days up to `through`, which is over: `today` is the book's.

    Nothing dated by then can be recorded, amended or voided any more, and there is no way back.
    """

    through: date
    today: date


# Events


@dataclass(frozen=True, slots=True)
class BalanceAsserted:
    account: AccountId
    date: date
    amount: Amount
    import_id: ImportId | None = None


@dataclass(frozen=True, slots=True)
class AssertionWithdrawn:
    account: AccountId
    commodity: str
    date: date


@dataclass(frozen=True, slots=True)
class PeriodClosed:
    through: date


ReconcilingCommand = AssertBalance | WithdrawAssertion | ClosePeriod
ReconcilingEvent = BalanceAsserted | AssertionWithdrawn | PeriodClosed


# Decisions


def decide_reconciling(ledger: Ledger, command: ReconcilingCommand) -> list[ReconcilingEvent | CommodityDeclared]:
    match command:
        case AssertBalance():
            return _assert_balance(ledger, command)
        case WithdrawAssertion(account, code):
            return _withdraw_assertion(ledger, account, code)
        case ClosePeriod(through, today):
            return _close_period(ledger, through, today)
        case _:
            assert_never(command)


def evolve_reconciling(ledger: Ledger, event: ReconcilingEvent) -> None:
    match event:
        case BalanceAsserted(account, on, amount, import_id):
            place = (account, amount.commodity.code)
            ledger.asserted[place] = (*ledger.asserted.get(place, ()), (on.toordinal(), amount.minor, import_id))
        case AssertionWithdrawn(account, code, on):
            kept = [a for a in ledger.asserted.get((account, code), ()) if a[0] != on.toordinal()]
            ledger.asserted[account, code] = tuple(kept)
        case PeriodClosed(through):
            ledger.facts["closed_through"] = through
            ledger.leave_out_through(through)
        case _:
            assert_never(event)


def _assert_balance(ledger: Ledger, command: AssertBalance) -> list[ReconcilingEvent | CommodityDeclared]:
    account = known_account(ledger, command.account)
    check_day(ledger, command.date)
    check_id("import_id", command.import_id)
    unit = unit_of(ledger, command.amount.commodity.code)
    stated = at_scale_of(command.amount, unit)
    held_minor = ledger.held_on(command.account, unit.code, command.date)
    if held_minor != stated.minor:
        raise Rejected(
            "balance_differs",
            account=account.name,
            date=command.date,
            stated=stated,
            held=Amount(held_minor, unit),
            difference=Amount(stated.minor - held_minor, unit),
        )
    known = ledger.asserted.get((command.account, unit.code), ())
    if any(day == command.date.toordinal() and minor == stated.minor for day, minor, _ in known):
        return []
    declared = undeclared(ledger, [unit.code])
    return [*declared, BalanceAsserted(command.account, command.date, stated, command.import_id)]


def _withdraw_assertion(ledger: Ledger, account: AccountId, code: str) -> list[ReconcilingEvent | CommodityDeclared]:
    known = known_account(ledger, account)
    assertions = ledger.asserted.get((account, code), ())
    if not assertions:
        raise Rejected("assertion_unknown", account=known.name, commodity=code)
    latest = date.fromordinal(max(day for day, _, _ in assertions))
    check_day(ledger, latest)
    return [AssertionWithdrawn(account, code, latest)]


def _close_period(ledger: Ledger, through: date, today: date) -> list[ReconcilingEvent | CommodityDeclared]:
    check_day(ledger, through)
    if through >= today:
        raise Rejected("period_not_over", date=through, today=today)
    return [PeriodClosed(through)]
