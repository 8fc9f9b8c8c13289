"""Files that tell of the same money: the other side of a transfer, one movement in two formats, another book."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from commands.books import open_book
from commands.imports import Answers, Preview
from domain.errors import Rejected
from domain.ledger import (
    AccountId,
    ClosePeriod,
    ImportId,
    OpenAccount,
    Posting,
    RecordTransaction,
    RenameAccount,
    TransactionId,
    TransactionRecorded,
    VoidTransaction,
)
from domain.money import parse_amount
from tests.bankfiles import Dialect, Movement, Slice, camt053, delimited, mt940, ofx, qif
from tests.integration.imports.parts import SAMPLES, Desk, desk

BANK_FILE = SAMPLES / "made-up" / "nubank-conta-2026-09.csv"
CARD_FILE = SAMPLES / "made-up" / "nubank-cartao-2026-10.csv"
BANK, CARD = ("Assets:Nubank", "BRL"), ("Liabilities:Nubank-Card", "BRL")
SPENT = ("Expenses:Uncategorized", "BRL")
SEPTEMBER = date(2026, 9, 1), date(2026, 9, 30)
NO_ANSWERS = Answers()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, "BRL") as opened:
        yield opened


def slice_of(*rows: tuple[int, int, str], first: date = SEPTEMBER[0], last: date = SEPTEMBER[1]) -> Slice:
    """Movements of (day of September, minor units, words), with a balance that begins at nothing."""
    moved = tuple([Movement(date(2026, 9, day), minor, f"id-{n}", words) for n, (day, minor, words) in enumerate(rows)])
    return Slice(first, last, moved, sum(minor for _, minor, _ in rows))


def preview(home: Desk, raw: bytes, name: str, account: str | None = None, answers: Answers = NO_ANSWERS) -> Preview:
    shown = home.imports.preview(home.book, raw, name, account)
    return home.imports.preview_again(home.book, shown.import_id, answers)


def verdicts(shown: Preview) -> list[str]:
    return [str(row.verdict) for row in shown.rows]


def commit(home: Desk, shown: Preview, answers: Answers = NO_ANSWERS) -> ImportId:
    home.imports.commit(home.book, shown.import_id, home.asked(), answers)
    return shown.import_id


def test_the_card_s_bill_is_a_transfer_and_spending_is_not_doubled(home: Desk) -> None:
    shown = preview(home, BANK_FILE.read_bytes(), BANK_FILE.name)
    assert [q.code for q in shown.questions] == ["balance_today"]
    answers = Answers(balance_today="2738.89")
    bank = home.imports.commit(home.book, shown.import_id, home.asked(), answers)
    assert bank.agreement is not None
    assert bank.agreement.code == "agrees_with_bank"
    before = home.balances()
    shown = preview(home, CARD_FILE.read_bytes(), CARD_FILE.name)
    assert (shown.counts["new"], shown.counts["transfer"], shown.counts["instalments"]) == (10, 1, 2)
    paid = shown.rows[2]
    assert (paid.reason.code, paid.reason.params["account"]) == ("row_is_transfer", "Assets:Nubank")
    card = home.imports.commit(home.book, shown.import_id, home.asked())
    after = home.balances()
    # What the two files tell was spent: the bank's rows without the bill's payment, and the card's purchases.
    assert after[SPENT] - before[SPENT] == Decimal("587.03") - Decimal("1322.41")
    assert after["Assets:Nubank-Savings", "BRL"] == Decimal("500.00")
    assert (after[BANK], after[CARD]) == (before[BANK], Decimal("735.38"))
    for file in (BANK_FILE, CARD_FILE):
        again = preview(home, file.read_bytes(), file.name)
        assert set(verdicts(again)) == {"duplicate"}
        commit(home, again)
    assert home.balances() == after
    home.imports.undo(home.book, card.import_id, home.asked())
    assert home.balances() == before
    shown = preview(home, CARD_FILE.read_bytes(), CARD_FILE.name)
    commit(home, shown)
    home.imports.undo(home.book, bank.import_id, home.asked())
    assert home.balances()[CARD] == Decimal("735.38")
    assert BANK not in home.balances()
    shown = preview(home, BANK_FILE.read_bytes(), BANK_FILE.name)
    assert shown.counts["transfer"] == 1
    commit(home, shown, answers)
    assert home.balances() == after


TELL_AN_ID = {"ofx", "mt940", "camt053"}
"""The formats in which the bank's own id of a row stands."""


