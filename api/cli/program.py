"""The program `finshift`: its commands by name, and how whatever went wrong is told.

A refusal is told with its sentence and code (with `--json` as the problem object), and ends with 2; a failure that
somebody can act on ends with 1; a defect is not caught, so that it can be seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from api.cli import (
    alerting,
    backing,
    books,
    checking,
    demo,
    exporting,
    figures,
    importing,
    projecting,
    relaying,
    roles,
    rules,
    serving,
    stack,
)
from api.cli.desk import Desk, OpenBackups, OpenParts, OpenStack

BAD_INPUT, FAILURE = 2, 1

FAILURES = frozenset(
    {
        "address_not_free",
        "backup_cut_off",
        "backup_damaged",
        "backup_damaged_at_block",
        "backup_differs_from_footer",
        "backup_keys_damaged",
        "backup_log_broken",
        "log_broken",
        "projection_differs",
        "projection_parked",
        "projections_behind",
        "projections_stopped",
        "restore_differs",
        "stack_busy",
        "stack_down",
        "stack_needs",
        "stack_not_fetched",
        "stack_port_taken",
        "stack_server_failed",
    }
)
"""Refusals that tell of something in the way or broken, rather than of something badly asked."""

app = typer.Typer(
    name="finshift",
    help="A household's whole financial life as one event-sourced, double-entry ledger.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("serve")(serving.serve)
app.command("api")(serving.api)
app.command("project")(roles.project)
app.command("relay")(relaying.relay)
app.command("lake")(roles.lake)
app.command("alerts")(alerting.alerts)
app.add_typer(books.app, name="book")
app.add_typer(demo.app, name="demo")
app.command("import")(importing.import_file)
app.add_typer(importing.app, name="imports")
app.command("export")(exporting.export)
app.command("balances")(figures.balances)
app.command("register")(figures.register)
app.command("net-worth")(figures.net_worth)
app.command("cash-flow")(figures.cash_flow)
app.command("payees")(figures.payees)
app.command("promised")(figures.promised)
app.command("budgets")(figures.budgets)
app.command("accounts")(figures.accounts)
app.add_typer(rules.app, name="rules")
app.add_typer(projecting.app, name="projections")
app.command("verify")(checking.verify)
app.add_typer(backing.app, name="backup")
app.add_typer(stack.app, name="stack")


def run(arguments: Sequence[str], open_parts: OpenParts, open_backups: OpenBackups, open_stack: OpenStack) -> int:
    """Run one command; its exit code."""
    as_json = "--json" in arguments
    try:
        desk = Desk(open_parts, open_backups, open_stack)
        code = app(args=list(arguments), prog_name="finshift", standalone_mode=False, obj=desk)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except TyperException as misused:
        return _misused(misused, as_json)
    except typer.Abort:
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone; what Python still holds of it must not be tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except Exception as error:
        code = _refused(error, as_json)
        if code is None:
            raise
        return code


def _misused(misused: TyperException, as_json: bool) -> int:
    """Arguments that the program does not have: the usage, or the problem object."""
    if misused.exit_code != BAD_INPUT or not as_json:
        from typer.rich_utils import rich_format_error

        rich_format_error(misused)  # type: ignore[arg-type]
        return misused.exit_code
    from api.problems import problem_of

    _print_problem(problem_of("arguments_not_valid", {"reason": misused.format_message()}))
    return BAD_INPUT


def _refused(error: Exception, as_json: bool) -> int | None:
    """Tell an error that somebody can act on, and its exit code; None for any other."""
    from api.cli.telling import say
    from api.problems import problem_of, refusal_of, status_of

    refusal = refusal_of(error)
    if refusal is None:
        return None
    problem = problem_of(refusal.code, refusal.params)
    if as_json:
        _print_problem(problem)
    else:
        say(f"finshift: {problem['detail']} [{refusal.code}]", stderr=True)
    failed = status_of(refusal.code) >= 500 or refusal.code in FAILURES
    return FAILURE if failed else BAD_INPUT


def _print_problem(problem: dict[str, object]) -> None:
    import orjson

    sys.stderr.buffer.write(orjson.dumps(problem, option=orjson.OPT_APPEND_NEWLINE))
