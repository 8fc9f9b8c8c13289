"""Imports: preview, commit, undo.

A preview decides nothing: the file waits, sealed, and the commit reads and plans again on the book as it then is, as
one atomic group, all of it or none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from commands.answers import Answer
from commands.bus import GROUP_TIMEOUT_S, LOOK_TIMEOUT_S, CommandBus, result_of
from commands.imports.formats import FORMATS, format_of
from commands.imports.journals import plan_journal
from commands.imports.looks import candidates, earlier, first_day, held_on, joined_into, openings
from commands.imports.pending import Pending, PendingImports, Receipt, Upload
from commands.imports.plan import (
    NO_ANSWERS,
    UNKNOWN,
    Answers,
    BookFacts,
    Desk,
    Plan,
    Row,
    StatementPlan,
    Verdict,
)
from commands.imports.reading import Detected, Format, Journal, Question, Reading, Reason, Statements
from commands.imports.statements import compared, overall, plan_statements
from commands.ports import (
    BANK_ACCOUNTS,
    BOOK_NAMES,
    Asked,
    Clock,
    EventStore,
    Head,
    Ids,
    Keys,
    Words,
)
from domain.book import Book, BookEvent, BookId
from domain.errors import Rejected
from domain.ledger import (
    FIRST_DAY,
    ImportCommitted,
    ImportId,
    ImportUndone,
    TransactionId,
    UndoImport,
)
from domain.money import Amount, commodity
from domain.private import MAX_TEXT_CHARS

T = TypeVar("T")

MAX_PLANS = 5
"""How often a commit plans again because the book moved while it planned."""

MAX_FILE_NAME_CHARS = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """What a commit would do now. `counts` are rows by verdict, and what else would be imported by its name. `bank` and
    `currency` are what the file tells of itself, empty where it does not.
    """

    import_id: ImportId
    format: str
    detected: Detected
    bank: str
    currency: str
    account: str | None
    period: tuple[date, date] | None
    counts: Mapping[str, int]
    questions: tuple[Question, ...]
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
        self,
        bus: CommandBus,
        store: EventStore,
        keys: Keys,
        ids: Ids,
        clock: Clock,
        pending: PendingImports,
        words: Words,
        formats: Callable[[], Sequence[Format]] = lambda: FORMATS,
    ) -> None:
        self._bus = bus
        self._store = store
        self._keys = keys
        self._ids = ids
        self._clock = clock
        self._pending = Pending(pending, keys)
        self._words = words
        self._formats = formats

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
        form = format_of(raw, file_name, format or ("csv" if profile else None), self._formats())
        if profile and form.name != "csv":
            raise Rejected("profile_not_for_format", format=form.name)
        import_id = ImportId(self._ids.new())
        upload = Upload(raw, _short(file_name), form.name, account, profile or "")
        preview = self._preview(book, import_id, upload, answers, ())
        self._pending.save(import_id, book, self._clock.now(), upload)
        return preview

    def preview_again(self, book: BookId, import_id: ImportId, answers: Answers, skip: Collection[int] = ()) -> Preview:
        """What the commit of a previewed file would do with these answers."""
        content = self._pending.load(book, import_id)
        if content is None:
            raise Rejected("preview_unknown", import_id=import_id[:40])
        if isinstance(content, Receipt):
            raise Rejected("import_committed", import_id=import_id)
        return self._preview(book, import_id, content, answers, skip)

    def _preview(
        self, book: BookId, import_id: ImportId, upload: Upload, answers: Answers, skip: Collection[int]
    ) -> Preview:
        read = self._read(upload, answers)
        plan = self._plan(book, import_id, upload, read, answers, skip)
        told = read.statements if isinstance(read, Statements) else ()
        return Preview(
            import_id,
            upload.format,
            read.detected,
            _common([statement.bank for statement in told]),
            _common([statement.currency for statement in plan.statements]),
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
        read = self._read(content, answers)
        for attempt in range(1, MAX_PLANS + 1):
            head = self._store.head(book)
            plan = self._plan(book, import_id, content, read, answers, skip)
            waiting = [question.code for question in plan.questions if question.needed]
            if waiting:
                raise Rejected("answers_needed", questions=waiting)
            try:
                answer = result_of(self._bus.submit(book, plan.commands, asked), GROUP_TIMEOUT_S)
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
        answer = result_of(self._bus.submit(book, [UndoImport(import_id)], asked), GROUP_TIMEOUT_S)
        undone = self._event(book, answer.version)
        voided = undone.voided if isinstance(undone, ImportUndone) else 0
        return _answer(import_id, answer, {"voided": voided}, None)

    def discard(self, book: BookId, import_id: ImportId) -> None:
        """Forget a preview that is not wanted; without effect on what was committed."""
        if isinstance(self._pending.load(book, import_id), Upload):
            self._pending.drop(import_id)

    # Planning

    def _read(self, upload: Upload, answers: Answers) -> Reading:
        """What the file says, as the person says that it is to be read."""
        formats = self._formats()
        form = next((form for form in formats if form.name == upload.format), None)
        if form is None:
            raise Rejected("format_unknown", format=upload.format, formats=[form.name for form in formats])
        return form.read(upload.raw, replace(answers.hints, profile=upload.profile))

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
            lambda fingerprints: self._taken(book, fingerprints),
            lambda account: self._look(book, lambda state: not state.ledger.posted_after(account, _BEFORE_ALL)),
            lambda wanted: self._look(book, lambda state: held_on(state.ledger, wanted)),
            lambda place: self._look(book, lambda state: openings(state.ledger, place)),
            lambda account: self._look(book, lambda state: first_day(state.ledger, account)),
            lambda wanted, first, last: self._look(book, lambda b: candidates(b.ledger, wanted, first, last)),
            lambda transactions: self._words.of(book, transactions, self._version(book)),
            lambda sources: self._elsewhere(book, sources),
            lambda transactions, form: self._look(book, lambda state: earlier(state.ledger, transactions, form)),
            self._clock.now().astimezone(ZoneInfo(facts.time_zone)).date(),
        )
        if isinstance(read, Journal):
            if upload.account is not None:
                raise Rejected("account_not_for_ledgers", account=upload.account[:250])
            plan = plan_journal(facts, read, desk, upload.format, upload.file_name, answers, skip)
        else:
            plan = plan_statements(facts, read, desk, upload.format, upload.file_name, upload.account, answers, skip)
        named = {*skip, *answers.separate}
        unknown = named - {row.row for row in plan.rows} if named else set()
        if unknown:
            raise Rejected("row_unknown", row=min(unknown))
        return plan

    def _taken(self, book: BookId, fingerprints: Iterable[str]) -> Mapping[str, str]:
        """Which fingerprints stand, and for which transaction: of rows that joined one, that one."""
        held = self._store.held(book, fingerprints)
        if not held:
            return held
        into = self._look(book, lambda state: joined_into(state.ledger, held.values()))
        return {fingerprint: into.get(TransactionId(holder), holder) for fingerprint, holder in held.items()}

    def _elsewhere(self, book: BookId, sources: Collection[str]) -> frozenset[str]:
        """The bank accounts of which another book has taken statements."""
        marks = {self._keys.fingerprint(BOOK_NAMES, source): source for source in sources}
        held = self._store.held(BANK_ACCOUNTS, marks) if marks else {}
        return frozenset(marks[mark] for mark, holder in held.items() if holder != book)

    def _look(self, book: BookId, question: Callable[[Book], T]) -> T:
        return result_of(self._bus.inspect(book, question), LOOK_TIMEOUT_S)

    def _version(self, book: BookId) -> int:
        """The book's version by now: what was looked at before, read models that reached it have heard of."""
        head = self._store.head(book)
        return 0 if head is None else head.version

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


def _common(texts: Collection[str]) -> str:
    """What all of them say, where they say one thing."""
    said = set(texts)
    return said.pop() if len(said) == 1 else ""


_BEFORE_ALL = date(FIRST_DAY.year - 1, 12, 31)


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
