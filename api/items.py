"""Items: the one JSON shape of everything the outside reads, over HTTP and from the command line alike.

A figure is told the same by every door: amounts are decimal strings beside their commodity, days are ISO 8601, an
account is its full name with its id beside it. What has no value is null and never left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

import orjson

from commands.books import sample_number
from domain.ledger import AccountId, Posting
from domain.money import Amount, decimal_text
from domain.sentences import sentence
from streams.contract import Envelope, instant_text

if TYPE_CHECKING:
    from commands.answers import Answer
    from commands.imports import ImportAnswer, Preview, Question, Reason
    from commands.rules import Applied, Trial
    from domain.rules import Rule
    from projections.accounts import AccountRow, BookRow
    from projections.balances import Balance
    from projections.budgets import BudgetLine
    from projections.cash_flow import Flow
    from projections.imports import ImportRow
    from projections.net_worth import Worth
    from projections.register import Entry, Payee, Promise

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
    """A book; `sample` where it is of the sample household, and none of a person's."""
    return {
        "book": row.book,
        "name": row.name,
        "commodity": row.base,
        "time_zone": row.time_zone,
        "sample": sample_number(row.book) is not None,
    }


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
        "instalment": None if entry.instalment is None else plain(entry.instalment),
        "change": None if entry.change is None else [money(amount) for amount in entry.change],
        "balance": None if entry.balance is None else [money(amount) for amount in entry.balance],
    }


def worth_item(row: Worth, opening_unknown: Sequence[str]) -> Item:
    """Net worth at the end of a day. `partial`: something held has no price, and is named in `unpriced`;
    `opening_unknown` names the accounts of which nobody told what they held before their first file.
    """
    return {
        "date": row.date.isoformat(),
        **money(row.amount),
        "partial": row.partial,
        "unpriced": list(row.unpriced),
        "stale": list(row.stale),
        "opening_unknown": list(opening_unknown),
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


def promise_item(row: Promise, names: AccountNames) -> Item:
    """What is still to come of a purchase in instalments; `amount` is that of each, positive where it is owed."""
    return {
        "purchase": row.purchase,
        "account": names.get(row.account, ""),
        "account_id": row.account,
        "payee": row.payee,
        "k": row.k,
        "n": row.n,
        **_commodity_first(row.each),
        "left": row.left,
        "promised": amount_text(row.amount),
    }


def payee_item(row: Payee) -> Item:
    """What moved with a payee in a span of days; spending positive, earning negative."""
    return {
        "payee": row.payee,
        "words": list(row.words),
        **_commodity_first(row.amount),
        "count": row.count,
        "uncategorized": row.uncategorized,
    }


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
    """A reason or remark: its code and facts, and what they say in English."""
    return _told(reason.code, reason.params)


def _told(code: str, params: Mapping[str, object]) -> Item:
    return {
        "code": code,
        "params": {name: plain(value) for name, value in params.items()},
        "text_en": sentence(code, params),
    }


def question_item(question: Question) -> Item:
    """A question: what it says, the answer to give and what it may be, and whether a commit waits for it."""
    return {
        **_told(question.code, question.params),
        "answer": question.answer,
        "choices": list(question.choices),
        "needed": question.needed,
    }


def preview_item(preview: Preview) -> Item:
    """What an import would do; `amount` of a row is null where the file's row has none that can be read."""
    return {
        "import_id": preview.import_id,
        "format": preview.format,
        "profile": preview.detected.profile or None,
        "encoding": preview.detected.encoding,
        "detected": {
            "bank": preview.bank,
            "currency": preview.currency,
            **{name: text for name, text in plain(preview.detected).items() if name != "profile"},
        },
        "account": preview.account,
        "period": None
        if preview.period is None
        else {"first": preview.period[0].isoformat(), "last": preview.period[1].isoformat()},
        "counts": dict(preview.counts),
        "questions": [question_item(question) for question in preview.questions],
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
                "category": row.category,
                "instalment": None if row.instalment is None else {"k": row.instalment[0], "n": row.instalment[1]},
                "transaction_id": row.transaction,
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
        "joined": row.joined,
        "skipped": row.skipped,
        "recorded_at": instant_text(row.recorded_at),
        "version": row.version,
        "undone": row.undone is not None,
    }


def rule_item(rule: Rule, names: AccountNames) -> Item:
    """A rule; what it does not ask for is null."""
    bound = rule.at_least or rule.at_most
    return {
        "rule_id": rule.id,
        "category": names.get(rule.category, ""),
        "category_id": rule.category,
        "payee": rule.payee or None,
        "memo": rule.memo or None,
        "account": None if rule.account is None else names.get(rule.account, ""),
        "account_id": rule.account,
        "direction": None if rule.direction is None else str(rule.direction),
        "at_least": None if rule.at_least is None else amount_text(rule.at_least),
        "at_most": None if rule.at_most is None else amount_text(rule.at_most),
        "commodity": None if bound is None else bound.commodity.code,
    }


def trial_item(trial: Trial) -> Item:
    """What a rule would categorize; amounts as their own account sees them."""
    return {
        "count": trial.count,
        "items": [
            {
                "transaction_id": fitting.transaction,
                "date": fitting.movement.date.isoformat(),
                "payee": fitting.movement.payee,
                "memo": fitting.movement.memo,
                "account": trial.names[fitting.movement.account],
                "account_id": fitting.movement.account,
                **money(fitting.movement.amount),
                "from": trial.names[fitting.category],
            }
            for fitting in trial.shown
        ],
    }


def applied_item(applied: Applied) -> Item:
    """What applying a rule did."""
    return {
        "version": applied.version,
        "position": applied.position,
        "hash": applied.hash,
        "recorded_at": instant_text(applied.recorded_at),
        "book": applied.book,
        "rule_id": applied.rule,
        "counts": {"categorized": applied.categorized},
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
