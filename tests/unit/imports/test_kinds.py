"""What is no statement is refused by how it begins, whatever it is called, and nothing of it is opened."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from commands.imports.formats import format_of
from commands.imports.kinds import refuse_other_kinds
from commands.imports.reading import MAX_IMPORT_BYTES
from domain.errors import Rejected

SAMPLES = Path(__file__).parents[2] / "samples"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def zipped(*names: str, content: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return out.getvalue()


KINDS = [
    (PNG, "file_is_picture"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", "file_is_picture"),
    (b"GIF89a\x01\0", "file_is_picture"),
    (b"RIFF\x10\0\0\0WEBPVP8 ", "file_is_picture"),
    (b"BM\x36\x10\0\0\0\0\0\0\x36\0", "file_is_picture"),
    (b"\0\0\0\x18ftypheic\0\0", "file_is_picture"),
    (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "file_is_picture"),
    (b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<</Root 1 0 R>>", "file_is_pdf"),
    (b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<</Root 1 0 R /Encrypt 2 0 R>>", "file_is_pdf_protected"),
    (zipped("[Content_Types].xml", "xl/workbook.xml"), "file_is_spreadsheet"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 40, "file_is_spreadsheet"),
    (zipped("statement.ofx"), "file_is_archive"),
    (gzip.compress(b"Date,Amount\n"), "file_is_archive"),
    (b"7z\xbc\xaf\x27\x1c\0\4", "file_is_archive"),
    (b"Rar!\x1a\x07\x01\0", "file_is_archive"),
    (b"MZ\x90\0\x03\0\0\0", "file_is_program"),
    (b"\x7fELF\x02\x01\x01\0", "file_is_program"),
    (b"#!/bin/sh\necho Date,Amount\n", "file_is_program"),
    (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "file_is_web_page"),
    (b"<table><tr><td>Date</td></tr></table>", "file_is_web_page"),
]


@pytest.mark.parametrize(("raw", "code"), KINDS, ids=[f"{code}-{n}" for n, (_, code) in enumerate(KINDS)])
@pytest.mark.parametrize("name", ["statement.ofx", "statement.csv", "statement.xlsx", ""])
def test_a_file_that_is_no_statement_is_told_by_name_before_anything_reads_it(raw: bytes, code: str, name: str) -> None:
    for named in (None, "ofx", "csv"):
        with pytest.raises(Rejected) as refusal:
            format_of(raw, name, named)
        assert refusal.value.code == code


def test_an_open_document_sheet_is_a_spreadsheet_by_its_type() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with pytest.raises(Rejected) as refusal:
        refuse_other_kinds(out.getvalue())
    assert refusal.value.code == "file_is_spreadsheet"


def test_a_bomb_is_never_unpacked() -> None:
    bomb = zipped("a", content=b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(Rejected) as refusal:
        format_of(bomb, "bomb.csv", "csv")
    assert refusal.value.code == "file_is_archive"


@pytest.mark.parametrize(
    "raw",
    [b"BM,Amount\n1,2\n", b"MZ;Datum;Betrag\n", b"PK,Date,Amount\n", b"GIFTS,Date\n", b"%PDF,Date\n", b"II,MM\n"],
)
def test_a_text_that_begins_like_another_kind_is_still_a_text(raw: bytes) -> None:
    refuse_other_kinds(raw)


@pytest.mark.parametrize("path", sorted((SAMPLES / "made-up").iterdir()), ids=lambda path: path.name)
def test_no_sample_is_taken_for_another_kind(path: Path) -> None:
    refuse_other_kinds(path.read_bytes())


@pytest.mark.parametrize("raw", [b"", b" \r\n\t", b"\xef\xbb\xbf\n", b"\xff\xfe\n\0", b"\0\0", b"\x1a"])
def test_an_empty_file_is_told_as_empty_however_it_is_empty(raw: bytes) -> None:
    with pytest.raises(Rejected) as refusal:
        format_of(raw, "x.csv", None)
    assert refusal.value.code == "import_empty"


def test_a_byte_too_many_refuses_the_file_whole() -> None:
    raw = b"Date,Amount\n".ljust(MAX_IMPORT_BYTES, b"\n")
    assert format_of(raw, "x.csv", None).name == "csv"
    with pytest.raises(Rejected) as refusal:
        format_of(raw + b"\n", "x.csv", None)
    assert (refusal.value.code, refusal.value.params) == ("import_too_large", {"limit": MAX_IMPORT_BYTES})


def test_a_file_like_none_is_told_what_could_be_read() -> None:
    with pytest.raises(Rejected) as refusal:
        format_of(b"hello", "letter.txt", None)
    assert refusal.value.code == "format_not_found"
