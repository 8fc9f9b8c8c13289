"""Faults in logs: what broke and where, and nothing of what anybody wrote.

An exception's own words may quote a payee or a memo; its type and the places it came through do not.
"""

from __future__ import annotations

import traceback


def without_words(fault: BaseException) -> str:
    """The type of a fault and the frames it came through, for a log."""
    return f"{type(fault).__name__}\n" + "".join(traceback.format_tb(fault.__traceback__))
