"""The formats that are read, and which of them a file is in."""

from __future__ import annotations

from collections.abc import Sequence

from commands.imports.beancount_text import Beancount
from commands.imports.camt053 import Camt053
from commands.imports.delimited import Delimited
from commands.imports.kinds import refuse_other_kinds
from commands.imports.mt940 import Mt940
from commands.imports.ofx import Ofx
from commands.imports.qif import Qif
from commands.imports.reading import MAX_IMPORT_BYTES, SNIFFED_BYTES, Format
from commands.imports.texts import read_text
from domain.errors import Rejected

FORMATS: Sequence[Format] = (Ofx(), Camt053(), Mt940(), Qif(), Beancount(), Delimited())
"""In the order in which they are tried on a file: any text with a date and an amount in a row is CSV."""

NOTHING = b" \t\r\n\0\x1a\xef\xbb\xbf\xff\xfe"
"""What a file may hold and be empty all the same: blanks, ends of line and file, marks of an encoding."""


def format_of(raw: bytes, file_name: str, named: str | None, formats: Sequence[Format] = FORMATS) -> Format:
    """The format that a person names, or the first that the file looks like.

    `import_empty`, `import_too_large`, `format_unknown` (a name that is none), `format_not_found` (a file like none),
    `import_not_text`, and by name what is no statement at all, whatever it is called (`kinds`).
    """
    if len(raw) > MAX_IMPORT_BYTES:
        raise Rejected("import_too_large", limit=MAX_IMPORT_BYTES)
    if not raw.strip(NOTHING):
        raise Rejected("import_empty")
    refuse_other_kinds(raw)
    known = [form.name for form in formats]
    if named is not None:
        for form in formats:
            if form.name == named:
                return form
        raise Rejected("format_unknown", format=named[:40], formats=known)
    head = raw[:SNIFFED_BYTES]
    for name in ("", file_name):  # what is inside tells more than what it is called
        for form in formats:
            if form.fits(head, name):
                return form
    read_text(head if len(raw) <= SNIFFED_BYTES else head[: head.rfind(b"\n") + 1])  # what is no text says so
    raise Rejected("format_not_found", formats=known)
