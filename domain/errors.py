"""Refusals: what the ledger will not do, as values.

A refusal is raised, carries a stable code and the facts a person needs to mend it, and changes nothing. Its sentence
stands in `domain.sentences`, so that every door says the same and a client can translate by the code.
"""

from __future__ import annotations


class Rejected(Exception):
    """A command the domain refuses. `code` is stable for ever; `params` are the facts behind it."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.code}({facts})"
