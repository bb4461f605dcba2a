"""The command `nas dashboard`."""

from __future__ import annotations

from typing import Annotated

import typer

from nas.commands.options import Imports
from nas.console import console


def dashboard(
    study: Annotated[list[str], typer.Argument(help="Study folders; several are shown side by side.")],
    board: Annotated[str, typer.Option(help="A YAML file, or the name of one in dashboards/.")] = "default",
    out: Annotated[str | None, typer.Option(help="The page; default BOARD.html in the (first) study.")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Show it live at a port in place of writing a file.")] = False,
    host: Annotated[str, typer.Option(help="--serve: address; others than this machine need a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="--serve: port; 0 takes a free one.")] = 8050,
    token: Annotated[str | None, typer.Option(help="--serve: what a browser must know; default made up.")] = None,
    figure: Annotated[str | None, typer.Option(help="One figure alone, for --png, --svg or --pdf.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="--figure: NAME=VALUE (repeatable).")] = None,
    png: Annotated[str | None, typer.Option(help="--figure: write this file.")] = None,
    svg: Annotated[str | None, typer.Option(help="--figure: write this file.")] = None,
    pdf: Annotated[str | None, typer.Option(help="--figure: write this file.")] = None,
    width: Annotated[str, typer.Option(help="Width of the picture: 180mm, 3.5in, 700 (pixels).")] = "180mm",
    height: Annotated[str | None, typer.Option(help="Its height; default: what the figure needs.")] = None,
    font: Annotated[float, typer.Option(min=2, max=72, help="Letters of the picture, in points.")] = 8.0,
    title: Annotated[bool, typer.Option("--title/--no-title", help="With the figure's own title and notes.")] = True,
    imports: Imports = None,
) -> None:
    """One page of figures, trials and genotypes of a study: a file, or live while it is searched."""
    from nas.dashboard import making

    pictures = {form: path for form, path in (("png", png), ("svg", svg), ("pdf", pdf)) if path}
    if bool(pictures) != (figure is not None):
        raise typer.BadParameter("--figure and one of --png, --svg, --pdf belong together", param_hint="--figure")
    if figure is not None:
        try:
            sizes = {"width": making.length(width), "height": making.length(height) if height else None}
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--width, --height") from None
        making.draw(study, figure, option or [], pictures, **sizes, font=font, title=title, console=console)
    elif serve:
        making.serve(study, board, host=host, port=port, token=token, console=console)
    else:
        making.write(study, board, out, console=console)
