"""Bank files on the real store: nothing doubled, nothing lost, everything taken back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.imports import Answers, ImportAnswer
from domain.errors import Rejected
from domain.ledger import (
    LAST_DAY,
    AccountId,
    ClosePeriod,
    ImportCommitted,
    OpenAccount,
    VoidTransaction,
)
from domain.money import decimal_text
from tests.integration.imports.parts import SAMPLES, Desk, desk

CHECKING = "Assets:Bank-1234"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


def ofx(*rows: tuple[str, str, str], stated: str = "", card: bool = False, number: str = "001234") -> bytes:
    """A statement of (day of January 2026, amount, bank's id)."""
    body = "".join(
        [
            f"<STMTTRN><DTPOSTED>202601{day}<TRNAMT>{amount}<FITID>{bank_id}<NAME>Shop</STMTTRN>"
            for day, amount, bank_id in rows
        ]
    )
    balance = f"<LEDGERBAL><BALAMT>{stated}<DTASOF>20260131</LEDGERBAL>" if stated else ""
    account = f"<BANKACCTFROM><ACCTID>{number}</BANKACCTFROM>"
    text = f"<OFX><STMTRS><CURDEF>USD{account}<BANKTRANLIST>{body}</BANKTRANLIST>{balance}</STMTRS></OFX>"
    if card:
        text = text.replace("STMTRS>", "CCSTMTRS>").replace("BANKACCT", "CCACCT")
    return text.encode()


def code_of(answer: ImportAnswer) -> str:
    assert answer.agreement is not None
    return answer.agreement.code


def refused(home: Desk, raw: bytes, name: str = "statement.ofx") -> str:
    with pytest.raises(Rejected) as refusal:
        home.imports.preview(home.book, raw, name)
    return refusal.value.code


def test_what_is_no_file_of_ours_is_refused_by_name(home: Desk) -> None:
    assert refused(home, b"") == "import_empty"
    assert refused(home, b" \n") == "import_empty"
    assert refused(home, b"hello", "letter.txt") == "format_not_found"
    assert refused(home, b"\x89PNG\r\n\x1a\n\0\0", "picture.ofx") == "file_is_picture"
    assert refused(home, b"<" * (64 * 1024 * 1024 + 1)) == "import_too_large"
    assert refused(home, ofx(("05", "-1.00", "a")).replace(b"USD", b"XQQ")) == "commodity_unknown"


def test_two_equal_coffees_stay_and_overlapping_files_add_only_what_is_new(home: Desk) -> None:
    coffee = ("05", "-3.50", "F1")
    assert home.bring(ofx(coffee, coffee, ("06", "-1.00", "F1"))).counts["new"] == 3
    assert home.bring(ofx(("07", "-9.00", "F2"), ("06", "-1.00", "F1"), coffee, coffee)).counts["new"] == 1
    assert home.balances()[CHECKING, "USD"] == Decimal("-17.00")


def test_the_opening_balance_is_what_is_stated_less_the_rows(home: Desk) -> None:
    answer = home.bring(ofx(("05", "-30.00", "a"), ("06", "100.00", "b"), stated="170.00"))
    assert code_of(answer) == "agrees_with_bank"
    assert home.balances() == {
        (CHECKING, "USD"): Decimal("170.00"),
        ("Equity:Opening-Balances", "USD"): Decimal("-100.00"),
        ("Expenses:Uncategorized", "USD"): Decimal("30.00"),
        ("Income:Uncategorized", "USD"): Decimal("-100.00"),
    }


def test_a_later_file_that_misses_a_row_differs_by_it(home: Desk) -> None:
    home.bring(ofx(("05", "-30.00", "a"), stated="70.00"))
    answer = home.bring(ofx(("07", "-5.00", "c"), stated="60.00"))
    assert code_of(answer) == "differs_from_bank"
    assert answer.agreement is not None
    assert str(answer.agreement.params["difference"]) == "-5.00 USD"


def test_without_a_stated_balance_the_person_is_asked_and_the_answer_opens_the_account(home: Desk) -> None:
    preview = home.imports.preview(home.book, ofx(("05", "-30.00", "a")), "x.ofx")
    assert [question.code for question in preview.questions] == ["balance_today"]
    answer = home.imports.commit(home.book, preview.import_id, home.asked(), Answers(balance_today="12.00"))
    assert code_of(answer) == "agrees_with_bank"
    assert home.balances()[CHECKING, "USD"] == Decimal("12.00")


def test_unanswered_the_agreement_is_unknown(home: Desk) -> None:
    assert code_of(home.bring(ofx(("05", "-30.00", "a")))) == "agreement_unknown"


def test_a_refund_on_a_card_is_a_negative_expense_never_income(home: Desk) -> None:
    home.bring(ofx(("05", "-30.00", "a"), ("06", "10.00", "b"), card=True))
    assert home.balances() == {
        ("Liabilities:Card-1234", "USD"): Decimal("-20.00"),
        ("Expenses:Uncategorized", "USD"): Decimal("20.00"),
    }


def test_a_row_a_person_deleted_does_not_come_back_and_a_skipped_one_may(home: Desk) -> None:
    raw = ofx(("05", "-30.00", "a"), ("06", "-1.00", "b"))
    preview = home.imports.preview(home.book, raw, "x.ofx")
    home.imports.commit(home.book, preview.import_id, home.asked(), skip={2})
    deleted = home.bus.inspect(home.book, lambda book: next(iter(book.ledger.standing))).result(60)
    home.do(VoidTransaction(deleted))
    again = home.imports.preview(home.book, raw, "x.ofx")
    assert [(str(row.verdict), row.reason.code) for row in again.rows] == [
        ("duplicate", "row_deleted_by_person"),
        ("new", "row_new"),
    ]


def test_rows_in_a_closed_period_are_left_out_and_belong_to_the_opening_balance(home: Desk) -> None:
    home.do(ClosePeriod(date(2026, 1, 10), LAST_DAY))
    preview = home.imports.preview(home.book, ofx(("05", "-30.00", "a"), ("20", "-1.00", "b"), stated="50.00"), "x.ofx")
    assert [(str(row.verdict), row.reason.code) for row in preview.rows] == [
        ("left-out", "period_closed"),
        ("new", "row_new"),
    ]
    answer = home.imports.commit(home.book, preview.import_id, home.asked())
    assert code_of(answer) == "agrees_with_bank"
    assert home.balances()[CHECKING, "USD"] == Decimal("50.00")


def test_rows_before_the_account_opened_are_left_out_by_name(home: Desk) -> None:
    home.do(OpenAccount(AccountId("a-x"), "Assets:X", opened_on=date(2026, 1, 10)))
    preview = home.imports.preview(home.book, ofx(("05", "-30.00", "a")), "x.ofx", account="Assets:X")
    assert [row.reason.code for row in preview.rows] == ["account_not_open_yet"]


def test_an_account_is_given_by_id_or_name_and_must_be_one_that_banks_keep(home: Desk) -> None:
    home.do(OpenAccount(AccountId("a-mine"), "Assets:Mine"), OpenAccount(AccountId("a-food"), "Expenses:Food"))
    home.bring(ofx(("05", "-1.00", "a")), account="Assets:Mine")
    assert home.bring(ofx(("05", "-1.00", "a")), account="a-mine").counts["duplicate"] == 1
    for account, code in (("Expenses:Food", "account_not_for_statements"), ("Assets:Nobody", "account_unknown")):
        with pytest.raises(Rejected) as refusal:
            home.bring(ofx(("05", "-1.00", "a")), account=account)
        assert refusal.value.code == code


def test_several_statements_go_to_an_account_each_and_never_to_one(home: Desk) -> None:
    raw = (SAMPLES / "ofx" / "multiple_accounts.ofx").read_bytes()
    preview = home.imports.preview(home.book, raw, "two.ofx")
    assert [question.code for question in preview.questions] == ["which_account", "which_account"]
    home.do(OpenAccount(AccountId("a-mine"), "Assets:Mine"))
    with pytest.raises(Rejected) as refusal:
        home.imports.preview(home.book, raw, "two.ofx", account="Assets:Mine")
    assert refusal.value.code == "account_ambiguous"
    home.imports.commit(home.book, preview.import_id, home.asked(), Answers(accounts={1: "Assets:Mine"}))
    assert home.balances()["Assets:Mine", "USD"] == Decimal("111.00")


def test_two_statements_of_one_account_in_a_file_share_its_opening_and_their_rows(home: Desk) -> None:
    january, more = ofx(("05", "-1.00", "a"), stated="9.00"), ofx(("05", "-1.00", "a"), ("06", "-2.00", "b"))
    answer = home.bring(january.replace(b"</OFX>", b"") + more.replace(b"<OFX>", b""))
    assert (answer.counts["new"], answer.counts["duplicate"]) == (2, 1)
    assert home.balances()[CHECKING, "USD"] == Decimal("9.00")


def test_a_commit_is_answered_the_same_again_under_its_key_and_under_no_other(home: Desk) -> None:
    preview = home.imports.preview(home.book, ofx(("05", "-1.00", "a"), stated="9.00"), "x.ofx")
    first = home.imports.commit(home.book, preview.import_id, home.asked("k"))
    again = home.imports.commit(home.book, preview.import_id, home.asked("k"))
    assert again.replayed
    assert (again.counts, again.agreement, again.version, again.hash) == (
        first.counts,
        first.agreement,
        first.version,
        first.hash,
    )
    for asked, code in ((home.asked("k", b"other"), "idempotency_key_reused"), (home.asked(), "import_committed")):
        with pytest.raises(Rejected) as refusal:
            home.imports.commit(home.book, preview.import_id, asked)
        assert refusal.value.code == code
    home.pending.drop(preview.import_id)
    from_log = home.imports.commit(home.book, preview.import_id, home.asked("k"))
    assert (from_log.version, from_log.counts["new"], from_log.replayed) == (first.version, 1, True)
    assert home.transactions() == 2


def test_two_previews_of_one_file_commit_its_rows_once(home: Desk) -> None:
    raw = ofx(("05", "-1.00", "a"), ("06", "-2.00", "b"))
    one, two = [home.imports.preview(home.book, raw, "x.ofx") for _ in range(2)]
    assert home.imports.commit(home.book, one.import_id, home.asked()).counts["new"] == 2
    assert home.imports.commit(home.book, two.import_id, home.asked()).counts["duplicate"] == 2


def test_a_preview_belongs_to_its_book_and_goes_when_it_is_discarded(home: Desk) -> None:
    preview = home.imports.preview(home.book, ofx(("05", "-1.00", "a")), "x.ofx")
    home.imports.discard(home.book, preview.import_id)
    with pytest.raises(Rejected) as refusal:
        home.imports.commit(home.book, preview.import_id, home.asked())
    assert refusal.value.code == "preview_unknown"
    with pytest.raises(Rejected) as refusal:
        home.imports.commit(home.book, home.bring(ofx()).import_id, home.asked(), skip=())
    assert refusal.value.code == "import_committed"


def test_what_waits_on_the_disk_is_sealed(home: Desk, tmp_path: Path) -> None:
    home.imports.preview(home.book, ofx(("05", "-1.00", "a")).replace(b"Shop", b"Secret-Shop"), "x.ofx")
    stored = b"".join([file.read_bytes() for file in tmp_path.glob("events.db*")])
    assert b"pending_imports" in stored
    assert b"Secret-Shop" not in stored


def test_an_import_is_named_after_its_file_and_not_after_its_folders(home: Desk) -> None:
    done = home.bring(ofx(("05", "-1.00", "a")), "C:\\bank\\jan.ofx")
    (concluded,) = [event.event for event in home.store.read_book(home.book, done.version - 1, 1)]
    assert isinstance(concluded, ImportCommitted)
    assert (concluded.file_name, concluded.recorded) == ("jan.ofx", 1)


def test_an_unknown_row_to_skip_is_refused(home: Desk) -> None:
    preview = home.imports.preview(home.book, ofx(("05", "-1.00", "a")), "x.ofx")
    with pytest.raises(Rejected) as refusal:
        home.imports.commit(home.book, preview.import_id, home.asked(), skip={7})
    assert refusal.value.code == "row_unknown"


def test_two_commits_at_once_of_one_file_book_its_rows_once(home: Desk) -> None:
    raw = ofx(*[("05", f"-{number}.00", str(number)) for number in range(1, 300)])
    previews = [home.imports.preview(home.book, raw, "x.ofx") for _ in range(4)]
    with ThreadPoolExecutor(len(previews)) as people:
        done = list(people.map(lambda p: home.imports.commit(home.book, p.import_id, home.asked()), previews))
    assert sorted(answer.counts["new"] for answer in done) == [0, 0, 0, 299]
    assert home.transactions() == 299


def test_an_older_file_after_a_newer_one_moves_the_opening_balance(home: Desk) -> None:
    newer = ofx(("20", "-5.00", "b"), stated="95.00")
    older = ofx(("05", "-30.00", "a"), ("06", "10.00", "c"), stated="100.00").replace(b"20260131", b"20260110")
    home.bring(newer)
    before = home.balances()
    answer = home.bring(older)
    assert code_of(answer) == "agrees_with_bank"
    assert home.balances()[CHECKING, "USD"] == Decimal("95.00")
    assert code_of(home.bring(newer)) == "agrees_with_bank"
    home.imports.undo(home.book, answer.import_id, home.asked())
    assert home.balances() == before


movements = st.lists(st.tuples(st.integers(1, 31), st.integers(-500, 500).filter(bool)), min_size=1, max_size=25)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), movements, st.integers(-1_000, 1_000))
def test_overlapping_files_in_any_order_come_to_what_the_bank_says(
    data: st.DataObject, moved: list[tuple[int, int]], opening: int
) -> None:
    """The bank knows every movement of a month; each file is some days of it, with the balance on its last day."""
    moved = sorted(moved)
    cuts = data.draw(st.lists(st.tuples(st.integers(1, 31), st.integers(0, 20)), min_size=1, max_size=3))
    files = []
    for first, length in [*cuts, (1, 30)]:
        last = min(first + length, 31)
        rows = [(f"{day:02}", decimal_text(minor, 2), str(minor % 3)) for day, minor in moved if first <= day <= last]
        rows = data.draw(st.permutations(rows))
        stated = decimal_text(opening + sum(minor for day, minor in moved if day <= last), 2)
        files.append(ofx(*rows, stated=stated).replace(b"20260131", f"202601{last:02}".encode()))
    with TemporaryDirectory() as folder, desk(Path(folder)) as home:
        for file in data.draw(st.permutations(files)):
            assert code_of(home.bring(file)) in ("agrees_with_bank", "differs_from_bank")
        for file in files:
            again = home.bring(file)
            assert (again.counts["new"], code_of(again)) == (0, "agrees_with_bank")
        assert home.balances().get((CHECKING, "USD"), 0) == Decimal(opening + sum(m for _, m in moved)).scaleb(-2)
