"""Shapes: what the doors answer, as models for the documentation and for the tests that hold the doors to it.

Nothing is built from these models when a request is answered: `api.items` writes the items. Each shape carries one
example, told of the same small household.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from api.items import Item
from api.problems import problem_of
from domain.sentences import sentence

_HASH = "9f2c7a1d4be05c63f1a8d2907e5b64cc83d91f0a6e7742b5c0d8a93b1e6f5724"
_BOOK = "01998b3c-52d1-7e0a-9c41-6f2d8e5b7a10"
_IDS = {
    "transaction_id": "01998b3d-07aa-7f61-8d2e-3b9c5a4f1e22",
    "account_id": "01998b3c-9be4-7c3d-a1f7-5e8d2c6b4a31",
    "budget_id": "01998b3e-44c0-7b92-b6d5-1a7f9e3c8d43",
    "import_id": "01998b3f-2a15-7d84-8c3b-9e6a1f5d7b54",
    "rule_id": "01998b40-6c3e-7a52-9d07-4b1c8e2f6a65",
}


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")

    EXAMPLE: ClassVar[Item]


S = TypeVar("S", bound=Shape)


class Page(BaseModel, Generic[S]):
    """A list, or a part of one: `next` is the cursor of what follows, null at the end."""

    model_config = ConfigDict(extra="forbid")

    items: list[S]
    next: str | None


# Commands


class CommandAnswer(Shape):
    """Where the book stands after the command; `hash` is its head's, a receipt for everything up to `version`."""

    version: int
    position: int
    hash: str
    recorded_at: str
    book: str
    transaction_id: str | None = None
    account_id: str | None = None
    budget_id: str | None = None
    import_id: str | None = None
    rule_id: str | None = None

    EXAMPLE = {
        "version": 42,
        "position": 1337,
        "hash": _HASH,
        "recorded_at": "2026-09-14T18:22:07.104233Z",
        "book": _BOOK,
    }


class ProblemOut(BaseModel):
    """A refusal, as RFC 9457 tells it. `code` is stable; `params` are its facts; `detail` is for people."""

    model_config = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int
    code: str
    params: dict[str, Any]
    detail: str
    index: int | None = Field(None, description="Of an atomic batch: the place of the command at fault.")


class ResultBody(Shape):
    version: int
    position: int
    book: str
    transaction_id: str | None = None
    account_id: str | None = None
    budget_id: str | None = None
    rule_id: str | None = None


class ResultOut(Shape):
    """What one command of a batch came to: its body, or the problem it met."""

    status: int
    body: ResultBody | None = None
    problem: ProblemOut | None = None


class BatchAnswer(Shape):
    version: int
    position: int
    hash: str
    book: str
    results: list[ResultOut]

    EXAMPLE = {
        "version": 43,
        "position": 1338,
        "hash": _HASH,
        "book": _BOOK,
        "results": [
            {
                "status": 201,
                "body": {
                    "version": 43,
                    "position": 1338,
                    "book": _BOOK,
                    "transaction_id": _IDS["transaction_id"],
                },
            },
            {"status": 422, "problem": problem_of("account_unknown", {"account": "Assets:Chequing"})},
        ],
    }


def answer_example(makes: str | None) -> Item:
    """The example of a command's answer, with the id of what it makes."""
    return CommandAnswer.EXAMPLE | ({makes: _IDS[makes]} if makes in _IDS else {})


# Questions


class MoneyOut(Shape):
    amount: str
    commodity: str


class BookOut(Shape):
    book: str
    name: str
    commodity: str
    time_zone: str
    sample: bool = Field(description="Whether it is of the sample household, and none of a person's.")

    EXAMPLE = {
        "book": _BOOK,
        "name": "Home",
        "commodity": "BRL",
        "time_zone": "America/Sao_Paulo",
        "sample": False,
    }


