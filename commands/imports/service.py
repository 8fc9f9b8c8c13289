"""Imports: preview, commit, undo.

A preview decides nothing: the file waits, sealed, and the commit reads and plans again on the book as it then is, as
one atomic group, all of it or none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from commands.answers import Answer
from commands.bus import CommandBus
from commands.imports.formats import FORMATS, format_of
from commands.imports.journal_plan import plan_journal
from commands.imports.pending import Pending, PendingImports, Receipt, Upload
from commands.imports.plan import (
    NO_ANSWERS,
    UNKNOWN,
    Answers,
    BookFacts,
    Desk,
    Place,
    Plan,
    Row,
    StatementPlan,
    Verdict,
)
from commands.imports.reading import Format, Journal, Reading, Reason
from commands.imports.statement_plan import compared, overall, plan_statements
from commands.ports import Asked, Clock, EventStore, Head, Ids, Keys, StoreUnavailable
from domain.book import Book, BookEvent, BookId
from domain.errors import Rejected
from domain.ledger import (
    FIRST_DAY,
    OPENING_BALANCES,
    AccountId,
    ImportCommitted,
    ImportId,
    ImportUndone,
    Ledger,
    UndoImport,
)
from domain.money import Amount, commodity
from domain.private import MAX_TEXT_CHARS

T = TypeVar("T")

MAX_PLANS = 5
"""How often a commit plans again because the book moved while it planned."""

LOOK_TIMEOUT_S = 120.0
"""The longest wait for a look at a book: a long book may have to be loaded, behind a large import."""

COMMIT_TIMEOUT_S = 900.0
"""The longest wait for a group: the largest import behind another such."""

MAX_FILE_NAME_CHARS = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """What a commit would do now. `counts` are rows by verdict, and what else would be imported by its name."""

    import_id: ImportId
    format: str
    encoding: str
    account: str | None
    period: tuple[date, date] | None
    counts: Mapping[str, int]
    questions: tuple[Reason, ...]
    remarks: tuple[Reason, ...]
    statements: tuple[StatementPlan, ...]
    agreement: Reason
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class ImportAnswer:
    """What a commit or an undo did. `agreement` compares the books as they are now with what the bank states; None
    after an undo. `version`, `position` and `hash` are the book's head after it.
    """

    import_id: ImportId
    book: BookId
    version: int
    position: int
    hash: str
    recorded_at: datetime
    counts: Mapping[str, int]
    agreement: Reason | None
    replayed: bool = False


class ImportService:
    """The one way in which files become transactions. Its methods block; call them from a worker's thread."""

    def __init__(
        self, bus: CommandBus, store: EventStore, keys: Keys, ids: Ids, clock: Clock, pending: PendingImports
    ) -> None:
        self._bus = bus
        self._store = store
        self._keys = keys
        self._ids = ids
        self._clock = clock
        self._pending = Pending(pending, keys)

    def preview(
        self,
        book: BookId,
        raw: bytes,
        file_name: str = "",
        account: str | None = None,
        format: str | None = None,
        profile: str | None = None,
        answers: Answers = NO_ANSWERS,
    ) -> Preview:
        """Read a file and say what its commit would do. Raises `Rejected` for a file that cannot be imported."""
        if profile is not None:
            raise Rejected("profile_unknown", profile=profile[:40])
        form = format_of(raw, file_name, format)
        read = form.read(raw)
        import_id = ImportId(self._ids.new())
        upload = Upload(raw, _short(file_name), form.name, account)
        plan = self._plan(book, import_id, upload, read, answers, ())
        self._pending.save(import_id, book, self._clock.now(), upload)
        return Preview(
            import_id,
            form.name,
            read.detected.encoding,
            plan.account,
            plan.period,
            plan.counts,
            plan.questions,
            plan.remarks,
            plan.statements,
            plan.agreement,
            plan.rows,
        )

    def commit(
        self,
        book: BookId,
        import_id: ImportId,
        asked: Asked,
        answers: Answers = NO_ANSWERS,
        skip: Collection[int] = (),
    ) -> ImportAnswer:
        """Import what was previewed, but for the rows in `skip`; the same key answers the same again."""
        content = self._pending.load(book, import_id)
        if isinstance(content, Receipt):
            return _answered_again(book, import_id, content, asked)
        if content is None:
            return self._replayed(book, import_id, asked)
        read = _format_named(content.format).read(content.raw)
        for attempt in range(1, MAX_PLANS + 1):
            head = self._store.head(book)
            plan = self._plan(book, import_id, content, read, answers, skip)
            try:
                answer = _result(self._bus.submit(book, plan.commands, asked), COMMIT_TIMEOUT_S)
            except Rejected as rejected:
                if rejected.code == "idempotency_key_reused" or not self._moved(book, head) or attempt == MAX_PLANS:
                    raise _with_row(rejected, plan) from None
            else:
                told = self._told(book, import_id, answer, plan)
                receipt = Receipt(_key_of(asked), _plain_answer(told))
                self._pending.save(import_id, book, self._clock.now(), receipt)
                return told
        raise AssertionError("the last attempt answers or raises")

    def undo(self, book: BookId, import_id: ImportId, asked: Asked) -> ImportAnswer:
        """Void all that an import recorded; refused whole where one of it is reconciled or in a closed period."""
        answer = _result(self._bus.submit(book, [UndoImport(import_id)], asked), COMMIT_TIMEOUT_S)
        undone = self._event(book, answer.version)
        voided = undone.voided if isinstance(undone, ImportUndone) else 0
        return _answer(import_id, answer, {"voided": voided}, None)

    def discard(self, book: BookId, import_id: ImportId) -> None:
        """Forget a preview that is not wanted; without effect on what was committed."""
        if isinstance(self._pending.load(book, import_id), Upload):
            self._pending.drop(import_id)

    # Planning

    def _plan(
        self,
        book: BookId,
        import_id: ImportId,
        upload: Upload,
        read: Reading,
        answers: Answers,
        skip: Collection[int],
    ) -> Plan:
        facts = self._look(book, BookFacts.of)
        desk = Desk(
            import_id,
            self._ids.new,
            lambda text: self._keys.fingerprint(book, text),
            lambda fingerprints: self._store.held(book, fingerprints),
            lambda account: self._look(book, lambda state: not state.ledger.posted_after(account, _BEFORE_ALL)),
            lambda wanted: self._look(book, lambda state: held_on(state.ledger, wanted)),
            lambda place: self._look(book, lambda state: openings(state.ledger, place)),
            self._clock.now().astimezone(ZoneInfo(facts.time_zone)).date(),
        )
        if isinstance(read, Journal):
            if upload.account is not None:
                raise Rejected("account_not_for_ledgers", account=upload.account[:250])
            plan = plan_journal(facts, read, desk, upload.format, upload.file_name, skip)
        else:
            plan = plan_statements(facts, read, desk, upload.format, upload.file_name, upload.account, answers, skip)
        unknown = set(skip) - {row.row for row in plan.rows} if skip else set()
        if unknown:
            raise Rejected("row_unknown", row=min(unknown))
        return plan

    def _look(self, book: BookId, question: Callable[[Book], T]) -> T:
        return _result(self._bus.inspect(book, question), LOOK_TIMEOUT_S)

    def _moved(self, book: BookId, planned_on: Head | None) -> bool:
        """Whether the book went on since, so that a refusal may be owed to that alone."""
        return self._store.head(book) != planned_on

    # Answers

    def _told(self, book: BookId, import_id: ImportId, answer: Answer, plan: Plan) -> ImportAnswer:
        counts = self._recorded_counts(book, answer.version) if answer.replayed else plan.counts
        agreement = self._agreement(book, plan) if plan.checks else plan.agreement
        return _answer(import_id, answer, counts, agreement)

    def _agreement(self, book: BookId, plan: Plan) -> Reason:
        """What the books hold now, beside what the bank states."""
        wanted = frozenset((check.account, check.stated.commodity.code, check.on) for check in plan.checks)
        held = self._look(book, lambda state: held_on(state.ledger, wanted))
        names = self._look(book, lambda state: {a: state.ledger.accounts[a].name for a, *_ in wanted})
        told = [UNKNOWN] * (len(plan.statements) - len(plan.checks))
        for check in plan.checks:
            minor = held[check.account, check.stated.commodity.code, check.on]
            told.append(compared(check.stated, minor, check.on, names[check.account]))
        return overall(told)

    def _replayed(self, book: BookId, import_id: ImportId, asked: Asked) -> ImportAnswer:
        """Answer a commit whose file is gone: from the log where its key is known, else it is no preview's."""
        known = self._store.known(asked.key) if asked.key is not None else None
        if known is None or asked.key is None:
            raise Rejected("preview_unknown", import_id=import_id[:40])
        if known.fingerprint != asked.key.fingerprint:
            raise Rejected("idempotency_key_reused")
        last = self._store.read_book(known.book, known.last - 1, 1, known.last)[0]
        counts = self._recorded_counts(known.book, known.last)
        return ImportAnswer(
            import_id, book, last.version, last.position, last.hash.hex(), last.recorded_at, counts, UNKNOWN, True
        )

    def _recorded_counts(self, book: BookId, version: int) -> dict[str, int]:
        """What an import recorded, as the event tells that concluded it."""
        event = self._event(book, version)
        if not isinstance(event, ImportCommitted):
            raise Rejected("idempotency_key_reused")
        return {str(Verdict.NEW): event.recorded, "skipped": event.skipped}

    def _event(self, book: BookId, version: int) -> BookEvent:
        return self._store.read_book(book, version - 1, 1, version)[0].event


