"""The command `nas`: which commands there are, and what an error looks like; heavy imports wait for their use."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import typer

from nas.commands import dashboard, data, evaluate, export, latency, retrain, search, study, visualise
from nas.errors import NasError
from nas.storage import secrets

app = typer.Typer(
    name="nas",
    help="Search the design space of efficient video networks: exact costs, trained proxies, Pareto fronts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (
    search.show,
    search.check,
    search.search,
    search.pareto,
    dashboard.dashboard,
    search.audit,
    search.tabulate,
    search.compare,
    retrain.retrain,
    evaluate.evaluate,
    latency.latency,
    export.export,
    export.predict,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(data.app, name="data")
app.add_typer(study.app, name="study")
app.add_typer(visualise.app, name="visualise")


def main() -> None:
    """Run the command line: exit 1 for a mistake in the input, 2 for a wrong call, 130 when interrupted."""
    debug = "--debug" in sys.argv
    secrets.take()
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(arguments, standalone_mode=True)
    except NasError as error:
        if debug:
            raise
        print(f"nas: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if debug or not (told := _from_outside(error)):
            raise
        print(f"nas: {told}", file=sys.stderr)
        sys.exit(1)


def _from_outside(error: Exception) -> str:
    """What the disk or the database answered, in one line; nothing for an error of our own."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if type(error).__module__.partition(".")[0] in ("sqlalchemy", "optuna"):
        cause = error.__cause__ or error
        return f"the study's database answered: {str(getattr(cause, 'orig', cause)).splitlines()[0]}"
    return ""


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
