"""Profiles of a person's own: how a bank writes its CSV that the program does not know, in a folder beside the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from commands.imports.delimited import Delimited, read_profile
from commands.imports.formats import FORMATS
from commands.imports.reading import Format
from domain.errors import Rejected

MAX_PROFILES = 100
"""Profiles of a person's own."""

MAX_PROFILE_BYTES = 256 * 1024
"""The largest file that is looked at: four bytes for each of the most characters."""


class Formats:
    """Every format, with the CSV profiles of the folder as they are now: they are edited while the program runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self) -> Sequence[Format]:
        """Raises `profile_not_valid` with the file's name where one of them is none."""
        paths = sorted(self._folder.glob("*.toml")) if self._folder.is_dir() else []
        if not paths:
            return FORMATS
        if len(paths) > MAX_PROFILES:
            raise Rejected("profile_not_valid", field=paths[MAX_PROFILES].name, reason=f"one more than {MAX_PROFILES}")
        own = []
        for path in paths:
            try:
                with path.open("rb") as opened:
                    own.append(read_profile(opened.read(MAX_PROFILE_BYTES).decode("utf-8")))
            except Rejected as rejected:
                raise Rejected(rejected.code, **(rejected.params | {"field": _place(path, rejected)})) from None
            except (OSError, UnicodeDecodeError):
                raise Rejected("profile_not_valid", field=path.name, reason="not readable as UTF-8 text") from None
        return [Delimited(own) if isinstance(form, Delimited) else form for form in FORMATS]


def _place(path: Path, rejected: Rejected) -> str:
    field = rejected.params.get("field")
    return f"{path.name}: {field}" if field else path.name
