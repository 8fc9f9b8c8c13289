"""Bank statements into the books: one transaction a row, against a category that says it is still to be told.

A row is known again by its account, the bank's id, day, amount, instalment and its place among its equals in the file:
never by the bank's id alone, which banks repeat, and never by words, which they change. What goes out of a bank account
is an expense and what comes in an income; on a card everything is an expense, so that a refund is never income.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta

from commands.imports.plan import (
    ROW_NEW,
    ROW_SKIPPED,
    UNKNOWN,
    Answers,
    BookFacts,
    Check,
    Desk,
    Plan,
    Row,
    StatementPlan,
    Verdict,
    period_of,
    standing_row,
)
from commands.imports.reading import AccountType, Reason, Statement, StatementRow, Statements
from domain.book import BookCommand
from domain.errors import Rejected
from domain.ledger import (
    FIRST_DAY,
    OPENING_BALANCES,
    Account,
    AccountId,
    ConcludeImport,
    Kind,
    OpenAccount,
    Posting,
    RecordTransaction,
    SetOpeningBalance,
    TransactionId,
)
from domain.money import Amount, Commodity, at_scale_of, parse_amount

SPENT, EARNED = "Expenses:Uncategorized", "Income:Uncategorized"
"""Where a row stands until a person or a rule says what it was."""

ACCOUNT_ENDS = 4
"""How much of an account's number its derived name tells."""

_SHORT_WORD = 4
"""A bank's name in capitals up to this length is kept so (BB, ITAÚ, USAA)."""


def plan_statements(
    facts: BookFacts,
    read: Statements,
    desk: Desk,
    format_name: str,
    file_name: str,
    account: str | None,
    answers: Answers,
    skip: Collection[int],
) -> Plan:
    """The plan of a bank file.

    `account` (an id or a full name) is where a file of one statement goes; without it the account is found, or opened,
    by the name that the bank and the number's end give it. `skip` are rows that a person left out.
    """
    if account is not None and len(read.statements) > 1:
        raise Rejected("account_ambiguous", count=len(read.statements))
    targets = _targets(facts, read.statements, desk, account, answers)
    if answers.balance_today is not None and sum(_needs_balance(statement) for statement in read.statements) > 1:
        raise Rejected("balance_today_ambiguous")
    categories = _Categories(facts, desk)
    drafts = [
        _Draft(facts, desk, statement, target, categories, skip)
        for statement, target in zip(read.statements, targets, strict=True)
    ]
    for draft in drafts:
        draft.take_rows()
    for draft in drafts:
        draft.state_balance(answers)
    unique = list({target.account.id: target for target in targets}.values())
    questions = _which_accounts(read.statements, targets, answers)
    questions += [question for target in unique for question in _opened_by(target, drafts, facts, desk)]
    for draft in drafts:
        draft.foresee()
    rows = tuple(sorted([row for draft in drafts for row in draft.rows], key=lambda row: row.row))
    opened = [target.open_command() for target in unique if target.opens]
    commands: list[BookCommand] = [*opened, *categories.opened]
    row_of: dict[int, int] = {}
    for target in unique:
        if target.opening is not None:
            commands.append(target.opening)
        commands += target.settled
        for row, command in sorted(target.records, key=lambda record: record[1].date):
            row_of[len(commands)] = row
            commands.append(command)
    only = unique[0].account.id if len(unique) == 1 and (unique[0].opens or not unique[0].is_new) else None
    commands.append(ConcludeImport(desk.import_id, format_name, only, len(row_of), len(rows) - len(row_of), file_name))
    statements = tuple([draft.told() for draft in drafts if draft.statement.type is not AccountType.INVESTMENT])
    days = [day for s in read.statements for day in (s.first, s.last, *[row.date for row in s.rows if row.dated])]
    return Plan(
        account=unique[0].account.name if len(unique) == 1 else None,
        period=period_of(days),
        rows=rows,
        questions=tuple(questions),
        remarks=read.remarks,
        statements=statements,
        agreement=overall([statement.agreement for statement in statements]),
        commands=tuple(commands),
        row_of=row_of,
        also={"accounts": len(opened) + len(categories.opened)} if opened or categories.opened else {},
        checks=tuple([draft.check for draft in drafts if draft.check is not None]),
    )


