"""Transactions: dated entries whose weights sum to zero, and everything that corrects or confirms them.

Nothing is edited: a void or an amendment is a new event that carries what it takes back in full, on its own day. In a
closed period nothing changes; a dated correction enters later and names its original.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from domain.errors import Rejected
from domain.ledger.accounts import CommodityDeclared, known_account, undeclared, unit_of
from domain.ledger.state import Ledger
from domain.ledger.vocabulary import (
    MAX_INSTALMENTS,
    MAX_POSTINGS,
    OPENING_BALANCES,
    AccountId,
    Cost,
    Day,
    ImportId,
    Instalment,
    Kind,
    Posting,
    Price,
    TransactionId,
    check_calendar,
)
from domain.money import MAX_AMOUNT_MINOR, MAX_TURNOVER_MINOR, Amount, at_scale_of
from domain.private import check_id, check_labels, check_text, private

# Commands


@dataclass(frozen=True, slots=True)
class RecordTransaction:
    """Record a balanced transaction.

    `corrects`: the transaction of a closed period that this one corrects. `import_id` and `fingerprint` say which
    import, and which row of it, brought the transaction: the row's fingerprint is an HMAC under the book's key.
    """

    transaction: TransactionId
    date: date
    postings: tuple[Posting, ...]
    payee: str = ""
    memo: str = ""
    tags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    corrects: TransactionId | None = None
    import_id: ImportId | None = None
    fingerprint: str | None = None
    instalment: Instalment | None = None


@dataclass(frozen=True, slots=True)
class SetOpeningBalance:
    """Say what an account held at the end of `date`, before the first transaction it knows.

    `through`: the day up to which that was counted back from what a person saw: what is learnt later of days up to
    then is part of it.
    """

    transaction: TransactionId
    account: AccountId
    date: date
    amount: Amount
    import_id: ImportId | None = None
    through: Day | None = None


@dataclass(frozen=True, slots=True)
class AmendTransaction:
    """Replace a standing transaction's content."""

    transaction: TransactionId
    date: date
    postings: tuple[Posting, ...]
    payee: str = ""
    memo: str = ""
    tags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VoidTransaction:
    transaction: TransactionId
    reason: str = ""


# Events


@dataclass(frozen=True, slots=True)
class TransactionRecorded:
    """`through` belongs to an opening balance: see `SetOpeningBalance`."""

    transaction: TransactionId
    date: date
    postings: tuple[Posting, ...]
    corrects: TransactionId | None = None
    import_id: ImportId | None = None
    fingerprint: str | None = None
    payee: str = private()
    memo: str = private()
    tags: tuple[str, ...] = private(())
    links: tuple[str, ...] = private(())
    instalment: Instalment | None = None
    through: Day | None = None


@dataclass(frozen=True, slots=True)
class TransactionAmended:
    """`was_date` and `was_postings` are what is reversed, on that date; the rest stands from now on."""

    transaction: TransactionId
    was_date: date
    was_postings: tuple[Posting, ...]
    date: date
    postings: tuple[Posting, ...]
    payee: str = private()
    memo: str = private()
    tags: tuple[str, ...] = private(())
    links: tuple[str, ...] = private(())
    reason: str = private()


@dataclass(frozen=True, slots=True)
class TransactionVoided:
    """`undoes` names the import whose undoing voided it; None where a person voided this one transaction."""

    transaction: TransactionId
    was_date: date
    was_postings: tuple[Posting, ...]
    undoes: ImportId | None = None
    reason: str = private()


TransactionCommand = RecordTransaction | SetOpeningBalance | AmendTransaction | VoidTransaction
TransactionEvent = TransactionRecorded | TransactionAmended | TransactionVoided


# Decisions


def decide_transaction(ledger: Ledger, command: TransactionCommand) -> list[TransactionEvent | CommodityDeclared]:
    match command:
        case RecordTransaction():
            return _record(ledger, command)
        case SetOpeningBalance():
            return _set_opening_balance(ledger, command)
        case AmendTransaction():
            return _amend(ledger, command)
        case VoidTransaction(transaction, reason):
            return _void(ledger, transaction, reason)
        case _:
            assert_never(command)


