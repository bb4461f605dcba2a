"""The dashboard as one HTML text: figures, table and scripts in it, nothing fetched from anywhere.

What a study says travels as JSON that cannot end the element it stands in, and the page's content security
policy runs only the scripts whose hashes it names, so that even a slip in the escaping would run nothing.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from markupsafe import Markup

from nas import files
from nas.templates import template

CLIENT = Path(__file__).parent / "client"
# in reading order; each is a plain script, together they are one
SCRIPTS = ("dom", "state", "figures", "linking", "explorer", "table", "filters", "details", "export", "main")
# characters of JSON from which a part travels packed: hover texts of 10,000 trials take an eighth
PACKED = 20_000
# traces whose drawing code plotly.js compiles in the browser (regl), and points from which the explorer is one
COMPILED = {"scattergl", "scatterpolargl", "splom", "parcoords"}
EXPLORER_POINTS = 2000
# no text may end its element, and none is a line break in a script
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def write(path: str | Path, payload: Mapping) -> Path:
    """Write the page of `payload` to `path`, whole or not at all, and return the path.

    Raises NasError where the file cannot be written.

    >>> write("studies/k400/dashboard.html", payload)        # doctest: +SKIP
    PosixPath('studies/k400/dashboard.html')
    """
    path = Path(path)
    files.write(path, render(payload).encode())
    return path


def render(payload: Mapping, *, live: bool = False) -> str:
    """The page's HTML: one text that works from a file, or, where `live`, one that its own server may feed.

    `payload` has title, command, version, generated, studies, figures and sections; its parts are explained where
    they are made. A live page has its server's scripts where the text says `<!--live-->`, and no policy in it: the
    server sends that; `window.nasDashboard.update(payload)` gives it new data.

    >>> page = render({"title": "k400 <b>", "studies": [], "figures": [], "sections": []})
    >>> "k400 &lt;b&gt;" in page, "connect-src &#39;none&#39;" in page
    (True, True)
    """
    return template(CLIENT / "page.html").render(
        title=payload["title"],
        lede=payload["studies"][0]["counts"] if payload["studies"] else "",
        policy="" if live else policy(scripts(), compiles=compiles(payload)),
        css=Markup((CLIENT / "page.css").read_text(encoding="utf-8")),
        scripts=[Markup(text) for text in scripts()],
        payload=Markup(as_json(packed(payload))),
        live=live,
    )


def policy(scripts: Iterable[str], *, live: bool = False, compiles: bool = False, hashes: Iterable[str] = ()) -> str:
    """The content security policy that runs these scripts, and those of the `hashes`, and no other.

    A `live` page may ask its own server, and run the scripts that this one serves.

    `compiles` lets them make functions from text as well ('unsafe-eval'): plotly.js draws some traces by code that
    it writes for the graphics card. It lets no script in that is not named here.

    >>> policy(["1"])
    "default-src 'none'; script-src 'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='; style-src 'unsafe-inline'; \
img-src data: blob:; connect-src 'none'; base-uri 'none'; form-action 'none'"
    """
    allowed = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts]
    own = "'self'" if live else "'none'"
    allowed += [*hashes, *["'self'"] * live, *["'unsafe-eval'"] * compiles]
    return (
        f"default-src 'none'; script-src {' '.join(allowed)}; style-src 'unsafe-inline'; img-src data: blob:; "
        f"connect-src {own}; base-uri 'none'; form-action 'none'"
    )


def compiles(payload: Mapping) -> bool:
    """Whether the page has traces whose code plotly.js compiles in the browser."""
    types = {trace.get("type") for figure in payload["figures"] for trace in figure["json"].get("data", ())}
    rows = (len(study["trials"].get("number", ())) for study in payload["studies"])
    return bool(types & COMPILED) or max(rows, default=0) > EXPLORER_POINTS


def packed(payload: Mapping) -> dict:
    """The payload with its large parts, figures and columns of trials, as base64 of gzip of JSON.

    >>> small = {"studies": [{"trials": {"number": [1]}}], "figures": [{"json": {"data": []}}]}
    >>> packed(small) == small
    True
    """
    studies = [dict(study) | {"trials": _packed(study["trials"])} for study in payload["studies"]]
    figures = [dict(figure) | {"json": _packed(figure["json"])} for figure in payload["figures"]]
    return dict(payload) | {"studies": studies, "figures": figures}


def _packed(part: object) -> object:
    text = json.dumps(part, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text) < PACKED:
        return part
    # without a time: equal data are an equal page
    return {"packed": base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()}


def as_json(value: object) -> str:
    """JSON that may stand in a script element.

    >>> as_json("</script>")
    '"\\\\u003c/script\\\\u003e"'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda found: ESCAPES[found[0]], text)


def scripts() -> list[str]:
    """The scripts of a page: plotly.js, the table's, and the page's own."""
    return [_plotly(), table_library(), client()]


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


@cache
def table_library() -> str:
    """DataTables as a plain script that defines `DataTable`, made of the module that itables ships."""
    import itables

    path = Path(itables.__file__).parent / "html" / "dt_bundle.js"
    text = path.read_text(encoding="utf-8")
    exports = list(re.finditer(r"\bexport\s*\{([^}]*)\}\s*;?", text))[-1]
    name = re.search(r"([\w$]+) as default\b", exports[1])[1]
    body = f"{text[: exports.start()]}window.DataTable={name};{text[exports.end() :]}"
    # in a script element '<!--' before '<script' would hide the element's end; all stand in strings and patterns
    body = body.replace("<!--", r"\x3c!--").replace("<script", r"\x3cscript").replace("</script", r"\x3c/script")
    return f'(()=>{{"use strict";{body}\n}})();'


@cache
def client() -> str:
    """The page's own script."""
    parts = [(CLIENT / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"