def overall(agreements: Sequence[Reason]) -> Reason:
    """One word for several statements: one that differs tells first, then one that is not known."""
    for code in ("differs_from_bank", "agreement_unknown", "agrees_with_bank"):
        for agreement in agreements:
            if agreement.code == code:
                return agreement
    return UNKNOWN


def compared(stated: Amount, held_minor: int, on: date, account: str) -> Reason:
    """Whether the books hold what the bank says; `difference` is what is missing in the books."""
    held = Amount(held_minor, stated.commodity)
    params = {"account": account, "date": on, "stated": stated, "held": held}
    if held == stated:
        return Reason("agrees_with_bank", params)
    return Reason("differs_from_bank", params | {"difference": Amount(stated.minor - held_minor, stated.commodity)})


# Accounts


@dataclass(slots=True)
class _Target:
    """The account that statements of the file go to, and what they bring it; `is_new` where it is still to be opened.

    `is_first`: nothing stands on the account yet, so that its opening balance is still to be said.
    """

    account: Account
    unit: Commodity
    is_new: bool
    is_first: bool
    seen: set[str] = field(default_factory=set)
    """Fingerprints of the rows so far: a row that two statements of one file bring is there once."""
    own: list[tuple[date, int]] = field(default_factory=list)
    """Day and amount of every new row since the account's first day, those a person skipped too."""
    records: list[tuple[int, RecordTransaction]] = field(default_factory=list)
    opening: SetOpeningBalance | None = None
    settled: list[RecordTransaction] = field(default_factory=list)
    """What the file's rows take out of opening balances that stand on later days, for they are part of them."""

    @property
    def is_debt(self) -> bool:
        return self.account.kind is Kind.LIABILITIES

    @property
    def opens(self) -> bool:
        return self.is_new and (bool(self.records) or self.opening is not None)

    def open_command(self) -> OpenAccount:
        return OpenAccount(self.account.id, self.account.name, self.account.commodities)

    def brings_by(self, on: date) -> int:
        """What the file adds to the account up to the end of a day, in minor units."""
        minor = sum(command.postings[0].amount.minor for _, command in self.records if command.date <= on)
        if self.opening is not None and self.opening.date <= on:
            minor += self.opening.amount.minor
        return minor + sum(command.postings[0].amount.minor for command in self.settled if command.date <= on)


def _targets(
    facts: BookFacts, statements: Sequence[Statement], desk: Desk, account: str | None, answers: Answers
) -> list[_Target]:
    targets: list[_Target] = []
    by_name: dict[str, _Target] = {}
    numbers: dict[str, str] = {}
    for statement in statements:
        given = answers.accounts.get(statement.number, account)
        name = facts.account(given).name if given is not None else derived_name(statement)
        if given is None and numbers.setdefault(name, statement.account_number) != statement.account_number:
            raise Rejected("account_ambiguous", count=len(statements), account=name)
        target = by_name.get(name)
        if target is None:
            target = by_name[name] = _target(facts, desk, statement, name)
        elif target.unit != _unit(facts, statement, target.account):
            raise Rejected("account_takes_other_commodity", account=name, commodity=statement.currency)
        targets.append(target)
    return targets


def _which_accounts(statements: Sequence[Statement], targets: Sequence[_Target], answers: Answers) -> list[Reason]:
    """For each of several statements that would open an account: whether it is not one that is there already."""
    if len(statements) == 1:
        return []
    return [
        Reason("which_account", {"statement": statement.number, "account": target.account.name})
        for statement, target in zip(statements, targets, strict=True)
        if target.is_new and statement.number not in answers.accounts and statement.type is not AccountType.INVESTMENT
    ]


def _target(facts: BookFacts, desk: Desk, statement: Statement, name: str) -> _Target:
    known = facts.accounts[facts.names[name]] if name in facts.names else None
    unit = _unit(facts, statement, known)
    if known is None:
        return _Target(_opened(desk, name, unit), unit, True, True)
    if known.kind not in (Kind.ASSETS, Kind.LIABILITIES):
        raise Rejected("account_not_for_statements", account=name)
    if known.commodities and unit.code not in known.commodities:
        raise Rejected("account_takes_other_commodity", account=name, commodity=unit.code)
    was_posted = any(place[0] == known.id and ordinal for place, ordinal in facts.latest.items())
    holds = any(place[0] == known.id and minor for place, minor in facts.holdings.items())
    return _Target(known, unit, False, not was_posted or (not holds and desk.is_untouched(known.id)))