@pytest.mark.parametrize("first", ["ofx", "csv", "mt940", "camt053", "qif"])
@pytest.mark.parametrize("second", ["ofx", "csv", "mt940", "camt053", "qif"])
def test_another_format_of_the_same_account_is_proposed_as_matches(home: Desk, first: str, second: str) -> None:
    home.do(OpenAccount(AccountId("a-mine"), "Assets:Mine"))
    told = slice_of((3, -850, "Padaria"), (3, -850, "Padaria"), (5, -24_377, "Mercado"), (9, 685_000, "ACME"))

    def file(form: str) -> bytes:
        written = {
            "ofx": ofx(told, "0001234", "BRL", states=True),
            "csv": delimited(told, Dialect(balance="Balance")),
            "mt940": mt940(told, "0001234", "BRL"),
            "camt053": camt053(told, "0001234", "BRL"),
            "qif": qif(told),
        }
        return written[form]

    commit(home, preview(home, file(first), "a", "Assets:Mine"), Answers(balance_today="6589.23"))
    before = home.balances()
    assert before["Assets:Mine", "BRL"] == Decimal("6589.23")
    shown = preview(home, file(second), "b", "Assets:Mine")
    # Where both tell the bank's id, or neither does, the row itself is the same; else it only looks so.
    alike = (first in TELL_AN_ID) == (second in TELL_AN_ID)
    assert verdicts(shown) == ["duplicate" if alike else "match"] * 4
    import_id = commit(home, shown)
    assert home.balances() == before
    assert set(verdicts(preview(home, file(second), "b", "Assets:Mine"))) == {"duplicate"}
    home.imports.undo(home.book, import_id, home.asked())
    assert home.balances() == before


def test_what_is_not_wanted_as_a_match_is_booked_on_its_own(home: Desk) -> None:
    home.do(OpenAccount(AccountId("a-mine"), "Assets:Mine"))
    told = slice_of((3, -850, "Padaria"))
    commit(home, preview(home, ofx(told, "1234", "BRL", states=True), "a.ofx", "Assets:Mine"))
    answers = Answers(separate=frozenset({1}))
    shown = preview(home, qif(told), "b.qif", "Assets:Mine", answers)
    assert verdicts(shown) == ["new"]
    commit(home, shown, answers)
    assert home.balances()["Assets:Mine", "BRL"] == Decimal("-17.00")


def test_the_last_coffee_of_one_file_is_not_the_first_of_the_next_format_s(home: Desk) -> None:
    home.do(OpenAccount(AccountId("a-mine"), "Assets:Mine"))
    daily = [(day, -850, "Padaria da Esquina") for day in range(1, 31)]
    first, second = slice_of(*daily[:15], last=date(2026, 9, 15)), slice_of(*daily[15:], first=date(2026, 9, 16))
    commit(home, preview(home, ofx(first, "1234", "BRL", states=True), "a.ofx", "Assets:Mine"))
    shown = preview(home, qif(second), "b.qif", "Assets:Mine")
    assert set(verdicts(shown)) == {"new"}


def by_hand(account: str, day: int, minor: str, payee: str) -> RecordTransaction:
    amount = parse_amount(minor, "BRL")
    postings = (Posting(AccountId(account), amount), Posting(AccountId("a-food"), -amount))
    return RecordTransaction(TransactionId(f"t-{payee[:3].lower()}-{day}"), date(2026, 9, day), postings, payee)


def test_what_a_person_wrote_down_is_met_on_its_day_or_by_its_words_near_it(home: Desk) -> None:
    home.do(OpenAccount(AccountId("a-mine"), "Assets:Mine"), OpenAccount(AccountId("a-food"), "Expenses:Food"))
    home.do(
        by_hand("a-mine", 3, "-8.50", "coffee"),
        by_hand("a-mine", 10, "-60.00", "Mercado Modelo"),
        by_hand("a-mine", 20, "-60.00", "Cinema"),
    )
    rows = ((3, -850, "PADARIA DA ESQUINA"), (12, -6_000, "MERCADO MODELO LTDA"), (22, -6_000, "Uber"), (30, -1, "x"))
    shown = preview(home, qif(slice_of(*rows)), "b.qif", "Assets:Mine")
    assert verdicts(shown) == ["match", "match", "new", "new"]
    commit(home, shown)
    assert home.balances()["Expenses:Food", "BRL"] == Decimal("128.50")


