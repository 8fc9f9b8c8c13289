"""`finshift rules`: rules that categorize are listed, set, tried before, applied and removed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.desk import asked, book_of, catch_up, composed, framed, parts_of, working
from api.cli.options import Account, Book, Json, KnownOn
from api.cli.telling import print_table, say, styled, write_items, write_json

if TYPE_CHECKING:
    from api.items import Item
    from commands.rules import WrittenRule

app = typer.Typer(help="Say once where movements go: list, set, apply and remove rules.", no_args_is_help=True)


class Way(StrEnum):
    IN = "in"
    OUT = "out"


Category = Annotated[
    str, typer.Option("--category", metavar="CATEGORY", help="The category's full name or id: where what fits goes.")
]
Payee = Annotated[str, typer.Option("--payee", metavar="WORDS", help="All of these are words of the payee.")]
Memo = Annotated[str, typer.Option("--memo", metavar="WORDS", help="All of these are words of the memo.")]
Direction = Annotated[Way | None, typer.Option("--direction", help="Whether money came in or went out.")]
AtLeast = Annotated[str | None, typer.Option("--at-least", metavar="AMOUNT", help="The least size, without a sign.")]
AtMost = Annotated[str | None, typer.Option("--at-most", metavar="AMOUNT", help="The largest size, without a sign.")]
Commodity = Annotated[str | None, typer.Option("--commodity", metavar="CODE", help="What the sizes are in.")]
Replaces = Annotated[
    str | None, typer.Option("--rule", metavar="RULE", help="The id of the standing rule whose place it takes.")
]
RuleArgument = Annotated[str, typer.Argument(metavar="RULE", help="The rule's id: finshift rules list.")]


@app.command("list")
def list_rules(ctx: typer.Context, book: Book, known_on: KnownOn = None, as_json: Json = False) -> None:
    """The rules of a book, in the order in which they are tried."""
    from api.figures import rule_items
    from projections.rules import NAME

    with framed(ctx, book, [NAME], None, known_on) as (connection, frame):
        items = rule_items(connection, frame)
    if as_json:
        write_items(items)
        return
    rows = [(item["category"], _conditions(item), item["rule_id"]) for item in items]
    print_table(["Goes to", "What", "Id"], rows, empty="No rule is set: finshift rules set --help")


@app.command("set")
def set_rule(
    ctx: typer.Context,
    book: Book,
    category: Category,
    payee: Payee = "",
    memo: Memo = "",
    account: Account = None,
    direction: Direction = None,
    at_least: AtLeast = None,
    at_most: AtMost = None,
    commodity: Commodity = None,
    rule: Replaces = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would categorize of what is there, and end there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Set a rule for what comes; `rules apply` lets it speak of what is there."""
    from api.items import answer_item, trial_item
    from commands.rules import rule_wish

    written = _written(category, payee, memo, account, direction, at_least, at_most, commodity, rule)
    with parts_of(ctx) as parts:
        meant = book_of(parts, book)
        if dry_run:
            catch_up(parts)
            with working("Looking"):
                trial = trial_item(parts.rules.try_rule(meant, written))
            if as_json:
                write_json(trial)
            else:
                _show(trial)
            return
        wish = rule_wish(written, parts.ids.new())
        item = answer_item(parts.bus.submit(meant, [wish], asked(parts)).result())
        catch_up(parts)
    if as_json:
        write_json(item)
        return
    say(f"Set. Let it speak of what is there: finshift rules apply {item['rule_id']} --book {book}")


@app.command("apply")
def apply_rule(ctx: typer.Context, rule: RuleArgument, book: Book, as_json: Json = False) -> None:
    """Categorize what nobody has categorized yet and the rule is the first to fit."""
    from api.items import applied_item
    from domain.ledger import RuleId

    with parts_of(ctx) as parts:
        meant = book_of(parts, book)
        catch_up(parts)
        with working("Categorizing"):
            item = applied_item(parts.rules.apply(meant, RuleId(rule), asked(parts)))
        catch_up(parts)
    if as_json:
        write_json(item)
    else:
        say(f"Categorized: {item['counts']['categorized']}.")


@app.command("remove")
def remove(ctx: typer.Context, rule: RuleArgument, book: Book, as_json: Json = False) -> None:
    """Remove a rule; what it categorized stays as it is."""
    from api.items import answer_item
    from domain.ledger import RuleId
    from domain.rules import RemoveRule

    with parts_of(ctx) as parts:
        meant = book_of(parts, book)
        item = answer_item(parts.bus.submit(meant, [RemoveRule(RuleId(rule))], asked(parts)).result())
        catch_up(parts)
    if as_json:
        write_json(item)
    else:
        say("Removed. What it categorized stays as it is.")


def _written(
    category: str,
    payee: str,
    memo: str,
    account: str | None,
    direction: Way | None,
    at_least: str | None,
    at_most: str | None,
    commodity: str | None,
    rule: str | None,
) -> WrittenRule:
    from commands.rules import WrittenRule
    from domain.rules import Direction

    return WrittenRule(
        composed(category),
        composed(payee),
        composed(memo),
        None if account is None else composed(account),
        None if direction is None else Direction(direction.value),
        at_least,
        at_most,
        commodity,
        rule,
    )


def _show(item: Item) -> None:
    rows = [
        (
            row["date"],
            row["payee"],
            row["memo"],
            row["account"],
            styled(row["amount"], row["commodity"]),
            row["commodity"],
            row["from"],
        )
        for row in item["items"]
    ]
    empty = "It would categorize nothing of what is there."
    print_table(["Date", "Payee", "Memo", "Account", "Amount>", "", "Now on"], rows, empty=empty)
    if item["count"] > len(rows):
        say(f"... and {item['count'] - len(rows)} older ones.")


def _conditions(item: Item) -> str:
    """What a rule asks for, in words."""
    said = []
    for name in ("payee", "memo"):
        if item[name] is not None:
            said.append(f"{name} has {item[name]}")
    if item["account"] is not None:
        said.append(f"on {item['account']}")
    if item["direction"] is not None:
        said.append(f"money {item['direction']}")
    for name, words in (("at_least", "at least"), ("at_most", "at most")):
        if item[name] is not None:
            said.append(f"{words} {styled(item[name], item['commodity'])} {item['commodity']}")
    return ", ".join(said)
