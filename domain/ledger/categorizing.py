"""Categorizing: saying what a transaction was for, by hand or by a rule, without touching anything else of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from domain.errors import Rejected
from domain.ledger.accounts import known_account
from domain.ledger.state import Ledger
from domain.ledger.transactions import check_accounts_open, check_turnover, standing_transaction
from domain.ledger.vocabulary import AccountId, Posting, RuleId, TransactionId
from domain.private import check_id

# Commands


@dataclass(frozen=True, slots=True)
class CategorizeTransaction:
    """Put a transaction's one category posting on another category; `rule` is the one that says so."""

    transaction: TransactionId
    category: AccountId
    rule: RuleId | None = None


# Events


@dataclass(frozen=True, slots=True)
class TransactionCategorized:
    """`was_postings` are reversed and `postings` stand, both on `date`, under the words that stood."""

    transaction: TransactionId
    date: date
    was_postings: tuple[Posting, ...]
    postings: tuple[Posting, ...]
    rule: RuleId | None = None


# Decisions


def decide_categorizing(ledger: Ledger, command: CategorizeTransaction) -> list[TransactionCategorized]:
    check_id("rule", command.rule)
    day, was, _ = standing_transaction(ledger, command.transaction)
    category = known_account(ledger, command.category)
    if not category.kind.is_category:
        raise Rejected("account_not_a_category", account=category.name)
    if category.closed_on is not None and day > category.closed_on:
        raise Rejected("account_closed", account=category.name, on=category.closed_on)
    if category.opened_on is not None and day < category.opened_on:
        raise Rejected("account_not_open_yet", account=category.name, opened_on=category.opened_on, date=day)
    places = [n for n, posting in enumerate(was) if ledger.accounts[posting.account].kind.is_category]
    if len(places) != 1:
        raise Rejected("transaction_not_of_one_category", transaction=command.transaction, count=len(places))
    place = places[0]
    if was[place].account == category.id:
        return []
    code = was[place].amount.commodity.code
    if category.commodities and code not in category.commodities:
        raise Rejected("account_takes_other_commodity", account=category.name, commodity=code)
    moved = Posting(category.id, was[place].amount, was[place].cost, was[place].price)
    becomes = (*was[:place], moved, *was[place + 1 :])
    check_accounts_open(ledger, was, becomes)
    check_turnover(ledger, becomes)
    return [TransactionCategorized(command.transaction, day, was, becomes, command.rule)]


def evolve_categorizing(ledger: Ledger, event: TransactionCategorized) -> None:
    standing = ledger.transaction(event.transaction)
    number = ledger.import_number(standing[2] if standing is not None else None)
    ledger.take_back(event.transaction, event.date, event.was_postings)
    ledger.add(event.transaction, event.date, event.postings, number)