_BEFORE_ALL = date(FIRST_DAY.year - 1, 12, 31)


def held_on(ledger: Ledger, wanted: Collection[tuple[AccountId, str, date]]) -> dict[tuple[AccountId, str, date], int]:
    """What places hold at the end of days that are not closed, in minor units, in one reading of what stands."""
    held: dict[tuple[AccountId, str, date], int] = {}
    late: dict[tuple[AccountId, str], list[date]] = {}
    for account, code, day in wanted:
        place = (account, code)
        held[account, code, day] = ledger.holdings.get(place, 0)
        if ledger.latest.get(place, 0) > day.toordinal():
            late.setdefault(place, []).append(day)
    if not late:
        return held
    asked = {place: sorted([day.toordinal() for day in days]) for place, days in late.items()}
    place_of = {
        (number, ledger.code_numbers[code]): (account, code)
        for account, code in asked
        for number in ledger.numbers_of(account)
    }
    after: dict[Place, Counter[int]] = {place: Counter() for place in asked}
    for ordinal, moves in ledger.moves_after(min(ordinals[0] for ordinals in asked.values())):
        for number, unit, minor in moves:
            found = place_of.get((number, unit))
            if found is not None:
                after[found][bisect_left(asked[found], ordinal)] += minor
    for place, ordinals in asked.items():
        later = 0
        for nth in range(len(ordinals), 0, -1):
            later += after[place][nth]
            held[(*place, date.fromordinal(ordinals[nth - 1]))] -= later
    return held


