"""Reading at the command line: the sample household's figures, for people and for programs."""

from __future__ import annotations

import csv
import io
import os
import pty
import subprocess
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.cli.program import PATIENCE_S, Program

pytestmark = pytest.mark.xdist_group("demo")  # one sample household for all that only look


def test_the_sample_household_tells_its_month_and_is_made_only_once(demo: Program) -> None:
    again = demo("demo", "--json").json
    assert [(item["name"], item["commodity"], item["made"]) for item in again] == [
        ("demo", "BRL", False),
        ("demo-usd", "USD", False),
    ]
    for item in again:
        assert item["month"] == "2026-09"
        assert Decimal(item["net_worth"]["amount"]) > 0
        assert not item["net_worth"]["partial"]
        assert Decimal(item["in"][0]["amount"]) > 0
        assert Decimal(item["out"][0]["amount"]) > 0
    assert "Here is demo: net worth" in demo("demo").out


def test_balances_sum_to_what_net_worth_says(demo: Program) -> None:
    held = demo.balances("demo-usd")
    worth = demo("net-worth", "--book", "demo-usd", "--json").json
    own = sum(
        Decimal(amount)
        for (account, code), amount in held.items()
        if account.startswith(("Assets", "Liabilities")) and code == "USD"
    )
    euros = Decimal(held["Assets:Euros in cash", "EUR"])
    assert own < Decimal(worth[-1]["amount"]) < own + 2 * euros
    assert [point["date"] for point in worth][-2:] == ["2026-08-31", "2026-09-17"]
    assert sum(Decimal(amount) for (_, code), amount in held.items() if code == "USD") != 0  # trips are paid at a rate


def test_a_table_is_for_people_and_says_the_same_as_the_json(demo: Program) -> None:
    told = demo("balances", "--book", "demo").out
    amount = demo.balances("demo")["Assets:Poupança", "BRL"]
    whole, _, cents = amount.partition(".")
    line = next(line for line in told.splitlines() if line.startswith("Assets:Poupança"))
    assert line.split()[-2:] == [f"{int(whole):,}".replace(",", ".") + f",{cents}", "BRL"]
    assert next(line for line in told.splitlines() if line.startswith("Liabilities")).split()[-2].startswith("-")


def test_figures_of_another_day_and_as_known_before_anything_was(demo: Program) -> None:
    assert demo.balances("demo", "--as-of", "2025-09-17") != demo.balances("demo")
    assert demo.balances("demo", "--known-on", "2026-09-01") == {}
    assert demo.balances("demo", "--known-on", "2026-09-17T15:00:00Z") == demo.balances("demo")


def test_the_register_of_an_account_runs_to_its_balance(demo: Program) -> None:
    entries = demo("register", "--book", "demo", "--account", "Assets:Conta corrente", "--limit", "600", "--json").json
    newest = entries[0]["balance"]
    assert newest == [
        {"amount": demo.balances("demo")["Assets:Conta corrente", "BRL"], "commodity": "BRL"},
    ]
    assert len(entries) > 500  # more than a page
    for later, earlier in pairwise(entries):
        change = Decimal(later["change"][0]["amount"])
        assert Decimal(later["balance"][0]["amount"]) - change == Decimal(earlier["balance"][0]["amount"])


def test_the_register_is_searched_by_words_and_days(demo: Program) -> None:
    found = demo("register", "--book", "demo", "--text", "oculos parcela", "--from", "2026-01-01", "--json").json
    assert found
    assert {entry["payee"] for entry in found} == {"Ótica Horizonte"}
    assert min(entry["date"] for entry in found) >= "2026-01-01"


def test_cash_flow_and_budgets_agree_on_what_was_spent(demo: Program) -> None:
    flows = demo("cash-flow", "--book", "demo", "--from", "2026-09-01", "--json").json
    budgets = {item["name"]: item for item in demo("budgets", "--book", "demo", "--json").json}
    spent = Counter[str]()
    for flow in flows:
        spent[flow["account"]] += int(Decimal(flow["amount"]) * 100)
    assert int(Decimal(budgets["Supermercado"]["spent"]) * 100) == spent["Expenses:Alimentação:Supermercado"]
    assert int(Decimal(budgets["Transporte"]["spent"]) * 100) == sum(
        minor for account, minor in spent.items() if account.startswith("Expenses:Transporte")
    )
    assert Decimal(budgets["Viagem do ano"]["spent"]) > 0


