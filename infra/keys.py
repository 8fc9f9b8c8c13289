"""The key file: a data key for each book, beside the data and never in it.

A file of JSON lines that its owner alone may read: the installation's secret first, then a line a book. A key is on the
disk before its book's first event, and gone from it when `destroy` returns; whoever copies the log without this file
has chain, sums and dates, and nothing that a person wrote. Nothing here is ever logged.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hmac
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from commands.ports import KeyGone
from domain.book import BookId

logger = logging.getLogger(__name__)

KEY_BYTES = 32
NONCE_BYTES = 12
"""AES-256-GCM with random nonces: safe for 2**32 seals a key (NIST SP 800-38D), far beyond a book's events."""

FINGERPRINT_DIGITS = 32

MAX_CIPHERS = 1_024
"""Books whose key schedules are kept ready; making one anew takes a few microseconds."""

LOOK_AGAIN_S = 0.2
"""How long a key that another process destroyed may still be used here."""

_FORMAT = 1


class KeysUnreadable(Exception):
    """The key file is not what this release writes: damaged, or of a newer release. Restore it from its own backup."""


class _Book:
    """What is derived from one key, ready for use."""

    def __init__(self, key: bytes) -> None:
        self.cipher = AESGCM(key)
        self.fingerprints = _derived(key, b"finshift fingerprints")


@dataclass(frozen=True, slots=True)
class KeyCopy:
    """Keys on their way into a backup or out of one: secrets, never logged and never shown."""

    installation: bytes = field(repr=False)
    keys: Mapping[BookId, bytes] = field(repr=False)

    def proof(self) -> str:
        return _proof(self.installation)

    def of(self, books: Collection[str]) -> KeyCopy:
        """Those of some books alone."""
        return KeyCopy(self.installation, {book: key for book, key in self.keys.items() if book in books})

    def unseal(self, book: BookId, bound_to: str, sealed: bytes) -> bytes | None:
        """As a key file does it, by the keys as they were when they were copied."""
        key = self.keys.get(book)
        return None if key is None else _opened(AESGCM(key), bound_to, sealed)

    def content(self) -> bytes:
        """As a key file has it."""
        first = _line({"finshift-keys": _FORMAT, "installation": _text(self.installation)})
        return first + b"".join([_line({"book": book, "key": _text(key)}) for book, key in self.keys.items()])


def copy_of(content: bytes, name: str) -> KeyCopy:
    """The keys of a key file's content; `KeysUnreadable` names it."""
    return KeyCopy(*_parsed(content, name))