def openings(ledger: Ledger, place: Place) -> dict[date, int]:
    """The opening balances of a place that stand in open periods, in minor units by day, in one reading of them."""
    account, code = place
    equity = ledger.names.get(OPENING_BALANCES)
    found: dict[date, int] = {}
    unit = ledger.code_numbers.get(code)
    if equity is None or unit is None:
        return found
    own, against = ledger.accounts[account].number, ledger.accounts[equity].number
    last = max([ledger.latest.get((equity, known), 0) for known in ledger.commodities])
    for ordinal, packed in ledger.moves_after(0, last):
        moves = list(packed)
        if any(number == against for number, _, _ in moves):
            day = date.fromordinal(ordinal)
            for number, moved, minor in moves:
                if number == own and moved == unit:
                    found[day] = found.get(day, 0) + minor
    return found


def _format_named(name: str) -> Format:
    return next(form for form in FORMATS if form.name == name)


def _result(future: Future[T], timeout_s: float) -> T:
    try:
        return future.result(timeout_s)
    except NotInTime:
        detail = f"no answer within {timeout_s:.0f} s; the same command with the same key finds out what came of it"
        raise StoreUnavailable("outcome_unknown", detail) from None


def _with_row(rejected: Rejected, plan: Plan) -> Rejected:
    """The refusal, naming the row of the file instead of the command of the group."""
    index = rejected.params.pop("index", None)
    row = plan.row_of.get(index) if isinstance(index, int) else None
    return Rejected(rejected.code, **rejected.params, **({"row": row} if row is not None else {}))


def _short(file_name: str) -> str:
    """The file's own name, without folders, printable."""
    name = file_name.replace("\\", "/").rpartition("/")[2]
    return "".join([c for c in name if c.isprintable()])[: min(MAX_FILE_NAME_CHARS, MAX_TEXT_CHARS)]


def _answer(import_id: ImportId, answer: Answer, counts: Mapping[str, int], agreement: Reason | None) -> ImportAnswer:
    return ImportAnswer(
        import_id,
        answer.book,
        answer.version,
        answer.position,
        answer.hash,
        answer.recorded_at,
        counts,
        agreement,
        answer.replayed,
    )


def _key_of(asked: Asked) -> tuple[str, str, str] | None:
    return (asked.key.scope, asked.key.key, asked.key.fingerprint.hex()) if asked.key is not None else None


# Receipts: an answer as plain values, so that a repeat is told the same


def _plain_answer(answer: ImportAnswer) -> dict[str, Any]:
    agreement = answer.agreement
    return {
        "version": answer.version,
        "position": answer.position,
        "hash": answer.hash,
        "recorded_at": answer.recorded_at.isoformat(),
        "counts": dict(answer.counts),
        "agreement": None
        if agreement is None
        else [agreement.code, {name: _plain(value) for name, value in agreement.params.items()}],
    }


def _answered_again(book: BookId, import_id: ImportId, receipt: Receipt, asked: Asked) -> ImportAnswer:
    """The answer that a commit got; only the key it was asked under may hear it again."""
    key = _key_of(asked)
    if key is None or receipt.key is None or key[:2] != receipt.key[:2]:
        raise Rejected("import_committed", import_id=import_id)
    if key != receipt.key:
        raise Rejected("idempotency_key_reused")
    told = receipt.answer
    agreement = told["agreement"]
    return ImportAnswer(
        import_id,
        book,
        told["version"],
        told["position"],
        told["hash"],
        datetime.fromisoformat(told["recorded_at"]),
        told["counts"],
        None if agreement is None else Reason(agreement[0], {n: _told_again(v) for n, v in agreement[1].items()}),
        replayed=True,
    )


def _plain(value: object) -> object:
    match value:
        case Amount(minor, unit):
            return {"amount": [minor, unit.code, unit.scale]}
        case date():
            return {"date": value.isoformat()}
        case _:
            return value


def _told_again(value: object) -> object:
    match value:
        case {"amount": [int(minor), str(code), int(scale)]}:
            return Amount(minor, commodity(code, scale))
        case {"date": str(text)}:
            return date.fromisoformat(text)
        case _:
            return value
