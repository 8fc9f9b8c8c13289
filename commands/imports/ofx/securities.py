"""Securities of a file: what each is called, and the code that its commodity has in the books.

The code is the ticker where one and only one security of the file has it; else it is made of the id that the file gives
the security, the same for every file of that broker. It is never that of a currency: Allstate's ticker is Albania's
money.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from commands.imports.ofx.leaves import Leaves, inner, text_of
from commands.imports.texts import clean
from domain.money import ISO_4217, MAX_CODE_CHARS

PREFIX = "SEC-"
"""Before a code that would be a currency's, or that is made of an id."""

DIGEST_CHARS = 8
"""Of an id's digest, where its letters alone do not tell it from another: one in four billion is the same."""

_FITS = re.compile(rf"[A-Z](?:[A-Z0-9'._-]{{0,{MAX_CODE_CHARS - 2}}}[A-Z0-9])?")
_WORLDWIDE = frozenset({"CUSIP", "ISIN", "SEDOL", "VALOR", "WKN"})
"""Numbers that mean the same security at every broker; any other is the broker's own."""

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Security:
    """A commodity's code, and what the broker calls it."""

    code: str
    name: str


@dataclass(slots=True)
class Securities:
    """What the file's list of securities says, by id and the id's type."""

    names: dict[_Key, str] = field(default_factory=dict)
    tickers: dict[_Key, set[str]] = field(default_factory=dict)
    holders: dict[str, set[_Key]] = field(default_factory=dict)

    def take(self, info: Leaves) -> None:
        """An entry of the list. Two that disagree on one security's ticker leave it without one."""
        key = _key(inner(info, "SECID"))
        ticker = clean(text_of(info, "TICKER")).upper()
        name = clean(text_of(info, "SECNAME")) or ticker
        if name:
            self.names.setdefault(key, name)
        if ticker:
            self.tickers.setdefault(key, set()).add(ticker)
            self.holders.setdefault(ticker, set()).add(key)

    def named(self, security: Leaves, broker: str) -> Security | None:
        """The security that a row means by its `SECID`; None where it has none."""
        key = _key(security)
        if not key[0]:
            return None
        name = self.names.get(key) or clean(text_of(security, "UNIQUEID"))
        tickers = self.tickers.get(key, set())
        if len(tickers) == 1:
            (ticker,) = tickers
            if len(self.holders[ticker]) == 1 and _FITS.fullmatch(ticker) is not None:
                return Security(f"{PREFIX}{ticker}" if ticker in ISO_4217 else ticker, name)
        return Security(_made_of(*key, broker), name)


def _key(security: Leaves) -> _Key:
    return clean(text_of(security, "UNIQUEID")).upper(), clean(text_of(security, "UNIQUEIDTYPE")).upper()


def _made_of(unique_id: str, type_of_id: str, broker: str) -> str:
    """A code of the id's letters, which are enough where the number is known worldwide and nothing of it is lost."""
    letters = re.sub(r"[^A-Z0-9]+", "-", unique_id).strip("-")
    is_worldwide = type_of_id in _WORLDWIDE
    if is_worldwide and letters == unique_id and len(PREFIX + letters) <= MAX_CODE_CHARS:
        return PREFIX + letters
    whole = f"{'' if is_worldwide else broker}|{type_of_id}|{unique_id}"
    digest = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:DIGEST_CHARS].upper()
    shown = letters[: MAX_CODE_CHARS - len(PREFIX) - DIGEST_CHARS - 1].strip("-")
    return f"{PREFIX}{shown}-{digest}" if shown else PREFIX + digest
