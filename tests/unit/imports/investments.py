"""Investment statements for tests: the smallest file around rows that a test writes."""

from __future__ import annotations

from pathlib import Path

from commands.imports.ofx import Ofx
from commands.imports.reading import StatementRow, Statements

SAMPLES = Path(__file__).parents[2] / "samples" / "ofx"
INTEL = "<UNIQUEID>458140100<UNIQUEIDTYPE>CUSIP"


def listed(security: str, ticker: str = "", name: str = "") -> str:
    """An entry of the list of securities."""
    told = (f"<SECNAME>{name}" if name else "") + (f"<TICKER>{ticker}" if ticker else "")
    return f"<STOCKINFO><SECINFO><SECID>{security}</SECID>{told}</SECINFO></STOCKINFO>"


def told(fitid: str = "1", rest: str = "") -> str:
    return f"<INVTRAN><FITID>{fitid}<DTTRADE>20260105120000<MEMO>YOU DID{rest}</INVTRAN>"


def trade(
    element: str,
    units: str = "10",
    total: str = "-100.50",
    security: str = INTEL,
    price: str = "",
    rest: str = "",
    outer: str = "",
) -> str:
    """A buy or a sale: `rest` stands inside of what both have in common, `outer` beside it."""
    common = "INVBUY" if element.startswith("BUY") else "INVSELL"
    figures = [f"<{name}>{text}" for name, text in (("UNITS", units), ("UNITPRICE", price), ("TOTAL", total)) if text]
    inside = f"{told()}<SECID>{security}</SECID>{''.join(figures)}{rest}"
    return f"<{element}><{common}>{inside}</{common}>{outer}</{element}>"


def plain(element: str, total: str, rest: str = "", security: str = INTEL) -> str:
    """A row that wraps nothing: income, a reinvestment, an expense."""
    amount = f"<TOTAL>{total}" if total else ""
    return f"<{element}>{told()}<SECID>{security}</SECID>{amount}{rest}</{element}>"


def brokerage(rows: str, securities: str = "", rest: str = "", broker: str = "example.org") -> bytes:
    return (
        "OFXHEADER:100\nDATA:OFXSGML\n\n<OFX><INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS><DTASOF>20260131<CURDEF>USD"
        f"<INVACCTFROM><BROKERID>{broker}<ACCTID>42</INVACCTFROM><INVTRANLIST><DTSTART>20260101<DTEND>20260131{rows}"
        f"</INVTRANLIST>{rest}</INVSTMTRS></INVSTMTTRNRS></INVSTMTMSGSRSV1>"
        f"<SECLISTMSGSRSV1><SECLIST>{securities}</SECLIST></SECLISTMSGSRSV1></OFX>"
    ).encode()


def read(rows: str, securities: str = "", rest: str = "", broker: str = "example.org") -> Statements:
    return Ofx().read(brokerage(rows, securities, rest, broker))


def only(rows: str, securities: str = "") -> StatementRow:
    (row,) = read(rows, securities).statements[0].rows
    return row


def rows_of(sample: str) -> list[StatementRow]:
    statements = Ofx().read((SAMPLES / sample).read_bytes()).statements
    return [row for statement in statements for row in statement.rows]