def _unit(facts: BookFacts, statement: Statement, known: Account | None) -> Commodity:
    code = statement.currency
    if not code and known is not None and len(known.commodities) == 1:
        code = known.commodities[0]
    if not code:
        raise Rejected("statement_without_currency", statement=statement.number)
    unit = facts.unit(code)
    if unit is None:
        raise Rejected("commodity_unknown", commodity=code[:24])
    return unit


def _opened(desk: Desk, name: str, unit: Commodity) -> Account:
    kind = Kind(name.partition(":")[0])
    return Account(AccountId(desk.new_id()), 0, name, kind, (unit.code,), None, True)


def derived_name(statement: Statement) -> str:
    """An account's name from its bank, its type and the end of its number: `Assets:Banco-Modelo-3456`.

    The same for every file of the account. `account_needed` where the file tells no number.
    """
    number = "".join([c for c in statement.account_number if c.isalnum()])
    if not number:
        raise Rejected("account_needed", statement=statement.number)
    words = [
        word if len(word) <= _SHORT_WORD and word.isupper() else word[:1].upper() + word[1:].lower()
        for word in re.split(r"[^\w]|_", statement.bank)
        if word
    ]
    match statement.type:
        case AccountType.CARD:
            words.append("Card")
        case AccountType.CREDIT_LINE:
            words.append("Credit")
        case AccountType.SAVINGS:
            words.append("Savings")
        case AccountType.INVESTMENT:
            words.append("Investments")
        case AccountType.CHECKING:
            pass  # the usual one: its bank says enough
    if not any(word.isalpha() for word in words):
        words = ["Bank", *words]  # a bank that gives only its number
    root = Kind.LIABILITIES if statement.type.is_debt else Kind.ASSETS
    return f"{root}:{'-'.join([*words[:8], number[-ACCOUNT_ENDS:].upper()])}"


class _Categories:
    """The two accounts against which rows stand until they are told, opened when the first row needs them."""

    def __init__(self, facts: BookFacts, desk: Desk) -> None:
        self._facts = facts
        self._desk = desk
        self._known: dict[str, AccountId] = {}
        self.opened: list[OpenAccount] = []

    def of(self, minor: int, is_debt: bool) -> AccountId:
        name = SPENT if is_debt or minor < 0 else EARNED
        known = self._known.get(name)
        if known is None:
            known = self._facts.names.get(name)
            if known is None:
                known = AccountId(self._desk.new_id())
                self.opened.append(OpenAccount(known, name))
            self._known[name] = known
        return known


# Rows


