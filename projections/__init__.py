"""What can be seen: one file a read model, with its tables, its reducer and its queries.

`READ_MODELS` are those that the runner keeps; `chart` and `sums` are what several of them are made of.
"""

from __future__ import annotations

from projections import (
    accounts,
    balances,
    budgets,
    cash_flow,
    imports,
    net_worth,
    register,
    rules,
    spending_watch,
    timeline,
)
from projections.readmodel import ReadModel

READ_MODELS: tuple[ReadModel, ...] = (
    accounts,
    timeline,
    balances,
    register,
    net_worth,
    cash_flow,
    budgets,
    imports,
    rules,
    spending_watch,
)

EMBEDDED_ONLY = (spending_watch.NAME,)
"""The read models that something else keeps where events travel by Kafka: there a Faust worker watches the spending."""
