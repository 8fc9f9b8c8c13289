"""Bodies: what each command door takes, as the outside writes it.

Strict: an unknown field, a number where a text belongs or a date in another form is refused by name, never guessed at.
What a value means for the ledger, and how many are
too many, is not judged here.
"""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from domain.errors import Rejected
from domain.money import MAX_CODE_CHARS, MAX_SCALE
from domain.private import MAX_TEXT_CHARS

MAX_FIELDS_TOLD = 20
"""How many faulty fields one refusal names."""

MAX_WRITTEN_CHARS = 4_000
"""No text field is longer than this before the ledger looks at it, so that a refusal never carries a book."""


def _day(value: Any) -> date:
    """`YYYY-MM-DD` and nothing else that Python would take for a day."""
    if isinstance(value, str) and len(value) == 10 and value[4] == value[7] == "-":
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise PydanticCustomError("day_not_iso", "a day is written YYYY-MM-DD")


def _decimal(value: Any) -> Any:
    if isinstance(value, int | float):
        raise PydanticCustomError("amount_not_decimal_string", "an amount is written as a text")
    return value


def _composed(text: str) -> str:
    """Unicode's composed form: the same name, however a keyboard or a file system spells its accents."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
DecimalText = Annotated[
    str,
    Field(max_length=60),
    BeforeValidator(_decimal),
    WithJsonSchema({"type": "string", "pattern": r"^[-+]?[0-9]+(\.[0-9]+)?$"}),
]
Code = Annotated[str, Field(max_length=MAX_CODE_CHARS)]
Name = Annotated[str, Field(max_length=MAX_WRITTEN_CHARS), AfterValidator(_composed)]
Written = Annotated[str, Field(max_length=MAX_WRITTEN_CHARS), AfterValidator(_composed)]
Label = Annotated[str, Field(max_length=MAX_TEXT_CHARS), AfterValidator(_composed)]
Id = Annotated[str, Field(min_length=1, max_length=100)]
AccountRef = Annotated[Name, Field(description="An account's id, or its full name.")]
Every = Literal["day", "week", "month", "year"]
Direction = Literal["in", "out"]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BookIn(Body):
    name: Name
    commodity: Code = Field(description="The ISO 4217 currency in which the book's figures are told.")
    time_zone: str | None = Field(None, max_length=100, description="An IANA name; UTC where it is left out.")


class RenameBookIn(Body):
    name: Name


class EraseBookIn(Body):
    reason: Written | None = None


class CommodityIn(Body):
    commodity: Code
    scale: int = Field(ge=0, le=MAX_SCALE, description="Decimal places.")


class AccountIn(Body):
    account: Name = Field(description="The full name, such as Expenses:Food:Groceries.")
    commodity: Code | None = Field(None, description="The only commodity it takes; any where it is left out.")
    opened_on: Day | None = None
    on_budget: bool = True


class RenameAccountIn(Body):
    account: AccountRef
    name: Name


class CloseAccountIn(Body):
    account: AccountRef
    on: Day


class MergeAccountIn(Body):
    account: AccountRef
    into: AccountRef


class CostIn(Body):
    total: DecimalText = Field(description="What the amount cost in total, signed as the amount.")
    commodity: Code
    date: Day | None = None
    label: Label | None = None


class PriceIn(Body):
    total: DecimalText = Field(description="What the amount was exchanged for in total, signed as the amount.")
    commodity: Code


class PostingIn(Body):
    account: AccountRef
    amount: DecimalText
    commodity: Code
    cost: CostIn | None = None
    price: PriceIn | None = None


class _Entry(Body):
    date: Day
    payee: Written | None = None
    memo: Written | None = None
    tags: list[Label] = Field(default_factory=list)
    links: list[Label] = Field(default_factory=list)
    postings: list[PostingIn]


class TransactionIn(_Entry):
    corrects: Id | None = Field(None, description="The transaction of a closed period that this one corrects.")


class AmendTransactionIn(_Entry):
    transaction_id: Id
    reason: Written | None = None


class VoidTransactionIn(Body):
    transaction_id: Id
    reason: Written | None = None


class OpeningBalanceIn(Body):
    account: AccountRef
    date: Day = Field(description="The balance is that of the end of this day.")
    amount: DecimalText
    commodity: Code


class AssertionIn(Body):
    account: AccountRef
    date: Day = Field(description="The balance is that of the end of this day.")
    amount: DecimalText
    commodity: Code


class WithdrawAssertionIn(Body):
    account: AccountRef
    commodity: Code


class PeriodClosingIn(Body):
    through: Day


class RateIn(Body):
    commodity: Code
    date: Day
    rate: DecimalText = Field(description="What one unit of the commodity is worth in the currency.")
    currency: Code


class BudgetIn(Body):
    account: AccountRef
    limit: DecimalText
    commodity: Code
    every: Every = "month"
    count: int = Field(1, description="Every so many days, weeks, months or years.")
    start: Day = Field(description="Its day is the day on which each period begins.")
    name: Written | None = None


class ChangeBudgetIn(Body):
    budget_id: Id
    limit: DecimalText
    commodity: Code
    valid_from: Day


class EndBudgetIn(Body):
    budget_id: Id
    on: Day


class RuleIn(Body):
    category: AccountRef = Field(description="The Income or Expenses account that what fits goes to.")
    payee: Written | None = Field(None, description="Every word of it is a word of the payee.")
    memo: Written | None = Field(None, description="Every word of it is a word of the memo.")
    account: AccountRef | None = Field(None, description="The bank account or card, by id or full name.")
    direction: Direction | None = Field(None, description="Whether money came in or went out.")
    at_least: DecimalText | None = Field(None, description="The least size, without a sign.")
    at_most: DecimalText | None = Field(None, description="The largest size, without a sign.")
    commodity: Code | None = Field(None, description="What the sizes are in.")
    rule_id: Id | None = Field(None, description="The standing rule whose place it takes.")


class RemoveRuleIn(Body):
    rule_id: Id


class CategorizeTransactionIn(Body):
    transaction_id: Id
    category: AccountRef


def not_valid(error: ValidationError) -> Rejected:
    """What was wrong with a body: the faulty fields by path and why, and never what stood in them."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    amounts = [path_of(part["loc"]) for part in errors if part["type"] == "amount_not_decimal_string"]
    if amounts:
        return Rejected("amount_not_decimal_string", fields=amounts[:MAX_FIELDS_TOLD])
    reasons = {path_of(part["loc"]): part["msg"] for part in errors[:MAX_FIELDS_TOLD]}
    return Rejected("body_not_valid", fields=list(reasons), reasons=reasons)


def path_of(location: tuple[int | str, ...]) -> str:
    """`postings[0].amount` of the way to a field; `body` where it is the whole."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step[:100]}" if path else step[:100]
    return path or "body"
