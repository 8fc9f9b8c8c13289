"""Beancount's text, read by beancount's own parts: nothing of it is run or opened, nothing is lost unnamed."""

from __future__ import annotations

import contextlib
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.imports.beancount_text import Beancount
from commands.imports.reading import Journal
from domain.errors import Rejected

OPEN = "2020-01-01 open Assets:Cash\n2020-01-01 open Expenses:Food\n"


def read(text: str) -> Journal:
    return Beancount().read(text.encode())


def refusal(text: str) -> Rejected:
    with pytest.raises(Rejected) as refused:
        read(text)
    return refused.value


def test_a_text_that_includes_others_is_refused_and_none_is_opened(tmp_path: Path) -> None:
    (tmp_path / "other.beancount").write_text(OPEN)
    assert refusal(f'include "{tmp_path}/*.beancount"\n{OPEN}').code == "beancount_includes_files"


def test_a_plugin_is_left_out_by_name_and_never_run() -> None:
    journal = read('option "insert_pythonpath" "TRUE"\nplugin "this.module.must.not.be.imported"\n' + OPEN)
    assert [(r.code, r.params) for r in journal.remarks] == [
        ("plugin_left_out", {"plugin": "this.module.must.not.be.imported"})
    ]
    assert "this" not in sys.modules


def test_errors_refuse_the_text_and_tell_their_lines() -> None:
    refused = refusal(OPEN + '2020-01-02 * "x"\n  Assets:Cash  -1.00 USD\n  Expenses:Food  2.00 USD\n')
    assert refused.code == "beancount_errors"
    assert "balance" in str(refused.params["errors"])


def test_a_balance_is_of_the_evening_before_and_a_failing_one_is_left_out_by_name() -> None:
    journal = read(
        OPEN
        + '2020-01-02 ! "Shop" "bread" #t ^l\n  Assets:Cash  -1.00 USD\n  Expenses:Food\n'
        + "2020-01-03 balance Assets:Cash -1.00 USD\n2020-01-04 balance Assets:Cash 5.00 USD\n"
        + '2020-01-05 note Assets:Cash "hello"\n2020-01-06 event "place" "home"\n'
    )
    assert [(b.on, b.number) for b in journal.balances] == [(date(2020, 1, 2), Decimal("-1.00"))]
    assert [left.reason.code for left in journal.left_out] == [
        "assertion_not_holding",
        "directive_left_out",
        "directive_left_out",
    ]
    (entry,) = journal.entries
    assert (entry.payee, entry.memo, entry.tags, entry.links) == ("Shop", "bread", ("t", "flagged"), ("l",))
    numbers = [
        *[e.row for e in journal.entries],
        *[b.row for b in journal.balances],
        *[x.row for x in journal.left_out],
    ]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_a_pad_becomes_a_transaction() -> None:
    journal = read(
        OPEN + "2020-01-01 open Equity:Open\n2020-01-02 pad Assets:Cash Equity:Open\n"
        "2020-02-01 balance Assets:Cash 10.00 USD\n"
    )
    assert [[(p.account, p.number) for p in entry.postings] for entry in journal.entries] == [
        [("Assets:Cash", Decimal("10.00")), ("Equity:Open", Decimal("-10.00"))]
    ]


def test_roots_by_other_names_are_ours() -> None:
    journal = read('option "name_assets" "Ativos"\n2020-01-01 open Ativos:Caixa\n')
    assert [account.name for account in journal.accounts] == ["Assets:Caixa"]


def test_lots_are_booked_as_beancount_does() -> None:
    journal = read(
        '2020-01-01 open Assets:Broker "FIFO"\n2020-01-01 open Income:Gains\n'
        + OPEN
        + "2020-01-02 * \n  Assets:Broker  10 FUND {1.005 USD}\n  Assets:Cash  -10.05 USD\n"
        + "2020-01-03 * \n  Assets:Broker  -4 FUND {} @ 2.00 USD\n  Assets:Cash  8.00 USD\n  Income:Gains\n"
    )
    sale = journal.entries[1].postings[0]
    assert sale.cost is not None
    assert (sale.number, sale.cost.each, sale.cost.date) == (Decimal(-4), Decimal("1.005"), date(2020, 1, 2))
    assert journal.places["FUND"] == (0, 0)
    assert journal.places["USD"] == (2, 2)


