"""The commands `nas study ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from nas.console import console

app = typer.Typer(help="Studies as a whole: copies, and a proxy for Optuna's clients.", no_args_is_help=True)


@app.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A study.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="A folder that is not there yet.")],
    storage: Annotated[
        str | None, typer.Option(help="Database for its trials, such as postgresql://USER@HOST/DATABASE; default: TO.")
    ] = None,
) -> None:
    """Copy a study, its trials into the new folder or into a database."""
    from nas import copying

    copying.copy(source, target, storage, console=console)


@app.command()
def proxy(
    study: Annotated[str, typer.Argument(help="A study.")],
    host: Annotated[str, typer.Option(help="Name or address to listen at.")] = "localhost",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 13000,
) -> None:
    """Serve a study to any number of Optuna's clients, by gRPC."""
    from nas import proxying

    proxying.serve(study, host, port, console=console)
