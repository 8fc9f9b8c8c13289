"""CAMT.053: the bank-to-customer statement of ISO 20022, in any version and whatever the namespace.

The document is read in one pass, entry by entry, and never held as a tree. What declares a document type is refused at
that word, before an entity of its own could grow. One entry of the account is one row, however many payments it is of.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from commands.imports.camt053_entries import Element, Payment, balance_of, payment_of, row_of
from commands.imports.closings import Balance, Message, dated_by_closing, statements_of
from commands.imports.reading import (
    MAX_IMPORT_ROWS,
    NO_HINTS,
    AccountType,
    Detected,
    Hints,
    Reason,
    StatementRow,
    Statements,
)
from commands.imports.texts import clean, decoded
from domain.errors import Rejected

NAME = "camt053"

MAX_DEPTH = 64
"""Elements inside each other; the deepest of the standard are some twenty, an envelope around it adds a few."""

MAX_STATEMENTS = 10_000
"""Statements of one file."""

MAX_ELEMENTS = 10_000
"""Elements of one entry, balance or account, but for its payments, which are read one by one."""

MAX_TEXT_CHARS = 10_000
"""Of one element's text, what is looked at: five times the longest that is kept."""

_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_CODECS = {
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in (2, 3, 4, 5, 7, 9, 10, 13, 15, 16)},
    **{f"windows-{page}": f"cp{page}" for page in range(1250, 1259)},
}
"""What declarations call encodings, and Python's names; Latin-1 is read as Windows-1252, which has all of it."""

_OTHERS = {
    "BkToCstmrAcctRpt": "camt.052",
    "BkToCstmrDbtCdtNtfctn": "camt.054",
    "CstmrCdtTrfInitn": "pain.001",
    "CstmrPmtStsRpt": "pain.002",
    "CstmrDrctDbtInitn": "pain.008",
}
"""Other messages that banks hand out or take, by the element that holds them."""

_CUT = frozenset(
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)

_COLLECTED = frozenset({"Acct", "Bal", "Ntry", "Id", "ElctrncSeqNb", "StmtPgntn"})
"""What is read of that which stands directly in a statement."""

_TYPES = {
    "CARD": AccountType.CARD,
    "SVGS": AccountType.SAVINGS,
    "LLSV": AccountType.SAVINGS,
    "MOMA": AccountType.SAVINGS,
    "LOAN": AccountType.CREDIT_LINE,
}


class Camt053:
    """Bank-to-customer statements, versions 1 to 13."""

    name = NAME

    def fits(self, head: bytes, file_name: str) -> bool:
        head = head.replace(b"\0", b"")
        return b"<" in head and (b":camt.05" in head or b"BkToCstmr" in head)

    def read(self, raw: bytes, hints: Hints = NO_HINTS) -> Statements:
        declared = _DECLARED.search(raw[:400])
        text, encoding = decoded(raw, _CODECS.get(declared[1].decode("ascii").lower()) if declared else None)
        document = _Document()
        document.read(text)
        if not document.messages:
            raise Rejected("camt_without_statement")
        statements, doubts = statements_of(document.messages)
        return Statements(Detected(encoding), statements, (*document.remarks, *doubts))


class _Statement:
    """A statement while its elements are read."""

    def __init__(self) -> None:
        self.reference: list[str] = []
        self.account = Element("Acct", "")
        self.opening: Balance | None = None
        self.closing: Balance | None = None
        self.is_final = True
        self.currency = ""
        self.rows: list[StatementRow] = []


