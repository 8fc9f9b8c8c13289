"""OFX and QFX: statements as banks and cards hand them out, SGML (1.x) and XML (2.x), as they are and not as specified.

Tags are read one after the other, whether closed or not, so that a file of any size needs the memory of its rows. What
a bank writes wrong in one row costs that row, by name; what makes the whole doubtful (a cut file, an amount that is no
number, the bank's own error) refuses the file.

Of investment statements every row is listed and none is booked: a trade needs its holding beside its cash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any

from commands.imports.reading import (
    MAX_IMPORT_ROWS,
    NO_HINTS,
    AccountType,
    Detected,
    Hints,
    Reason,
    Statement,
    StatementRow,
    Statements,
)
from commands.imports.texts import clean, decoded, read_figure, read_instalment
from domain.errors import Rejected
from domain.ledger import FIRST_DAY, LAST_DAY
from domain.money import ISO_4217, MAX_AMOUNT_MINOR, Amount, commodity

NAME = "ofx"

MAX_DEPTH = 32
"""Elements inside each other; the deepest of the standard are ten."""

MAX_STATEMENTS = 1_000
"""Statements of one file."""

MAX_NAME_CHARS = 60
"""The longest element name that is looked at."""

Leaves = dict[str, Any]
"""An element's content by name: a text, or the `Leaves` of an element inside it. Of several, the first."""

_ROOT = re.compile(r"<OFX[\s>]", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9._:-]{0,59}+)(?:\s[^<>]*+)?(/?)>([^<]*+)")
_CLOSING = re.compile(r"</([A-Za-z][A-Za-z0-9._:-]{0,59}+)")
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos|nbsp));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " "}
_CHARSET = re.compile(r"^\s*(?:CHARSET|ENCODING)\s*:\s*(\S+)|encoding\s*=\s*[\"']([^\"']{1,40})[\"']", re.M | re.I)
_CODECS = {
    "utf-8": "utf-8",
    "unicode": "utf-8",
    "iso-8859-1": "cp1252",
    "8859-1": "cp1252",
    "iso-8859-15": "iso8859-15",
    "8859-15": "iso8859-15",
    **{str(page): f"cp{page}" for page in (437, 850, 852, 858, 932, 936, 949, 950, *range(1250, 1259))},
    **{f"windows-{page}": f"cp{page}" for page in range(1250, 1259)},
}
"""What headers call encodings, and Python's names; Latin-1 is read as Windows-1252, which has all of it."""

_STATEMENTS = {"STMTRS", "CCSTMTRS", "INVSTMTRS"}
_CONTAINERS = """
    OFX SIGNONMSGSRSV1 SONRS STATUS FI BANKMSGSRSV1 STMTTRNRS CREDITCARDMSGSRSV1 CCSTMTTRNRS INVSTMTMSGSRSV1
    INVSTMTTRNRS BANKACCTFROM CCACCTFROM INVACCTFROM BANKACCTTO CCACCTTO BANKTRANLIST BANKTRANLISTP STMTTRN STMTTRNP
    LEDGERBAL AVAILBAL CURRENCY ORIGCURRENCY PAYEE INVTRANLIST INVBANKTRAN INVPOSLIST SECLISTMSGSRSV1
"""
_AGGREGATES = _STATEMENTS.union(_CONTAINERS.split())
"""Elements that hold others and must be closed. Whether any other does is told by its closing tag."""

_CARD, _BANK, _BROKER = "CCACCTFROM", "BANKACCTFROM", "INVACCTFROM"
_TYPES = {
    "SAVINGS": AccountType.SAVINGS,
    "MONEYMRKT": AccountType.SAVINGS,
    "CD": AccountType.SAVINGS,
    "CREDITLINE": AccountType.CREDIT_LINE,
}


class Ofx:
    """Open Financial Exchange, and Quicken's and Money's flavours of it."""

    name = NAME

    def fits(self, head: bytes, file_name: str) -> bool:
        folded = head.replace(b"\0", b"").upper()
        return b"<OFX>" in folded or b"OFXHEADER" in folded or file_name.lower().endswith((".ofx", ".qfx"))

    def read(self, raw: bytes, hints: Hints = NO_HINTS) -> Statements:
        head = raw[:2048].decode("ascii", "replace")
        text, encoding = decoded(raw, _declared_codec(head))
        root = _ROOT.search(text)
        if root is None:
            raise Rejected("ofx_without_statement")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise Rejected("import_has_dtd")
        text = _without_sections(text, root.start())
        document = _Document(text)
        document.read()
        if not document.statements:
            raise Rejected("ofx_without_statement")
        return Statements(Detected(encoding), tuple(document.statements))