@dataclass(slots=True)
class _Draft:
    """One statement becoming rows with verdicts and commands."""

    facts: BookFacts
    desk: Desk
    statement: Statement
    target: _Target
    categories: _Categories
    skip: Collection[int]
    rows: list[Row] = field(default_factory=list)
    stated: Amount | None = None
    stated_on: date | None = None
    held_minor: int | None = None
    check: Check | None = None

    def told(self) -> StatementPlan:
        account, stated = self.target.account.name, self.stated
        agreement = UNKNOWN
        if stated is not None and self.stated_on is not None and self.held_minor is not None:
            agreement = compared(stated, self.held_minor, self.stated_on, account)
        held = Amount(self.held_minor, self.target.unit) if self.held_minor is not None else None
        opening = self.target.opening
        return StatementPlan(
            account,
            self.target.opens,
            self.target.unit.code,
            self.statement.first,
            self.statement.last,
            opening.amount if opening is not None else None,
            stated,
            self.stated_on,
            held,
            agreement,
        )

    def _show(self, row: StatementRow, amount: Amount | None, verdict: Verdict, reason: Reason) -> None:
        words = f"{row.payee} {row.memo}".strip()
        self.rows.append(Row(row.row, row.date, amount, words, verdict, reason))

    def take_rows(self) -> None:
        if self.statement.type is AccountType.INVESTMENT:
            for row in self.statement.rows:
                self._show(row, row.amount, Verdict.LEFT_OUT, row.left_out or Reason("row_of_investment"))
            return
        exact: list[tuple[StatementRow, date, Amount, str]] = []
        equals: Counter[str] = Counter()
        for row in self.statement.rows:
            left_out = row.left_out
            if left_out is None and row.amount is not None and row.date is not None:
                try:
                    amount = at_scale_of(row.amount, self.target.unit)
                except Rejected as rejected:
                    left_out = Reason(rejected.code, {"amount": row.amount, "scale": self.target.unit.scale})
                else:
                    key = row_key(self.target.account.id, row, amount)
                    equals[key] += 1
                    exact.append((row, row.date, amount, self.desk.fingerprint(f"{key}|{equals[key]}")))
                    continue
            self._show(row, row.amount, Verdict.LEFT_OUT, left_out or Reason("row_date_not_valid"))
        # An account that is still to be opened has no row yet.
        taken = {} if self.target.is_new else self.desk.taken([fingerprint for *_, fingerprint in exact])
        account = self.target.account
        closed, opened_on, closed_on = self.facts.closed_through, account.opened_on, account.closed_on
        for row, day, amount, fingerprint in exact:
            known = standing_row(fingerprint, taken)
            if known is None and fingerprint in self.target.seen:
                known = Reason("row_twice_in_file")
            self.target.seen.add(fingerprint)
            if known is not None:
                self._show(row, amount, Verdict.DUPLICATE, known)
                continue
            reason: Reason | None = None
            if closed is not None and day <= closed:
                reason = Reason("period_closed", {"closed_through": closed})
            elif opened_on is not None and day < opened_on:
                reason = Reason("account_not_open_yet", {"account": account.name, "opened_on": opened_on})
            elif closed_on is not None:
                reason = Reason("account_closed", {"account": account.name, "on": closed_on})
            if reason is not None:
                self._show(row, amount, Verdict.LEFT_OUT, reason)
                continue
            self.target.own.append((day, amount.minor))
            if row.row in self.skip:
                self._show(row, amount, Verdict.LEFT_OUT, ROW_SKIPPED)
                continue
            self._show(row, amount, Verdict.NEW, ROW_NEW if row.dated else Reason("row_dated_by_statement"))
            self.target.records.append((row.row, self._recorded(row, day, amount, fingerprint)))

    def _recorded(self, row: StatementRow, day: date, amount: Amount, fingerprint: str) -> RecordTransaction:
        contra = self.categories.of(amount.minor, self.target.is_debt)
        return RecordTransaction(
            TransactionId(self.desk.new_id()),
            day,
            (Posting(self.target.account.id, amount), Posting(contra, -amount)),
            row.payee,
            row.memo,
            import_id=self.desk.import_id,
            fingerprint=fingerprint,
        )

    def state_balance(self, answers: Answers) -> None:
        """What the account really holds, by the bank or by the person."""
        unit = self.target.unit
        if self.statement.stated is not None:
            with suppress(Rejected):  # a balance finer than its currency is none
                self.stated, self.stated_on = at_scale_of(self.statement.stated, unit), self.statement.stated_on
        if answers.balance_today is not None:
            told = at_scale_of(parse_amount(answers.balance_today, unit.code), unit)
            if _needs_balance(self.statement):
                self.stated, self.stated_on = told, self.desk.today

    def foresee(self) -> None:
        """What the books will hold on the stated day."""
        if self.stated is None or self.stated_on is None:
            return
        account, code, on = self.target.account.id, self.target.unit.code, self.stated_on
        closed = self.facts.closed_through
        if closed is not None and on < closed:
            return  # what stood then is no longer known day by day
        before = 0
        if not self.target.is_new:
            before = self.desk.held_on(frozenset({(account, code, on)}))[account, code, on]
        self.held_minor = before + self.target.brings_by(on)
        self.check = Check(account, self.stated, on)


