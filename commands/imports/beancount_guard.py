"""Between a stranger's file and beancount's own parser, which is C code made for a ledger's owner.

A number divided by zero ends the whole process there, so that such a file is refused before it is parsed. The look
knows no strings, for a crafted quote could hide from it what reaches the parser: a payee `1/0 Shop` is refused too. And
every line that is no beancount becomes an error many times its size, of which only the first are kept.
"""

from __future__ import annotations

import io
import re
from typing import Any

from domain.errors import Rejected

MAX_KEPT_ERRORS = 1_000
"""Errors of a file that are kept; a person mends the first of them, and the rest are counted."""

MAX_WORD_CHARS = 2_000
"""The longest run without a space: its lexer reads a long one again from every word in it, in quadratic time."""

_LONG_WORD = re.compile(rf"(?<![^ \t\r\n])[^ \t\r\n]{{{MAX_WORD_CHARS + 1}}}")
_MAY_BE_BY_ZERO = re.compile(r"[0-9.)][ \t\r]*+/[ \t\r+-]*+(?:\(|0[0,]*(?:\.0*)?(?![0-9.,]))")


class _Errors(list[Any]):
    """The first errors, and how many there were; what beancount only thinks old-fashioned is none."""

    def __init__(self, old_fashioned: type) -> None:
        super().__init__()
        self.found = 0
        self._old_fashioned = old_fashioned

    def append(self, error: Any) -> None:
        if isinstance(error, self._old_fashioned):
            return
        self.found += 1
        if self.found <= MAX_KEPT_ERRORS:
            super().append(error)


def parsed(parser: Any, grammar: Any, text: str, file: str) -> tuple[list[Any], list[Any], int, Any]:
    """Directives, the first errors, how many there are, and options, by beancount's modules `parser` and `grammar`.

    `beancount_may_divide_by_zero` for a division whose divisor is zero or an expression, `beancount_word_too_long`
    for a run without spaces, `beancount_too_deep` for numbers within each other, beyond what it can take.
    """
    found = _MAY_BE_BY_ZERO.search(text)
    if found is not None:
        raise Rejected("beancount_may_divide_by_zero", line=text.count("\n", 0, found.start()) + 1)
    found = _LONG_WORD.search(text)
    if found is not None:
        raise Rejected("beancount_word_too_long", line=text.count("\n", 0, found.start()) + 1, limit=MAX_WORD_CHARS)
    builder = grammar.Builder()
    errors = builder.errors = _Errors(grammar.DeprecatedError)
    try:
        parser._parser.Parser(builder).parse(io.BytesIO(text.encode()), filename=file, lineno=1)
    except MemoryError:  # its own stack is full, not the machine
        raise Rejected("beancount_too_deep") from None
    directives, _, options = builder.finalize()
    return directives, list(errors), errors.found, options