def _declared_codec(head: str) -> str | None:
    """The codec that a header names, where it names one that is known."""
    for found in _CHARSET.finditer(head):
        codec = _CODECS.get((found[1] or found[2]).lower())
        if codec is not None:
            return codec
    return None


def _without_sections(text: str, start: int) -> str:
    """The document from `start`, comments dropped and CDATA as escaped text; `import_cut_in_half` where one is open."""
    text = text[start:]
    if "<!" not in text:
        return text
    parts: list[str] = []
    at = 0
    while (opened := text.find("<!", at)) >= 0:
        is_data = text.startswith("<![CDATA[", opened)
        if not is_data and not text.startswith("<!--", opened):
            parts.append(text[at : opened + 2])
            at = opened + 2
            continue
        closed = text.find("]]>" if is_data else "-->", opened)
        if closed < 0:
            raise Rejected("import_cut_in_half")
        parts.append(text[at:opened])
        if is_data:
            parts.append(text[opened + 9 : closed].replace("&", "&amp;").replace("<", "&lt;"))
        at = closed + 3
    parts.append(text[at:])
    return "".join(parts)


class _Document:
    """One pass over the tags: open elements on a stack, each with its leaves; statements as they are closed."""

    def __init__(self, text: str) -> None:
        self.statements: list[Statement] = []
        self._text = text
        self._stack: list[tuple[str, Leaves]] = []
        self._row_count = 0
        self._in_statement = False
        self._pending: list[tuple[int, str, Leaves]] = []
        """Rows of the open statement: number, why it is left out (empty where it is not), content."""
        self._bank = ""
        self._with_closing: set[str] | None = None

    def read(self) -> None:
        leaf = closed_leaf = written = ""
        leaves: Leaves = {}
        end = 0
        for found in _TAG.finditer(self._text):
            if found.start() != end and leaf:  # a "<" that opened no tag belongs to the text
                written += self._text[end : found.start()]
                leaves[leaf] = _ENTITY.sub(_character, written.strip())
            end = found.end()
            slash, name, self_closed, value = found.groups()
            if not name.isupper():
                name = name.upper()
            if slash:
                if name in (leaf, closed_leaf):
                    closed_leaf, leaf = name, ""
                    continue
                leaf = closed_leaf = ""
                self._close(name)
                if self._stack:
                    leaves = self._stack[-1][1]
                continue
            closed_leaf = ""
            written, value = value, value.strip()
            if value or self_closed or not self._opens(name, found[2], end):
                leaf = name
                if not self._stack:
                    raise Rejected("ofx_not_well_formed", element=name)
                if "&" in value:
                    value = _ENTITY.sub(_character, value)
                if name in leaves:
                    leaf = ""  # of several, the first
                    closed_leaf = name
                else:
                    leaves[name] = value
                continue
            leaf = ""
            if len(self._stack) >= MAX_DEPTH:
                raise Rejected("ofx_not_well_formed", element=name)
            leaves = {}
            self._stack.append((name, leaves))
            if name in _STATEMENTS:
                self._pending, self._in_statement = [], True
        if self._stack or end == 0:
            raise Rejected("import_cut_in_half")

    def _opens(self, name: str, as_written: str, end: int) -> bool:
        """Whether a tag without a text opens an element that holds others; else it is an empty leaf."""
        if self._text.startswith(f"</{as_written}>", end):
            return name in _STATEMENTS or name == "OFX"
        if name in _AGGREGATES:
            return True
        if self._with_closing is None:
            self._with_closing = {found[1].upper() for found in _CLOSING.finditer(self._text)}
        return name in self._with_closing

    def _close(self, name: str) -> None:
        stack = self._stack
        if not stack or (stack[-1][0] != name and not any(opened == name for opened, _ in stack)):
            return  # the end of a leaf that was closed already, or of nothing
        while True:
            opened, leaves = stack.pop()
            if opened == name:
                break
            if opened in _AGGREGATES:
                raise Rejected("import_cut_in_half", element=opened)
            outer = stack[-1][1]
            for inner, value in leaves.items():  # an empty leaf that was never closed: what follows is its parent's
                outer.setdefault(inner, value)
            outer.setdefault(opened, "")
        if stack:
            self._closed(name, leaves, *stack[-1])

    def _closed(self, name: str, leaves: Leaves, parent: str, outer: Leaves) -> None:
        match name:
            case "STMTTRN" if parent != "INVBANKTRAN":
                self._take_row(leaves, "")
            case "STMTTRNP":
                self._take_row(leaves, "row_pending")
            case "STATUS":
                _check_status(leaves)
                outer.setdefault(name, leaves)
            case "FI":
                self._bank = clean(_text(leaves, "ORG"))
            case "STMTRS" | "CCSTMTRS" | "INVSTMTRS":
                self._finish_statement(name, leaves)
            case _ if parent == "INVTRANLIST":
                self._take_row(leaves, "row_of_investment")
            case _:
                outer.setdefault(name, leaves)

    def _take_row(self, leaves: Leaves, left_out: str) -> None:
        if not self._in_statement:
            raise Rejected("ofx_not_well_formed", element="STMTTRN")
        self._row_count += 1
        if self._row_count > MAX_IMPORT_ROWS:
            raise Rejected("import_too_many_rows", limit=MAX_IMPORT_ROWS)
        self._pending.append((self._row_count, left_out, leaves))

    def _finish_statement(self, name: str, leaves: Leaves) -> None:
        if len(self.statements) >= MAX_STATEMENTS:
            raise Rejected("import_too_many_rows", limit=MAX_STATEMENTS)
        kind, account = _account_of(name, leaves)
        if kind is AccountType.INVESTMENT:
            self._pending = [(number, code or "row_of_investment", row) for number, code, row in self._pending]
        currency = clean(_text(leaves, "CURDEF")).upper() or self._currency_of_rows()
        listed = _inner(leaves, "BANKTRANLIST") or _inner(leaves, "INVTRANLIST")
        first, last = read_day(_text(listed, "DTSTART")), read_day(_text(listed, "DTEND"))
        stated, stated_on = _stated(_inner(leaves, "LEDGERBAL"), currency)
        rows = tuple(_rows(self._pending, currency, last))
        self._pending, self._in_statement = [], False
        bank = self._bank or clean(_text(account, "BANKID") or _text(account, "BROKERID"))
        number = clean(_text(account, "ACCTID"))
        self.statements.append(
            Statement(len(self.statements) + 1, kind, bank, number, currency, first, last, stated, stated_on, rows)
        )

    def _currency_of_rows(self) -> str:
        """The one currency that all rows name, where the statement names none."""
        named = {_own_currency(leaves) for _, _, leaves in self._pending}
        return named.pop() if len(named) == 1 else ""