def _opened_by(target: _Target, drafts: Sequence[_Draft], facts: BookFacts, desk: Desk) -> list[Reason]:
    """Set the target's opening balance where this is its first file: what is stated last less the rows up to its day,
    on the evening before the first of them. Gives the question to ask where nobody states a balance.

    Rows before the account's first day, or in a closed period, are part of the opening balance.
    """
    of_target = [d for d in drafts if d.target is target and d.statement.type is not AccountType.INVESTMENT]
    if not of_target:
        return []
    stating = [(draft.stated_on, draft.stated) for draft in of_target if draft.stated is not None]
    told = [(on, stated) for on, stated in stating if on is not None]
    days = [day for day, _ in target.own] + [d.statement.first for d in of_target if d.statement.first is not None]
    days += [on + timedelta(days=1) for on, _ in told]
    if not target.is_first:
        if days:
            _settle_openings(target, facts, desk, min(days), told)
        return []
    if not told:
        return [Reason("balance_today", {"account": target.account.name, "commodity": target.unit.code})]
    stated_on, stated = max(told, key=lambda pair: pair[0])
    since = sum(minor for day, minor in target.own if day <= stated_on)
    _set_opening(target, desk, _evening_before(min(days), target, facts), stated.minor - since)
    return []


def _settle_openings(
    target: _Target, facts: BookFacts, desk: Desk, first: date, told: list[tuple[date, Amount]]
) -> None:
    """Let a file that comes after a newer one join it: what it tells of days before an opening balance that stands is
    part of that balance, so it is taken out of it again, and what the account held from then on stays as it was.

    Before the earliest opening balance the account is opened anew: with what this file states there, or else with what
    the rows leave of that balance. All of it is the file's own, and goes with it when it is undone.

    `first`: the first day that the file tells of; `told`: days and balances that it states.
    """
    equity, code = facts.names.get(OPENING_BALANCES), target.unit.code
    if equity is None or first.toordinal() > facts.latest.get((equity, code), 0):
        return  # no opening balance is that late
    standing = desk.openings((target.account.id, code))
    if not standing:
        return
    days = sorted(standing)
    earliest = days[0]
    taken_out: Counter[date] = Counter()
    before = 0
    for day, minor in target.own:
        place = bisect_left(days, day)
        if place < len(days):
            taken_out[days[place]] += minor
        before += minor if day <= earliest else 0
    on = _evening_before(first, target, facts)
    stated = max([pair for pair in told if pair[0] < earliest], key=lambda pair: pair[0], default=None)
    reaches_back = any(day <= earliest for day, _ in target.own)
    if reaches_back or (stated is not None and on < earliest):
        opening = standing[earliest] - before
        if stated is not None:
            opening = stated[1].minor - sum(minor for day, minor in target.own if day <= stated[0])
        _set_opening(target, desk, on, opening)
        taken_out[earliest] += opening
    for day, minor in sorted(taken_out.items()):
        if minor:
            out = Amount(-minor, target.unit)
            postings = (Posting(target.account.id, out), Posting(equity, -out))
            record = RecordTransaction(TransactionId(desk.new_id()), day, postings, import_id=desk.import_id)
            target.settled.append(record)


def _evening_before(day: date, target: _Target, facts: BookFacts) -> date:
    """The day before, or the first after that on which the account and the period are open."""
    on = max(day - timedelta(days=1), FIRST_DAY)
    closed, opened_on = facts.closed_through, target.account.opened_on
    if closed is not None and on <= closed:
        on = closed + timedelta(days=1)
    return opened_on if opened_on is not None and on < opened_on else on


def _set_opening(target: _Target, desk: Desk, on: date, minor: int) -> None:
    target.opening = SetOpeningBalance(
        TransactionId(desk.new_id()), target.account.id, on, Amount(minor, target.unit), desk.import_id
    )


def _needs_balance(statement: Statement) -> bool:
    """Whether a person's word on the balance is meant for this statement."""
    return statement.stated is None and statement.type is not AccountType.INVESTMENT


def row_key(account: AccountId, row: StatementRow, amount: Amount) -> str:
    """What makes a row itself, but for its place among its equals: for ever the same, as fingerprints are kept."""
    k_of_n = f"{row.instalment[0]}/{row.instalment[1]}" if row.instalment is not None else ""
    day = row.date.isoformat() if row.date is not None and row.dated else ""
    bank_id = row.bank_id.replace("|", "||")
    return f"row.v1|{account}|{bank_id}|{day}|{amount.minor}|{amount.commodity.scale}|{amount.commodity.code}|{k_of_n}"
