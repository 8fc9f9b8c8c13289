"""Keys under a passphrase: scrypt makes a key of it, AES-256-GCM seals the key file's content.

The passphrase is kept nowhere. What was sealed is bound to its backup's header, so that it opens in no other file.
"""

from __future__ import annotations

import base64
import binascii
import os
import unicodedata

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from domain.errors import Rejected

COST, BLOCK_SIZE, PARALLEL = 2**17, 8, 1
"""Of scrypt: half a second and 128 MiB a guess (the least that OWASP recommends)."""

MAX_COST = 2**20
"""What a file may ask of whoever opens it: 1 GiB for a moment."""

SALT_BYTES, NONCE_BYTES, KEY_BYTES = 16, 12, 32

MIN_PASSPHRASE_CHARS = 12
"""Guessing is done beside the program, without its limits, on a file that may lie about for years."""


def seal(content: bytes, passphrase: str, bound_to: bytes) -> bytes:
    """`passphrase_too_short` where it would not hold."""
    if len(passphrase) < MIN_PASSPHRASE_CHARS:
        raise Rejected("passphrase_too_short", limit=MIN_PASSPHRASE_CHARS)
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    sealed = AESGCM(_key(passphrase, salt, COST)).encrypt(nonce, content, bound_to)
    return orjson.dumps({"scrypt": COST, "salt": _text(salt), "nonce": _text(nonce), "sealed": _text(sealed)})


def unseal(payload: bytes, passphrase: str, bound_to: bytes) -> bytes:
    """`passphrase_wrong` where it is not the one; ValueError where the payload is none of `seal`."""
    try:
        told = orjson.loads(payload)
        cost, salt, nonce, sealed = told["scrypt"], *(_bytes(told[name]) for name in ("salt", "nonce", "sealed"))
    except (KeyError, TypeError, binascii.Error) as error:
        raise ValueError("these are no sealed keys") from error
    if type(cost) is not int or not COST <= cost <= MAX_COST or cost & (cost - 1):
        raise ValueError("the cost of the sealed keys is not one that this program writes")
    try:
        return AESGCM(_key(passphrase, salt, cost)).decrypt(nonce, sealed, bound_to)
    except InvalidTag:
        raise Rejected("passphrase_wrong") from None


def _key(passphrase: str, salt: bytes, cost: int) -> bytes:
    # The same words, however a keyboard spells their accents.
    words = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
    return Scrypt(salt=salt, length=KEY_BYTES, n=cost, r=BLOCK_SIZE, p=PARALLEL).derive(words)


def _text(part: bytes) -> str:
    return base64.b64encode(part).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