class AccountOut(Shape):
    account: str
    account_id: str
    kind: str
    commodities: list[str]
    opened_on: str | None
    closed_on: str | None
    on_budget: bool
    merged_into: str | None

    EXAMPLE = {
        "account": "Expenses:Food:Groceries",
        "account_id": _IDS["account_id"],
        "kind": "Expenses",
        "commodities": ["BRL"],
        "opened_on": None,
        "closed_on": None,
        "on_budget": True,
        "merged_into": None,
    }


class BalanceOut(Shape):
    account: str
    account_id: str
    commodity: str
    amount: str

    EXAMPLE = {
        "account": "Assets:Checking",
        "account_id": _IDS["account_id"],
        "commodity": "BRL",
        "amount": "2317.60",
    }


class CostOut(Shape):
    total: str
    commodity: str
    date: str | None
    label: str | None


class PriceOut(Shape):
    total: str
    commodity: str


class PostingOut(Shape):
    account: str
    account_id: str
    amount: str
    commodity: str
    cost: CostOut | None
    price: PriceOut | None


class InstalmentOut(Shape):
    """The `k`-th of `n` instalments; `purchase` is the same for all of them."""

    k: int
    n: int
    purchase: str


class TransactionOut(Shape):
    """`change` and `balance` tell of the one account asked for: what the entry changed, and what stood after it."""

    transaction_id: str
    date: str
    payee: str
    memo: str
    tags: list[str]
    links: list[str]
    postings: list[PostingOut]
    version: int
    import_id: str | None
    corrects: str | None
    instalment: InstalmentOut | None
    change: list[MoneyOut] | None
    balance: list[MoneyOut] | None

    EXAMPLE = {
        "transaction_id": _IDS["transaction_id"],
        "date": "2026-09-14",
        "payee": "Corner Market",
        "memo": "",
        "tags": ["weekend"],
        "links": [],
        "postings": [
            {
                "account": "Expenses:Food:Groceries",
                "account_id": "01998b3c-9be4-7c3d-a1f7-5e8d2c6b4a31",
                "amount": "182.40",
                "commodity": "BRL",
                "cost": None,
                "price": None,
            },
            {
                "account": "Assets:Checking",
                "account_id": "01998b3c-9be4-7c3d-a1f7-5e8d2c6b4a99",
                "amount": "-182.40",
                "commodity": "BRL",
                "cost": None,
                "price": None,
            },
        ],
        "version": 42,
        "import_id": None,
        "corrects": None,
        "instalment": None,
        "change": None,
        "balance": None,
    }


class WorthOut(Shape):
    """`partial`: something held has no price by then, and is named in `unpriced`; `stale` names old prices;
    `opening_unknown` names accounts of which nobody told what they held before their first file.
    """

    date: str
    amount: str
    commodity: str
    partial: bool
    unpriced: list[str]
    stale: list[str]
    opening_unknown: list[str]

    EXAMPLE = {
        "date": "2026-08-31",
        "amount": "15230.75",
        "commodity": "BRL",
        "partial": False,
        "unpriced": [],
        "stale": [],
        "opening_unknown": [],
    }


class FlowOut(Shape):
    """`period` is the period's first day; signs as posted: expenses positive, income negative."""

    period: str
    account: str
    account_id: str
    commodity: str
    amount: str

    EXAMPLE = {
        "period": "2026-09-01",
        "account": "Expenses:Food:Groceries",
        "account_id": _IDS["account_id"],
        "commodity": "BRL",
        "amount": "611.15",
    }


class PromiseOut(Shape):
    """A purchase in instalments: `k` of `n` have come, `left` of `amount` each are to come, `promised` altogether."""

    purchase: str
    account: str
    account_id: str
    payee: str
    k: int
    n: int
    commodity: str
    amount: str
    left: int
    promised: str

    EXAMPLE = {
        "purchase": "01998b3d-07aa-7f61-8d2e-3b9c5a4f1e66",
        "account": "Liabilities:Card",
        "account_id": _IDS["account_id"],
        "payee": "Corner Optician",
        "k": 1,
        "n": 3,
        "commodity": "BRL",
        "amount": "33.34",
        "left": 2,
        "promised": "66.68",
    }