def evolve_transaction(ledger: Ledger, event: TransactionEvent) -> None:
    match event:
        case TransactionRecorded():
            number = ledger.import_number(event.import_id)
            ledger.add(event.transaction, event.date, event.postings, number)
            if ledger.unopened and _is_opening(ledger, event.postings):
                for posting in event.postings:
                    ledger.unopened.pop(posting.account, None)
            if event.through is not None:
                opened = event.postings[0]
                place = (opened.account, opened.amount.commodity.code)
                ledger.told[place] = (event.transaction, event.date, event.through)
        case TransactionAmended():
            standing = ledger.transaction(event.transaction)
            number = ledger.import_number(standing[2] if standing is not None else None)
            ledger.take_back(event.transaction, event.was_date, event.was_postings)
            ledger.add(event.transaction, event.date, event.postings, number)
        case TransactionVoided():
            ledger.joined.pop(event.transaction, None)
            for place in [place for place, (opening, *_) in ledger.told.items() if opening == event.transaction]:
                del ledger.told[place]
            ledger.take_back(event.transaction, event.was_date, event.was_postings)
        case _:
            assert_never(event)


def _is_opening(ledger: Ledger, postings: tuple[Posting, ...]) -> bool:
    equity = ledger.names.get(OPENING_BALANCES)
    return any(posting.account == equity for posting in postings)


def _record(ledger: Ledger, command: RecordTransaction) -> list[TransactionEvent | CommodityDeclared]:
    declared, recorded = checked_record(ledger, command)
    return [*declared, recorded]


def checked_record(ledger: Ledger, command: RecordTransaction) -> tuple[list[CommodityDeclared], TransactionRecorded]:
    """What a record becomes, and the declarations it needs; refused where any rule is broken."""
    check_id("transaction", command.transaction)
    check_id("corrects", command.corrects)
    check_id("import_id", command.import_id)
    check_id("fingerprint", command.fingerprint)
    if command.instalment is not None:
        check_id("purchase", command.instalment.purchase)
        if not 1 <= command.instalment.k <= command.instalment.n <= MAX_INSTALMENTS:
            raise Rejected("instalment_not_valid", k=command.instalment.k, n=command.instalment.n)
    if command.transaction in ledger.standing:
        raise Rejected("transaction_id_used", transaction=command.transaction)
    if command.corrects is not None and command.corrects in ledger.standing:
        raise Rejected("original_still_open", transaction=command.corrects)
    declared, postings = _checked(
        ledger, command.date, command.postings, command.payee, command.memo, command.tags, command.links
    )
    check_accounts_open(ledger, (), postings)
    recorded = TransactionRecorded(
        command.transaction,
        command.date,
        postings,
        command.corrects,
        command.import_id,
        command.fingerprint,
        command.payee,
        command.memo,
        command.tags,
        command.links,
        command.instalment,
    )
    return declared, recorded


def _set_opening_balance(ledger: Ledger, command: SetOpeningBalance) -> list[TransactionEvent | CommodityDeclared]:
    account = known_account(ledger, command.account)
    if account.kind not in (Kind.ASSETS, Kind.LIABILITIES):
        raise Rejected("opening_needs_asset_or_liability", account=account.name)
    equity = ledger.names.get(OPENING_BALANCES)
    if equity is None:
        raise Rejected("opening_account_missing", name=OPENING_BALANCES)
    postings = (Posting(command.account, command.amount), Posting(equity, -command.amount))
    if command.through is not None:
        check_calendar(command.through)
    record = RecordTransaction(command.transaction, command.date, postings, import_id=command.import_id)
    declared, recorded = checked_record(ledger, record)
    return [*declared, replace(recorded, through=command.through)]


