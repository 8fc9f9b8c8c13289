"""`finshift stack`: PostgreSQL, MongoDB and Kafka on this machine, for whoever develops or tries the program."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import typer

from api.cli.desk import stack_of, working
from api.cli.options import Json
from api.cli.telling import print_table, say, write_items, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

app = typer.Typer(
    help="Start, end and find the servers on this machine: PostgreSQL, MongoDB, Kafka.", no_args_is_help=True
)


class ServerStatus(Protocol):
    """How a server is. `state`: `running`, `silent` (there, but it does not answer) or `stopped`."""

    @property
    def server(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def log(self) -> str: ...


class Stack(Protocol):
    """The servers as one; who implements it says how they run."""

    def up(self) -> Sequence[ServerStatus]: ...
    def down(self) -> Sequence[ServerStatus]: ...
    def status(self) -> Sequence[ServerStatus]: ...
    def env(self) -> Mapping[str, str]: ...


@app.command("up")
def up(ctx: typer.Context, as_json: Json = False) -> None:
    """Start what does not run, on the data of last time; what runs is left alone."""
    with working("Starting the servers"):
        servers = stack_of(ctx).up()
    _tell(servers, as_json)
    if not as_json:
        say('The program finds them after: eval "$(finshift stack env)"')


@app.command("down")
def down(ctx: typer.Context, as_json: Json = False) -> None:
    """End all servers cleanly; data and logs stay."""
    with working("Ending the servers"):
        servers = stack_of(ctx).down()
    _tell(servers, as_json)


@app.command("status")
def status(ctx: typer.Context, as_json: Json = False) -> None:
    """How every server is, asked now, and where its log is."""
    _tell(stack_of(ctx).status(), as_json)


@app.command("env")
def env(ctx: typer.Context, as_json: Json = False) -> None:
    """Print the settings by which the program finds the servers, for a shell to `eval`. They hold passwords."""
    settings = stack_of(ctx).env()
    if as_json:
        write_json(dict(settings))
        return
    for name, value in settings.items():
        say(f"export {name}={shlex.quote(value)}")


def _tell(servers: Sequence[ServerStatus], as_json: bool) -> None:
    fields = ("server", "state", "version", "address", "pid", "log")
    if as_json:
        write_items({name: getattr(one, name) for name in fields} for one in servers)
        return
    rows = [[one.server, one.state, one.version, one.address, one.pid or "", one.log] for one in servers]
    print_table(
        ["Server", "State", "Version", "Address", "Process>", "Log"],
        rows,
        empty="There is no stack here yet. Start one: finshift stack up",
    )
