"""The commands `nas study ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from nas.console import console

app = typer.Typer(help="Studies as a whole: copies, from one database to another.", no_args_is_help=True)


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
