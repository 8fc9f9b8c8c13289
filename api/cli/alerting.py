"""`finshift alerts`: what needs windows over the events, watched by Faust, until it is told to end.

Weather ends nothing: where Kafka is missing, at the start or later, it waits, says so in a log line and comes back.
"""

from __future__ import annotations

import typer

from api.cli.desk import parts_of
from api.cli.roles import run_until_told
from api.cli.telling import say


def alerts(ctx: typer.Context) -> None:
    """Watch the spending of every book by way of Kafka, and send its alerts to the topic of alerts.

    Any number may run: they share the partitions among them. Without Kafka the read models raise the same alerts.
    """
    with parts_of(ctx, log_level="INFO") as parts, parts.roles.alerts() as worker:
        say("Watching the spending of every book. Ctrl-C ends it.")
        run_until_told(worker)
