"""Pages from Jinja templates: whatever they are given is escaped, and what they are not given is an error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def template(path: Path) -> jinja2.Template:
    """The template in a file, read anew.

    >>> from nas import data_page
    >>> template(data_page.HERE / "data_page.html").name
    'data_page.html'
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(path.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(path.name)
