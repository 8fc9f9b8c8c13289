"""Another ledger into the books, whole: its accounts, units, transactions, prices, confirmed balances and budgets.

From what the other ledger tells to commands: `amounts` (at which scales), `entries` (which stand already), `changes`
(which were edited since), `budgets`, `planning` (all of it in the order in which it can happen).
"""

from __future__ import annotations

from commands.imports.journals.planning import plan_journal

__all__ = ["plan_journal"]