def test_a_transfer_with_two_other_sides_is_listed_and_never_chosen(home: Desk) -> None:
    home.do(*[OpenAccount(AccountId(f"a-{name}"), f"Assets:{name}") for name in ("One", "Two", "Three")])
    for account in ("One", "Two"):
        raw = ofx(slice_of((5, -50_000, "Pix")), account, "BRL", states=True)
        commit(home, preview(home, raw, "a.ofx", f"Assets:{account}"))
    shown = preview(home, ofx(slice_of((6, 50_000, "Pix")), "3", "BRL", states=True), "a.ofx", "Assets:Three")
    assert [(str(row.verdict), row.reason.code) for row in shown.rows] == [("new", "transfer_not_clear")]
    far = preview(home, ofx(slice_of((10, 50_000, "Pix")), "3", "BRL", states=True), "a.ofx", "Assets:Three")
    assert [row.reason.code for row in far.rows] == ["row_new"]


def test_both_sides_of_a_transfer_in_one_file_are_one_transaction(home: Desk) -> None:
    one = ofx(slice_of((5, -50_000, "Pix enviado"), (7, -850, "Padaria")), "1111", "BRL", states=True)
    two = ofx(slice_of((6, 50_000, "Pix recebido")), "2222", "BRL", states=True)
    raw = one.replace(b"</OFX>", b"") + two[two.index(b"<BANKMSGSRSV1>") :]
    shown = preview(home, raw, "both.ofx")
    assert [(str(row.verdict), row.reason.code) for row in shown.rows] == [
        ("new", "row_new"),
        ("new", "row_new"),
        ("transfer", "row_is_transfer_in_file"),
    ]
    import_id = commit(home, shown)
    assert home.balances()[SPENT] == Decimal("8.50")
    assert set(verdicts(preview(home, raw, "both.ofx"))) == {"duplicate"}
    home.imports.undo(home.book, import_id, home.asked())
    assert home.balances() == {}
    # Without its first side the second stands on its own.
    shown = home.imports.preview(home.book, raw, "both.ofx")
    home.imports.commit(home.book, shown.import_id, home.asked(), skip={1})
    assert home.balances()["Income:Uncategorized", "BRL"] == Decimal("-500.00")


def test_a_transfer_that_stands_is_told_again_on_both_sides_by_one_file(home: Desk) -> None:
    home.do(*[OpenAccount(AccountId(f"a-{name}"), f"Assets:{name}") for name in ("One", "Two")])
    gave, got = slice_of((7, 50_000, "Pix recebido")), slice_of((6, -50_000, "Pix enviado"))
    commit(home, preview(home, qif(gave), "a.qif", "Assets:One"))
    commit(home, preview(home, ofx(got, "2", "BRL", states=True), "a.ofx", "Assets:Two"))
    before = home.balances()
    both = ofx(got, "2", "BRL", states=True).replace(b"</OFX>", b"")
    both += ofx(gave, "1", "BRL", states=True)[len(b"OFXHEADER:100\n\n<OFX>") :]
    answers = Answers(accounts={2: "Assets:One"})
    shown = preview(home, both, "both.ofx", answers=answers)
    assert verdicts(shown) == ["duplicate", "match"]
    commit(home, shown, answers)
    assert home.balances() == before
    third = mt940(gave, "1", "BRL") + mt940(got, "2", "BRL")
    answers = Answers(accounts={1: "Assets:One", 2: "Assets:Two"})
    third = third.replace(b"//id-0", b"//other")
    assert verdicts(preview(home, third, "both.sta", answers=answers)) == ["match", "match"]


def test_the_bank_s_balance_counts_each_leg_from_the_day_of_its_own_bank(home: Desk) -> None:
    home.do(*[OpenAccount(AccountId(f"a-{name}"), f"Assets:{name}") for name in ("One", "Two")])
    commit(home, preview(home, ofx(slice_of((10, -50_000, "Pix")), "1", "BRL", states=True), "a.ofx", "Assets:One"))
    told = slice_of((2, 1_000, "Juros"), (13, 50_000, "Pix"), (14, -850, "Padaria"))
    commit(home, preview(home, ofx(told, "2", "BRL", states=True), "a.ofx", "Assets:Two"))
    before_it = replace(told, last=date(2026, 9, 11), movements=told.movements[:1], closing_minor=1_000)
    shown = preview(home, ofx(before_it, "2", "BRL", states=True), "a.ofx", "Assets:Two")
    assert shown.agreement.code == "agrees_with_bank"