def _account_of(name: str, leaves: Leaves) -> tuple[AccountType, Leaves]:
    if name == "CCSTMTRS":
        return AccountType.CARD, _inner(leaves, _CARD)
    if name == "INVSTMTRS":
        return AccountType.INVESTMENT, _inner(leaves, _BROKER)
    account = _inner(leaves, _BANK)
    return _TYPES.get(_text(account, "ACCTTYPE").strip().upper(), AccountType.CHECKING), account


def _rows(pending: list[tuple[int, str, Leaves]], currency: str, last: date | None) -> Iterator[StatementRow]:
    scale = ISO_4217[currency].scale if currency in ISO_4217 else 2
    for number, code, leaves in pending:
        if code:
            yield _row_left_out(number, code, leaves, currency, scale)
        else:
            yield _row(number, leaves, currency, scale, last)


def _row(number: int, leaves: Leaves, currency: str, scale: int, last: date | None) -> StatementRow:
    payee, memo = _words(leaves)
    left_out: Reason | None = None
    amount: Amount | None = None
    written = _text(leaves, "TRNAMT")
    try:
        minor, places = read_figure(written, scale)
    except Rejected as rejected:
        if rejected.code != "amount_ambiguous":
            raise Rejected("row_amount_not_valid", row=number, text=clean(written)[:40]) from None
        left_out = Reason("amount_ambiguous", rejected.params)
    else:
        if abs(minor) > MAX_AMOUNT_MINOR * 10 ** max(0, places - scale):
            raise Rejected("row_amount_not_valid", row=number, text=clean(written)[:40])
        own = _own_currency(leaves) or currency
        amount = Amount(minor, commodity(own, places))
        if minor == 0:
            left_out = Reason("row_moves_nothing")
        if own != currency:
            left_out = Reason("row_in_other_currency", {"currency": own, "expected": currency})
    on, dated = _text(leaves, "DTPOSTED"), True
    day = read_day(on)
    if day is None and "DTPOSTED" not in leaves:
        day, dated = last, False
    if day is None:
        left_out = Reason("row_date_not_valid", {"text": clean(on)[:40]})
    return StatementRow(
        number,
        day,
        amount,
        payee,
        memo,
        clean(_text(leaves, "FITID")),
        clean(_text(leaves, "TRNTYPE")).upper(),
        read_instalment(f"{payee} {memo}"),
        dated,
        left_out,
    )


