"""OFX and QFX: statements as banks, cards and brokers hand them out, SGML (1.x) and XML (2.x), as found in the wild.

What a bank writes wrong in one row costs that row, by name; what makes the whole doubtful (a cut file, an amount that
is no number, the bank's own error) refuses the file. `document` reads tags, `rows` banks' rows, `investments` and
`securities` brokers'; `leaves` has what they share.
"""

from __future__ import annotations

import re

from commands.imports.ofx.document import Document
from commands.imports.ofx.leaves import read_day
from commands.imports.reading import NO_HINTS, Detected, Hints, Statements
from commands.imports.texts import decoded
from domain.errors import Rejected

__all__ = ["NAME", "Ofx", "read_day"]

NAME = "ofx"

HEADER_BYTES = 2048
"""Where the header stands that may name an encoding."""

_ROOT = re.compile(r"<OFX[\s>]", re.IGNORECASE)
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


class Ofx:
    """Open Financial Exchange, and Quicken's and Money's flavours of it."""

    name = NAME

    def fits(self, head: bytes, file_name: str) -> bool:
        folded = head.replace(b"\0", b"").upper()
        return b"<OFX>" in folded or b"OFXHEADER" in folded or file_name.lower().endswith((".ofx", ".qfx"))

    def read(self, raw: bytes, hints: Hints = NO_HINTS) -> Statements:
        head = raw[:HEADER_BYTES].decode("ascii", "replace")
        text, encoding = decoded(raw, _declared_codec(head))
        root = _ROOT.search(text)
        if root is None:
            raise Rejected("ofx_without_statement")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise Rejected("import_has_dtd")
        text = _without_sections(text, root.start())
        document = Document(text)
        document.read()
        if not document.statements:
            raise Rejected("ofx_without_statement")
        return Statements(Detected(encoding), tuple(document.statements), tuple(document.remarks))


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
