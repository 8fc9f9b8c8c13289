"""Items: the one JSON shape of everything the outside reads, over HTTP and from the command line alike.

A figure is told the same by every door: amounts are decimal strings beside their commodity, days are ISO 8601, an
account is its full name with its id beside it. What has no value is null and never left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

import orjson

from domain.ledger import AccountId, Posting
from domain.money import Amount, decimal_text
from domain.sentences import sentence
from streams.contract import Envelope, instant_text

if TYPE_CHECKING:
    from commands.answers import Answer
    from commands.imports import ImportAnswer, Preview, Reason
    from projections.accounts import AccountRow, BookRow
    from projections.balances import Balance
    from projections.budgets import BudgetLine
    from projections.cash_flow import Flow
    from projections.imports import ImportRow
    from projections.net_worth import Worth
    from projections.register import Entry

Item = dict[str, Any]

AccountNames = Mapping[AccountId, str]
"""Full names by id, as known at the version that the question is about."""


def account_names(rows: Iterable[AccountRow]) -> dict[AccountId, str]:
    """The names to tell accounts by."""
    return {row.account: row.name for row in rows}


def amount_text(amount: Amount) -> str:
    return decimal_text(amount.minor, amount.commodity.scale)


def money(amount: Amount) -> Item:
    return {"amount": amount_text(amount), "commodity": amount.commodity.code}


def book_item(row: BookRow) -> Item:
    return {"book": row.book, "name": row.name, "commodity": row.base, "time_zone": row.time_zone}


def account_item(row: AccountRow) -> Item:
    return {
        "account": row.name,
        "account_id": row.account,
        "kind": str(row.kind),
        "commodities": list(row.commodities),
        "opened_on": day_text(row.opened_on),
        "closed_on": day_text(row.closed_on),
        "on_budget": row.on_budget,
        "merged_into": row.merged_into,
    }


def balance_item(row: Balance, names: AccountNames) -> Item:
    return {"account": names.get(row.account, ""), "account_id": row.account, **_commodity_first(row.amount)}


def posting_item(posting: Posting, names: AccountNames) -> Item:
    item: Item = {
        "account": names.get(posting.account, ""),
        "account_id": posting.account,
        **money(posting.amount),
        "cost": None,
        "price": None,
    }
    if posting.cost is not None:
        total = posting.cost.total
        item["cost"] = {
            "total": amount_text(total),
            "commodity": total.commodity.code,
            "date": day_text(posting.cost.date),
            "label": posting.cost.label or None,
        }
    if posting.price is not None:
        total = posting.price.total
        item["price"] = {"total": amount_text(total), "commodity": total.commodity.code}
    return item


def entry_item(entry: Entry, names: AccountNames) -> Item:
    """A transaction of the register. `change` and `balance` tell of the one account asked for; else both are null."""
    return {
        "transaction_id": entry.transaction,
        "date": entry.date.isoformat(),
        "payee": entry.payee,
        "memo": entry.memo,
        "tags": list(entry.tags),
        "links": list(entry.links),
        "postings": [posting_item(posting, names) for posting in entry.postings],
        "version": entry.version,
        "import_id": entry.import_id,
        "corrects": entry.corrects,
        "change": None if entry.change is None else [money(amount) for amount in entry.change],
        "balance": None if entry.balance is None else [money(amount) for amount in entry.balance],
    }


def worth_item(row: Worth) -> Item:
    """Net worth at the end of a day. `partial`: something held has no price, and is named in `unpriced`."""
    return {
        "date": row.date.isoformat(),
        **money(row.amount),
        "partial": row.partial,
        "unpriced": list(row.unpriced),
        "stale": list(row.stale),
    }


def flow_item(row: Flow, names: AccountNames) -> Item:
    """What a category took in a period, told by its first day; signs as posted: income is negative."""
    return {
        "period": row.period.isoformat(),
        "account": names.get(row.account, ""),
        "account_id": row.account,
        **_commodity_first(row.amount),
    }


def budget_item(row: BudgetLine, names: AccountNames) -> Item:
    """A budget in the period that holds the day asked for; `period` is the period's first day."""
    item: Item = {
        "budget_id": row.budget,
        "account": names.get(row.account, ""),
        "account_id": row.account,
        "period": row.period_first.isoformat(),
        "period_last": row.period_last.isoformat(),
        "commodity": row.limit.commodity.code,
        "limit": amount_text(row.limit),
        "spent": amount_text(row.spent),
        "left": amount_text(row.left),
    }
    told = {"budget", "account", "period_first", "period_last", "limit", "spent", "left"}
    for more in fields(row):
        if more.name not in told:
            item[more.name] = plain(getattr(row, more.name))
    return item


