"""Budgets: what each may take in the period around a day, what was spent of it, and where it is heading.

What counts is what was posted to the category and its children in the period; a refund nets it. The forecast speaks
only when there is enough to speak of. What a budget's threshold or forecast has to say is raised by the event that
makes it true, in whatever batch that comes.
"""

from __future__ import annotations

from projections.budgets.asking import BudgetLine, Pace, budgets
from projections.budgets.folding import apply, purge
from projections.budgets.tables import NAME, VERSION, metadata, raised

__all__ = ["NAME", "VERSION", "BudgetLine", "Pace", "apply", "budgets", "metadata", "purge", "raised"]