class PromisedPage(Shape):
    """`total`: what all purchases promise, by commodity."""

    items: list[PromiseOut]
    next: str | None
    total: list[MoneyOut]

    EXAMPLE = {"items": [PromiseOut.EXAMPLE], "next": None, "total": [{"amount": "66.68", "commodity": "BRL"}]}


class PayeeOut(Shape):
    """`words`: those that all spellings of the payee have in common, as a rule takes them. `amount`: the net of the
    categories, spending positive; `uncategorized`: how many of `count` are not told what for yet.
    """

    payee: str
    words: list[str]
    commodity: str
    amount: str
    count: int
    uncategorized: int

    EXAMPLE = {
        "payee": "Corner Market",
        "words": ["corner", "market"],
        "commodity": "BRL",
        "amount": "611.15",
        "count": 7,
        "uncategorized": 2,
    }


class CategorizedOut(Shape):
    """Of the `transactions` with a category, how many stand on none that is uncategorized."""

    transactions: int
    done: int


class PayeesPage(Shape):
    items: list[PayeeOut]
    next: str | None
    categorized: CategorizedOut

    EXAMPLE = {"items": [PayeeOut.EXAMPLE], "next": None, "categorized": {"transactions": 212, "done": 168}}


class BudgetOut(Shape):
    """`period` to `period_last` is the period that holds the day asked for."""

    model_config = ConfigDict(extra="allow")

    budget_id: str
    account: str
    account_id: str
    period: str
    period_last: str
    commodity: str
    limit: str
    spent: str
    left: str

    EXAMPLE = {
        "budget_id": _IDS["budget_id"],
        "account": "Expenses:Food",
        "account_id": _IDS["account_id"],
        "period": "2026-09-01",
        "period_last": "2026-09-30",
        "commodity": "BRL",
        "limit": "1500.00",
        "spent": "611.15",
        "left": "888.85",
    }


class AlertOut(Shape):
    """A sentence about the book, said once: `text_en` is that of `code` with its `params`. `period` is the first day
    of what it speaks of, `version` the event that raised it.
    """

    alert_id: str
    code: str
    params: dict[str, str | int]
    text_en: str
    period: str
    raised_at: str
    version: int

    EXAMPLE = {
        "alert_id": "9f2c54d1a7e08b3346d2c0917fe5ab18",
        "code": "budget_threshold_reached",
        "params": {
            "account": _IDS["account_id"],
            "budget": _IDS["budget_id"],
            "commodity": "BRL",
            "first": "2026-09-01",
            "last": "2026-09-30",
            "limit": "1500.00",
            "percent": 80,
            "spent": "1211.15",
        },
        "text_en": "80 % of the budget are reached: 1211.15 of 1500.00 BRL are spent, and it is to last until "
        "2026-09-30. Spend less until then, or raise the limit.",
        "period": "2026-09-01",
        "raised_at": "2026-09-14T18:00:00.000000Z",
        "version": 42,
    }


class RuleOut(Shape):
    """A rule, in the order in which rules are tried; what is null is no condition."""

    rule_id: str
    category: str
    category_id: str
    payee: str | None
    memo: str | None
    account: str | None
    account_id: str | None
    direction: str | None
    at_least: str | None
    at_most: str | None
    commodity: str | None

    EXAMPLE = {
        "rule_id": _IDS["rule_id"],
        "category": "Expenses:Food:Groceries",
        "category_id": _IDS["account_id"],
        "payee": "corner market",
        "memo": None,
        "account": None,
        "account_id": None,
        "direction": "out",
        "at_least": None,
        "at_most": "500.00",
        "commodity": "BRL",
    }