def answer_item(answer: Answer) -> Item:
    """The answer to a unit of one command: where the book stands after it, and what it made."""
    made = answer.results[-1].made if answer.results else {}
    return {
        "version": answer.version,
        "position": answer.position,
        "hash": answer.hash,
        "recorded_at": instant_text(answer.recorded_at),
        "book": answer.book,
        **made,
    }


def reason_item(reason: Reason) -> Item:
    """A reason, question or remark: its code and facts, and what they say in English."""
    return {
        "code": reason.code,
        "params": {name: plain(value) for name, value in reason.params.items()},
        "text_en": sentence(reason.code, reason.params),
    }


def preview_item(preview: Preview) -> Item:
    """What an import would do; `amount` of a row is null where the file's row has none that can be read."""
    return {
        "import_id": preview.import_id,
        "format": preview.format,
        "encoding": preview.encoding,
        "account": preview.account,
        "period": None
        if preview.period is None
        else {"first": preview.period[0].isoformat(), "last": preview.period[1].isoformat()},
        "counts": dict(preview.counts),
        "questions": [reason_item(question) for question in preview.questions],
        "remarks": [reason_item(remark) for remark in preview.remarks],
        "statements": [
            plain(statement) | {"agreement": reason_item(statement.agreement)} for statement in preview.statements
        ],
        "agreement": reason_item(preview.agreement),
        "rows": [
            {
                "row": row.row,
                "date": day_text(row.date),
                "amount": None if row.amount is None else amount_text(row.amount),
                "commodity": None if row.amount is None else row.amount.commodity.code,
                "description": row.description,
                "verdict": str(row.verdict),
                "reason": reason_item(row.reason),
            }
            for row in preview.rows
        ],
    }


def import_answer_item(answer: ImportAnswer) -> Item:
    """What a commit or an undo did; `agreement` is null after an undo."""
    return {
        "version": answer.version,
        "position": answer.position,
        "hash": answer.hash,
        "recorded_at": instant_text(answer.recorded_at),
        "book": answer.book,
        "import_id": answer.import_id,
        "counts": dict(answer.counts),
        "agreement": None if answer.agreement is None else reason_item(answer.agreement),
    }


def imported_item(row: ImportRow, names: AccountNames) -> Item:
    """An import in a book's history; `account` is null where the file brought several, or accounts of its own."""
    return {
        "import_id": row.import_id,
        "format": row.format,
        "account": None if row.account is None else names.get(row.account, ""),
        "account_id": row.account,
        "file_name": row.file_name,
        "recorded": row.recorded,
        "skipped": row.skipped,
        "recorded_at": instant_text(row.recorded_at),
        "version": row.version,
        "undone": row.undone is not None,
    }


def envelope_item(envelope: Envelope) -> Item:
    """An event as it is stored; `data` is the stored JSON, byte for byte."""
    return {
        "id": envelope.id,
        "type": envelope.type,
        "stream": envelope.stream,
        "version": envelope.version,
        "position": envelope.position,
        "recorded_at": envelope.recorded_at,
        "actor": envelope.actor,
        "command_id": envelope.command_id,
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "prev_hash": envelope.prev_hash.hex(),
        "hash": envelope.hash.hex(),
        "data": orjson.Fragment(envelope.data),
    }


def plain(value: Any) -> Any:
    """A domain value as JSON: amounts with their commodity, days and instants as text, dataclasses as objects.

    It tells the facts of refusals and reasons, whose values are whatever the rule at fault has at hand.
    """
    match value:
        case None | bool() | int() | Enum():
            return value.value if isinstance(value, Enum) else value
        case str():
            return str(value)
        case Amount():
            return money(value)
        case datetime():
            return instant_text(value)
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case bytes():
            return value.hex()
        case Mapping():
            return {str(name): plain(part) for name, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(part) for part in value]
        case _ if is_dataclass(value):
            return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
        case _:
            return str(value)


def day_text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _commodity_first(amount: Amount) -> Item:
    return {"commodity": amount.commodity.code, "amount": amount_text(amount)}
