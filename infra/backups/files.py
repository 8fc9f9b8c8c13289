"""Files that hold a household: written whole under another name, durable, for their owner alone, then named."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from domain.errors import Rejected


def check_free(path: Path) -> None:
    """Nothing that is there is replaced, least of all an older backup: `file_exists`."""
    if path.is_symlink() or path.exists():
        raise Rejected("file_exists", file=str(path))


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A new file, there under its name once the context ends well, and gone otherwise."""
    check_free(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # its owner's alone: 0600
    except OSError as failed:
        raise _not_written(path, failed) from None
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        check_free(path)
        made.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as failed:
        raise _not_written(path, failed) from None
    finally:
        made.unlink(missing_ok=True)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as failed:
        raise Rejected("file_not_readable", file=str(path), reason=failed.strerror or "") from None
    with file:
        yield file


def content_of(path: Path, limit_bytes: int) -> bytes:
    """A small file whole; what is longer than the limit is cut, and is no key file then."""
    with opened(path) as file:
        return file.read(limit_bytes)


def _not_written(path: Path, failed: OSError) -> Rejected:
    return Rejected("file_not_writable", file=str(path), reason=failed.strerror or "")