def test_a_row_that_a_person_deleted_does_not_come_back_in_its_own_format(home: Desk) -> None:
    commit(home, preview(home, BANK_FILE.read_bytes(), BANK_FILE.name))
    commit(home, preview(home, CARD_FILE.read_bytes(), CARD_FILE.name))
    paid = preview(home, CARD_FILE.read_bytes(), CARD_FILE.name).rows[2].transaction
    assert paid is not None
    home.do(VoidTransaction(paid))
    for file, row in ((BANK_FILE, 5), (CARD_FILE, 2)):
        shown = preview(home, file.read_bytes(), file.name)
        assert (str(shown.rows[row].verdict), shown.rows[row].reason.code) == ("duplicate", "row_deleted_by_person")
        assert shown.counts["new"] == 0


def test_a_renamed_account_still_gets_its_bank_s_files(home: Desk) -> None:
    commit(home, preview(home, BANK_FILE.read_bytes(), BANK_FILE.name))
    account = home.bus.inspect(home.book, lambda book: book.ledger.names["Assets:Nubank"]).result(10)
    home.do(RenameAccount(account, "Assets:My-Purple-Bank"))
    shown = preview(home, BANK_FILE.read_bytes(), BANK_FILE.name)
    assert (shown.account, set(verdicts(shown))) == ("Assets:My-Purple-Bank", {"duplicate"})


def test_two_accounts_of_a_bank_whose_numbers_end_alike_stay_two(home: Desk) -> None:
    for number, day in (("9911234", 3), ("8811234", 4)):
        shown = preview(home, ofx(slice_of((day, -850, "x")), number, "BRL", states=True), "a.ofx")
        commit(home, shown)
    assert {name for name, _ in home.balances()} >= {"Assets:Bank-341-1234", "Assets:Bank-341-8811234"}


def test_an_account_that_could_be_two_is_asked_about(home: Desk) -> None:
    home.do(*[OpenAccount(AccountId(f"a-{name}"), f"Assets:{name}-1234") for name in ("Old", "New")])
    raw = ofx(slice_of((3, -850, "x")), "991234", "BRL", states=True)
    shown = preview(home, raw, "a.ofx")
    (question,) = [question for question in shown.questions if question.needed]
    assert (question.code, question.choices) == ("account_not_clear", ("Assets:New-1234", "Assets:Old-1234"))
    with pytest.raises(Rejected) as refusal:
        commit(home, shown)
    assert (refusal.value.code, refusal.value.params["questions"]) == ("answers_needed", ["account_not_clear"])
    commit(home, shown, Answers(accounts={1: "Assets:Old-1234"}))
    assert preview(home, raw, "a.ofx").account == "Assets:Old-1234"


def test_a_file_of_another_book_is_asked_about(home: Desk) -> None:
    raw = ofx(slice_of((3, -850, "x")), "991234", "BRL", states=True)
    commit(home, preview(home, raw, "a.ofx"))
    other = open_book(home.bus, home.imports._ids, home.asked(), "Other", "BRL", "America/Sao_Paulo").result(60).book
    elsewhere = replace(home, book=other)
    shown = preview(elsewhere, raw, "a.ofx")
    assert [question.code for question in shown.questions] == ["statement_of_other_book"]
    with pytest.raises(Rejected) as refusal:
        commit(home, shown)
    assert refusal.value.code == "preview_unknown"
    answers = Answers(other_book=True)
    assert preview(elsewhere, raw, "a.ofx", answers=answers).questions == ()
    commit(elsewhere, shown, answers)
    assert preview(elsewhere, raw, "a.ofx").questions == ()
    assert set(verdicts(preview(home, raw, "a.ofx"))) == {"duplicate"}


def test_rows_of_a_closed_period_are_left_out_or_booked_on_the_first_open_day(home: Desk) -> None:
    home.do(OpenAccount(AccountId("a-mine"), "Assets:Mine"), ClosePeriod(date(2026, 9, 10), date(2026, 10, 2)))
    raw = qif(slice_of((3, -850, "Padaria"), (12, -100, "Bala")))
    shown = preview(home, raw, "a.qif", "Assets:Mine")
    assert [row.reason.code for row in shown.rows] == ["period_closed", "row_new"]
    answers = Answers(closed_rows="first-open-day")
    shown = preview(home, raw, "a.qif", "Assets:Mine", answers)
    assert [row.reason.code for row in shown.rows] == ["row_on_first_open_day", "row_new"]
    commit(home, shown, answers)
    assert home.balances()["Assets:Mine", "BRL"] == Decimal("-9.50")
    assert set(verdicts(preview(home, raw, "a.qif", "Assets:Mine"))) == {"duplicate"}