def _amend(ledger: Ledger, command: AmendTransaction) -> list[TransactionEvent | CommodityDeclared]:
    day, was, _ = standing_transaction(ledger, command.transaction)
    check_text("reason", command.reason)
    declared, postings = _checked(
        ledger, command.date, command.postings, command.payee, command.memo, command.tags, command.links
    )
    check_accounts_open(ledger, was, postings)
    check_not_reconciled(ledger, command.transaction, (day, was), (command.date, postings))
    amended = TransactionAmended(
        command.transaction,
        day,
        was,
        command.date,
        postings,
        command.payee,
        command.memo,
        command.tags,
        command.links,
        command.reason,
    )
    return [*declared, amended]


def _void(ledger: Ledger, transaction: TransactionId, reason: str) -> list[TransactionEvent | CommodityDeclared]:
    day, was, _ = standing_transaction(ledger, transaction)
    check_accounts_open(ledger, was, ())
    check_not_reconciled(ledger, transaction, (day, was), None)
    check_text("reason", reason)
    return [TransactionVoided(transaction, day, was, None, reason)]


def _checked(
    ledger: Ledger,
    day: date,
    postings: tuple[Posting, ...],
    payee: str,
    memo: str,
    tags: tuple[str, ...],
    links: tuple[str, ...],
) -> tuple[list[CommodityDeclared], tuple[Posting, ...]]:
    """The postings at the book's scales, and the declarations they need; refused where any rule is broken."""
    check_day(ledger, day)
    if len(postings) < 2:
        raise Rejected("postings_missing", count=len(postings))
    if len(postings) > MAX_POSTINGS:
        raise Rejected("too_many_postings", count=len(postings), limit=MAX_POSTINGS)
    check_text("payee", payee)
    check_text("memo", memo)
    check_labels("tags", tags)
    check_labels("links", links)
    declared = undeclared(ledger, _codes_of(postings))
    exact = tuple([_exact(ledger, day, posting) for posting in postings])
    residue: dict[str, int] = {}
    for posting in exact:
        weight = posting.weight
        code = weight.commodity.code
        residue[code] = residue.get(code, 0) + weight.minor
    unbalanced = {code: minor for code, minor in residue.items() if minor}
    if unbalanced:
        raise Rejected(
            "transaction_unbalanced",
            residue=[Amount(minor, unit_of(ledger, code)) for code, minor in unbalanced.items()],
        )
    check_turnover(ledger, exact)
    return declared, exact


def check_turnover(ledger: Ledger, *put: tuple[Posting, ...]) -> None:
    """Refuse what would move more than a book can: all postings that are put, also where they only stay or return."""
    moved: dict[str, int] = {}
    for postings in put:
        for posting in postings:
            for amount in (posting.amount, posting.cost.total if posting.cost is not None else None):
                if amount is not None:
                    moved[amount.commodity.code] = moved.get(amount.commodity.code, 0) + abs(amount.minor)
    for code, minor in moved.items():
        if ledger.turnover.get(code, 0) + minor > MAX_TURNOVER_MINOR:
            raise Rejected("turnover_out_of_range", commodity=code, limit_minor=MAX_TURNOVER_MINOR)


def _codes_of(postings: tuple[Posting, ...]) -> list[str]:
    codes = []
    for posting in postings:
        codes.append(posting.amount.commodity.code)
        if posting.cost is not None:
            codes.append(posting.cost.total.commodity.code)
        if posting.price is not None:
            codes.append(posting.price.total.commodity.code)
    return codes


def _exact(ledger: Ledger, day: date, posting: Posting) -> Posting:
    account = known_account(ledger, posting.account)
    code = posting.amount.commodity.code
    if account.commodities and code not in account.commodities:
        raise Rejected("account_takes_other_commodity", account=account.name, commodity=code)
    if account.opened_on is not None and day < account.opened_on:
        raise Rejected("account_not_open_yet", account=account.name, opened_on=account.opened_on, date=day)
    if account.closed_on is not None and day > account.closed_on:
        raise Rejected("account_closed", account=account.name, on=account.closed_on)
    amount = _in_range(ledger, posting.amount)
    if posting.cost is None and posting.price is None:
        return posting if amount is posting.amount else Posting(posting.account, amount)
    cost = price = None
    if posting.cost is not None:
        if posting.cost.label:
            check_labels("label", (posting.cost.label,))
        if posting.cost.date is not None:
            check_calendar(posting.cost.date)
        cost = Cost(_in_range(ledger, posting.cost.total), posting.cost.date, posting.cost.label)
        _check_signs(amount, cost.total)
    if posting.price is not None:
        price = Price(_in_range(ledger, posting.price.total))
        _check_signs(amount, price.total)
    return Posting(posting.account, amount, cost, price)


