"""`finshift import` and `finshift imports`: a file is shown before anything is recorded, and taken back as a whole."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.desk import asked, book_of, catch_up, composed, confirm, framed, parts_of, working
from api.cli.options import Account, Book, Json, KnownOn, Yes
from api.cli.telling import print_table, say, styled, write_items, write_json
from domain.errors import Rejected

if TYPE_CHECKING:
    from api.items import Item
    from api.parts import Parts
    from commands.imports import Answers
    from domain.book import BookId

ROWS_SHOWN = 40
"""Rows of a preview that a person is shown; `--dry-run --json` has all of them."""

app = typer.Typer(help="List imports, and take them back.", no_args_is_help=True)


def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The bank's file, or another program's ledger.")],
    book: Book,
    account: Account = None,
    format: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="Where the file's own signs mislead.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="PROFILE", help="How to read a format that has several ways.")
    ] = None,
    balance_today: Annotated[
        str | None, typer.Option("--balance-today", metavar="AMOUNT", help="What your bank shows today.")
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(
            "--answer",
            metavar="NAME=VALUE",
            help="Answer what is asked: decimal_mark=, date_order=dmy sign=reversed account.1=Assets:Mine "
            "balance.1=10.00 separate=7,9 closed_rows=first-open-day other_book=yes gone=void",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and end there.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Import a file: it is shown what would be recorded and why, then asked, then recorded whole or not at all."""
    from api.items import import_answer_item, preview_item

    raw = _read(file)
    with parts_of(ctx) as parts:
        meant = book_of(parts, book)
        answers = _answers(balance_today, answer or [])
        into = None if account is None else composed(account)
        catch_up(parts)  # what is likely the same is told by the words that the figures keep
        with working(f"Reading {file.name}"):
            preview = parts.imports.preview(meant, raw, file.name, into, format, profile, answers)
        item = preview_item(preview)
        if as_json and dry_run:
            write_json(item)
        elif not as_json:
            _show(item)
        if dry_run:
            parts.imports.discard(meant, preview.import_id)
            return
        if not yes:
            answers = _agreed(parts, meant, item, balance_today, answer or [])
            catch_up(parts)
        with working(f"Recording {file.name}"):
            done = import_answer_item(parts.imports.commit(meant, preview.import_id, asked(parts), answers))
        catch_up(parts)
    if as_json:
        write_json(done)
        return
    say(f"Imported: {_counts(done['counts'])}.")
    if done["agreement"] is not None:
        say(done["agreement"]["text_en"])
    say(f"Take it back: finshift imports undo {done['import_id']} --book {book}")


@app.command("list")
def list_imports(ctx: typer.Context, book: Book, known_on: KnownOn = None, as_json: Json = False) -> None:
    """Every import of a book, oldest first."""
    from api.figures import import_items
    from projections.imports import NAME

    with framed(ctx, book, [NAME], None, known_on) as (connection, frame):
        items = import_items(connection, frame)
    if as_json:
        write_items(items)
        return
    rows = [
        (
            item["recorded_at"][:10],
            item["file_name"],
            item["format"],
            item["account"] or "",
            item["recorded"],
            "undone" if item["undone"] else "",
            item["import_id"],
        )
        for item in items
    ]
    print_table(["On", "File", "Format", "Account", "Recorded>", "", "Id"], rows, empty="Nothing was imported yet.")


@app.command("undo")
def undo(
    ctx: typer.Context,
    import_id: Annotated[str, typer.Argument(metavar="IMPORT", help="The import's id: finshift imports list.")],
    book: Book,
    as_json: Json = False,
) -> None:
    """Take an import back: all that it recorded is voided, edited transactions too."""
    from api.items import import_answer_item
    from domain.ledger import ImportId

    with parts_of(ctx) as parts:
        meant = book_of(parts, book)
        item = import_answer_item(parts.imports.undo(meant, ImportId(import_id), asked(parts)))
        catch_up(parts)
    if as_json:
        write_json(item)
    else:
        say(f"Taken back: {_counts(item['counts'])}.")


def _read(file: Path) -> bytes:
    """The file whole; one beyond the limit is refused before it is read."""
    from commands.imports import MAX_IMPORT_BYTES

    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_IMPORT_BYTES + 1)
    except OSError as failed:
        raise Rejected("file_not_readable", file=str(file), reason=failed.strerror or "") from None
    if len(raw) > MAX_IMPORT_BYTES:
        raise Rejected("file_too_large", limit_bytes=MAX_IMPORT_BYTES)
    return raw


def _answers(balance_today: str | None, said: list[str]) -> Answers:
    """What a person said, by the names of the answers; `answer_not_valid` where it is none."""
    from commands.imports import Answers, Hints

    told: dict[str, str] = {}
    for name, value in [_split(text) for text in said]:
        if told.setdefault(name, value) != value:
            raise Rejected("answer_not_valid", answer=f"{name}={value}"[:100])
    accounts = {number: composed(name) for number, name in _by_statement(told, "account.").items()}
    balances = _by_statement(told, "balance.")
    hints = Hints("", told.pop("decimal_mark", ""), told.pop("date_order", ""), told.pop("sign", ""))
    separate = frozenset([int(row) for row in told.pop("separate", "").split(",") if row])
    rest: dict[str, Any] = {"closed_rows": told.pop("closed_rows", "skip"), "gone": told.pop("gone", "keep")}
    other_book = told.pop("other_book", "no") == "yes"
    return Answers(balance_today, balances, accounts, hints, separate, other_book=other_book, **rest)


