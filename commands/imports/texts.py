"""Texts and figures as banks write them: decoded, made printable, never guessed.

Whatever could mean two things is said to be so; nobody's thousand becomes a one.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from domain.errors import Rejected
from domain.money import ISO_4217, MAX_AMOUNT_MINOR
from domain.private import MAX_TEXT_CHARS

MAX_DIGITS = 40
"""Digits of a figure; more is no money."""

MAX_FIGURE_CHARS = 80
"""The longest text that is tried as a figure."""

LOOKED_AT_BYTES = 64 * 1024
"""How much of a file is looked at to tell its encoding; the whole is then read strictly in it."""

MAX_CONTROLS_IN = 20
"""One control character in so many bytes is the most that a text has; beyond that it is a program's."""

DAYS_NEAR = 62
"""A `k/n` that, read as a day and a month, is this near to its row's day may well be that: it tells no instalment."""


# Encodings


@dataclass(frozen=True, slots=True)
class Text:
    """What a file says, the encoding it is in, and how many NUL bytes stood in it that no text has."""

    text: str
    encoding: str
    nul_count: int = 0


_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as the mark of UTF-16 does, so it is looked for first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WESTERN = "cp1252"
_CONTROLS = bytes([*range(9), *range(14, 26), *range(27, 32), 127])
"""Control characters but for lines, tabs, and the end-of-file of old systems."""
_CONTROL = re.compile("[\0-\x08\x0e-\x19\x1b-\x1f\x7f]")
_ASCII_LETTERS = re.compile(rb"[A-Za-z]")
_HIGH = re.compile(rb"[\x80-\xff]")
_UNREAD = re.compile("[\udc80-\udcff]")
_OTHERS = (
    *("cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "iso8859_2", "iso8859_5", "iso8859_7"),
    *("koi8_r", "cp850", "cp852", "cp932", "euc_jp", "gb18030", "big5", "cp949", "mac_roman"),
)
"""Encodings that are tried where neither UTF-8 nor Windows-1252 makes sense."""


def decoded(raw: bytes, declared: str | None) -> tuple[str, str]:
    """A file's text and its encoding, for formats in which no NUL byte belongs; otherwise as `read_text`."""
    read = read_text(raw, declared)
    if read.nul_count:
        raise Rejected("import_not_text")
    return read.text, read.encoding


def read_text(raw: bytes, declared: str | None = None) -> Text:
    """A file's text, by its marks, then as UTF-8, then as `declared` (a codec's name) or whatever else makes sense of
    it, as banks declare one encoding and write another. Latin-1 is read as Windows-1252, which has all of it.

    `import_not_text` for what no encoding makes sense of: pictures, programs, UTF-8 that is broken.
    """
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            return _in(raw[len(mark) :], codec, codec.removesuffix("-le").removesuffix("-be"))
    wide = _wide(raw[:LOOKED_AT_BYTES])
    if wide:
        return _in(raw, wide, "utf-16")
    sample = raw[:LOOKED_AT_BYTES]
    if (len(sample) - len(sample.translate(None, _CONTROLS))) * MAX_CONTROLS_IN > len(sample):
        raise Rejected("import_not_text")
    nul_count = raw.count(b"\0")
    if nul_count:
        raw = raw.replace(b"\0", b"")
    try:
        return Text(raw.decode("utf-8"), "utf-8", nul_count)
    except UnicodeDecodeError as error:
        at = error.start
    around = raw[max(0, at - LOOKED_AT_BYTES // 2) : at + LOOKED_AT_BYTES // 2]
    if declared in (None, _WESTERN) and _is_broken_utf_8(around):
        raise Rejected("import_not_text")
    if declared is None:
        declared = _made_sense_of(around)
    return Text(_in(raw, declared, declared).text, declared, nul_count)


def _in(raw: bytes, codec: str, name: str) -> Text:
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        raise Rejected("import_not_text") from None
    sample = text[:LOOKED_AT_BYTES]
    if len(_CONTROL.findall(sample)) * MAX_CONTROLS_IN > len(sample):
        raise Rejected("import_not_text")
    nul_count = text.count("\0")
    return Text(text.replace("\0", "") if nul_count else text, name, nul_count)


def _wide(sample: bytes) -> str:
    """The codec of UTF-16 without its mark: every other byte of its digits, commas and line ends is a NUL."""
    pairs = len(sample) // 2
    high_first, low_first = sample[0::2].count(0), sample[1::2].count(0)
    if low_first * 5 > pairs and high_first * 10 < low_first:
        return "utf-16-le"
    if high_first * 5 > pairs and low_first * 10 < high_first:
        return "utf-16-be"
    return ""


def _is_broken_utf_8(sample: bytes) -> bool:
    """Whether at least half of what is beyond ASCII is proper UTF-8, which no other encoding is by chance."""
    text = sample.decode("utf-8", "surrogateescape")
    broken = len(_UNREAD.findall(text))
    return 0 < broken <= sum(not character.isascii() for character in text) - broken


def _made_sense_of(sample: bytes) -> str:
    """Windows-1252 where its letters are mostly plain ones, as those of western languages are; else what the sample's
    statistics say.
    """
    try:
        sample.decode(_WESTERN)
    except UnicodeDecodeError:
        is_western = False
    else:
        is_western = len(_HIGH.findall(sample)) <= len(_ASCII_LETTERS.findall(sample))
        if is_western or _is_broken_utf_8(sample):
            return _WESTERN
    from charset_normalizer import from_bytes  # slow to import, and few files need it

    best = from_bytes(sample, cp_isolation=list(_OTHERS)).best()
    if best is None:
        raise Rejected("import_not_text")
    return str(best.encoding)


# Words


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


# Figures

_SPACES = " \u00a0\u2009\u202f"
_PLAIN = re.compile(r"([+-]?[0-9]{1,15})(?:([.,])([0-9]{1,2}))?")
"""The usual case, read without further questions."""
_THOUSANDS = re.compile(r"([+-]?[0-9]{1,3})(([.,])[0-9]{3}(?:\3[0-9]{3}){0,3})([.,])([0-9]{1,2})")
"""The usual case of a large one."""
_FIGURE = re.compile(
    r"\s*+(\()?+\s*+([+-]?+)\s*+([^\d\s.,'’()+-]{1,4}+)?+\s*+([+-]?+)"
    rf"\s*+([0-9][0-9.,'’{_SPACES}]*+|[.,][0-9]++)"
    r"\s*+([+-]?+)\s*+([^\d\s.,'’()+-]{1,4}+)?+\s*+([+-]?+)\s*+(\))?+\s*+\Z"
)
"""No part gives back what it took: a long run of spaces would else be shared out in every possible way."""
_GROUPED = re.compile(rf"[0-9]{{1,3}}(?:([.,'’{_SPACES}])[0-9]{{3}})(?:\1[0-9]{{3}})*\Z")
_LAKHS = re.compile(r"[0-9]{1,2}(,)(?:[0-9]{2},)+[0-9]{3}\Z")
_MINUS = str.maketrans(dict.fromkeys("−–﹣－", "-"))
_SIGNS = {
    "€": "EUR",
    "R$": "BRL",
    "US$": "USD",
    "A$": "AUD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "NT$": "TWD",
    "₹": "INR",
    "₺": "TRY",
    "₽": "RUB",
    "₩": "KRW",
    "₪": "ILS",
    "₫": "VND",
    "₱": "PHP",
    "₴": "UAH",
    "₸": "KZT",
    "zł": "PLN",
    "Kč": "CZK",
    "Ft": "HUF",
    **dict.fromkeys(("$", "£", "¥", "C$", "S$", "kr", "Fr", "lei"), ""),
}
"""Signs beside a figure, and the currency they mean; empty where several countries write it."""


@lru_cache(maxsize=1024)
def _parts(text: str) -> tuple[bool, str, str]:
    """Whether a figure is negative, its digits with their marks, and the currency written beside it."""
    found = _FIGURE.match(text.translate(_MINUS)) if len(text) <= MAX_FIGURE_CHARS else None
    if found is None:
        raise Rejected("amount_not_decimal", text=clean(text)[:40])
    opened, sign_1, before, sign_2, body, sign_3, behind, sign_4, closed = found.groups()
    signs = [sign for sign in (sign_1, sign_2, sign_3, sign_4) if sign]
    named = [name for name in (before, behind) if name]
    if bool(opened) != bool(closed) or len(signs) + bool(opened) > 1 or len(named) > 1:
        raise Rejected("amount_not_decimal", text=clean(text)[:40])
    code = ""
    if named:
        code = _SIGNS.get(named[0], named[0])
        if code and code not in ISO_4217:
            raise Rejected("amount_not_decimal", text=clean(text)[:40])
    return bool(opened) or "-" in signs, body.rstrip(), code


def read_figure(text: str, scale: int, mark: str = "") -> tuple[int, int]:
    """`(minor, places)` of a figure with a point or a comma as its decimal mark, with or without thousands, a sign or a
    code of a currency, a minus before or behind it, or parentheses for one.

    `scale` is the currency's: zeros beyond it are dropped. `mark` is the decimal mark where it is known. Raises
    `amount_not_decimal` for what is no figure and, where the mark is not known, `amount_ambiguous` where three digits
    behind a single mark could be thousands or decimals (`1.000`), which is certain only in a currency of three places
    or where a zero or four digits stand before the mark.
    """
    minor, places, _ = read_money(text, scale, mark)
    return minor, places


def read_money(text: str, scale: int, mark: str = "") -> tuple[int, int, str]:
    """`(minor, places, currency)`: a figure as `read_figure` has it, and the code of the currency beside it, empty
    where there is none or one of several.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        whole, written, places = plain.groups()
        if written is None:
            return int(whole), 0, ""
        if len(places) <= scale and (not mark or written == mark):
            return int(whole + places), len(places), ""
    else:
        large = _THOUSANDS.fullmatch(text)
        if large is not None:
            whole, rest, comma, written, places = large.groups()
            if comma != written and len(places) <= scale and (not mark or written == mark):
                return int(whole + rest.replace(comma, "") + places), len(places), ""
    is_negative, body, code = _parts(text)
    whole, places = _split_at(body, mark) if mark else _split(body, scale)
    while len(places) > scale and places[-1] == "0":
        places = places[:-1]
    if len(whole) + len(places) > MAX_DIGITS:
        raise Rejected("amount_out_of_range", limit_minor=MAX_AMOUNT_MINOR)
    minor = int(whole + places)
    return (-minor if is_negative else minor), len(places), code


def currency_in(text: str) -> str:
    """The code of the currency that a figure has beside it; empty where it has none, or one of several."""
    return "" if _PLAIN.fullmatch(text) is not None else _parts(text)[2]


def decimal_mark_of(text: str) -> str:
    """The decimal mark that a figure, taken alone, is certain to be written with; empty where it does not tell."""
    if text[-3:-2] in (".", ",") and text[-2:].isdigit():
        return text[-3]
    try:
        _, body, _ = _parts(text)
        _split(body, 2)
    except Rejected:
        return ""
    last = body[max(body.rfind("."), body.rfind(","))] if "." in body or "," in body else ""
    if not last or body.count(last) == 1:
        return last
    return "," if last == "." else "."


def _split_at(body: str, mark: str) -> tuple[str, str]:
    """Digits before and after a mark that is known."""
    whole, _, places = body.partition(mark)
    if not whole.isdigit() and whole:
        whole = _ungrouped(whole, mark)
    if not (whole or places) or (places and not places.isdigit()):
        raise Rejected("amount_not_decimal", text=body[:40])
    return whole or "0", places


def _split(body: str, scale: int) -> tuple[str, str]:
    """Digits before and after the decimal mark, which the figure itself must tell."""
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
        if places.isdigit():
            return _ungrouped(whole, body[mark]), places
    if mark >= 0 and body.count(body[mark]) == 1:
        raise Rejected("amount_not_decimal", text=body[:40])
    return _ungrouped(body, ""), ""


def _ungrouped(whole: str, mark: str) -> str:
    """The digits of a whole number with thousands, which another character than the decimal mark parts."""
    grouped = _GROUPED.match(whole) or _LAKHS.match(whole)
    if grouped is None or grouped[1] == mark:
        raise Rejected("amount_not_decimal", text=whole[:40])
    return whole.replace(grouped[1], "")


# Instalments

_TOLD = re.compile(
    r"\bparc(?:ela)?\.?\s*([0-9]{1,2})\s*(?:/|de)\s*([0-9]{1,2})\b"
    r"|(?<![0-9/])\b([0-9]{1,2})\s+de\s+([0-9]{1,2})\b(?!/|\s+de\b)"
    r"|\(([1-9])/([1-9][0-9]?)\)",
    re.IGNORECASE,
)
_FRACTION = re.compile(r"[0-9]\s*(?:/|[dD][eE])\s*[0-9]")
"""What every one of them has, by which most texts are seen to be none."""
_BARE = re.compile(r"(?:^|[\s(])([0-9]{2})/([0-9]{2})\)?$")


def read_instalment(text: str, on: date | None = None) -> tuple[int, int] | None:
    """`(k, n)` of a row that says which instalment it is: `Parcela 2/6`, `PARC 02/06`, `2 de 6`, `(2/6)`.

    `on` is the day of a card's row: there `02/06` at the text's end tells one too, unless it could be a day near it.
    """
    if _FRACTION.search(text) is None:
        return None
    found = _TOLD.search(text)
    if found is None:
        found = _BARE.search(text) if on is not None else None
        if found is None or on is None or _is_near(int(found[1]), int(found[2]), on):
            return None
    k, n = [int(number) for number in found.groups() if number is not None]
    return (k, n) if 1 <= k <= n and n > 1 else None


def _is_near(first: int, second: int, on: date) -> bool:
    """Whether two numbers, as day and month or month and day of any year, are a day near to `on`."""
    for day, month in ((first, second), (second, first)):
        for year in (on.year - 1, on.year, on.year + 1):
            try:
                if abs((date(year, month, day) - on).days) <= DAYS_NEAR:
                    return True
            except ValueError:
                continue
    return False
