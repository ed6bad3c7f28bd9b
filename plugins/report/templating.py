"""Pages from templates: Jinja2 with escaping on, in the folder ``templates`` beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from plugins.report.signs import SIGNS, word_of
from plugins.report.terminal import printable

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).with_name("templates")


def render(name: str, **values: object) -> Markup:
    """The template ``name`` with these values; what is no ``Markup`` is escaped, its control characters shown.

    Raises ``jinja2.TemplateError``: no such template, or one that asks for a value that nobody gave.
    """
    return Markup(_environment().get_template(name).render(values))  # noqa: S704 - the templates escape


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only who renders pays for it

    from plugins.report.compiled import Compiled  # noqa: PLC0415 - the same

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        bytecode_cache=Compiled(_FOLDER / "__pycache__"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(word=word_of, sign=SIGNS.__getitem__)
    return environment


def _visible(value: object) -> object:
    """What stands in a page instead of a value; ``str`` raises for one that nobody gave."""
    return value if isinstance(value, Markup) else printable(str(value))
