"""A file's tags, read one after the other, whether closed or not: statements with their rows, as they are closed.

A file of any size needs the memory of its rows. An element that must hold others and is not closed refuses the file: it
was cut, or rows would vanish in it. What brokers trade is read at the end, for the list of securities stands there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from commands.imports.ofx.investments import DEALS, PARTS, holdings_remark, investment_row
from commands.imports.ofx.leaves import Entry, Leaves, inner, own_currency, read_day, stated_of, text_of
from commands.imports.ofx.rows import PENDING_ROW, ROW, bank_row
from commands.imports.ofx.securities import Securities
from commands.imports.reading import MAX_IMPORT_ROWS, AccountType, Reason, Statement, StatementRow
from commands.imports.texts import clean
from domain.errors import Rejected

MAX_DEPTH = 32
"""Elements inside each other; the deepest of the standard are ten."""

MAX_STATEMENTS = 1_000
"""Statements of one file."""

MAX_NAME_CHARS = 60
"""The longest element name that is looked at."""

_NAME = rf"[A-Za-z][A-Za-z0-9._:-]{{0,{MAX_NAME_CHARS - 1}}}+"
_TAG = re.compile(rf"<(/?)({_NAME})(?:\s[^<>]*+)?(/?)>([^<]*+)")
_CLOSING = re.compile(rf"</({_NAME})")
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos|nbsp));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " "}

_OF_BROKER, _BANK_ROW_OF_BROKER = "INVSTMTRS", "INVBANKTRAN"
_STATEMENTS = {"STMTRS", "CCSTMTRS", _OF_BROKER}
_CONTAINERS = """
    OFX SIGNONMSGSRSV1 SONRS STATUS FI BANKMSGSRSV1 STMTTRNRS CREDITCARDMSGSRSV1 CCSTMTTRNRS INVSTMTMSGSRSV1
    INVSTMTTRNRS BANKACCTFROM CCACCTFROM INVACCTFROM BANKACCTTO CCACCTTO BANKTRANLIST BANKTRANLISTP STMTTRN STMTTRNP
    LEDGERBAL AVAILBAL CURRENCY ORIGCURRENCY PAYEE INVTRANLIST INVBANKTRAN INVPOSLIST SECLISTMSGSRSV1