def _in_range(ledger: Ledger, amount: Amount) -> Amount:
    exact = at_scale_of(amount, unit_of(ledger, amount.commodity.code))
    if not -MAX_AMOUNT_MINOR <= exact.minor <= MAX_AMOUNT_MINOR:
        raise Rejected("amount_out_of_range", limit_minor=MAX_AMOUNT_MINOR)
    return exact


def _check_signs(amount: Amount, total: Amount) -> None:
    """A total is signed as its amount (a total of zero goes with either), and in another commodity."""
    if amount.minor * total.minor < 0 or (amount.minor == 0 and total.minor != 0):
        raise Rejected("total_signed_otherwise", amount=amount, total=total)
    if amount.commodity.code == total.commodity.code:
        raise Rejected("total_in_same_commodity", commodity=amount.commodity.code)


def standing_transaction(
    ledger: Ledger, transaction: TransactionId
) -> tuple[date, tuple[Posting, ...], ImportId | None]:
    standing = ledger.transaction(transaction)
    if standing is None:
        raise Rejected("transaction_not_standing", transaction=transaction, closed_through=ledger.closed_through)
    return standing


def check_accounts_open(ledger: Ledger, was: tuple[Posting, ...], becomes: tuple[Posting, ...]) -> None:
    """A closed account is empty and stays so: whatever its day, nothing is put on it, taken back or changed there."""
    for posting in (*was, *becomes):
        account = ledger.accounts[posting.account]
        if account.closed_on is None or account.kind.is_category:
            continue
        if was.count(posting) != becomes.count(posting):
            raise Rejected("account_closed", account=account.name, on=account.closed_on)


def check_not_reconciled(
    ledger: Ledger,
    transaction: TransactionId,
    was: tuple[date, tuple[Posting, ...]],
    becomes: tuple[date, tuple[Posting, ...]] | None,
) -> None:
    """Refuse what would change an asserted balance; a new category on the other side of the entry does not."""
    for account, *_ in changed_assertions(ledger, was, becomes):
        raise Rejected("transaction_reconciled", transaction=transaction, account=ledger.accounts[account].name)


def changed_assertions(
    ledger: Ledger, was: tuple[date, tuple[Posting, ...]], becomes: tuple[date, tuple[Posting, ...]] | None
) -> Iterator[tuple[AccountId, str, int, ImportId | None]]:
    """The assertions that what `becomes` of an entry would falsify: account, commodity code, day as an ordinal, and the
    import that told it.
    """
    postings = (*was[1], *(becomes[1] if becomes is not None else ()))
    for account, code in dict.fromkeys((ledger.canonical(p.account), p.amount.commodity.code) for p in postings):
        for until, _, told_by in ledger.asserted.get((account, code), ()):
            if _effect(ledger, was, account, code, until) != _effect(ledger, becomes, account, code, until):
                yield account, code, until, told_by


def _effect(
    ledger: Ledger, entry: tuple[date, tuple[Posting, ...]] | None, account: AccountId, code: str, until: int
) -> int:
    if entry is None or entry[0].toordinal() > until:
        return 0
    return sum(
        p.amount.minor for p in entry[1] if p.amount.commodity.code == code and ledger.canonical(p.account) == account
    )


def check_day(ledger: Ledger, day: date) -> None:
    """Refuse a day that is none of this ledger's, or in a closed period."""
    check_calendar(day)
    closed = ledger.closed_through
    if closed is not None and day <= closed:
        raise Rejected("period_closed", date=day, closed_through=closed)