def _row_left_out(number: int, code: str, leaves: Leaves, currency: str, scale: int) -> StatementRow:
    """A row that is listed and not booked; amount and day as far as they can be read."""
    deal = next((value for value in leaves.values() if isinstance(value, dict) and "INVTRAN" in value), leaves)
    inner = _inner(leaves, "STMTTRN") or _inner(deal, "INVTRAN") or leaves
    payee, memo = _words(inner)
    amount: Amount | None = None
    try:
        minor, places = read_figure(_text(inner, "TRNAMT") or _text(deal, "TOTAL") or _text(leaves, "TOTAL"), scale)
        amount = Amount(minor, commodity(_own_currency(inner) or _own_currency(deal) or currency, places))
    except Rejected:
        pass  # nothing is booked from it
    day = read_day(_text(inner, "DTPOSTED") or _text(inner, "DTTRADE") or _text(inner, "DTTRAN"))
    return StatementRow(number, day, amount, payee, memo, clean(_text(inner, "FITID")), "", left_out=Reason(code, {}))


def _own_currency(leaves: Leaves) -> str:
    """The currency that a row's amount is in, where it names its own (`ORIGCURRENCY` names what it was before)."""
    return clean(_text(_inner(leaves, "CURRENCY"), "CURSYM")).upper()


def _words(leaves: Leaves) -> tuple[str, str]:
    """Payee and memo: the name where there is one, else the memo; a check's number where neither has it."""
    name = clean(_text(leaves, "NAME") or _text(leaves, "EXTDNAME") or _text(_inner(leaves, "PAYEE"), "NAME"))
    memo = clean(_text(leaves, "MEMO"))
    check = clean(_text(leaves, "CHECKNUM"))
    payee = name or memo
    memo = memo if memo != payee else ""
    if check.strip("0") and check not in payee and check not in memo:
        memo = clean(f"{memo} #{check}")
    return payee, memo


def _stated(balance: Leaves, currency: str) -> tuple[Amount | None, date | None]:
    """The stated balance and its day; nothing where either is missing or cannot be read."""
    on = read_day(_text(balance, "DTASOF"))
    scale = ISO_4217[currency].scale if currency in ISO_4217 else 2
    try:
        minor, places = read_figure(_text(balance, "BALAMT"), scale)
    except Rejected:
        return None, None
    return (Amount(minor, commodity(currency, places)), on) if on is not None else (None, None)


def _check_status(leaves: Leaves) -> None:
    """Hand on the bank's own error: it sent no statement."""
    if _text(leaves, "SEVERITY").strip().upper() == "ERROR":
        raise Rejected(
            "bank_reported_error",
            bank_code=clean(_text(leaves, "CODE"))[:20],
            bank_message=clean(_text(leaves, "MESSAGE"))[:200],
        )


@lru_cache(maxsize=4096)
def read_day(text: str) -> date | None:
    """The day as written, `YYYYMMDD` with or without time and zone: the bank's own day, whatever the hour elsewhere."""
    text = text.strip()
    if len(text) >= 10 and text[4] in "-/" and text[7] == text[4]:
        text = text[:4] + text[5:7] + text[8:10]
    digits = text[:8]
    if len(digits) < 8 or not digits.isascii() or not digits.isdigit():
        return None
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def _text(leaves: Leaves, name: str) -> str:
    value: object = leaves.get(name)
    return value if isinstance(value, str) else ""


def _inner(leaves: Leaves, name: str) -> Leaves:
    value = leaves.get(name)
    return value if isinstance(value, dict) else {}


def _character(found: re.Match[str]) -> str:
    if found[3] is not None:
        return _NAMED[found[3]]
    number = int(found[1]) if found[1] is not None else int(found[2], 16)
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else " "