"""
_AGGREGATES = _STATEMENTS.union(_CONTAINERS.split(), DEALS, PARTS)
"""Elements that hold others and must be closed. Whether any other does is told by its closing tag."""

_TYPES = {
    "SAVINGS": AccountType.SAVINGS,
    "MONEYMRKT": AccountType.SAVINGS,
    "CD": AccountType.SAVINGS,
    "CREDITLINE": AccountType.CREDIT_LINE,
}


@dataclass(frozen=True, slots=True)
class _OfBroker:
    """An investment statement whose rows wait for the list of securities; `place` is its place among the statements."""

    place: int
    broker: str
    entries: list[Entry]
    holdings: list[Leaves]


class Document:
    """One pass over the tags: open elements on a stack, each with its leaves; statements as they are closed."""

    def __init__(self, text: str) -> None:
        self.statements: list[Statement] = []
        self.remarks: list[Reason] = []
        self._text = text
        self._stack: list[tuple[str, Leaves]] = []
        self._row_count = 0
        self._open_statement = ""
        self._entries: list[Entry] = []
        self._holdings: list[Leaves] = []
        self._of_brokers: list[_OfBroker] = []
        self._securities = Securities()
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
                self._open(name)
        if self._stack or end == 0:
            raise Rejected("import_cut_in_half")
        self._read_brokers()

    def _opens(self, name: str, as_written: str, end: int) -> bool:
        """Whether a tag without a text opens an element that holds others; else it is an empty leaf."""
        if self._text.startswith(f"</{as_written}>", end):
            return name in _STATEMENTS or name == "OFX"
        if name in _AGGREGATES:
            return True
        if self._with_closing is None:
            self._with_closing = {found[1].upper() for found in _CLOSING.finditer(self._text)}
        return name in self._with_closing

    def _open(self, name: str) -> None:
        if self._open_statement:
            raise Rejected("ofx_not_well_formed", element=name)
        self._open_statement = name
        self._entries, self._holdings = [], []

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
            for of, value in leaves.items():  # an empty leaf that was never closed: what follows is its parent's
                outer.setdefault(of, value)
            outer.setdefault(opened, "")
        if stack:
            self._closed(name, leaves, *stack[-1])

    def _closed(self, name: str, leaves: Leaves, parent: str, outer: Leaves) -> None:
        match name:
            case "STMTTRN" | "STMTTRNP":
                self._take_row(name, leaves)
                if parent == _BANK_ROW_OF_BROKER:
                    outer.setdefault(name, leaves)
            case "STATUS":
                _check_status(leaves)
                outer.setdefault(name, leaves)
            case "FI":
                self._bank = clean(text_of(leaves, "ORG"))
            case "STMTRS" | "CCSTMTRS" | "INVSTMTRS":
                self._finish_statement(name, leaves)
            case "SECINFO":
                self._securities.take(leaves)
            case "INVPOS":
                self._holdings.append(leaves)
            case "INVBANKTRAN" if ROW in leaves or PENDING_ROW in leaves:
                pass  # taken as the bank's row that it holds
            case _ if name in DEALS or parent == "INVTRANLIST":
                self._take_row(name, leaves)
            case _:
                outer.setdefault(name, leaves)

    def _take_row(self, name: str, leaves: Leaves) -> None:
        if not self._open_statement or (name not in (ROW, PENDING_ROW) and self._open_statement != _OF_BROKER):
            raise Rejected("ofx_not_well_formed", element=name)
        self._row_count += 1
        if self._row_count > MAX_IMPORT_ROWS:
            raise Rejected("import_too_many_rows", limit=MAX_IMPORT_ROWS)
        self._entries.append((self._row_count, name, leaves))

    def _finish_statement(self, name: str, leaves: Leaves) -> None:
        if len(self.statements) >= MAX_STATEMENTS:
            raise Rejected("too_many_statements", limit=MAX_STATEMENTS)
        kind, account = _account_of(name, leaves)
        currency = clean(text_of(leaves, "CURDEF")).upper() or self._currency_of_rows()
        listed = inner(leaves, "BANKTRANLIST") or inner(leaves, "INVTRANLIST")
        first, last = read_day(text_of(listed, "DTSTART")), read_day(text_of(listed, "DTEND"))
        rows: tuple[StatementRow, ...] = ()
        if kind is AccountType.INVESTMENT:
            stated_as, on = text_of(inner(leaves, "INVBAL"), "AVAILCASH"), text_of(leaves, "DTASOF")
            broker = clean(text_of(account, "BROKERID"))
            self._of_brokers.append(_OfBroker(len(self.statements), broker, self._entries, self._holdings))
        else:
            balance = inner(leaves, "LEDGERBAL")
            stated_as, on = text_of(balance, "BALAMT"), text_of(balance, "DTASOF")
            rows = tuple([bank_row(entry, currency, last, False) for entry in self._entries])
        stated, stated_on = stated_of(stated_as, read_day(on), currency)
        self._entries, self._holdings, self._open_statement = [], [], ""
        bank = self._bank or clean(text_of(account, "BANKID") or text_of(account, "BROKERID"))
        number = clean(text_of(account, "ACCTID"))
        self.statements.append(
            Statement(len(self.statements) + 1, kind, bank, number, currency, first, last, stated, stated_on, rows)
        )

    def _currency_of_rows(self) -> str:
        """The one currency that all rows name, where the statement names none."""
        named = {own_currency(leaves) for _, _, leaves in self._entries}
        return named.pop() if len(named) == 1 else ""

    def _read_brokers(self) -> None:
        """Fill investment statements with their rows, now that the securities are known."""
        for waiting in self._of_brokers:
            statement = self.statements[waiting.place]
            rows = tuple(
                [
                    bank_row(entry, statement.currency, statement.last, True)
                    if entry[1] in (ROW, PENDING_ROW)
                    else investment_row(entry, statement.currency, self._securities, waiting.broker)
                    for entry in waiting.entries
                ]
            )
            statement = replace(statement, rows=rows)
            if statement.stated is not None and _has_other_currencies(statement):
                self.remarks.append(Reason("cash_in_several_currencies", {"currency": statement.currency}))
                statement = replace(statement, stated=None, stated_on=None)
            self.statements[waiting.place] = statement
            self.remarks += holdings_remark(waiting.holdings, self._securities, waiting.broker)


def _has_other_currencies(statement: Statement) -> bool:
    """Whether a broker's cash is in several currencies, of which the file states one sum in one of them."""
    return any(
        row.amount is not None and row.amount.commodity.code != statement.currency
        for row in statement.rows
        if row.left_out is None
    )


def _account_of(name: str, leaves: Leaves) -> tuple[AccountType, Leaves]:
    if name == "CCSTMTRS":
        return AccountType.CARD, inner(leaves, "CCACCTFROM")
    if name == _OF_BROKER:
        return AccountType.INVESTMENT, inner(leaves, "INVACCTFROM")
    account = inner(leaves, "BANKACCTFROM")
    return _TYPES.get(text_of(account, "ACCTTYPE").strip().upper(), AccountType.CHECKING), account


def _check_status(leaves: Leaves) -> None:
    """Hand on the bank's own error: it sent no statement."""
    if text_of(leaves, "SEVERITY").strip().upper() == "ERROR":
        raise Rejected(
            "bank_reported_error",
            bank_code=clean(text_of(leaves, "CODE"))[:20],
            bank_message=clean(text_of(leaves, "MESSAGE"))[:200],
        )


def _character(found: re.Match[str]) -> str:
    if found[3] is not None:
        return _NAMED[found[3]]
    number = int(found[1]) if found[1] is not None else int(found[2], 16)
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else " "
