"""Imports: a person's files become transactions, and nothing of them is lost, doubled or guessed.

From the outside in: `service` (preview, commit, undo) asks `formats` which format a file is in; a format reads bytes
into what the file says (`reading`: statements of a bank, or the journal of another ledger); `statements` and
`journals` say what that would do to a book, row by row, and hand the commands to the bus as one atomic group.

A new format is one file with a class that fulfils `reading.Format`, and its line in `formats.FORMATS`.
"""

from __future__ import annotations

from commands.imports.pending import PendingImports
from commands.imports.plan import NO_ANSWERS, Answers, Row, StatementPlan, Verdict
from commands.imports.reading import MAX_IMPORT_BYTES, MAX_IMPORT_ROWS, Hints, Question, Reason
from commands.imports.service import ImportAnswer, ImportService, Preview

__all__ = [
    "MAX_IMPORT_BYTES",
    "MAX_IMPORT_ROWS",
    "NO_ANSWERS",
    "Answers",
    "Hints",
    "ImportAnswer",
    "ImportService",
    "PendingImports",
    "Preview",
    "Question",
    "Reason",
    "Row",
    "StatementPlan",
    "Verdict",
]
