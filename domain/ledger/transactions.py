"""Transactions: dated entries whose weights sum to zero, and everything that corrects or confirms them.

Nothing is edited: a void or an amendment is a new event that carries what it takes back in full, on its own day. In a
closed period nothing changes; a dated correction enters later and names its original.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import assert_never

from domain.errors import Rejected
from domain.ledger.accounts import CommodityDeclared, known_account, undeclared, unit_of
from domain.ledger.state import Ledger
from domain.ledger.vocabulary import (
    FIRST_DAY,
    LAST_DAY,
    MAX_POSTINGS,
    OPENING_BALANCES,
    AccountId,
    Cost,
    ImportId,
    Kind,
    Posting,
    Price,
    TransactionId,
)
from domain.money import MAX_AMOUNT_MINOR, MAX_TURNOVER_MINOR, Amount, at_scale_of
from domain.private import check_labels, check_text, private

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


@dataclass(frozen=True, slots=True)
class SetOpeningBalance:
    """Say what an account held at the end of `date`, before the first transaction it knows."""

    transaction: TransactionId
    account: AccountId
    date: date
    amount: Amount
    import_id: ImportId | None = None


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
    """Close all days up to `through`: nothing dated by then can be recorded, amended or voided any more."""

    through: date


@dataclass(frozen=True, slots=True)
class ConcludeImport:
    """Name an import whose transactions stand before this command in the same atomic group."""

    import_id: ImportId
    format: str
    account: AccountId | None
    recorded: int
    skipped: int
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class UndoImport:
    """Void all that an import recorded, edited transactions too; refused whole where one is reconciled or closed."""

    import_id: ImportId


# Events


@dataclass(frozen=True, slots=True)
class TransactionRecorded:
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


@dataclass(frozen=True, slots=True)
class ImportCommitted:
    import_id: ImportId
    format: str
    account: AccountId | None
    recorded: int
    skipped: int
    file_name: str = private()


@dataclass(frozen=True, slots=True)
class ImportUndone:
    import_id: ImportId
    voided: int


TransactionCommand = (
    RecordTransaction
    | SetOpeningBalance
    | AmendTransaction
    | VoidTransaction
    | AssertBalance
    | WithdrawAssertion
    | ClosePeriod
    | ConcludeImport
    | UndoImport
)
TransactionEvent = (
    TransactionRecorded
    | TransactionAmended
    | TransactionVoided
    | BalanceAsserted
    | AssertionWithdrawn
    | PeriodClosed
    | ImportCommitted
    | ImportUndone
)


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
        case AssertBalance():
            return _assert_balance(ledger, command)
        case WithdrawAssertion(account, code):
            return _withdraw_assertion(ledger, account, code)
        case ClosePeriod(through):
            return _close_period(ledger, through)
        case ConcludeImport():
            return _conclude_import(ledger, command)
        case UndoImport(import_id):
            return _undo_import(ledger, import_id)
        case _:
            assert_never(command)


def evolve_transaction(ledger: Ledger, event: TransactionEvent) -> None:
    match event:
        case TransactionRecorded():
            number = _import_number(ledger, event.import_id)
            ledger.add(event.transaction, event.date, event.postings, number)
        case TransactionAmended():
            standing = ledger.transaction(event.transaction)
            number = _import_number(ledger, standing[2] if standing is not None else None)
            ledger.take_back(event.transaction, event.was_date, event.was_postings)
            ledger.add(event.transaction, event.date, event.postings, number)
        case TransactionVoided():
            ledger.take_back(event.transaction, event.was_date, event.was_postings)
        case BalanceAsserted():
            place = (event.account, event.amount.commodity.code)
            assertion = (event.date.toordinal(), event.import_id)
            ledger.asserted[place] = (*ledger.asserted.get(place, ()), assertion)
        case AssertionWithdrawn(account, code, on):
            kept = [a for a in ledger.asserted.get((account, code), ()) if a[0] != on.toordinal()]
            ledger.asserted[account, code] = tuple(kept)
        case PeriodClosed(through):
            ledger.facts["closed_through"] = through
            ledger.leave_out_through(through)
        case ImportCommitted():
            _import_number(ledger, event.import_id)
        case ImportUndone(import_id, _):
            ledger.imports.pop(import_id, None)
            for place, assertions in list(ledger.asserted.items()):
                if any(brought_by == import_id for _, brought_by in assertions):
                    ledger.asserted[place] = tuple(a for a in assertions if a[1] != import_id)
        case _:
            assert_never(event)


def closed_through(ledger: Ledger) -> date | None:
    """The last closed day; None while no period is closed."""
    through = ledger.facts.get("closed_through")
    return through if isinstance(through, date) else None


def _record(ledger: Ledger, command: RecordTransaction) -> list[TransactionEvent | CommodityDeclared]:
    if command.transaction in ledger.standing:
        raise Rejected("transaction_id_used", transaction=command.transaction)
    if command.corrects is not None and command.corrects in ledger.standing:
        raise Rejected("original_still_open", transaction=command.corrects)
    declared, postings = _checked(
        ledger, command.date, command.postings, command.payee, command.memo, command.tags, command.links
    )
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
    )
    return [*declared, recorded]


def _set_opening_balance(ledger: Ledger, command: SetOpeningBalance) -> list[TransactionEvent | CommodityDeclared]:
    account = known_account(ledger, command.account)
    if account.kind not in (Kind.ASSETS, Kind.LIABILITIES):
        raise Rejected("opening_needs_asset_or_liability", account=account.name)
    equity = ledger.names.get(OPENING_BALANCES)
    if equity is None:
        raise Rejected("opening_account_missing", name=OPENING_BALANCES)
    postings = (Posting(command.account, command.amount), Posting(equity, -command.amount))
    return _record(ledger, RecordTransaction(command.transaction, command.date, postings, import_id=command.import_id))


def _amend(ledger: Ledger, command: AmendTransaction) -> list[TransactionEvent | CommodityDeclared]:
    day, was, _ = _standing(ledger, command.transaction)
    check_text("reason", command.reason)
    declared, postings = _checked(
        ledger, command.date, command.postings, command.payee, command.memo, command.tags, command.links
    )
    _check_not_reconciled(ledger, command.transaction, (day, was), (command.date, postings))
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
    day, was, _ = _standing(ledger, transaction)
    _check_not_reconciled(ledger, transaction, (day, was), None)
    check_text("reason", reason)
    return [TransactionVoided(transaction, day, was, None, reason)]


def _assert_balance(ledger: Ledger, command: AssertBalance) -> list[TransactionEvent | CommodityDeclared]:
    account = known_account(ledger, command.account)
    _check_day(ledger, command.date)
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
    if any(day == command.date.toordinal() for day, _ in known):
        return []
    declared = undeclared(ledger, [unit.code])
    return [*declared, BalanceAsserted(command.account, command.date, stated, command.import_id)]


def _withdraw_assertion(ledger: Ledger, account: AccountId, code: str) -> list[TransactionEvent | CommodityDeclared]:
    known = known_account(ledger, account)
    assertions = ledger.asserted.get((account, code), ())
    if not assertions:
        raise Rejected("assertion_unknown", account=known.name, commodity=code)
    latest = date.fromordinal(max(day for day, _ in assertions))
    _check_day(ledger, latest)
    return [AssertionWithdrawn(account, code, latest)]


def _close_period(ledger: Ledger, through: date) -> list[TransactionEvent | CommodityDeclared]:
    if not FIRST_DAY <= through <= LAST_DAY:
        raise Rejected("date_out_of_range", date=through, first=FIRST_DAY, last=LAST_DAY)
    closed = closed_through(ledger)
    if closed is not None and through <= closed:
        raise Rejected("period_closed", date=through, closed_through=closed)
    return [PeriodClosed(through)]


def _conclude_import(ledger: Ledger, command: ConcludeImport) -> list[TransactionEvent | CommodityDeclared]:
    check_text("file_name", command.file_name)
    if command.account is not None:
        known_account(ledger, command.account)
    return [
        ImportCommitted(
            command.import_id, command.format, command.account, command.recorded, command.skipped, command.file_name
        )
    ]


MAX_NAMED_BLOCKERS = 20
"""How many transactions a refused undo lists."""


def _undo_import(ledger: Ledger, import_id: ImportId) -> list[TransactionEvent | CommodityDeclared]:
    number = ledger.imports.get(import_id)
    if number is None:
        raise Rejected("import_unknown", import_id=import_id)
    if number in ledger.closed_imports:
        raise Rejected("import_in_closed_period", import_id=import_id, closed_through=closed_through(ledger))
    voided: list[TransactionEvent | CommodityDeclared] = []
    reconciled: list[TransactionId] = []
    for transaction in ledger.of_import(number):
        day, postings, _ = _standing(ledger, transaction)
        if _reconciled_by(ledger, day, postings, but=import_id):
            reconciled.append(transaction)
        voided.append(TransactionVoided(transaction, day, postings, import_id))
    if reconciled:
        raise Rejected(
            "import_reconciled",
            import_id=import_id,
            count=len(reconciled),
            transactions=reconciled[:MAX_NAMED_BLOCKERS],
        )
    return [*voided, ImportUndone(import_id, len(voided))]


def _import_number(ledger: Ledger, import_id: ImportId | None) -> int:
    if import_id is None:
        return 0
    number = ledger.imports.get(import_id)
    if number is None:
        number = len(ledger.import_numbers) + 1
        ledger.imports[import_id] = number
        ledger.import_numbers[number] = import_id
    return number


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
    _check_day(ledger, day)
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
    moved: dict[str, int] = {}
    for posting in exact:
        weight = posting.weight
        code = weight.commodity.code
        residue[code] = residue.get(code, 0) + weight.minor
        for amount in (posting.amount, posting.cost.total if posting.cost is not None else None):
            if amount is not None:
                moved[amount.commodity.code] = moved.get(amount.commodity.code, 0) + abs(amount.minor)
    unbalanced = {code: minor for code, minor in residue.items() if minor}
    if unbalanced:
        raise Rejected(
            "transaction_unbalanced",
            residue=[Amount(minor, unit_of(ledger, code)) for code, minor in unbalanced.items()],
        )
    for code, minor in moved.items():
        if ledger.turnover.get(code, 0) + minor > MAX_TURNOVER_MINOR:
            raise Rejected("turnover_out_of_range", commodity=code, limit_minor=MAX_TURNOVER_MINOR)
    return declared, exact


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
        check_text("label", posting.cost.label)
        if posting.cost.date is not None and not FIRST_DAY <= posting.cost.date <= LAST_DAY:
            raise Rejected("date_out_of_range", date=posting.cost.date, first=FIRST_DAY, last=LAST_DAY)
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


def _check_day(ledger: Ledger, day: date) -> None:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Rejected("date_out_of_range", date=day, first=FIRST_DAY, last=LAST_DAY)
    closed = closed_through(ledger)
    if closed is not None and day <= closed:
        raise Rejected("period_closed", date=day, closed_through=closed)


def _standing(ledger: Ledger, transaction: TransactionId) -> tuple[date, tuple[Posting, ...], ImportId | None]:
    standing = ledger.transaction(transaction)
    if standing is None:
        raise Rejected("transaction_not_standing", transaction=transaction, closed_through=closed_through(ledger))
    return standing


def _check_not_reconciled(
    ledger: Ledger,
    transaction: TransactionId,
    was: tuple[date, tuple[Posting, ...]],
    becomes: tuple[date, tuple[Posting, ...]] | None,
) -> None:
    """Refuse what would change an asserted balance; a new category on the other side of the entry does not."""
    postings = (*was[1], *(becomes[1] if becomes is not None else ()))
    for account, code in dict.fromkeys((ledger.canonical(p.account), p.amount.commodity.code) for p in postings):
        for until, _ in ledger.asserted.get((account, code), ()):
            if _effect(ledger, was, account, code, until) != _effect(ledger, becomes, account, code, until):
                raise Rejected("transaction_reconciled", transaction=transaction, account=ledger.accounts[account].name)


def _effect(
    ledger: Ledger, entry: tuple[date, tuple[Posting, ...]] | None, account: AccountId, code: str, until: int
) -> int:
    if entry is None or entry[0].toordinal() > until:
        return 0
    return sum(
        p.amount.minor for p in entry[1] if p.amount.commodity.code == code and ledger.canonical(p.account) == account
    )


def _reconciled_by(ledger: Ledger, day: date, postings: tuple[Posting, ...], but: ImportId) -> AccountId | None:
    """The first account whose asserted balance covers the transaction, leaving out what the import `but` asserted."""
    for posting in postings:
        account = ledger.canonical(posting.account)
        for until, brought_by in ledger.asserted.get((account, posting.amount.commodity.code), ()):
            if day.toordinal() <= until and brought_by != but:
                return account
    return None
