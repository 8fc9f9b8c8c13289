"""The figures at the terminal: balances, register, net worth, cash flow, payees, what is promised, budgets, accounts.

With `--json` each prints one array of the items that the HTTP doors give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.desk import composed, framed
from api.cli.options import Account, AsOf, Book, From, Json, KnownOn, To
from api.cli.telling import print_table, say, styled, write_items
from domain.budgets import Every

if TYPE_CHECKING:
    from api.items import Item

REGISTER_ROWS = 50
"""Transactions shown where no number is asked for: a page, as over HTTP."""

EveryOption = Annotated[Every, typer.Option("--every", help="By day, week (from Monday), month or year.")]


def balances(
    ctx: typer.Context, book: Book, as_of: AsOf = None, known_on: KnownOn = None, as_json: Json = False
) -> None:
    """What every account holds; zero left out."""
    from api.figures import balance_items
    from projections.balances import NAME

    with framed(ctx, book, [NAME], as_of, known_on) as (connection, frame):
        items = balance_items(connection, frame)
    if as_json:
        write_items(items)
        return
    rows = [(item["account"], _amount(item), item["commodity"]) for item in items]
    print_table(["Account", "Balance>", ""], rows, empty="Every account is empty.")


def register(
    ctx: typer.Context,
    book: Book,
    account: Account = None,
    first: From = None,
    last: To = None,
    text: Annotated[
        str | None, typer.Option("--text", help="Words of payee, memo and tags, or their beginnings.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many transactions at most.")] = REGISTER_ROWS,
    as_of: AsOf = None,
    known_on: KnownOn = None,
    as_json: Json = False,
) -> None:
    """Transactions, newest first; of one account with its running balance."""
    from api.figures import Wanted, transaction_items
    from projections.register import NAME

    with framed(ctx, book, [NAME], as_of, known_on) as (connection, frame):
        meant = None if account is None else composed(account)
        items = transaction_items(connection, frame, Wanted(meant, first, last, text, as_of), limit)
        if as_json:
            write_items(items)
        elif account is None:
            rows = [row for item in items for row in _entry_rows(item)]
            print_table(["Date", "Payee", "Account", "Amount>", ""], rows, empty="No transaction fits.")
        else:
            rows = [row for item in items for row in _account_rows(item)]
            print_table(["Date", "Payee", "Memo", "Change>", "Balance>", ""], rows, empty="No transaction fits.")


def net_worth(
    ctx: typer.Context,
    book: Book,
    first: From = None,
    last: To = None,
    every: EveryOption = Every.MONTH,
    as_of: AsOf = None,
    known_on: KnownOn = None,
    as_json: Json = False,
) -> None:
    """What is owned less what is owed, at the ends of periods; the last twelve months where nothing is said."""
    from api.figures import worth_items
    from projections import imports
    from projections import net_worth as read_model
    from projections import register as transactions

    names = [read_model.NAME, imports.NAME, transactions.NAME]
    with framed(ctx, book, names, as_of, known_on) as (connection, frame):
        items = worth_items(connection, frame, first, last, every)
    if as_json:
        write_items(items)
        return
    rows = [(item["date"], _amount(item), item["commodity"], _worth_note(item)) for item in items]
    print_table(["Date", "Net worth>", "", ""], rows, empty="Nothing is known of these days.")


def cash_flow(
    ctx: typer.Context,
    book: Book,
    first: From = None,
    last: To = None,
    every: EveryOption = Every.MONTH,
    as_of: AsOf = None,
    known_on: KnownOn = None,
    as_json: Json = False,
) -> None:
    """What each category took in or gave out; signs as posted: spending is positive, income negative."""
    from api.figures import flow_items
    from projections.cash_flow import NAME

    with framed(ctx, book, [NAME], as_of, known_on) as (connection, frame):
        items = flow_items(connection, frame, first, last, every)
    if as_json:
        write_items(items)
        return
    rows = [(item["period"], item["account"], _amount(item), item["commodity"]) for item in items]
    print_table(["From", "Category", "Amount>", ""], rows, empty="Nothing came in or went out.")


def payees(
    ctx: typer.Context,
    book: Book,
    first: From = None,
    last: To = None,
    as_of: AsOf = None,
    known_on: KnownOn = None,
    as_json: Json = False,
) -> None:
    """With whom money moved, the largest spending first; the last twelve months where nothing is said."""
    from api.figures import payee_items
    from projections.register import NAME

    with framed(ctx, book, [NAME], as_of, known_on) as (connection, frame):
        items, categorized = payee_items(connection, frame, first, last)
    if as_json:
        write_items(items)
        return
    rows = [
        (item["payee"] or "(no name)", _amount(item), item["commodity"], str(item["count"]), _untold(item))
        for item in items
    ]
    print_table(["Payee", "Amount>", "", "Times>", ""], rows, empty="No money moved with anybody.")
    if items:
        say(f"{categorized['done']} of {categorized['transactions']} transactions are told what for.")


def promised(
    ctx: typer.Context, book: Book, as_of: AsOf = None, known_on: KnownOn = None, as_json: Json = False
) -> None:
    """What purchases in instalments still have to come: rows not seen yet are taken equal to the last one."""
    from api.figures import promise_items
    from projections.register import NAME

    with framed(ctx, book, [NAME], as_of, known_on) as (connection, frame):
        items, total = promise_items(connection, frame)
    if as_json:
        write_items(items)
        return
    rows = [
        (
            item["account"],
            item["payee"],
            f"{item['k']}/{item['n']}",
            _amount(item),
            styled(item["promised"], item["commodity"]),
            item["commodity"],
        )
        for item in items
    ]
    rows += [("Together", "", "", "", _amount(amount), amount["commodity"]) for amount in total]
    print_table(["Account", "Payee", "Seen", "Each>", "To come>", ""], rows, empty="No instalment is to come.")


def budgets(
    ctx: typer.Context,
    book: Book,
    period: Annotated[
        str | None, typer.Option("--period", metavar="WHEN", help="A day, or a month as YYYY-MM; today if left out.")
    ] = None,
    known_on: KnownOn = None,
    as_json: Json = False,
) -> None:
    """What each budget's limit is, what was spent of it, and what is left."""
    from api.figures import budget_items
    from projections.budgets import NAME

    with framed(ctx, book, [NAME], None, known_on) as (connection, frame):
        items = budget_items(connection, frame, period)
    if as_json:
        write_items(items)
        return
    rows = [
        (
            item["name"] or item["account"],
            f"{item['period']} to {item['period_last']}",
            *[styled(item[name], item["commodity"]) for name in ("limit", "spent", "left")],
            item["commodity"],
        )
        for item in items
    ]
    print_table(["Budget", "Period", "Limit>", "Spent>", "Left>", ""], rows, empty="No budget is set.")