def _by_statement(told: dict[str, str], prefix: str) -> dict[int, str]:
    """The answers of one name that are for a statement each, taken out of all."""
    return {int(name.removeprefix(prefix)): told.pop(name) for name in list(told) if name.startswith(prefix)}


_VALUES = {
    "decimal_mark": "[.,]",
    "date_order": "ymd|dmy|mdy",
    "sign": "as-written|reversed",
    "separate": "[0-9]{1,7}(,[0-9]{1,7})*",
    "closed_rows": "skip|first-open-day",
    "other_book": "yes|no",
    "gone": "keep|void",
    r"account\.[0-9]{1,4}": ".+",
    r"balance\.[0-9]{1,4}": "-?[0-9][0-9.]{0,40}",
}
"""The answers that the command line takes, and what each may be."""


def _split(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not any(re.fullmatch(known, name) and re.fullmatch(values, value) for known, values in _VALUES.items()):
        raise Rejected("answer_not_valid", answer=text[:100])
    return name, value


def _agreed(parts: Parts, book: BookId, item: Item, balance_today: str | None, said: list[str]) -> Answers:
    """Ask what the preview asks, and whether to go on; a preview that is not wanted is forgotten at once."""
    from api.items import preview_item
    from domain.ledger import ImportId

    import_id = ImportId(item["import_id"])
    try:
        if not sys.stdin.isatty():
            raise Rejected("confirmation_needed")
        if item["questions"]:
            balance_today, said = _asked(item["questions"], balance_today, said)
            catch_up(parts)
            item = preview_item(parts.imports.preview_again(book, import_id, _answers(balance_today, said)))
            _show(item)
        confirm("Import this?")
    except BaseException:
        parts.imports.discard(book, import_id)
        raise
    return _answers(balance_today, said)


def _asked(questions: list[Item], balance_today: str | None, said: list[str]) -> tuple[str | None, list[str]]:
    """What a person answers at the terminal; what is left empty stays open."""
    said = list(said)
    for question in questions:
        choices = f" [{', '.join(question['choices'])}]" if question["choices"] else ""
        say(question["text_en"] + choices, stderr=True)
        text = typer.prompt("Answer (Enter leaves it open)", default="", show_default=False, err=True).strip()
        match question["answer"]:
            case _ if not text:
                pass
            case "balance_today" if "statement" in question["params"]:
                said.append(f"balance.{question['params']['statement']}={text}")
            case "balance_today":
                balance_today = text
            case "accounts":
                said.append(f"account.{question['params']['statement']}={text}")
            case "other_book":
                said.append(f"other_book={'yes' if text in ('true', 'yes', 'y') else 'no'}")
            case name:
                said.append(f"{name}={text}")
    return balance_today, said


def _show(item: Item) -> None:
    """The preview at the terminal: what was detected, the counts, the first rows with their reasons, the questions."""
    period = item["period"]
    how = item["detected"]
    said = [
        item["profile"] or item["format"],
        item["account"] or "",
        f"{period['first']} to {period['last']}" if period else "",
    ]
    said += [how["encoding"], _DELIMITERS.get(how["delimiter"], ""), how["date_order"]]
    said.append(f"decimal {how['decimal_mark']}" if how["decimal_mark"] else "")
    said.append("purchases are positive here" if how["sign"] == "reversed" else "")
    say(", ".join(filter(None, said)) + f": {_counts(item['counts'])}.")
    rows = [
        (
            row["row"],
            row["date"] or "",
            row["description"],
            "" if row["amount"] is None else styled(row["amount"], row["commodity"]),
            row["commodity"] or "",
            row["verdict"],
            "" if row["verdict"] == "new" else row["reason"]["text_en"],
        )
        for row in _telling_rows(item["rows"])
    ]
    print_table(["Row>", "Date", "Description", "Amount>", "", "Verdict", "Why"], rows, empty="The file has no row.")
    if len(item["rows"]) > ROWS_SHOWN:
        say(f"... and {len(item['rows']) - ROWS_SHOWN} more rows: --dry-run --json has all of them.")
    for remark in item["remarks"]:
        say(remark["text_en"])
    for question in item["questions"]:
        say(f"? {question['text_en']}")
    say(item["agreement"]["text_en"])


def _telling_rows(rows: list[Item]) -> list[Item]:
    """As many rows as are shown, in the file's order; what will not simply be recorded comes before what will."""
    telling = sorted(rows, key=lambda row: row["verdict"] == "new")[:ROWS_SHOWN]
    return sorted(telling, key=lambda row: int(row["row"]))


_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

_ONE_AND_MANY = {
    "duplicate": ("duplicate", "duplicates"),
    "transfer": ("likely transfer", "likely transfers"),
    "match": ("likely match", "likely matches"),
    "left-out": ("left out", "left out"),
    "instalments": ("instalment purchase", "instalment purchases"),
    "accounts": ("new account", "new accounts"),
    "commodities": ("new commodity", "new commodities"),
    "prices": ("price", "prices"),
    "assertions": ("confirmed balance", "confirmed balances"),
    "closings": ("closed account", "closed accounts"),
    "budgets": ("budget", "budgets"),
    "voided": ("transaction", "transactions"),
}
"""What is counted, in words, where its own name is not enough."""


def _counts(counts: dict[str, int]) -> str:
    """The counts in words; what there is none of is left out, but for what was recorded."""
    told = [
        f"{count} {_ONE_AND_MANY.get(name, (name, name))[count != 1]}"
        for name, count in counts.items()
        if count or name == "new"
    ]
    return ", ".join(told)