def test_budgets_are_read_as_fava_reads_them_and_the_rest_is_left_out_by_name() -> None:
    entry = '{} custom "budget" {}\n'
    journal = read(
        entry.format("2012-01-01", 'Expenses:Coffee "daily" 4.00 EUR')
        + entry.format("2013-01-01", 'Expenses:Books "Weekly" 20.00 EUR')
        + entry.format("2014-02-10", 'Expenses:Groceries "monthly" 40.00 EUR')
        + entry.format("2015-05-01", 'Expenses:Electricity "quarterly" 85.00 EUR')
        + entry.format("2016-06-01", 'Expenses:Holiday "yearly" 2500.00 EUR')
        + entry.format("2017-01-01", 'Expenses:Holiday "sometimes" 1.00 EUR')
        + entry.format("2017-01-02", "Expenses:Holiday 1.00 EUR")
        + entry.format("2017-01-03", 'Assets:Cash "daily" 1.00 EUR')
        + entry.format("2017-01-04", '"Expenses:Typed" "daily" 1.00 EUR')
        + entry.format("2017-01-05", "")
        + entry.format("1850-01-05", 'Expenses:Holiday "daily" 1.00 EUR')
        + '2017-01-06 custom "fava-option" "language" "en"\n'
    )
    assert [(str(b.date), b.account, b.interval, b.number, b.commodity) for b in journal.budgets] == [
        ("2012-01-01", "Expenses:Coffee", "daily", Decimal("4.00"), "EUR"),
        ("2013-01-01", "Expenses:Books", "weekly", Decimal("20.00"), "EUR"),
        ("2014-02-10", "Expenses:Groceries", "monthly", Decimal("40.00"), "EUR"),
        ("2015-05-01", "Expenses:Electricity", "quarterly", Decimal("85.00"), "EUR"),
        ("2016-06-01", "Expenses:Holiday", "yearly", Decimal("2500.00"), "EUR"),
    ]
    assert [left.reason.code for left in journal.left_out] == [
        "date_out_of_range",
        "budget_interval_unknown",
        "budget_not_as_fava_reads",
        "budget_needs_category",
        "account_unknown",
        "budget_not_as_fava_reads",
        "directive_left_out",
    ]
    assert sorted(account.name for account in journal.accounts) == sorted(b.account for b in journal.budgets)
    numbers = [*[x.row for x in journal.left_out], *[b.row for b in journal.budgets]]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_without_the_extra_the_refusal_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "beancount.parser.parser", None)
    assert refusal(OPEN).code == "format_needs_extra"


LINES = st.sampled_from(
    [
        "2020-01-01 open Assets:Cash",
        '2020-01-02 * "x"',
        "  Assets:Cash  1 USD",
        "  Assets:Cash  (1/3) USD {2 EUR}",
        "  Assets:Cash  (1/0) USD",
        "  Assets:Cash  " + "9" * 90 + " USD",
        "  Assets:Cash  " + "(" * 3_000 + "1" + ")" * 3_000 + " USD",
        "  Assets:Cash",
        "2020-01-03 balance Assets:Cash 1 USD",
        "2020-01-03 pad Assets:Cash Assets:Cash",
        'option "name_assets" ""',
        'option "booking_method" "FIFO"',
        "pushtag #x",
        '2020-01-03 custom "a" TRUE 1 USD',
        '2020-01-03 custom "budget" Expenses:Food "monthly" 1 USD',
        '2020-01-03 custom "budget"',
        '2020-01-03 custom "budget" "monthly" Expenses:Food ' + "9" * 90 + " USD",
        '2020-01-03 custom "budget" Expenses:Food "daily" ' + "9" * 90 + " USD",
        "2020-01-03 close Assets:Cash",
        "0001-01-01 price X 0 X",
    ]
)


@settings(max_examples=100)
@given(st.lists(LINES | st.text(max_size=40), max_size=12))
def test_any_text_is_a_reading_or_a_refusal(lines: list[str]) -> None:
    raw = "\n".join(lines).encode("utf-8", "surrogatepass")
    with contextlib.suppress(Rejected):
        Beancount().read(raw)


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_reading_or_a_refusal(raw: bytes) -> None:
    with contextlib.suppress(Rejected):
        Beancount().read(raw)