def test_books_and_accounts_are_listed(demo: Program) -> None:
    books = demo("book", "list", "--json").json
    assert [(book["name"], book["commodity"], book["time_zone"]) for book in books] == [
        ("demo", "BRL", "America/Sao_Paulo"),
        ("demo-usd", "USD", "America/New_York"),
    ]
    named = demo("accounts", "--book", "demo", "--json").json
    assert demo("accounts", "--book", books[0]["book"], "--json").json == named
    savings = next(account for account in named if account["account"] == "Assets:Poupança")
    assert not savings["on_budget"]


def test_projections_are_listed_verified_and_rebuilt_without_changing_a_figure(demo: Program) -> None:
    before = demo.balances("demo")
    listed = demo("projections", "list", "--json").json
    assert {item["name"] for item in listed} >= {
        "accounts",
        "balances",
        "register",
        "net_worth",
        "cash_flow",
        "budgets",
    }
    assert all(item["lag"] == 0 and item["parked"] == [] for item in listed)
    assert demo("projections", "verify", "balances", "--json").json == [{"name": "balances", "equal": True}]
    assert demo("projections", "rebuild", "balances", "--json").json[0]["lag"] == 0
    assert demo.balances("demo") == before
    assert demo("projections", "rebuild", "nonsense").code == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("balances", "--book", "nowhere"), "book_unknown"),
        (("register", "--book", "demo", "--account", "Assets:Nowhere"), "account_unknown"),
        (("balances", "--book", "demo", "--known-on", "soon"), "query_not_valid"),
        (("balances", "--book", "demo", "--as-of", "17/09/2026"), "arguments_not_valid"),
        (("net-worth", "--book", "demo", "--from", "2026-09-01", "--to", "2026-08-01"), "query_not_valid"),
        (("balances",), "arguments_not_valid"),
        (("balance", "--book", "demo"), "arguments_not_valid"),
        (("export", "--book", "demo", "--format", "xml"), "arguments_not_valid"),
        (("projections", "release", "balances", "--book", "demo"), "projection_not_parked"),
        (("book", "create", "demo", "--commodity", "BRL"), "book_name_used"),
        (("book", "create", "x", "--commodity", "EURX"), "commodity_unknown"),
        (("book", "create", "x", "--commodity", "EUR", "--time-zone", "Mars/Olympus"), "time_zone_unknown"),
        (("book", "erase", "demo"), "confirmation_needed"),
        (("demo", "remove"), "confirmation_needed"),
        (("verify", "/nowhere.jsonl"), "file_not_readable"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:2]),
)
def test_bad_input_ends_with_2_and_says_how_to_mend_it(demo: Program, arguments: tuple[str, ...], code: str) -> None:
    refused = demo(*arguments, "--json")
    assert (refused.code, refused.out) == (2, "")
    assert refused.problem["code"] == code
    assert refused.problem["detail"] not in ("", code)


def test_without_json_a_refusal_is_one_sentence_on_standard_error(demo: Program) -> None:
    refused = demo("balances", "--book", "nowhere")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.splitlines()[-1] == (
        "finshift: There is no such book. See the list of books for names and ids. [book_unknown]"
    )