def test_a_balance_told_today_holds_though_later_rows_of_days_before_it_come_with_the_next_file(home: Desk) -> None:
    told = Answers(balance_today="1000.00")
    home.do(OpenAccount(AccountId("a-mine"), "Assets:Mine"))
    commit(home, preview(home, qif(slice_of((3, -850, "a"), (12, -100, "b"))), "a.qif", "Assets:Mine", told), told)
    assert home.balances()["Assets:Mine", "BRL"] == Decimal("1000.00")
    later = slice_of((12, -100, "b"), (28, -5_000, "c"))
    import_id = commit(home, preview(home, qif(later), "b.qif", "Assets:Mine"))
    assert home.balances()["Assets:Mine", "BRL"] == Decimal("1000.00")
    home.imports.undo(home.book, import_id, home.asked())
    assert home.balances()["Assets:Mine", "BRL"] == Decimal("1000.00")


def test_a_balance_that_nobody_told_is_asked_for_until_somebody_does(home: Desk) -> None:
    home.do(OpenAccount(AccountId("a-mine"), "Assets:Mine"))
    commit(home, preview(home, qif(slice_of((3, -850, "a"))), "a.qif", "Assets:Mine"))
    raw = qif(slice_of((12, -100, "b")))
    shown = preview(home, raw, "b.qif", "Assets:Mine")
    assert [question.code for question in shown.questions] == ["balance_today"]
    answers = Answers(balance_today="100.00")
    shown = preview(home, raw, "b.qif", "Assets:Mine", answers)
    assert (shown.questions, shown.agreement.code) == ((), "agrees_with_bank")
    commit(home, shown, answers)
    assert home.balances()["Assets:Mine", "BRL"] == Decimal("100.00")
    assert preview(home, raw, "b.qif", "Assets:Mine").questions == ()


def test_money_that_comes_back_is_no_income(home: Desk) -> None:
    home.do(OpenAccount(AccountId("a-mine"), "Assets:Mine"))
    commit(home, preview(home, qif(slice_of((3, 850, "Estorno - LOJA"), (4, 100, "Juros"))), "a.qif", "Assets:Mine"))
    assert home.balances()[SPENT] == Decimal("-8.50")


def test_another_program_s_categories_are_taken_over_and_its_splits_too(home: Desk) -> None:
    file = SAMPLES / "made-up" / "carteira.qif"
    commit(home, preview(home, file.read_bytes(), file.name))
    held = home.balances()
    assert held["Assets:Carteira", "BRL"] == Decimal("46.60")
    assert {name: amount for (name, _), amount in held.items() if name != "Assets:Carteira"} == {
        "Expenses:Alimentação:Feira": Decimal("23.40"),
        "Income:Receitas:Outras": Decimal("-150.00"),
        "Expenses:Alimentação:Mercado": Decimal("60.00"),
        "Expenses:Casa:Limpeza": Decimal("20.00"),
    }


def two_accounts() -> bytes:
    """A QIF file of two accounts, neither of which states a balance."""
    blocks = [f"!Account\nN{name}\nTBank\n^\n!Type:Bank\nD2026-09-03\nT-8.50\nPx\n^\n" for name in ("One", "Two")]
    return "".join(blocks).encode()


def test_each_of_several_accounts_is_asked_for_its_own_balance(home: Desk) -> None:
    shown = preview(home, two_accounts(), "a.qif")
    asked = [question for question in shown.questions if question.answer == "balance_today"]
    assert [question.params["statement"] for question in asked] == [1, 2]
    with pytest.raises(Rejected) as refusal:
        preview(home, two_accounts(), "a.qif", answers=Answers(balance_today="1.00"))
    assert refusal.value.code == "balance_today_ambiguous"
    one = Answers(balances={1: "100.00"})
    commit(home, preview(home, two_accounts(), "a.qif", answers=one), one)
    shown = preview(home, two_accounts(), "a.qif", answers=Answers(balance_today="50.00"))
    assert [question.answer for question in shown.questions] == []
    commit(home, shown, Answers(balance_today="50.00"))
    held = {
        name.rpartition("-")[2]: amount for (name, _), amount in home.balances().items() if name.startswith("Assets")
    }
    assert sorted(held.values()) == [Decimal("50.00"), Decimal("100.00")]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        (Answers(accounts={7: "Assets:Nowhere"}), "answer_not_valid"),
        (Answers(balances={7: "1.00"}), "answer_not_valid"),
        (Answers(separate=frozenset({99})), "row_unknown"),
    ],
)
def test_an_answer_to_nothing_is_refused(home: Desk, answers: Answers, code: str) -> None:
    with pytest.raises(Rejected) as refusal:
        preview(home, ofx(slice_of((3, -850, "x")), "1234", "BRL", states=True), "a.ofx", answers=answers)
    assert refusal.value.code == code