class KeyFile:
    """The port `Keys` on one file. Safe to use from any thread, and beside other processes."""

    def __init__(self, path: Path, *, make: bool = True) -> None:
        """Open the file; where there is none, `make` it now, or later once the store is known to miss none."""
        self._path = path
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._mutex = threading.RLock()
        self._keys: dict[BookId, bytes] = {}
        self._ready: OrderedDict[BookId, _Book] = OrderedDict()
        self._installation = b""
        self._seen: tuple[int, int, int] | None = None
        self._looked_at = 0.0
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if make or path.exists():
            self.make()

    def make(self) -> None:
        """Make the file with a new installation secret where there is none, and read it."""
        with self._mutex, self._alone():
            if not self._path.exists():
                secret = os.urandom(KEY_BYTES)
                self._replace(_line({"finshift-keys": _FORMAT, "installation": _text(secret)}))
            self._keep_private()
            self._read()

    def proof(self) -> str | None:
        """What tells this installation's secret from any other and gives nothing of it away; None without a file."""
        return _proof(self._installation) if self._installation else None

    # Backups

    def copied(self) -> KeyCopy:
        """All keys as they are now."""
        with self._mutex, self._alone():
            self._read()
            return KeyCopy(self._installation, dict(self._keys))

    def put(self, copy: KeyCopy) -> None:
        """Make the file of copied keys, in the place of whatever stands there."""
        with self._mutex, self._alone():
            self._replace(copy.content())
            self._read()

    # The port

    def create(self, book: BookId) -> None:
        with self._mutex, self._alone():
            self._read()
            if book in self._keys:
                return
            line = _line({"book": book, "key": _text(os.urandom(KEY_BYTES))})
            with self._path.open("r+b") as file:
                content = file.read()
                whole = _whole_lines(content)
                file.truncate(min(len(whole), len(content)))
                file.seek(0, os.SEEK_END)
                file.write(whole[len(content) :] + line)
                file.flush()
                os.fsync(file.fileno())
            self._read()

    def seal(self, book: BookId, bound_to: str, plain: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._of(book).cipher.encrypt(nonce, plain, bound_to.encode())

    def unseal(self, book: BookId, bound_to: str, sealed: bytes) -> bytes | None:
        try:
            cipher = self._of(book).cipher
        except KeyGone:
            return None
        return _opened(cipher, bound_to, sealed)

    def fingerprint(self, scope: str, text: str) -> str:
        message = text.encode("utf-8", "surrogatepass")
        if _is_book_id(scope):
            key = self._of(BookId(scope)).fingerprints
        else:
            key = _derived(self._installation, b"finshift fingerprints of " + scope.encode())
        return hmac.digest(key, message, "sha256").hex()[:FINGERPRINT_DIGITS]

    def destroy(self, book: BookId) -> None:
        with self._mutex, self._alone():
            self._read()
            if book not in self._keys:
                return
            content = self._path.read_bytes()
            # As in `create`: what has no end is no key.
            lines = _whole_lines(content).splitlines(keepends=True)
            kept = [line for line in lines if orjson.loads(line).get("book") != book]
            with self._path.open("r+b") as old:
                self._replace(b"".join(kept))
                # As far as the disk allows, the old file's blocks do not keep the key either.
                old.write(bytes(len(content)))
                old.flush()
                os.fsync(old.fileno())
            self._read()

    def books(self) -> Iterator[BookId]:
        with self._mutex:
            self._look_again()
            return iter(tuple(self._keys))

    # The keys in memory

    def _of(self, book: BookId) -> _Book:
        if time.monotonic() - self._looked_at > LOOK_AGAIN_S:
            with self._mutex:
                self._look_again()
        ready = self._ready.get(book)
        return ready if ready is not None else self._make_ready(book)

    def _make_ready(self, book: BookId) -> _Book:
        with self._mutex:
            if book not in self._keys:
                self._look_again()
            key = self._keys.get(book)
            if key is None:
                raise KeyGone(book)
            ready = self._ready[book] = _Book(key)
            while len(self._ready) > MAX_CIPHERS:
                self._ready.popitem(last=False)
            return ready

    def _look_again(self) -> None:
        """Read the file where another process has changed it."""
        if self._stamp() != self._seen:
            with self._alone():
                self._read()
        self._looked_at = time.monotonic()

    def _read(self) -> None:
        stamp = self._stamp()
        if stamp == self._seen:
            return
        installation, keys = _parsed(self._path.read_bytes(), str(self._path))
        self._installation = installation
        self._ready = OrderedDict(
            (book, ready) for book, ready in self._ready.items() if self._keys[book] == keys.get(book)
        )
        self._keys = keys
        self._seen = stamp
        self._looked_at = time.monotonic()

    def _stamp(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns

    # The file

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only process at the file. The lock has a file of its own, as the key file is replaced."""
        handle = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _replace(self, content: bytes) -> None:
        """Put a new file in the old one's place, whole and durable, or leave the old one."""
        new = self._path.with_name(f"{self._path.name}.new")
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _keep_private(self) -> None:
        if self._path.stat().st_mode & 0o077:
            self._path.chmod(0o600)
            logger.warning("the key file was open to others: now it is its owner's alone; ask who has read it")


def _parsed(content: bytes, name: str) -> tuple[bytes, dict[BookId, bytes]]:
    """The installation's secret and the books' keys."""
    try:
        first, *rest = [orjson.loads(line) for line in _whole_lines(content).splitlines()]
        if first["finshift-keys"] != _FORMAT:
            raise KeysUnreadable(f"{name} was written by a newer release: update Finshift")
        return _secret(first["installation"]), {BookId(line["book"]): _secret(line["key"]) for line in rest}
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise KeysUnreadable(f"{name} is damaged: restore it from its own backup") from error


def _opened(cipher: AESGCM, bound_to: str, sealed: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError) as error:  # the second: too short to be one of ours
        raise ValueError(f"the seal of {bound_to} is broken: it is not what was written") from error


def _proof(installation: bytes) -> str:
    return _derived(installation, b"finshift installation").hex()


def _whole_lines(content: bytes) -> bytes:
    """The file without a last line whose writing was cut off: its book has no event.

    A last line that is whole and lacks only its end, as some editors leave it, gets one.
    """
    end = content.rfind(b"\n") + 1
    try:
        orjson.loads(content[end:])
    except orjson.JSONDecodeError:
        return content[:end]
    return content + b"\n"


def _line(fields: dict[str, object]) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _text(secret: bytes) -> str:
    return base64.b64encode(secret).decode("ascii")


def _secret(text: str) -> bytes:
    secret = base64.b64decode(text, validate=True)
    if len(secret) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return secret


def _derived(key: bytes, purpose: bytes) -> bytes:
    """A key for one purpose alone (HKDF, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)


@lru_cache(maxsize=MAX_CIPHERS)
def _is_book_id(scope: str) -> bool:
    try:
        return str(UUID(scope)) == scope
    except ValueError:
        return False
