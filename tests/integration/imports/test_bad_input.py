"""Whatever is dropped in by mistake or malice has a code of its own, says how to mend it, and changes nothing."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.imports.reading import MAX_IMPORT_BYTES, MAX_IMPORT_ROWS
from domain.errors import Rejected
from domain.ledger import AccountId, OpenAccount
from domain.sentences import sentence
from tests.integration.imports.parts import SAMPLES, Desk, desk

PICTURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0"
LOCKED_PDF = b"%PDF-1.6\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R/Encrypt 2 0 R>>\n%%EOF"
OFX = (SAMPLES / "ofx" / "checking.ofx").read_bytes()
CSV_HEADER = b"Date,Payee,Amount\n"
BOMB = b"""<?xml version="1.0"?><!DOCTYPE Document [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>&b;</BkToCstmrStmt></Document>"""


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("statement.csv", CSV_HEADER)
    return packed.getvalue()


def workbook() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return packed.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        opened.do(OpenAccount(AccountId("a-mine"), "Assets:Mine"))
        yield opened


REFUSED = [
    ("empty", b"", "a.csv", "import_empty"),
    ("only blanks", b"\xef\xbb\xbf \r\n\0", "a.csv", "import_empty"),
    ("a picture named .ofx", PICTURE, "statement.ofx", "file_is_picture"),
    ("a password-protected PDF", LOCKED_PDF, "extrato.pdf", "file_is_pdf_protected"),
    ("a PDF named .csv", b"%PDF-1.4\n%%EOF", "extrato.csv", "file_is_pdf"),
    ("an archive", zipped(), "statement.zip", "file_is_archive"),
    ("a compressed file", gzip.compress(CSV_HEADER), "statement.csv.gz", "file_is_archive"),
    ("a workbook", workbook(), "statement.xlsx", "file_is_spreadsheet"),
    ("64 MiB and one byte", b"," * (MAX_IMPORT_BYTES + 1), "a.csv", "import_too_large"),
    ("half a file", OFX[: len(OFX) // 2], "a.ofx", "import_cut_in_half"),
    ("an entity bomb", BOMB, "a.xml", "import_has_dtd"),
    (
        "broken UTF-8",
        CSV_HEADER + "2026-09-01,Café São João,-1.00\n2026-09-02,Pão".encode() + b"\xe2\x82,-1.00\n",
        "a.csv",
        "import_not_text",
    ),
    ("an unknown currency", OFX.replace(b"USD", b"QQQ"), "a.ofx", "commodity_unknown"),
    ("a letter", b"Dear bank, where is my money?\n", "letter.txt", "format_not_found"),
]


@pytest.mark.parametrize(("raw", "name", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_it_is_refused_by_its_own_code_and_changes_nothing(home: Desk, raw: bytes, name: str, code: str) -> None:
    head = home.store.head(home.book)
    with pytest.raises(Rejected) as refusal:
        home.imports.preview(home.book, raw, name)
    assert refusal.value.code == code
    assert len(sentence(code, refusal.value.params)) > len(code)
    assert home.store.head(home.book) == head


def test_one_row_too_many_is_refused_whole(home: Desk) -> None:
    rows = [b"2026-09-%02d,x,-%d.00" % (1 + n % 28, 1 + n // 28) for n in range(MAX_IMPORT_ROWS + 1)]
    with pytest.raises(Rejected) as refusal:
        home.imports.preview(home.book, CSV_HEADER + b"\n".join(rows), "a.csv", "Assets:Mine")
    assert (refusal.value.code, refusal.value.params["limit"]) == ("import_too_many_rows", MAX_IMPORT_ROWS)


ASKED = [
    ("one or a thousand", b"2026-09-01,x,-1.000\n2026-09-02,y,-12\n", "decimal_mark", "amount_ambiguous"),
    ("day or month", b"03/04/2026,x,-1.00\n05/06/2026,y,2.00\n", "date_order", "date_ambiguous"),
]


@pytest.mark.parametrize(("rows", "answer", "reason"), [case[1:] for case in ASKED], ids=[case[0] for case in ASKED])
def test_what_could_mean_two_things_is_asked_and_nothing_is_committed_before(
    home: Desk, rows: bytes, answer: str, reason: str
) -> None:
    preview = home.imports.preview(home.book, CSV_HEADER + rows, "a.csv", "Assets:Mine")
    assert [question.answer for question in preview.questions if question.needed] == [answer]
    assert reason in [row.reason.code for row in preview.rows]
    head = home.store.head(home.book)
    with pytest.raises(Rejected) as refusal:
        home.imports.commit(home.book, preview.import_id, home.asked())
    assert refusal.value.code == "answers_needed"
    assert home.store.head(home.book) == head


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_a_file_is_read_in_any_encoding_that_banks_write(home: Desk, encoding: str) -> None:
    raw = "Data;Descrição;Valor\n13/09/2026;Café São João;-1.234,56\n14/09/2026;Pão;2,00\n".encode(encoding)
    preview = home.imports.preview(home.book, raw, "a.csv", "Assets:Mine")
    told = [(row.description, row.amount.minor if row.amount else None) for row in preview.rows]
    assert told == [("Café São João", -123456), ("Pão", 200)]
    assert preview.detected.encoding


def test_a_euro_sign_inside_an_amount_and_nul_bytes_are_no_harm_and_said(home: Desk) -> None:
    raw = CSV_HEADER + "2026-09-01,Caf\0é,€ -3.50\n".encode()
    preview = home.imports.preview(home.book, raw, "a.csv", "Assets:Mine")
    (row,) = preview.rows
    assert (row.description, row.amount.minor if row.amount else None) == ("Café", -350)
    assert "nul_bytes_dropped" in [remark.code for remark in preview.remarks]
