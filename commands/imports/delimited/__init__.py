"""CSV and its like: delimited text as banks hand it out, read by a profile of the bank or by the names of its columns.

`table` finds the columns, `days` and `commands.imports.texts` say what each text means, `reader` makes rows of it and
`balances` checks them against what the file states. A profile is data (`profile`); a person may bring more.
"""

from __future__ import annotations

from commands.imports.delimited.profile import Profile, built_in, read_profile
from commands.imports.delimited.reader import Delimited

__all__ = ["Delimited", "Profile", "built_in", "read_profile"]
