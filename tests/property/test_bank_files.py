"""Random books and the files that banks would make of them: split, shuffled, overlapping, in any format, in any order.

Whatever a person drops in, the books come to what the bank knows, and no row is without a verdict and a reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from commands.imports import Answers, Hints, Preview
from domain.ledger import AccountId, ImportId, OpenAccount
from domain.money import decimal_text
from domain.sentences import sentence
from tests.bankfiles import FORMATS, Dialect, Movement, Slice, written
from tests.integration.imports.parts import Desk, desk

MONTH = date(2026, 9, 1)
ACCOUNTS = ("Assets:One", "Assets:Two")
WORDS = ("Padaria da Esquina", "Uber Trip", "Mercado Modelo", "Aluguel", "Café São João", "ACME Corp & Sons")
SETTINGS = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True, slots=True)
class Bank:
    """What a bank knows of one account."""

    account: str
    opening_minor: int
    movements: tuple[Movement, ...]

    @property
    def total_minor(self) -> int:
        return self.opening_minor + sum(movement.minor for movement in self.movements)

    def slice(self, first: date, last: date) -> Slice:
        within = tuple([m for m in self.movements if first <= m.day <= last])
        closing = self.opening_minor + sum(m.minor for m in self.movements if m.day <= last)
        return Slice(first, last, within, closing)


days = st.integers(0, 29).map(lambda n: MONTH + timedelta(days=n))
amounts = st.sampled_from([-850, 850, -1050, -50_000, 50_000, -132_241, 132_241, -999, 123_456]) | st.integers(
    -200_000, 200_000
).filter(bool)


@st.composite
def banks(draw: st.DrawFn) -> list[Bank]:
    """Two accounts, and some transfers between them, whose sides lie a few days apart."""
    moved: list[list[tuple[date, int, str]]] = [
        draw(st.lists(st.tuples(days, amounts, st.sampled_from(WORDS)), max_size=12)) for _ in ACCOUNTS
    ]
    for day, minor, apart in draw(st.lists(st.tuples(days, amounts, st.integers(0, 4)), max_size=3)):
        other = min(day + timedelta(days=apart), MONTH + timedelta(days=29))
        moved[0].append((day, minor, "Transferencia enviada"))
        moved[1].append((other, -minor, "Recebido de conta propria"))
    return [
        Bank(
            account,
            draw(st.integers(-100_000, 100_000)),
            tuple(
                [Movement(day, minor, f"{account[-1]}{n}", words) for n, (day, minor, words) in enumerate(sorted(told))]
            ),
        )
        for account, told in zip(ACCOUNTS, moved, strict=True)
    ]


dialects = st.builds(
    Dialect,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    mark=st.sampled_from([".", ","]),
    days=st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    names=st.sampled_from([("Date", "Payee", "Amount"), ("Data", "Descrição", "Valor"), ("Datum", "Name", "Betrag")]),
    end=st.sampled_from(["\n", "\r\n"]),
)


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is dropped in: its bank, its bytes, the rows it has, and how its dialect is to be read."""

    bank: Bank
    form: str
    raw: bytes = field(repr=False)
    movements: tuple[Movement, ...]
    hints: Hints


@st.composite
def files(draw: st.DrawFn) -> list[File]:
    """Files of some days each, in any order; of each account one file has the whole month."""
    found: list[File] = []
    for number, bank in enumerate(draw(banks())):
        pieces = [(MONTH, MONTH + timedelta(days=29))]
        for first, length in draw(st.lists(st.tuples(days, st.integers(0, 20)), max_size=3)):
            pieces.append((first, min(first + timedelta(days=length), MONTH + timedelta(days=29))))
        for first, last in pieces:
            told = bank.slice(first, last)
            rows = tuple(draw(st.permutations(told.movements)))
            form, dialect = draw(st.sampled_from(FORMATS)), draw(dialects)
            raw = written(form, Slice(first, last, rows, told.closing_minor), f"00012345{number}", "BRL", dialect)
            order = {"%d/%m/%Y": "dmy", "%d.%m.%Y": "dmy", "%m/%d/%Y": "mdy"}.get(dialect.days, "ymd")
            hints = Hints("", dialect.mark, order) if form == "csv" else Hints()
            found.append(File(bank, form, raw, rows, hints))
    return draw(st.permutations(found))


def dropped(home: Desk, file: File, imported: list[ImportId] | None = None) -> Counter[str]:
    """Drop a file in, answer what is asked, and commit; the verdicts of its rows."""
    if not file.movements:
        return Counter()  # a bank has no file for days without a movement
    preview = home.imports.preview(home.book, file.raw, f"file.{file.form[:3]}", file.bank.account)
    asked = {question.answer for question in preview.questions}
    assert asked <= {"balance_today", "date_order", "decimal_mark", "sign"}
    hints = Hints(
        decimal_mark=file.hints.decimal_mark if "decimal_mark" in asked else "",
        date_order=file.hints.date_order if "date_order" in asked else "",
        sign="as-written" if "sign" in asked else "",
    )
    balance = decimal_text(file.bank.total_minor, 2) if "balance_today" in asked else None
    answers = Answers(balance, hints=hints)
    preview = home.imports.preview_again(home.book, preview.import_id, answers)
    everything_is_told(preview, file)
    done = home.imports.commit(home.book, preview.import_id, home.asked(), answers)
    # Each file's word is true of its own day, but a file may come before those that complete its days.
    assert done.agreement is not None
    assert done.agreement.code != "agreement_unknown" or file.form in ("csv", "qif")
    if imported is not None:
        imported.append(preview.import_id)
    return Counter(str(row.verdict) for row in preview.rows)


def everything_is_told(preview: Preview, file: File) -> None:
    assert [question.code for question in preview.questions if question.needed] == []
    assert [row.row for row in preview.rows] == list(range(1, len(file.movements) + 1))
    told = Counter(
        [(row.date, row.amount.minor * 10 ** (2 - row.amount.commodity.scale)) for row in preview.rows if row.amount]
    )
    assert told == Counter([(movement.day, movement.minor) for movement in file.movements])
    assert all(sentence(row.reason.code, row.reason.params) for row in preview.rows)
    assert not any(row.verdict == "left-out" for row in preview.rows)


@SETTINGS
@given(files())
def test_any_files_in_any_order_come_to_what_the_banks_know(dropped_in: list[File]) -> None:
    with TemporaryDirectory() as folder, desk(Path(folder), "BRL") as home:
        home.do(*[OpenAccount(AccountId(f"a-{name[-3:].lower()}"), name) for name in ACCOUNTS])
        verdicts: Counter[str] = Counter()
        for file in dropped_in:
            before, imported = home.balances(), list[ImportId]()
            verdicts += dropped(home, file, imported)
            if imported and len(file.movements) % 2:  # a mistake: taken back, and dropped in again
                home.imports.undo(home.book, imported[0], home.asked())
                assert home.balances() == before
                dropped(home, file)
        for verdict in verdicts:
            event(verdict)
        held = home.balances()
        for file in dropped_in:
            bank = file.bank
            if bank.movements:
                assert held.get((bank.account, "BRL"), 0) == Decimal(bank.total_minor).scaleb(-2), bank.account
        count = home.transactions()
        for file in dropped_in:
            assert set(dropped(home, file)) <= {"duplicate"}, file.form
        assert (home.balances(), home.transactions()) == (held, count)
