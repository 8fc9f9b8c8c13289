"""Kinds of files that are no statements: told by how they begin, whatever their name says, before anything reads them.

Nothing is opened or decompressed here: an archive is refused as one, so that no bomb inside it can go off.
"""

from __future__ import annotations

import re

from domain.errors import Rejected

LOOKED_AT_BYTES = 1024
"""How far into a file its kind is looked for: readers of PDF and HTML forgive that much before the beginning."""

_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"\0\0\1\0", b"\xff\x0a")
_PICTURES_IN_BOXES = (b"heic", b"heix", b"hevc", b"heif", b"mif1", b"msf1", b"avif", b"jxl ")
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ARCHIVES = (
    b"\x1f\x8b",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
)
_PROGRAMS = (
    *(
        b"\x7fELF",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
    ),
    *(b"\0asm", b"#!/"),
)
_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|table)\b", re.IGNORECASE)
_DRAWING = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*-->\s*)*(?:<!doctype\s+)?<?svg\b", re.IGNORECASE
)


def refuse_other_kinds(raw: bytes) -> None:
    """Refuse what is no text with rows, by name: `file_is_picture`, `file_is_pdf`, `file_is_pdf_protected`,
    `file_is_spreadsheet`, `file_is_archive`, `file_is_program`, `file_is_web_page`.
    """
    head = raw[:LOOKED_AT_BYTES]
    if _is_picture(head):
        raise Rejected("file_is_picture")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n\0").startswith(b"%PDF-") or (b"%PDF-" in head and b"endobj" in raw):
        raise Rejected("file_is_pdf_protected" if b"/Encrypt" in raw else "file_is_pdf")
    if head.startswith(_OLD_OFFICE) or (head.startswith(_ZIPS) and _holds_tables(raw)):
        raise Rejected("file_is_spreadsheet")
    if head.startswith((*_ZIPS, *_ARCHIVES)) or _is_other_archive(head):
        raise Rejected("file_is_archive")
    if head.startswith(_PROGRAMS) or (head.startswith(b"MZ") and b"\0" in head[:64]):
        raise Rejected("file_is_program")
    if _PAGE.match(head) is not None:
        raise Rejected("file_is_web_page")


def _is_picture(head: bytes) -> bool:
    return (
        head.startswith(_PICTURES)
        or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
        or (head.startswith(b"BM") and head[6:10] == b"\0\0\0\0")
        or (head[4:8] == b"ftyp" and head[8:12] in _PICTURES_IN_BOXES)
        or _DRAWING.match(head) is not None
    )


def _holds_tables(raw: bytes) -> bool:
    """Whether a ZIP is a workbook: the names of what it holds, and the type of an OpenDocument, stand in it as text."""
    return b"xl/workbook" in raw or b"application/vnd.oasis.opendocument.spreadsheet" in raw or b"Index/Tables/" in raw


def _is_other_archive(head: bytes) -> bool:
    return (head.startswith(b"BZh") and head[4:10] == b"1AY&SY") or head[257:262] == b"ustar"