def test_a_credit_that_a_bank_calls_so_is_income(home: Desk) -> None:
    raw = b"Buchungstag;Name;Buchungstext;Betrag\n13.09.2026;Arbeitgeber GmbH;Gutschrift Lohn;2500,00\n"
    raw += b"14.09.2026;Laden;Estorno nie gesehen;-20,00\n"
    commit(home, preview(home, raw, "umsatz.csv"))
    assert home.balances()["Income:Uncategorized", "BRL"] == Decimal("-2500.00")


def test_rows_of_one_source_are_told_apart_by_its_own_ids_alone(home: Desk) -> None:
    first = slice_of((5, -850, "Padaria da Esquina"))
    second = replace(first, movements=(replace(first.movements[0], id="another"),))
    commit(home, preview(home, ofx(first, "1234", "BRL", states=True), "a.ofx"))
    shown = preview(home, ofx(second, "1234", "BRL", states=True), "b.ofx")
    assert verdicts(shown) == ["new"]


def test_a_second_transfer_of_one_day_is_not_the_first_one_told_again(home: Desk) -> None:
    home.do(*[OpenAccount(AccountId(f"a-{name}"), f"Assets:{name}") for name in ("One", "Two")])
    side = slice_of((6, 50_000, "Pix recebido"))
    one = ofx(slice_of((6, -50_000, "Pix enviado")), "1", "BRL", states=True)
    commit(home, preview(home, one, "a.ofx", "Assets:One"))
    shown = preview(home, ofx(side, "2", "BRL", states=True), "b.ofx", "Assets:Two")
    assert verdicts(shown) == ["transfer"]
    commit(home, shown)
    other = replace(side, movements=(replace(side.movements[0], id="another"),))
    assert verdicts(preview(home, ofx(other, "2", "BRL", states=True), "c.ofx", "Assets:Two")) == ["new"]


def test_what_is_owed_on_a_card_is_told_as_its_bank_shows_it(home: Desk) -> None:
    answers = Answers(balance_today="587.03")
    shown = preview(home, CARD_FILE.read_bytes(), CARD_FILE.name)
    assert [question.code for question in shown.questions] == ["owed_today"]
    commit(home, shown, answers)
    assert home.balances()[CARD] == Decimal("-587.03")


def card(day: str, k: int, n: int = 6, times: int = 1) -> bytes:
    """A bill of Nubank with an instalment, and a row beside it that says which month it is of."""
    told = f"{day},Mercado Livre - Parcela {k}/{n},104.17\n" * times
    return f"date,title,amount\n{told}{day},Netflix.com,44.90\n".encode()


def purchases(home: Desk) -> list[tuple[int, int, str]]:
    """k, n and purchase of every instalment that was recorded."""
    events = [recorded.event for recorded in home.store.read_book(home.book, 0, 10_000)]
    told = [event.instalment for event in events if isinstance(event, TransactionRecorded)]
    return [(one.k, one.n, one.purchase) for one in told if one is not None]


def test_instalments_of_a_purchase_find_each_other_across_bills(home: Desk) -> None:
    for day, k in (("2026-09-04", 2), ("2026-11-04", 4), ("2026-10-04", 3)):
        commit(home, preview(home, card(day, k), f"{day}.csv"))
    assert [(k, n) for k, n, _ in purchases(home)] == [(2, 6), (4, 6), (3, 6)]
    assert len({purchase for *_, purchase in purchases(home)}) == 1
    commit(home, preview(home, card("2026-10-04", 2), "other.csv"))  # bought a month later at the same shop
    assert len({purchase for *_, purchase in purchases(home)}) == 2


def test_two_purchases_alike_on_one_bill_stay_two(home: Desk) -> None:
    for day, k in (("2026-09-04", 2), ("2026-10-04", 3)):
        commit(home, preview(home, card(day, k, times=2), f"{day}.csv"))
    told = purchases(home)
    assert {purchase for k, _, purchase in told if k == 2} == {purchase for k, _, purchase in told if k == 3}
    assert len({purchase for *_, purchase in told}) == 2
