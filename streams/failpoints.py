"""Failpoints: named places at which a test may have a program killed, as by a power cut.

Off, as they are for everybody who does not test, a place costs one look at a variable. Nothing is finished, flushed or
told when one is reached: that is what it is for.
"""

from __future__ import annotations

import os
import signal

SETTING = "FINSHIFT_FAILPOINT"
"""The name of a place, or `name:n` for the n-th time that it is reached; a program reads it once, when it starts."""

_name, _, _count = os.environ.get(SETTING, "").partition(":")
_reached = 0


def reach(name: str) -> None:
    """Die here, by SIGKILL, where the setting says so."""
    global _reached
    if not _name or name != _name:
        return
    _reached += 1
    if _reached >= int(_count or 1):
        os.kill(os.getpid(), signal.SIGKILL)
