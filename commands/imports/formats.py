"""The formats that are read, and which of them a file is in."""

from __future__ import annotations

from collections.abc import Sequence

from commands.imports.beancount_text import Beancount
from commands.imports.ofx import Ofx
from commands.imports.reading import MAX_IMPORT_BYTES, SNIFFED_BYTES, Format
from domain.errors import Rejected

FORMATS: Sequence[Format] = (Ofx(), Beancount())
"""In the order in which they are tried on a file."""


def format_of(raw: bytes, file_name: str, named: str | None, formats: Sequence[Format] = FORMATS) -> Format:
    """The format that a person names, or the first that the file looks like.

    `import_empty`, `import_too_large`, `format_unknown` (a name that is none), `format_not_found` (a file like none).
    """
    if len(raw) > MAX_IMPORT_BYTES:
        raise Rejected("import_too_large", limit=MAX_IMPORT_BYTES)
    if not raw.strip():
        raise Rejected("import_empty")
    known = [form.name for form in formats]
    if named is not None:
        for form in formats:
            if form.name == named:
                return form
        raise Rejected("format_unknown", format=named[:40], formats=known)
    head = raw[:SNIFFED_BYTES]
    for form in formats:
        if form.fits(head, file_name):
            return form
    raise Rejected("format_not_found", formats=known)