class FittingOut(Shape):
    """A transaction that a rule would categorize: `amount` is what `account` saw, `from` the category it stands on."""

    transaction_id: str
    date: str
    payee: str
    memo: str
    account: str
    account_id: str
    amount: str
    commodity: str
    from_: str = Field(alias="from")

    EXAMPLE = {
        "transaction_id": _IDS["transaction_id"],
        "date": "2026-09-14",
        "payee": "Corner Market",
        "memo": "",
        "account": "Assets:Checking",
        "account_id": _IDS["account_id"],
        "amount": "-182.40",
        "commodity": "BRL",
        "from": "Expenses:Uncategorized",
    }


class TrialOut(Shape):
    """What a rule would categorize: so many transactions, of which the newest are shown."""

    count: int
    items: list[FittingOut]

    EXAMPLE = {"count": 1, "items": [FittingOut.EXAMPLE]}


class AppliedOut(Shape):
    """What applying a rule did: how many transactions it categorized, and where the book stands after it."""

    version: int
    position: int
    hash: str
    recorded_at: str
    book: str
    rule_id: str
    counts: dict[str, int]

    EXAMPLE = CommandAnswer.EXAMPLE | {"rule_id": _IDS["rule_id"], "counts": {"categorized": 12}}


class EventOut(Shape):
    """An event as it is stored. `data` is the stored JSON, which the hash covers; `private` is what it hides, opened
    with the book's key: null where it hides nothing, or the key is gone.
    """

    id: str
    type: str
    stream: str
    version: int
    position: int
    recorded_at: str
    actor: str
    command_id: str
    correlation_id: str
    causation_id: str
    prev_hash: str
    hash: str
    data: dict[str, Any]
    private: dict[str, Any] | None

    EXAMPLE = {
        "id": "01998b3d-07ab-7a10-9b5e-6c2f8d1a3e77",
        "type": "ledger.account-opened.v1",
        "stream": _BOOK,
        "version": 5,
        "position": 1203,
        "recorded_at": "2026-09-14T18:22:07.104233Z",
        "actor": "local",
        "command_id": "01998b3d-07aa-7f61-8d2e-3b9c5a4f1e00",
        "correlation_id": "01998b3d-07aa-7f61-8d2e-3b9c5a4f1e00",
        "causation_id": "01998b3d-07aa-7f61-8d2e-3b9c5a4f1e00",
        "prev_hash": "00" * 32,
        "hash": _HASH,
        "data": {
            "account": _IDS["account_id"],
            "kind": "Expenses",
            "commodities": ["BRL"],
            "on_budget": True,
            "private": "bm9uY2UgYW5kIGNpcGhlcnRleHQ=",
        },
        "private": {"name": "Expenses:Food:Groceries"},
    }


# Imports


class ReasonOut(Shape):
    """Why something is as it is: a code and its facts, with a sentence for people."""

    code: str
    params: dict[str, Any]
    text_en: str


class QuestionOut(ReasonOut):
    """What is asked: `answer` names the answer to give, `choices` what it may be (none: anything of its kind); a commit
    waits for one that is `needed`.
    """

    answer: str
    choices: list[str]
    needed: bool


class DetectedOut(Shape):
    """How the file was read; empty where it tells nothing or leaves no choice."""

    bank: str
    currency: str
    encoding: str
    delimiter: str
    decimal_mark: str
    date_order: str
    sign: str


class KOfNOut(Shape):
    k: int
    n: int


class RowOut(Shape):
    row: int
    date: str | None
    amount: str | None
    commodity: str | None
    description: str
    verdict: str
    reason: ReasonOut
    category: str | None
    instalment: KOfNOut | None
    transaction_id: str | None


class PeriodOut(Shape):
    first: str
    last: str


class StatementOut(BaseModel):
    """One statement of the file; what it says of its account, and what the books would say."""

    model_config = ConfigDict(extra="allow")

    account: str
    agreement: ReasonOut


def _reason(code: str, **params: object) -> Item:
    return {"code": code, "params": params, "text_en": sentence(code, params)}