def accounts(ctx: typer.Context, book: Book, known_on: KnownOn = None, as_json: Json = False) -> None:
    """The chart of accounts."""
    from api.figures import account_items
    from projections.accounts import NAME

    with framed(ctx, book, [NAME], None, known_on) as (connection, frame):
        items = account_items(connection, frame)
    if as_json:
        write_items(items)
        return
    rows = [
        (item["account"], " ".join(item["commodities"]), item["opened_on"] or "", item["closed_on"] or "", _state(item))
        for item in items
    ]
    print_table(["Account", "Takes only", "Opened", "Closed", ""], rows, empty="There is no account.")


def _amount(item: Item) -> str:
    return styled(item["amount"], item["commodity"])


def _untold(item: Item) -> str:
    return f"{item['uncategorized']} uncategorized" if item["uncategorized"] else ""


def _entry_rows(item: Item) -> list[tuple[str, ...]]:
    """A transaction over as many lines as it has postings; what it says stands on the first."""
    said = " ".join(filter(None, [item["payee"], f"({item['memo']})" if item["memo"] else ""]))
    rows: list[tuple[str, ...]] = []
    for posting in item["postings"]:
        head = (item["date"], said) if not rows else ("", "")
        rows.append((*head, posting["account"], _amount(posting), posting["commodity"]))
    return rows


def _account_rows(item: Item) -> list[tuple[str, ...]]:
    """What a transaction changed on the one account, a line a commodity, with what stood there after it."""
    after = {held["commodity"]: held for held in item["balance"]}
    rows: list[tuple[str, ...]] = []
    for change in item["change"]:
        code = change["commodity"]
        head = (item["date"], item["payee"], item["memo"]) if not rows else ("", "", "")
        rows.append((*head, _amount(change), _amount(after[code]) if code in after else "0", code))
    return rows


def _worth_note(item: Item) -> str:
    notes = []
    if item["unpriced"]:
        notes.append(f"without {', '.join(item['unpriced'])}, which has no price")
    if item["stale"]:
        notes.append(f"old price of {', '.join(item['stale'])}")
    if item["opening_unknown"]:
        notes.append(f"without what {', '.join(item['opening_unknown'])} held before the first file")
    return "; ".join(notes)


def _state(item: Item) -> str:
    if item["merged_into"] is not None:
        return "merged into another"
    return "" if item["on_budget"] else "off budget"
