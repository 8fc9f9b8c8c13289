"""The words of an MT940 row: who it was with and what for, out of field 86 as the bank marks its parts.

Three ways are known: numbered parts behind a three-digit code (`051?00...?20...?32...`, Germany, Poland), words between
strokes (`/NAME/.../REMI/...`, the Netherlands) and free text. What is marked in none of them stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from commands.imports.texts import clean

MAX_DETAIL_CHARS = 8_000
"""Of one row's text, what is looked at: twenty times the six lines of the standard."""

LINE_CHARS = 65
"""A line this long was broken where it was full, in the middle of a word."""

PART_CHARS = 27
"""A numbered part this long goes on in the next, in the middle of a word."""

_NUMBERED = re.compile(r" *([0-9]{3})([?>~<^|])(?=[0-9]{2})")
_STROKES = re.compile(
    r"/(ACCW|ADDR|BENM|BIC|CNTP|CREF|CSID|EREF|IBAN|ISDT|MARF|NAME|NRTX|ORDP|PREF|PURP|REMI|RTRN|TRCD|TRTP|ULTB|ULTD)/"
)
_PURPOSE = re.compile(r"\b(ABWA|ABWE|BIC|COAM|CRED|DDAT|DEBT|EREF|IBAN|KREF|MDAT|MREF|OAMT|PURP|SQTP|SVWZ)\+")
_NOTE = re.compile(r"([0-9]{2})(.*)")

_NO_REFERENCES = frozenset({"", "N", "NONREF", "NOTPROVIDED", "NOREF", "KREF", "KREF+", "EREF", "EREF+"})
"""What banks write where there is no reference, or to say that it stands in the text."""


@dataclass(frozen=True, slots=True)
class Words:
    payee: str
    memo: str


def is_reference(text: str) -> bool:
    """Whether a bank's or customer's reference is one."""
    return text.upper() not in _NO_REFERENCES


def words_of(details: Sequence[str], notes: Sequence[str], line: Words) -> Words:
    """Payee and memo of a row: from its texts (`details` of field 86, `notes` of NS), each with its lines, and what
    the statement line itself has of either. Without a payee the text is one.
    """
    payee, memo = _of_details(details)
    if notes:
        name, purpose = _of_notes(notes)
        payee, memo = payee or name, clean(f"{memo} {purpose}")
    payee = payee or line.payee
    if line.memo and line.memo not in memo:
        memo = clean(f"{memo} {line.memo}") if memo else line.memo
    return Words(payee, memo if memo != payee else "") if payee else Words(memo, "")


def _of_details(details: Sequence[str]) -> tuple[str, str]:
    if not details:
        return "", ""
    first = details[0][:MAX_DETAIL_CHARS]
    numbered = _NUMBERED.match(first)
    if numbered is not None:
        return _of_numbered(_rejoined(first[numbered.end() - 1 :]), numbered[2])
    text = _unwrapped("\n".join(details)[:MAX_DETAIL_CHARS])
    if text.startswith("/") and _STROKES.match(text):
        return _of_strokes(text)
    return "", clean(text)


def _of_numbered(text: str, mark: str) -> tuple[str, str]:
    """`?00` the kind of posting, `?20` to `?29` and `?60` to `?63` what for, `?32` and `?33` with whom."""
    parts: dict[str, str] = {}
    last = ""
    for part in text[1:].split(mark):
        number = part[:2]
        if len(number) == 2 and number.isdigit():
            last = number
            parts[number] = parts.get(number, "") + part[2:]
        elif last:
            parts[last] += mark + part  # the mark stands in the text itself
    payee = clean(_joined([parts.get("32", ""), parts.get("33", "")]))
    purpose = _joined([parts.get(str(number), "") for number in (*range(20, 30), *range(60, 64))])
    memo, other_name = _of_purpose(purpose)
    posting = clean(parts.get("00", ""))
    payee = payee or other_name
    if not payee:
        return posting, memo
    return payee, memo or posting


def _of_purpose(text: str) -> tuple[str, str]:
    """What for, of a text with SEPA's keywords (`EREF+...SVWZ+...`), and another name where one stands among them."""
    pieces = _PURPOSE.split(text)
    if "SVWZ" not in pieces[1::2]:
        return clean(text), ""
    of = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return clean(f"{pieces[0]} {of['SVWZ']}"), clean(of.get("ABWA", "") or of.get("ABWE", ""))


def _of_strokes(text: str) -> tuple[str, str]:
    pieces = _STROKES.split(text)
    of: dict[str, str] = {}
    for word, value in zip(pieces[1::2], pieces[2::2], strict=True):
        of.setdefault(word, value.strip("/ "))
    payee = of.get("NAME", "")
    if not payee and "CNTP" in of:
        payee = "".join(of["CNTP"].split("/")[2:3])  # account, bank, name, town
    memo = of.get("REMI", "")
    for form in ("USTD//", "STRD/"):
        memo = memo.removeprefix(form)
    if not memo:
        memo = of.get("TRTP", "") if payee else text
    return clean(payee), clean(memo)


def _of_notes(notes: Sequence[str]) -> tuple[str, str]:
    """Payee and purpose of lines that begin with a number: 01 to 14 what for, 15 and 16 with whom, 17 the kind."""
    name: list[str] = []
    purpose: list[str] = []
    for line in "\n".join(notes)[:MAX_DETAIL_CHARS].split("\n"):
        found = _NOTE.match(line)
        if found is None:
            purpose.append(line)
        elif 1 <= int(found[1]) <= 14 or found[1] == "17":
            purpose.append(found[2])
        elif found[1] in ("15", "16"):
            name.append(found[2])
    return clean(" ".join(name)), clean(" ".join(purpose))


def _unwrapped(text: str) -> str:
    """Lines in one: a full one goes on without a space."""
    parts: list[str] = []
    for place, line in enumerate(text.split("\n")):
        is_full = len(line) >= LINE_CHARS or (place == 0 and len(line) + len(":86:") >= LINE_CHARS)
        parts.append(line if is_full else line + " ")
    return "".join(parts)


def _rejoined(text: str) -> str:
    """Lines of numbered parts in one: the bank breaks them anywhere, and drops a space that ends a line."""
    return "".join([line + " " if len(line) == LINE_CHARS - 1 else line for line in text.split("\n")])


def _joined(parts: Sequence[str]) -> str:
    return "".join([part if len(part) >= PART_CHARS else part + " " for part in parts if part])
