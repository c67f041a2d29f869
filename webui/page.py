"""The page `/chaos` as HTML: one file, no network but its own routes, a strict content policy."""

import base64
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Final

import jinja2

from look.assets import digest, figure_script, style
from webui.form import Field

_FOLDER: Final = Path(__file__).parent / "templates"
_ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="{color}"/></svg>'
)
# The scripts of the page share one scope, in this order: what runs at once stands in the last.
_SCRIPTS: Final = ("dom.js", "live.js", "found.js", "runs.js", "form.js", "chaos.js")
COLORS: Final = {"idle": "#57606a", "up": "#15803d", "down": "#c4102c", "doubt": "#9a6700"}


@cache
def _assets() -> tuple[str, tuple[str, ...], dict[str, str]]:
    css = style() + (_FOLDER / "chaos.css").read_text(encoding="utf-8")
    parts = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    scripts = (figure_script(), f'(function () {{\n"use strict";\n{parts}}})();')
    icons = {name: _data(_ICON.format(color=color), "image/svg+xml") for name, color in COLORS.items()}
    return css, scripts, icons


def policy() -> str:
    """Return the content security policy of the page: its own scripts and style, its own routes, nothing else."""
    css, scripts, _ = _assets()
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {digest(css)}",
            f"script-src {' '.join(map(digest, scripts))}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def chaos_page(base: str, fields: list[Field], session: str) -> str:
    """Return the page.

    Args:
        base: path before all routes, as in `--web-base-path`; empty or without a slash at its end.
        session: a text of this process alone: what a browser keeps of the form is kept for it.
    """
    css, scripts, icons = _assets()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    start = {"base": base, "icons": icons, "session": session}
    return environment.get_template("chaos.html.j2").render(
        style=css, scripts=scripts, icons=icons, base=base, fields=[asdict(field) for field in fields],
        start=json.dumps(start).replace("<", "\\u003c"),
    )  # fmt: skip


def _data(text: str, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"
