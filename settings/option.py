"""An option as one entry, from which come its typed value, parser, environment variable, form field and documentation.

The entry is a class attribute of a group: `Settings.rate` is the option, `settings.rate` its value, of the type that
its kind parses.

    class LoadOptions(OptionGroup, heading="the load"):
        rate = Option(number(0, 10_000, "orders/s"), "20", "orders that fall due each second", example="100")
"""

from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, Self, TypeVar, overload

from settings.errors import SettingsError, Unshown, shown_value
from settings.kinds import Kind

T = TypeVar("T")
Conditions = Mapping[str, tuple[str, ...]]


@dataclass(eq=False)
class Option(Generic[T]):
    """One option of `locust`.

    Attributes:
        kind: how its text becomes a value.
        default: its text if it is not given; empty: not set.
        help: what it does, without a full stop.
        example: a sensible other value.
        without: for people, what holds if it is not set.
        secret: the value is never shown or written.
        repeatable: may be given several times; as one text, one value a line.
        fixed: cannot change while Locust runs, so it is not in the web form.
        ours: describes our own service; the default says nothing about another one.
        only_with: other options, and those of their values with which this one makes sense.
        group: heading of its group.
        dest: name of the attribute, of the group and of Locust's parsed options.
    """

    kind: Kind[T]
    default: str
    help: str
    example: str = ""
    without: str = ""
    secret: bool = False
    repeatable: bool = False
    fixed: bool = False
    ours: bool = False
    only_with: Conditions = field(default_factory=dict)
    group: str = ""
    dest: str = ""
    _fallback: Callable[[Any], T] | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.dest = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: "OptionGroup", owner: type) -> T: ...
    def __get__(self, instance: "OptionGroup | None", owner: type) -> Self | T:
        if instance is None:
            return self
        if self._fallback is not None and not self.is_set(instance):
            return self._fallback(instance)
        value: T = vars(instance)[self.dest]
        return value

    def __set__(self, instance: "OptionGroup", value: T) -> NoReturn:
        raise AttributeError(f"{self.dest} cannot be changed")

    def fallback(self, function: Callable[[Any], T]) -> Callable[[Any], T]:
        """Decorate the method of the group that returns the value if the option is not given."""
        self._fallback = function
        return function

    def is_set(self, group: "OptionGroup") -> bool:
        """Whether `group` has a value of its own for this option, not the one of `fallback`."""
        return self.dest in vars(group)

    @property
    def name(self) -> str:
        """Long flag without dashes, also the key in `locust.conf`."""
        return self.dest.replace("_", "-")

    @property
    def flag(self) -> str:
        return f"--{self.name}"

    @property
    def env(self) -> str:
        return f"LOCUST_{self.dest.upper()}"

    @property
    def is_flag(self) -> bool:
        """Whether it is on when it is given, without a value."""
        return not self.kind.unit

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed values; empty if there are no fixed ones."""
        return self.kind.choices

    @property
    def full_help(self) -> str:
        """What it does, and what holds without it."""
        return self.help + (f"; without it: {self.without}" if self.without else "")

    def add_to(self, parser: ArgumentParser) -> None:
        """Declare this option to the parser of another command that has it too."""
        if self.is_flag:
            parser.add_argument(self.flag, action="store_true", help=self.help)
            return
        default = f" (default: {self.default})" if self.default else ""
        metavar = self.kind.unit.upper()
        parser.add_argument(self.flag, metavar=metavar, default=self.default, help=self.full_help + default)

    def makes_sense(self, name: str, value: str) -> bool:
        """Whether this option makes sense with `value` for the option `name`."""
        return value in self.only_with.get(name, (value,))

    def text(self, texts: Mapping[str, object]) -> str:
        """Return its text among `texts` (attribute name -> text), its default if there is none."""
        value = texts.get(self.dest)
        return self.default if value is None else str(value).strip()

    def parse(self, text: str) -> T:
        """Return the value that `text` means.

        Raises:
            SettingsError: it means none.
        """
        try:
            return self.kind.parse(text)
        except Unshown as error:
            raise SettingsError(f"{self.flag}{error}") from None
        except ValueError as error:
            example = f", for example {self.example}" if self.kind.by_example else ""
            raise self.wrong(text, f"{error}{example}") from None

    def wrong(self, text: str, right: str) -> SettingsError:
        """Return the refusal of `text`; a secret is not shown, a long text is cut."""
        return SettingsError(f"{self.flag} {shown_value(text, secret=self.secret)}: {right}")


class OptionGroup:
    """Options of one subject, declared as class attributes; an instance has their values.

    Args:
        texts: attribute name -> text; options that are missing take their default.

    Raises:
        SettingsError: a text is wrong.
    """

    def __init_subclass__(cls, heading: str = "", fixed: bool = False, only_with: Conditions | None = None) -> None:
        super().__init_subclass__()
        for option in _declared(cls):
            option.group, option.fixed = heading, option.fixed or fixed
            option.only_with = {**(only_with or {}), **option.only_with}

    def __init__(self, texts: Mapping[str, object]) -> None:
        for option in self.options():
            text = option.text(texts)
            if text or option._fallback is None:
                vars(self)[option.dest] = option.parse(text)

    @classmethod
    def options(cls) -> tuple[Option[Any], ...]:
        """The options of this group and of those that it extends, theirs first."""
        return tuple(option for group in reversed(cls.__mro__) for option in _declared(group))


def _declared(group: type) -> list[Option[Any]]:
    return [value for value in vars(group).values() if isinstance(value, Option)]
