"""Profiles: how one bank writes its CSV, as data that a person can add to.

A profile says only what the file itself leaves open; what it names must be in the file, so that a file is never read
by the wrong one. The keys are described in `docs/profiles.md`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from commands.imports.reading import AccountType
from domain.errors import Rejected
from domain.money import MAX_CODE_CHARS

GENERIC = "generic"
"""The profile of files that are like no bank's known: their columns are found by the names in several languages."""

MAX_PROFILE_CHARS = 64 * 1024
MAX_NAMES = 400
"""Names of one list, as of the columns that may be a date's."""

MAX_COLUMNS = 200
"""Columns of a file; the widest of the known has 23."""

ROLES = (
    *("date", "amount", "debit", "credit", "direction", "fee", "balance", "currency"),
    *("payee", "memo", "id", "kind", "state", "part"),
)
"""What a column can be. Of several that are `date` or `payee` the first that is filled is taken, of `memo` all."""

DELIMITERS = (",", ";", "\t", "|")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Profile:
    """How one bank writes its CSV. Empty where the file is to tell.

    `headers` are the rows of column names that it is known by, each exactly; with `more_columns` others may be there
    too. Without any header the columns are told by their position (from 1) and `width` is how many there are.
    `booked`, `pending` and `dropped` are the words of the column `state`; `balance_rows` folded texts of rows that tell
    a balance and move nothing, those with `*` begin so. `account_labels`, `balance_labels` stand before a value in the
    lines above the header. `parts` says what type of account a word of the column `part` is; `counterparts` what type
    the person's other account at the bank is that a row of these words moves money to or from.
    """

    name: str
    bank: str = ""
    type: AccountType = AccountType.CHECKING
    currency: str = ""
    delimiter: str = ""
    decimal_mark: str = ""
    date_order: str = ""
    sign: str = ""
    headers: tuple[tuple[str, ...], ...] = ()
    more_columns: bool = False
    width: int = 0
    columns: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    booked: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    parts: Mapping[str, AccountType] = field(default_factory=dict)
    counterparts: Mapping[str, AccountType] = field(default_factory=dict)
    balance_rows: frozenset[str] = frozenset()
    account_labels: frozenset[str] = frozenset()
    balance_labels: frozenset[str] = frozenset()

    def has_header(self, cells: Sequence[str]) -> bool:
        """Whether a row of names is one of this profile's."""
        return any(
            set(header) <= set(cells) if self.more_columns else header == tuple(cells) for header in self.headers
        )

    def is_balance(self, text: str) -> bool:
        """Whether a row's words say that it tells a balance."""
        whole, starts, first_letters = _told_apart(self.balance_rows)
        if text.replace(" ", "")[:_FIRST_LETTERS].casefold() not in first_letters:
            return False
        said = folded(text).replace(" ", "")
        return said in whole or said.startswith(starts)


_FIRST_LETTERS = 5
"""Letters by which most rows are seen to be no balance, without a closer look."""


@cache
def _told_apart(balance_rows: frozenset[str]) -> tuple[frozenset[str], tuple[str, ...], frozenset[str]]:
    """Whole texts, beginnings of texts, and the first letters of all of them."""
    whole = frozenset(text for text in balance_rows if not text.endswith("*"))
    starts = tuple([text[:-1] for text in balance_rows - whole])
    return whole, starts, frozenset(text[:_FIRST_LETTERS] for text in balance_rows)


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """Words as they are compared: without case, accents, what stands in parentheses, and signs between them."""
    text = re.sub(r"\([^()]*\)", " ", text[:200]).casefold()
    text = "".join([c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)])
    return " ".join(re.findall(r"\w+", text.replace("_", " ")))


@cache
def built_in() -> tuple[Profile, ...]:
    """The profiles that come with the program, the generic one last."""
    folder = Path(__file__).with_name("profiles")
    read = [read_profile(path.read_text("utf-8")) for path in sorted(folder.glob("*.toml"))]
    return tuple(sorted(read, key=lambda profile: profile.name == GENERIC))


def read_profile(text: str) -> Profile:
    """A profile from its TOML text; `profile_not_valid` names the field that is wrong."""
    if len(text) > MAX_PROFILE_CHARS:
        raise _wrong("its text", f"longer than {MAX_PROFILE_CHARS} characters")
    try:
        keys = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _wrong("its text", str(error)[:200]) from None
    known: dict[str, Any] = {}
    for key, value in keys.items():
        reader = _FIELDS.get(key)
        if reader is None:
            raise _wrong(key, "unknown")
        known[key] = reader(key, value)
    return _checked(_flat(known))


def _flat(known: dict[str, Any]) -> dict[str, Any]:
    """Tables of the text as the fields that they are."""
    states: Mapping[str, frozenset[str]] = known.pop("states", {})
    above: Mapping[str, frozenset[str]] = known.pop("above", {})
    return {**known, **states, **{f"{label}_labels": names for label, names in above.items()}}


