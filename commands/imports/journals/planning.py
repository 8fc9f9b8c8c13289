"""The plan of a whole ledger: what it tells anew, what it tells otherwise than before, and what it tells no more.

An edited ledger shows its difference: an entry that was changed takes the place of what it was, one that is gone is
asked about. Both go with the import that told them, and its undoing brings back what stood before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import localcontext

from commands.imports.journals.amounts import ROUNDING, Amounts
from commands.imports.journals.budgets import BudgetPlan, canonical, plan_budgets, withdrawals
from commands.imports.journals.changes import edited
from commands.imports.journals.entries import Keyed, changed_here, is_last_said, keyed_entries, said_again, set_apart
from commands.imports.plan import (
    ROW_NEW,
    ROW_SKIPPED,
    UNKNOWN,
    Answers,
    BookFacts,
    Desk,
    Earlier,
    Place,
    Plan,
    Row,
    Told,
    Verdict,
    period_of,
    standing_row,
)
from commands.imports.reading import Journal, JournalBalance, Question, Reason
from domain.book import BookCommand
from domain.ledger import (
    AccountId,
    AssertBalance,
    CloseAccount,
    ConcludeImport,
    How,
    JoinTransaction,
    OpenAccount,
    Posting,
    RecordTransaction,
    TransactionId,
    kind_of,
)
from domain.ledger.joining import MAX_JOINED
from domain.money import Amount
from domain.prices import RecordPrice

PRECISION_DIGITS = 60
"""Digits that totals are computed with before they are rounded."""

MAX_LATE_ASSERTIONS = 100
"""Confirmed balances of days behind which the book has later entries: each is one reading of them, so the rest of
such are left out, by name."""

NOTHING_EARLIER = Earlier(frozenset(), {}, (), {})

Entry = tuple[date, tuple[Posting, ...]]
"""Day and postings."""


def plan_journal(
    facts: BookFacts,
    read: Journal,
    desk: Desk,
    format_name: str,
    file_name: str,
    answers: Answers,
    skip: Collection[int],
) -> Plan:
    """The plan of a whole ledger; `skip` are transactions that a person left out: they neither come nor go."""
    with localcontext() as context:
        context.prec = PRECISION_DIGITS
        return _Draft(facts, read, desk, format_name, answers, skip).plan(file_name)


@dataclass(slots=True)
class _Draft:
    """A journal becoming the commands of one group, in the order of days, so that each confirmed balance is asked
    for when nothing later stands on its account.
    """

    facts: BookFacts
    read: Journal
    desk: Desk
    form: str
    answers: Answers
    skip: Collection[int]
    ids: dict[str, AccountId] = field(default_factory=dict)
    amounts: Amounts = field(init=False)
    rows: list[Row] = field(default_factory=list)
    earlier: Earlier = NOTHING_EARLIER
    dated: list[tuple[date, RecordTransaction, int]] = field(default_factory=list)
    joins: list[tuple[JoinTransaction, int]] = field(default_factory=list)
    moves: list[tuple[date, int, tuple[Posting, ...]]] = field(default_factory=list)
    """What the import puts (1) and takes back (-1), by day."""
    withdrawn: set[tuple[AccountId, str, int]] = field(default_factory=set)
    """Confirmed balances of older versions of the file, by place and day, that what changed contradicts."""
    needed: set[str] = field(default_factory=set)
    """Accounts that what is new touches."""

    def __post_init__(self) -> None:
        self.ids = dict(self.facts.names)
        self.amounts = Amounts(self.ids, self.desk.new_id)

    def plan(self, file_name: str) -> Plan:
        declared = self.amounts.declare(self.facts, self.read)
        known_before = set(self.ids)
        for account in self.read.accounts:
            if account.name not in self.ids:
                self.ids[account.name] = AccountId(self.desk.new_id())
        gone = self._take_entries()
        asserted = self._assertions()
        closings = self._closings()
        prices = self._prices()
        budgets = self._budgets(gone)
        opened = self._openings(known_before)
        commands: list[BookCommand] = [*declared, *opened]
        row_of: dict[int, int] = {}
        for join, row in self.joins:
            row_of[len(commands)] = row
            commands.append(join)
        waiting = iter(asserted)
        following = next(waiting, None)
        for day, record, row in self.dated:
            while following is not None and following[0] < day:
                commands.append(following[1])
                following = next(waiting, None)
            row_of[len(commands)] = row
            commands.append(record)
        if following is not None:
            commands += [following[1], *[command for _, command in waiting]]
        commands += [*closings, *prices, *budgets.commands]
        for left in self.read.left_out:
            self._show(left.row, left.line, left.date, None, left.description, Verdict.LEFT_OUT, left.reason)
        self.rows.sort(key=lambda row: row.row)
        recorded, joined = len(self.dated), len(self.joins)
        skipped = len(self.rows) - recorded - joined
        commands.append(
            ConcludeImport(self.desk.import_id, self.form, None, recorded, skipped, file_name, joined=joined)
        )
        also = {
            "accounts": len(opened),
            "commodities": len(declared),
            "prices": len(prices),
            "assertions": len(asserted),
            "closings": len(closings),
            "budgets": len(budgets.commands),
        }
        agreement = Reason("assertions_hold", {"count": len(asserted)}) if asserted else UNKNOWN
        missing = sum(row.verdict is Verdict.GONE for row in self.rows)
        asked = Question("entries_gone", "gone", {"count": missing}, ("keep", "void"))
        return Plan(
            account=None,
            period=period_of([entry.date for entry in self.read.entries]),
            rows=tuple(self.rows),
            questions=(asked,) if missing else (),
            remarks=self.read.remarks,
            statements=(),
            agreement=agreement,
            commands=tuple(commands),
            row_of=row_of,
            also=also,
        )

    def _show(
        self,
        row: int,
        line: int,
        day: date | None,
        amount: Amount | None,
        words: str,
        verdict: Verdict,
        reason: Reason,
        transaction: TransactionId | None = None,
    ) -> None:
        self.rows.append(Row(row, day, amount, words, verdict, reason, line, transaction=transaction))

    # Transactions

    def _take_entries(self) -> Callable[[], int]:
        """Find a verdict for every entry, and for those that are gone; the answer numbers further rows."""
        is_first = self.form not in self.facts.formats
        keyed, equals = keyed_entries(self.read.entries, self.amounts, self.desk, is_first)
        held = {TransactionId(row.holder) for row in keyed if row.holder}
        if held:
            self.earlier = self.desk.earlier(held, self.form)
            keyed = set_apart(keyed, equals, self.earlier.met, self.desk)
            held = {TransactionId(row.holder) for row in keyed if row.holder}
        gone = [told for told in self.earlier.gone if told.transaction not in held]
        fresh = [row for row in keyed if row.holder is None]
        words = self.desk.words([told.transaction for told in gone]) if gone else {}
        changed = edited(fresh, gone, words) if fresh and gone else {}
        taken = {told.transaction for told in changed.values()}
        for row in keyed:
            told = self.earlier.met.get(TransactionId(row.holder)) if row.holder else None
            if told is not None and not is_last_said(row, told, self.desk.fingerprint):
                changed[row.entry.row] = told
        here = changed_here(list(changed.values()), self.facts, self.desk)
        for row in keyed:
            self._take(row, changed.get(row.entry.row), here)
        numbers = iter(range(self._last_row() + 1, self._last_row() + 2 + len(gone) + len(self.facts.budgets)))
        for told in gone:
            if told.transaction not in taken:
                self._take_gone(next(numbers), told, words)
        self.dated.sort(key=lambda dated: dated[0])
        self.moves += [(day, 1, record.postings) for day, record, _ in self.dated]
        self.moves.sort(key=lambda move: move[0])
        return lambda: next(numbers)

    def _last_row(self) -> int:
        read = self.read
        return sum(map(len, (read.entries, read.balances, read.closings, read.left_out, read.budgets)))

    def _take(self, row: Keyed, told: Told | None, here: Collection[TransactionId]) -> None:
        entry = row.entry
        closed = self.facts.closed_through
        verdict, reason = Verdict.LEFT_OUT, ROW_SKIPPED
        known = standing_row(row.fingerprint, {row.fingerprint: row.holder} if row.holder is not None else {})
        transaction: TransactionId | None = None
        if known is not None and told is None:
            verdict, reason = Verdict.DUPLICATE, known
            transaction = TransactionId(row.holder) if row.holder else None
        elif closed is not None and entry.date <= closed:
            reason = Reason("period_closed", {"closed_through": closed})
        elif entry.row in self.skip:
            pass
        elif told is not None:
            verdict, reason = self._change(row, told, here)
            transaction = told.transaction
        else:
            verdict, reason = Verdict.NEW, ROW_NEW
            self.dated.append((entry.date, self._record(row, row.fingerprint), entry.row))
        amount = row.postings[0].amount
        self._show(entry.row, entry.line, entry.date, amount, row.words, verdict, reason, transaction)

    def _change(self, row: Keyed, told: Told, here: Collection[TransactionId]) -> tuple[Verdict, Reason]:
        """Let an entry take the place of what an earlier version of the file told, where it may."""
        becomes = row.entry.date, row.postings
        was = told.day, told.postings
        reason = self._held_fast(told, becomes)
        if reason is None and told.transaction in here and was != becomes:
            reason = Reason("entry_changed_here_too", {"transaction": told.transaction})
        if reason is not None:
            return Verdict.LEFT_OUT, reason
        fingerprint = row.fingerprint
        if row.holder is not None:
            fingerprint = said_again(row, told.rows, self.desk.fingerprint)
        self._join(told, self._record(row, fingerprint), How.REPLACEMENT, row.entry.row)
        if not told.postings:
            return Verdict.CHANGED, Reason("entry_told_again", {"transaction": told.transaction})
        params = {"transaction": told.transaction, "date": told.day, "was": told.postings[0].amount}
        return Verdict.CHANGED, Reason("entry_changed", params)

    def _take_gone(self, number: int, told: Told, words: Mapping[TransactionId, tuple[str, str]]) -> None:
        reason = Reason("entry_gone_from_file", {"transaction": told.transaction})
        if self.answers.gone == "void" and number not in self.skip:
            fast = self._held_fast(told, (told.day, ()))
            if fast is None:
                own = RecordTransaction(TransactionId(self.desk.new_id()), told.day, (), import_id=self.desk.import_id)
                self._join(told, own, How.REMOVAL, number)
            reason = fast or Reason("entry_taken_out", {"transaction": told.transaction})
        text = " ".join(words.get(told.transaction, ())).strip()
        amount = told.postings[0].amount
        self._show(number, 0, told.day, amount, text, Verdict.GONE, reason, told.transaction)

    def _held_fast(self, told: Told, becomes: Entry) -> Reason | None:
        """Why a standing transaction must stay as it is; None where it may change."""
        if told.rows >= MAX_JOINED:
            return Reason("entry_changed_too_often", {"limit": MAX_JOINED})
        for posting in (*told.postings, *becomes[1]):
            account = self.facts.accounts.get(posting.account)
            if account is None or account.closed_on is None or account.kind.is_category:
                continue
            if told.postings.count(posting) != becomes[1].count(posting):
                return Reason("account_closed", {"account": account.name, "on": account.closed_on})
        for account_id, *_ in self._contradicted((told.day, told.postings), becomes, self.earlier.bound):
            name = self.facts.accounts[account_id].name
            return Reason("transaction_reconciled", {"transaction": told.transaction, "account": name})
        return None

    def _join(self, told: Told, own: RecordTransaction, how: How, row: int) -> None:
        was, becomes = (told.day, told.postings), (own.date, own.postings)
        self.joins.append((JoinTransaction(told.transaction, own, how), row))
        self.moves += [(was[0], -1, was[1]), (becomes[0], 1, becomes[1])]
        self.withdrawn.update(self._contradicted(was, becomes, self.facts.asserted))

    def _contradicted(
        self, was: Entry, becomes: Entry, asserted: Mapping[Place, Iterable[int]]
    ) -> Iterable[tuple[AccountId, str, int]]:
        """The confirmed balances, by place and day, that would not hold any more."""
        changes: dict[Place, list[tuple[int, int]]] = {}
        for sign, (day, postings) in ((-1, was), (1, becomes)):
            for posting in postings:
                place = (canonical(self.facts, posting.account), posting.amount.commodity.code)
                changes.setdefault(place, []).append((day.toordinal(), sign * posting.amount.minor))
        for place, moved in changes.items():
            for until in asserted.get(place, ()):
                if sum(minor for day, minor in moved if day <= until):
                    yield (*place, until)

    def _record(self, row: Keyed, fingerprint: str) -> RecordTransaction:
        entry = row.entry
        self.needed.update([posting.account for posting in entry.postings])
        return RecordTransaction(
            TransactionId(self.desk.new_id()),
            entry.date,
            row.postings,
            entry.payee,
            entry.memo,
            entry.tags,
            entry.links,
            import_id=self.desk.import_id,
            fingerprint=fingerprint,
        )

    # What goes with them

    def _openings(self, known_before: Collection[str]) -> list[OpenAccount]:
        """The accounts to open: all of a ledger that is new, those that are needed of one that is known."""
        is_known = any(row.verdict in (Verdict.DUPLICATE, Verdict.CHANGED) for row in self.rows)
        opened: list[OpenAccount] = []
        for account in self.read.accounts:
            if account.name in known_before or (is_known and account.name not in self.needed):
                continue
            kind_of(account.name)
            opened.append(OpenAccount(self.ids[account.name], account.name, account.commodities, account.opened_on))
        rounding = self.ids.get(ROUNDING)
        is_told = ROUNDING in known_before or any(account.name == ROUNDING for account in self.read.accounts)
        if not is_told and any(p.account == rounding for _, sign, postings in self.moves if sign > 0 for p in postings):
            opened.append(OpenAccount(self.ids[ROUNDING], ROUNDING, on_budget=False))
        return opened

    def _prices(self) -> list[RecordPrice]:
        told: dict[str, RecordPrice] = {}
        for price in self.read.prices:
            rate = price.rate.normalize()
            key = f"price.v1|{price.commodity}|{price.date.isoformat()}|{rate:f}|{price.currency}"
            fingerprint = self.desk.fingerprint(key)
            told[fingerprint] = RecordPrice(price.commodity, price.date, price.rate, price.currency, fingerprint)
        taken = self.desk.taken(told)
        return [command for fingerprint, command in told.items() if fingerprint not in taken]

    def _budgets(self, number: Callable[[], int]) -> BudgetPlan:
        plan = plan_budgets(
            self.facts, self.read.budgets, self.amounts, self.desk.import_id, self.earlier.imports, self.desk.new_id
        )
        self.needed |= plan.accounts
        for entry, reason in plan.left_out:
            words = f"budget {entry.account} {entry.interval} {entry.number} {entry.commodity}"
            self._show(entry.row, entry.line, entry.date, None, words, Verdict.LEFT_OUT, reason)
        for name, limit, budgets in plan.gone:
            row, reason = number(), Reason("budget_gone_from_file", {"account": name})
            if self.answers.gone == "void" and row not in self.skip:
                plan.commands += withdrawals(self.facts, budgets, self.desk.import_id)
                reason = Reason("budget_taken_out", {"account": name})
            self._show(row, 0, None, limit, f"budget {name}", Verdict.GONE, reason)
        return plan

    def _assertions(self) -> list[tuple[date, AssertBalance]]:
        """The confirmed balances that will hold to the last digit, by day."""
        parents = _parents(list(self.ids))
        candidates: list[tuple[JournalBalance, AccountId, Amount]] = []
        for balance in self.read.balances:
            account = self.ids[balance.account]
            reason = self._assertion_left_out(balance, parents)
            if reason is not None:
                self._leave_out_balance(balance, reason)
            elif not self._is_asserted(account, balance):
                candidates.append((balance, account, self.amounts.exactly(balance.number, balance.commodity)))
        candidates.sort(key=lambda candidate: candidate[0].on)
        before = self._held_before(candidates)
        running: Counter[Place] = Counter()
        moves = iter(self.moves)
        following = next(moves, None)
        asserted: list[tuple[date, AssertBalance]] = []
        seen: set[tuple[AccountId, str, date]] = set()
        for balance, account, stated in candidates:
            while following is not None and following[0] <= balance.on:
                _, sign, postings = following
                for posting in postings:
                    running[posting.account, posting.amount.commodity.code] += sign * posting.amount.minor
                following = next(moves, None)
            place = (account, balance.commodity)
            held = before.get((*place, balance.on))
            if held is None:
                self._leave_out_balance(balance, Reason("assertion_behind_later_entries"))
                continue
            held += running[place]
            if held != stated.minor:
                params = {"stated": stated, "held": Amount(held, stated.commodity)}
                self._leave_out_balance(balance, Reason("assertion_not_exact", params))
                continue
            if (*place, balance.on) not in seen:
                seen.add((*place, balance.on))
                self.needed.add(balance.account)
                asserted.append((balance.on, AssertBalance(account, balance.on, stated, self.desk.import_id)))
        return asserted

    def _is_asserted(self, account: AccountId, balance: JournalBalance) -> bool:
        ordinal = balance.on.toordinal()
        known = self.facts.asserted.get((account, balance.commodity), ())
        return ordinal in known and (account, balance.commodity, ordinal) not in self.withdrawn

    def _assertion_left_out(self, balance: JournalBalance, parents: Collection[str]) -> Reason | None:
        closed = self.facts.closed_through
        if balance.account in parents:
            return Reason("assertion_of_parent", {"account": balance.account})
        if closed is not None and balance.on <= closed:
            return Reason("period_closed", {"closed_through": closed})
        if not self.amounts.is_exact(balance.number, balance.commodity):
            scale = self.amounts.units[balance.commodity].scale
            return Reason("amount_scale_exceeded", {"amount": str(balance.number), "scale": scale})
        return None

    def _held_before(
        self, candidates: Sequence[tuple[JournalBalance, AccountId, Amount]]
    ) -> dict[tuple[AccountId, str, date], int]:
        """What the book held before this import on each candidate's day; some are too late to be asked for."""
        before: dict[tuple[AccountId, str, date], int] = {}
        late: set[tuple[AccountId, str, date]] = set()
        for balance, account, _ in candidates:
            place = (account, balance.commodity)
            if self.facts.latest.get(place, 0) <= balance.on.toordinal():
                before[(*place, balance.on)] = self.facts.holdings.get(place, 0)
            elif len(late) < MAX_LATE_ASSERTIONS:
                late.add((*place, balance.on))
        if late:
            before.update(self.desk.held_on(frozenset(late)))
        return before

    def _leave_out_balance(self, balance: JournalBalance, reason: Reason) -> None:
        amount = None
        if reason.code != "amount_scale_exceeded":
            amount = self.amounts.exactly(balance.number, balance.commodity)
        words = f"balance {balance.account}"
        self._show(balance.row, balance.line, balance.on, amount, words, Verdict.LEFT_OUT, reason)

    def _closings(self) -> list[CloseAccount]:
        held: Counter[Place] = Counter(dict(self.facts.holdings))
        latest: dict[AccountId, int] = {}
        for (account, _), ordinal in self.facts.latest.items():
            latest[account] = max(latest.get(account, 0), ordinal)
        for day, sign, postings in self.moves:
            for posting in postings:
                held[posting.account, posting.amount.commodity.code] += sign * posting.amount.minor
                if sign > 0:
                    latest[posting.account] = max(latest.get(posting.account, 0), day.toordinal())
        full = {account for (account, _), minor in held.items() if minor}
        commands: list[CloseAccount] = []
        for closing in self.read.closings:
            account = self.ids[closing.account]
            standing = self.facts.accounts.get(account)
            if standing is not None and standing.closed_on is not None:
                continue
            if account in full and not kind_of(closing.account).is_category:
                reason = Reason("account_not_empty", {"account": closing.account})
            elif latest.get(account, 0) > closing.on.toordinal():
                reason = Reason("account_used_later", {"account": closing.account, "on": closing.on})
            else:
                self.needed.add(closing.account)
                commands.append(CloseAccount(account, closing.on))
                continue
            words = f"close {closing.account}"
            self._show(closing.row, closing.line, closing.on, None, words, Verdict.LEFT_OUT, reason)
        return commands


def _parents(names: Collection[str]) -> set[str]:
    """Every name that another is below of."""
    parents: set[str] = set()
    for name in names:
        while ":" in name:
            name = name.rpartition(":")[0]
            if name in parents:
                break
            parents.add(name)
    return parents
