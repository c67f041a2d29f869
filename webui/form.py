"""The form with which the page starts a run: its fields from the options, and errors that name a field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from settings.option import Option
from settings.run_settings import MAIN, OPTIONS, in_form_order

_FLAG: Final = re.compile(r"--([a-z][a-z-]*)")


_SHOWN: Final = [option for option in in_form_order() if not (option.fixed or option.secret or option.repeatable)]
IN_FORM: Final = frozenset(option.dest for option in _SHOWN)
"""Attribute names of the options that the form can set."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        kind: `choice`, `flag` or `text`.
        first: whether it is shown at once; the others are folded.
        only_with: other fields, and those of their values with which it makes sense.
    """

    name: str
    label: str
    help: str
    kind: str
    choices: tuple[str, ...]
    value: str
    default: str
    group: str
    first: bool
    only_with: dict[str, tuple[str, ...]]


def fields(values: Mapping[str, object]) -> list[Field]:
    """Return the fields of the form with their present values, those that matter most first.

    Args:
        values: attribute name -> text, as Locust's parsed options have them.
    """
    return [_field(option, values) for option in _SHOWN]


def _field(option: Option[Any], values: Mapping[str, object]) -> Field:
    unit = option.kind.unit
    value = values.get(option.dest)
    return Field(
        name=option.dest,
        label=option.name.replace("-", " ").capitalize() + (f" ({unit})" if "/" in unit else ""),
        help=in_words_of_the_form(option.full_help[:1].upper() + option.full_help[1:] + "."),
        kind="choice" if option.choices else "flag" if option.is_flag else "text",
        choices=option.choices,
        value=str(value).lower() if option.is_flag else option.default if value is None else str(value),
        default=option.default,
        group=option.group,
        first=option.dest in MAIN,
        only_with={name.replace("-", "_"): tuple(allowed) for name, allowed in option.only_with.items()},
    )


def field_of(problem: str) -> str | None:
    """Return the field that a refusal is about: the first option that it names; None if that is in no form."""
    known = {option.name: option.dest for option in OPTIONS}
    found = _FLAG.search(problem)
    return known.get(found[1]) if found else None


def in_words_of_the_form(problem: str) -> str:
    """Return a refusal with the labels of fields in the place of flags."""
    known = {option.name for option in OPTIONS}
    return _FLAG.sub(lambda m: m[1].replace("-", " ") if m[1] in known else m[0], problem)