def _checked(fields: dict[str, Any]) -> Profile:
    if "name" not in fields:
        raise _wrong("name", "missing")
    profile = Profile(**fields)
    columns = profile.columns
    if "date" not in columns:
        raise _wrong("columns.date", "missing")
    if ("amount" in columns) == ("debit" in columns and "credit" in columns) and profile.name != GENERIC:
        raise _wrong("columns.amount", "either amount, or debit and credit")
    if ("debit" in columns) != ("credit" in columns):
        raise _wrong("columns.debit", "debit and credit only together")
    positions = {isinstance(place, int) for places in columns.values() for place in places}
    if len(positions) > 1:
        raise _wrong("columns", "either names or positions")
    if (positions == {True}) != bool(profile.width):
        raise _wrong("width", "needed with columns by position, and only there")
    if profile.width:
        if profile.headers:
            raise _wrong("headers", "none where columns are told by position")
        if not (profile.date_order and profile.decimal_mark and profile.delimiter):
            raise _wrong("date_order", "a file without a header needs delimiter, date_order and decimal_mark")
        if max(place for places in columns.values() for place in places if isinstance(place, int)) > profile.width:
            raise _wrong("columns", "a position beyond width")
    if ("state" in columns) != bool(profile.booked):
        raise _wrong("states.booked", "needed with columns.state, and only there")
    return profile


# Fields, each with the values it takes


def _wrong(name: str, reason: str) -> Rejected:
    return Rejected("profile_not_valid", field=name, reason=reason)


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or not value.isprintable():
        raise _wrong(key, "a text of 1 to 200 printable characters")
    return value.strip()


def _name(key: str, value: object) -> str:
    text = _text(key, value)
    if _NAME.fullmatch(text) is None:
        raise _wrong(key, "1 to 40 small letters, digits and hyphens")
    return text


def _currency(key: str, value: object) -> str:
    text = _text(key, value)
    if len(text) > MAX_CODE_CHARS or not text.isascii() or not text.isupper():
        raise _wrong(key, "a currency's code in capitals, such as EUR")
    return text


def _one_of(*choices: str) -> Callable[[str, object], str]:
    def read(key: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise _wrong(key, f"one of {', '.join(repr(choice) for choice in choices)}")
        return value

    return read


def _type(key: str, value: object) -> AccountType:
    return AccountType(_one_of(*AccountType)(key, value))


def _names(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_NAMES:
        raise _wrong(key, "a text, or a list of texts")
    return tuple([_text(key, name) for name in value])


def _headers(key: str, value: object) -> tuple[tuple[str, ...], ...]:
    if not isinstance(value, list) or not value or not all(isinstance(header, list) for header in value):
        raise _wrong(key, "a list of lists of column names")
    return tuple([_names(key, header) for header in value])


def _width(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 2 <= value <= MAX_COLUMNS:
        raise _wrong(key, f"a whole number from 2 to {MAX_COLUMNS}")
    return value


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(key, "true or false")
    return value


def _columns(key: str, value: object) -> dict[str, tuple[str | int, ...]]:
    columns: dict[str, tuple[str | int, ...]] = {}
    for role, told in _table(key, value, ROLES).items():
        name = f"{key}.{role}"
        if isinstance(told, list) and told and all(type(place) is int for place in told):
            columns[role] = tuple([_position(name, place) for place in told])
        elif type(told) is int:
            columns[role] = (_position(name, told),)
        else:
            columns[role] = tuple(dict.fromkeys(folded(column) for column in _names(name, told)))
    return columns


def _position(key: str, value: int) -> int:
    if not 1 <= value <= MAX_COLUMNS:
        raise _wrong(key, f"a position from 1 to {MAX_COLUMNS}")
    return value


def _table(key: str, value: object, keys: Sequence[str] | None = None) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _wrong(key, "a table")
    for name in value:
        if keys is not None and name not in keys:
            raise _wrong(f"{key}.{name}", f"one of {', '.join(keys)}")
    return value


def _states(key: str, value: object) -> dict[str, frozenset[str]]:
    told = _table(key, value, ("booked", "pending", "dropped"))
    return {state: frozenset(folded(word) for word in _names(f"{key}.{state}", words)) for state, words in told.items()}


def _above(key: str, value: object) -> dict[str, frozenset[str]]:
    told = _table(key, value, ("account", "balance"))
    return {label: frozenset(folded(word) for word in _names(f"{key}.{label}", words)) for label, words in told.items()}


def _parts(key: str, value: object) -> dict[str, AccountType]:
    return {folded(word): _type(f"{key}.{word}", kind) for word, kind in _table(key, value).items()}


def _balance_rows(key: str, value: object) -> frozenset[str]:
    return frozenset(folded(text).replace(" ", "") + ("*" if text.endswith("*") else "") for text in _names(key, value))


_FIELDS: Mapping[str, Callable[[str, object], Any]] = {
    "name": _name,
    "bank": _text,
    "type": _type,
    "currency": _currency,
    "delimiter": _one_of(*DELIMITERS),
    "decimal_mark": _one_of(".", ","),
    "date_order": _one_of("ymd", "dmy", "mdy"),
    "sign": _one_of("as-written", "reversed"),
    "headers": _headers,
    "more_columns": _flag,
    "width": _width,
    "columns": _columns,
    "states": _states,
    "parts": _parts,
    "counterparts": _parts,
    "balance_rows": _balance_rows,
    "above": _above,
}
