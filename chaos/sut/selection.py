"""The system under test that `--stack` selects; imported only then, as one needs Java and another Docker."""

from typing import Protocol

from chaos.faults.watchdog.client import Watchdog
from chaos.sut.sut import PlaceOrder, Preview, SystemUnderTest
from settings.run_settings import Settings
from stack.progress import Progress


class System(Protocol):
    """A system under test in use by this process."""

    watchdog: Watchdog

    def preview(self, settings: Settings) -> Preview:
        """Return what a run would use and break, without touching it."""

    def open(self, settings: Settings) -> str:
        """Acquire it and return the service's URL."""

    def close(self) -> None:
        """Release it; calling it again does nothing."""

    def prepare(self, settings: Settings) -> SystemUnderTest:
        """Return it as `settings` ask."""


def make_system(settings: Settings, progress: Progress, place_order: PlaceOrder) -> System:
    """Return the system that `settings` name, without touching it.

    Args:
        progress: called with each step of a stack that starts.
    """
    if settings.stack == "external":
        from chaos.sut.external import ExternalSystem

        return ExternalSystem(settings, place_order)
    if settings.stack == "compose":
        from chaos.sut.compose import ComposeSystem

        return ComposeSystem(settings, progress, place_order)
    from chaos.sut.embedded import EmbeddedSystem

    return EmbeddedSystem(progress, place_order)
