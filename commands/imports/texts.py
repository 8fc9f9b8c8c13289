"""Texts and figures as banks write them: decoded, made printable, never guessed.

Whatever could mean two things is said to be so; nobody's thousand becomes a one.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

from domain.errors import Rejected
from domain.money import MAX_AMOUNT_MINOR
from domain.private import MAX_TEXT_CHARS

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

MAX_DIGITS = 40
"""Digits of a figure; more is no money."""

MAX_FIGURE_CHARS = 80
"""The longest text that is tried as a figure."""

_SIGNED = re.compile(r"\s*([+-]?)\s*([0-9][0-9., '\u00a0\u202f]*|[.,][0-9]+)\s*\Z")
_PLAIN = re.compile(r"([+-]?[0-9]{1,15})(?:\.([0-9]{1,2}))?")
"""The usual case, read without further questions."""
_GROUPED = re.compile(r"[0-9]{1,3}(?:([., '\u00a0\u202f])[0-9]{3})(?:\1[0-9]{3})*\Z")
_INSTALMENT = re.compile(r"\bparc(?:ela)?\.?\s*([0-9]{1,2})\s*(?:/|de)\s*([0-9]{1,2})\b", re.IGNORECASE)


def decoded(raw: bytes, declared: str | None) -> tuple[str, str]:
    """A file's text and the encoding it is in, by its marks, then as UTF-8, then as `declared` (a codec's name) or
    Windows-1252, as banks declare one and write another. `import_not_text` where no encoding fits.
    """
    tried = ["utf-16"] if raw.startswith(_UTF_16) else ["utf-8-sig", declared or "cp1252"]
    for encoding in tried:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, "utf-8" if encoding == "utf-8-sig" else encoding
    raise Rejected("import_not_text")


def clean(text: str) -> str:
    """One printable line, NFC, spaces single, cut with an ellipsis at the longest text an event keeps."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        text = "".join([c if c.isprintable() else " " for c in text])
    if "  " in text or text[:1] == " " or text[-1:] == " ":
        text = " ".join(text.split())
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"


def printable(text: str) -> str:
    """The text with its lines and tabs, whatever else is not printable as a space, cut as `clean` does."""
    if not text.isprintable():
        text = "".join([c if c.isprintable() or c in "\n\t" else " " for c in text])
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"


def read_figure(text: str, scale: int) -> tuple[int, int]:
    """`(minor, places)` of a figure with a point or a comma as its decimal mark, with or without thousands.

    `scale` is the currency's: zeros beyond it are dropped. Raises `amount_not_decimal` for what is no figure, and
    `amount_ambiguous` where three digits behind a single mark could be thousands or decimals (`1.000`), which is
    certain only in a currency of three places or where a zero or four digits stand before the mark.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is not None and (plain[2] is None or len(plain[2]) <= scale):
        places = plain[2] or ""
        return int(plain[1] + places), len(places)
    found = _SIGNED.match(text) if len(text) <= MAX_FIGURE_CHARS else None
    if found is None:
        raise Rejected("amount_not_decimal", text=clean(text)[:40])
    sign, body = found.groups()
    whole, places = _split(body.rstrip(), scale)
    while len(places) > scale and places[-1] == "0":
        places = places[:-1]
    if len(whole) + len(places) > MAX_DIGITS:
        raise Rejected("amount_out_of_range", limit_minor=MAX_AMOUNT_MINOR)
    minor = int(whole + places)
    return (-minor if sign == "-" else minor), len(places)


def _split(body: str, scale: int) -> tuple[str, str]:
    """Digits before and after the decimal mark."""
    if body.isdigit():
        return body, ""
    point, comma = body.rfind("."), body.rfind(",")
    mark = max(point, comma)
    if mark >= 0 and body.count(body[mark]) == 1:
        whole, places = body[:mark], body[mark + 1 :]
        if whole.isdigit() or not whole:
            if len(places) == 3 and scale != 3 and 1 <= len(whole) <= 3 and whole.strip("0"):
                raise Rejected("amount_ambiguous", text=body)
            if places.isdigit() or (whole and not places):
                return whole or "0", places
        grouped = _GROUPED.match(whole)
        if grouped is not None and grouped[1] != body[mark] and places.isdigit():
            return whole.replace(grouped[1], ""), places
    grouped = _GROUPED.match(body)
    if grouped is None or (grouped[1] in ".," and body.count(grouped[1]) == 1):
        raise Rejected("amount_not_decimal", text=body[:40])
    return body.replace(grouped[1], ""), ""


def read_instalment(text: str) -> tuple[int, int] | None:
    """`(k, n)` of a card row that says which instalment it is: `Parcela 2/6`, `PARC 02/06`, `parc. 2 de 6`."""
    found = _INSTALMENT.search(text)
    if found is None:
        return None
    k, n = int(found[1]), int(found[2])
    return (k, n) if 1 <= k <= n and n > 1 else None