def test_exports_are_read_by_the_programs_they_are_for_with_our_balances(
    demo: Program, tmp_path: Path, outside_program: Callable[[str], Path]
) -> None:
    held = demo.balances("demo")
    journal = tmp_path / "demo.journal"
    assert demo("export", "--book", "demo", "--format", "hledger", "--output", journal).code == 0
    assert journal.stat().st_mode & 0o777 == 0o600
    balance = [str(outside_program("hledger")), "-f", str(journal), "balance", "--strict", "--flat", "--no-total"]
    read = subprocess.run(
        [*balance, "-O", "csv", "--layout=bare"], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    ).stdout
    assert {(row["account"], row["commodity"]): row["balance"] for row in csv.DictReader(io.StringIO(read))} == held

    rows = list(csv.DictReader(io.StringIO(demo("export", "--book", "demo", "--format", "csv").out, newline="")))
    sums: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        place = (row["account"], row["commodity"])
        sums[place] = sums.get(place, Decimal(0)) + Decimal(row["amount"])
    assert {place: f"{amount:.2f}" for place, amount in sums.items() if amount} == held


def test_an_exported_log_is_verified_offline_and_a_touched_one_is_found_out(demo: Program, tmp_path: Path) -> None:
    log = tmp_path / "demo.jsonl"
    assert (
        demo("export", "--book", "demo", "--format", "jsonl", "-o", log, "--json").json["bytes"] == log.stat().st_size
    )
    elsewhere = Program(tmp_path / "an empty folder")
    checked = elsewhere("verify", log, "--json").json
    assert checked["receipt"]
    assert checked == demo("verify", "--book", "demo", "--json").json
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:300], lines[300].replace(b'"actor":"local"', b'"actor":"other"'), *lines[301:]]))
    broken = elsewhere("verify", log, "--json")
    assert (broken.code, broken.problem["code"], broken.problem["params"]["line"]) == (1, "log_broken", 301)
    assert not (tmp_path / "an empty folder").exists()


def test_an_export_read_back_makes_the_same_book(demo: Program, tmp_path: Path, finshift: Program) -> None:
    written = tmp_path / "demo.beancount"
    assert demo("export", "--book", "demo-usd", "--format", "beancount", "-o", written).code == 0
    assert finshift("book", "create", "again", "--commodity", "USD").code == 0
    assert finshift("import", written, "--book", "again", "--yes").code == 0
    plain = {(account.replace(" ", "-"), code): amount for (account, code), amount in demo.balances("demo-usd").items()}
    assert finshift.balances("again") == plain


def test_an_export_that_cannot_be_written_leaves_nothing_behind(demo: Program, tmp_path: Path) -> None:
    refused = demo("export", "--book", "demo", "--format", "csv", "-o", tmp_path / "no" / "where.csv", "--json")
    assert (refused.code, refused.problem["code"]) == (2, "file_not_writable")
    (tmp_path / "taken").mkdir()
    assert demo("export", "--book", "demo", "--format", "csv", "-o", tmp_path / "taken").code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_an_export_replaces_nothing_unasked(demo: Program, tmp_path: Path) -> None:
    kept, link = tmp_path / "kept.csv", tmp_path / "link.csv"
    kept.write_text("precious")
    link.symlink_to(kept)
    for target, *more in ((kept,), (link,), (link, "--overwrite"), (Path("/dev/null"), "--overwrite")):
        refused = demo("export", "--book", "demo", "--format", "csv", "-o", target, *more, "--json")
        assert (refused.code, refused.problem["code"]) == (2, "file_exists")
    assert kept.read_text() == "precious"
    assert demo("export", "--book", "demo", "--format", "csv", "-o", kept, "--overwrite").code == 0
    assert kept.read_text() != "precious"


def test_a_reader_that_goes_away_ends_the_program_quietly(demo: Program) -> None:
    command = demo.command("export", "--book", "demo", "--format", "jsonl")
    with subprocess.Popen(
        command, env=demo.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path.cwd()
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        said = running.stderr.read().decode()
        assert running.wait(PATIENCE_S) == 1
    assert "Traceback" not in said


def test_at_a_terminal_a_no_changes_nothing(demo: Program) -> None:
    ours, theirs = pty.openpty()
    command = demo.command("book", "erase", "demo")
    with subprocess.Popen(
        command, env=demo.environment, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        os.write(ours, b"n\n")
        _, said = run.communicate(timeout=PATIENCE_S)
    os.close(ours)
    os.close(theirs)
    assert (run.returncode, b"Nothing was changed." in said) == (0, True)
    assert demo.balances("demo")
