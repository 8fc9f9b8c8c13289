"""The command line: everything the doors can do, for people at a terminal and for programs.

A command turns words into one question or command and tells the answer; what stands on standard output is the answer
alone. Whatever goes wrong is told on standard error, with exit code 2 for bad input and 1 for a failure.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.cli.desk import OpenBackups, OpenParts, OpenStack


def main(open_parts: OpenParts, open_backups: OpenBackups, open_stack: OpenStack) -> int:
    """Run the command that the program was called with; its exit code. What opens is called only where it is due."""
    from api.cli.program import run

    return run(sys.argv[1:], open_parts, open_backups, open_stack)