class PreviewOut(Shape):
    """What a file would bring, row by row with a reason each, and what is asked before it is committed."""

    import_id: str
    format: str
    profile: str | None
    encoding: str
    detected: DetectedOut
    account: str | None
    period: PeriodOut | None
    counts: dict[str, int]
    questions: list[QuestionOut]
    remarks: list[ReasonOut]
    statements: list[StatementOut]
    agreement: ReasonOut
    rows: list[RowOut]

    EXAMPLE = {
        "import_id": _IDS["import_id"],
        "format": "ofx",
        "profile": None,
        "encoding": "utf-8",
        "detected": {
            "bank": "Banco Modelo",
            "currency": "BRL",
            "encoding": "utf-8",
            "delimiter": "",
            "decimal_mark": "",
            "date_order": "",
            "sign": "",
        },
        "account": "Assets:Bank-1234",
        "period": {"first": "2026-08-01", "last": "2026-08-31"},
        "counts": {"new": 1, "duplicate": 0, "left-out": 0},
        "questions": [],
        "remarks": [],
        "statements": [],
        "agreement": _reason("agreement_unknown"),
        "rows": [
            {
                "row": 1,
                "date": "2026-08-03",
                "amount": "-182.40",
                "commodity": "BRL",
                "description": "Corner Market",
                "verdict": "new",
                "reason": _reason("row_new"),
                "category": "Expenses:Uncategorized",
                "instalment": None,
                "transaction_id": None,
            }
        ],
    }


class ImportAnswerOut(Shape):
    """What a commit or an undo did; `agreement` is null after an undo."""

    version: int
    position: int
    hash: str
    recorded_at: str
    book: str
    import_id: str
    counts: dict[str, int]
    agreement: ReasonOut | None

    EXAMPLE = CommandAnswer.EXAMPLE | {
        "import_id": _IDS["import_id"],
        "counts": {"new": 212, "duplicate": 3, "left-out": 0},
        "agreement": _reason("agreement_unknown"),
    }


class ImportedOut(Shape):
    import_id: str
    format: str
    account: str | None
    account_id: str | None
    file_name: str
    recorded: int
    joined: int
    skipped: int
    recorded_at: str
    version: int
    undone: bool

    EXAMPLE = {
        "import_id": _IDS["import_id"],
        "format": "ofx",
        "account": "Assets:Bank-1234",
        "account_id": _IDS["account_id"],
        "file_name": "august.ofx",
        "recorded": 212,
        "joined": 1,
        "skipped": 3,
        "recorded_at": "2026-09-14T18:22:07.104233Z",
        "version": 254,
        "undone": False,
    }


# The sample household


class SampleOut(BookOut):
    """A sample book; `version`: what a question's `min_version` takes to see all of it."""

    version: int

    EXAMPLE = BookOut.EXAMPLE | {"name": "demo", "sample": True, "version": 1950}


class SamplesOut(Shape):
    items: list[SampleOut]

    EXAMPLE = {"items": [SampleOut.EXAMPLE]}


class RemovedOut(Shape):
    """The names of the books that are gone."""

    removed: list[str]

    EXAMPLE = {"removed": ["demo", "demo-usd"]}


# The program's own state


class ProjectionOut(Shape):
    """`lag`: events of the log it has not applied yet, and `lag_s` about how long ago the first of them was recorded;
    `parked`: books put aside.
    """

    name: str
    version: int
    position: int
    lag: int
    lag_s: float
    parked: int


class ReadyOut(Shape):
    """`reason`: why it is not ready; null where it is."""

    ready: bool
    reason: str | None
    store: str
    position: int | None
    projections: list[ProjectionOut]

    EXAMPLE = {
        "ready": True,
        "reason": None,
        "store": "reachable",
        "position": 1338,
        "projections": [{"name": "balances", "version": 1, "position": 1338, "lag": 0, "lag_s": 0.0, "parked": 0}],
    }


class HealthOut(Shape):
    status: str

    EXAMPLE = {"status": "ok"}