class _Document:
    """One pass: the depth, the element that is collected, statements as they are closed."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.remarks: list[Reason] = []
        self._parser = expat.ParserCreate()
        self._depth = 0
        self._is_statement_message = False
        self._open: _Statement | None = None
        self._open_depth = 0
        self._path: list[Element] = []
        """What is collected, from the statement's child inwards."""
        self._element_count = self._count_before_payment = 0
        self._payments: list[Payment] = []
        self._payment_count = 0
        self._row_count = 0
        self._text: list[str] = []
        self._text_chars = 0

    def read(self, text: str) -> None:
        parser = self._parser
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_document_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(text.lstrip("\ufeff \t\r\n"), True)
        except expat.ExpatError as error:
            code = "import_cut_in_half" if error.code in _CUT else "camt_not_well_formed"
            raise Rejected(code, line=error.lineno) from None
        finally:
            # The parser holds this object's methods, and this object the parser: without this the ring stays.
            parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None

    def _not_well_formed(self) -> Rejected:
        return Rejected("camt_not_well_formed", line=self._parser.CurrentLineNumber)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2] if ":" in tag else tag
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._not_well_formed()
        if self._path:
            if name == "TxDtls":
                self._count_before_payment = self._element_count
            element = Element(name, attributes.get("Ccy", ""))
            self._path[-1].inner.append(element)
            self._collect(element)
        elif self._open is not None:
            if self._depth == self._open_depth + 1 and name in _COLLECTED:
                self._element_count = 0
                self._collect(Element(name, attributes.get("Ccy", "")))
        elif name == "Stmt" and self._is_statement_message:
            if len(self.messages) >= MAX_STATEMENTS:
                raise Rejected("too_many_statements", limit=MAX_STATEMENTS)
            self._open, self._open_depth = _Statement(), self._depth
        elif name == "BkToCstmrStmt":
            self._is_statement_message = True
        elif name in _OTHERS:
            raise Rejected("camt_other_document", document=_OTHERS[name])

    def _collect(self, element: Element) -> None:
        self._path.append(element)
        self._text, self._text_chars = [], 0
        self._element_count += 1
        if self._element_count > MAX_ELEMENTS:
            raise self._not_well_formed()

    def _characters(self, text: str) -> None:
        if self._path and self._text_chars < MAX_TEXT_CHARS:
            self._text.append(text[: MAX_TEXT_CHARS - self._text_chars])
            self._text_chars += len(text)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._path:
            element = self._path.pop()
            if not element.inner:
                element.text = "".join(self._text)
            if not self._path:
                self._take(element)
            elif element.name == "TxDtls":
                self._take_payment(element)
        elif self._open is not None and self._depth < self._open_depth:
            self._finish(self._open)
            self._open = None

    def _take_payment(self, details: Element) -> None:
        self._payment_count += 1
        if self._payment_count > MAX_IMPORT_ROWS:
            raise Rejected("import_too_many_rows", limit=MAX_IMPORT_ROWS)
        self._payments.append(payment_of(details))
        self._path[-1].inner.pop()
        self._element_count = self._count_before_payment

    def _take(self, element: Element) -> None:
        statement = self._open
        assert statement is not None
        match element.name:
            case "Ntry":
                self._take_entry(statement, element)
            case "Bal":
                _take_balance(statement, element)
            case "Acct":
                statement.account = element
                statement.currency = statement.currency or clean(element.said("Ccy")).upper()
            case "StmtPgntn":
                statement.reference.append(element.said("PgNb"))
                statement.is_final = element.said("LastPgInd") not in ("false", "0")
            case _:
                statement.reference.append(element.text.strip())

    def _take_entry(self, statement: _Statement, entry: Element) -> None:
        self._row_count += 1
        if self._row_count > MAX_IMPORT_ROWS:
            raise Rejected("import_too_many_rows", limit=MAX_IMPORT_ROWS)
        if not statement.currency:
            amount = entry.first("Amt")
            statement.currency = clean(amount.currency).upper() if amount is not None else ""
        statement.rows.append(row_of(self._row_count, entry, self._payments, statement.currency))
        self._payments = []

    def _finish(self, statement: _Statement) -> None:
        bank, number = _account(statement.account)
        if moved := dated_by_closing(statement.rows, statement.opening, statement.closing):
            facts = {"account": number, "count": moved, "date": statement.closing.on if statement.closing else None}
            self.remarks.append(Reason("rows_dated_by_closing_balance", facts))
        self.messages.append(
            Message(
                _TYPES.get(statement.account.said("Tp", "Cd"), AccountType.CHECKING),
                bank,
                number,
                statement.currency,
                "|".join(statement.reference),
                statement.opening,
                statement.closing,
                statement.is_final,
                tuple(statement.rows),
            )
        )


def _take_balance(statement: _Statement, element: Element) -> None:
    """Take the booked balances that the rows lie between: of several, a day's rather than a page's."""
    kind = element.said("Tp", "CdOrPrtry", "Cd")
    is_of_page = element.said("Tp", "SubTp", "Cd") == "INTM"
    if kind not in ("OPBD", "PRCD", "CLBD"):
        return  # interim, available and expected ones: what is not booked stands in them too
    balance = balance_of(element)
    if balance is None:
        return
    statement.currency = statement.currency or balance.amount.commodity.code
    if balance.amount.commodity.code != statement.currency:
        return
    if kind == "CLBD":
        if statement.closing is None or not is_of_page:
            statement.closing = balance
            statement.is_final = statement.is_final and not is_of_page
    elif statement.opening is None or kind == "OPBD":
        statement.opening = balance


def _account(account: Element) -> tuple[str, str]:
    """The servicer's name, or its code, and the account's IBAN, or its other number."""
    servicer = account.first("Svcr", "FinInstnId") or Element("FinInstnId", "")
    bank = (
        servicer.said("Nm")
        or servicer.said("BICFI")
        or servicer.said("BIC")
        or servicer.said("ClrSysMmbId", "MmbId")
        or servicer.said("Othr", "Id")
    )
    return clean(bank), clean(account.said("Id", "IBAN") or account.said("Id", "Othr", "Id"))


def _refuse_document_type(name: str, system: str | None, public: str | None, has_internal: int) -> None:
    raise Rejected("import_has_dtd")
