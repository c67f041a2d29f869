"""Probe recipes: made from a run's options, and turned back into what a probe needs by any later process.

A recipe is kept in the journal (`health.spec.ProbeRecipe`). The watchdog has the spec in memory; `python -m chaos
restore` and the next start have not. They resolve the recipe here, so that a healed target is proven in the way in
which the fault was proven.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from files.paths import expanded
from health.spec import ProbeRecipe, ProbeSpec, SecretSource, sql_address
from settings.errors import SettingsError
from settings.external import ExternalSettings
from settings.option import Option
from settings.service_files import ServiceFiles, check_ca, read_headers, read_kafka_client, read_secret
from stack.errors import StackError
from stack.state_file import account_url

COMPONENTS: Final = {"kafka": "broker", "sql": "database", "http": "service"}
"""The component of a stack of ours that speaks each protocol."""


class Unresolved(Exception):
    """A recipe cannot be turned back into a probe; the message is one sentence with what is missing."""


def resolve(recipe: ProbeRecipe, environment: Mapping[str, str] | None = None) -> ProbeSpec:
    """Return the probe of the target of `recipe`, its secrets read again.

    Args:
        environment: its variables; None: those of this process.

    Raises:
        Unresolved: a variable or file is missing or leads elsewhere, or the embedded stack does not know the target.
    """
    variables = os.environ if environment is None else environment
    address = _embedded_address(recipe) if recipe.stack_home else recipe.address
    try:
        check_ca(recipe.ca_file)
        if recipe.protocol == "kafka":
            client = read_kafka_client(recipe.kafka_config, address, Path(recipe.folder))
            return ProbeSpec("kafka", address, client, recipe.way)
        if recipe.protocol == "sql":
            return ProbeSpec("sql", _database_url(recipe, address, variables), way=recipe.way)
        headers = _headers(recipe, variables)
    except SettingsError as error:
        raise Unresolved(f"{recipe.describe()} cannot be probed: {error}") from None
    return ProbeSpec("http", address, way=recipe.way, headers=headers, ca_file=recipe.ca_file)


def external_recipe(component: str, external: ExternalSettings, files: ServiceFiles) -> ProbeRecipe:
    """Return the recipe of a component of the user's own system.

    Args:
        component: `broker`, `database` or `service`.

    Raises:
        SettingsError: the database URL is no connection string; the message does not repeat it.
    """
    if component == "database":
        source = _source(external.database_url, ExternalSettings.database_url)
        try:
            return ProbeRecipe("sql", sql_address(files.database_url), credentials=source)
        except ValueError as error:
            raise SettingsError(f"--database-url: {error}") from None
    if component == "broker":
        config = _absolute(external.kafka_config)
        return ProbeRecipe("kafka", files.kafka["bootstrap.servers"], kafka_config=config, folder=str(Path.cwd()))
    sources = [_source(line.strip(), ExternalSettings.header) for line in external.header.splitlines() if line.strip()]
    return ProbeRecipe(
        "http",
        external.base_url + (external.health_path or ""),
        header_names=tuple(name for name, _ in files.headers),
        header_sources=tuple(dict.fromkeys(sources)),
        ca_file=_absolute(external.ca_file),
    )


def external_spec(recipe: ProbeRecipe, files: ServiceFiles) -> ProbeSpec:
    """Return the probe itself, while the secrets of `external_recipe` are known."""
    if recipe.protocol == "sql":
        return ProbeSpec("sql", files.database_url)
    if recipe.protocol == "kafka":
        return ProbeSpec("kafka", recipe.address, files.kafka)
    return ProbeSpec("http", recipe.address, headers=files.headers, ca_file=recipe.ca_file)


def stack_recipe(spec: ProbeSpec, home: str = "") -> ProbeRecipe:
    """Return the recipe of a component of one of our own stacks.

    Args:
        home: folder of the embedded stack; empty for a compose project.
    """
    recipe = ProbeRecipe(spec.protocol, spec.address, spec.way, stack_home=home)
    if spec.protocol != "sql":
        return recipe
    return replace(recipe, address=sql_address(spec.address), credentials=SecretSource("stack"))


def _source(text: str, option: Option[str]) -> SecretSource:
    """Return where a secret option is read again; one from the command line is then expected in its variable."""
    if text.startswith("@"):
        return SecretSource("file", _absolute(text[1:]))
    return SecretSource("variable", option.env)


def _absolute(text: str) -> str:
    return str(expanded(text).absolute()) if text else ""


def _embedded_address(recipe: ProbeRecipe) -> str:
    from stack.embedded import EmbeddedStack  # late: a system of the user's own needs nothing of it

    component = COMPONENTS[recipe.protocol]
    try:
        state = EmbeddedStack(Path(recipe.stack_home)).status()
        if state is None:
            raise Unresolved(f"the embedded stack in {recipe.stack_home} is down: its {component} cannot be probed")
        place = state.proxied_address(component)
    except StackError as error:
        raise Unresolved(str(error)) from None
    if recipe.protocol == "http":
        return f"http://{place}/{recipe.address.partition('://')[2].partition('/')[2]}"
    return place + recipe.address[recipe.address.index("/") :] if recipe.protocol == "sql" else place


def _database_url(recipe: ProbeRecipe, address: str, variables: Mapping[str, str]) -> str:
    source = recipe.credentials
    if source is None:
        raise Unresolved(f"{recipe.describe()} cannot be probed: the journal does not say where its URL is")
    if source.kind == "stack":
        place, _, database = address.partition("/")
        return account_url(place, database)
    text = _text(source, recipe, ExternalSettings.database_url, "its connection string", variables)
    try:
        found = sql_address(text)
    except ValueError as error:
        raise Unresolved(f"{_named(source)}: {error}") from None
    if found != address:
        raise Unresolved(f"{_named(source)} leads to {found}, but the fault was done to {address}; set it to that one")
    return text


def _headers(recipe: ProbeRecipe, variables: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    wanted = {name.lower() for name in recipe.header_names}
    found: list[tuple[str, str]] = []
    for source in recipe.header_sources:
        what = f"lines 'Name: value' for {', '.join(recipe.header_names)}"
        lines = _text(source, recipe, ExternalSettings.header, what, variables)
        found += [(name, value) for name, value in read_headers(lines) if name.lower() in wanted]
    missing = [name for name in recipe.header_names if name.lower() not in {known.lower() for known, _ in found}]
    if missing:
        places = " and ".join(_named(source) for source in recipe.header_sources)
        raise Unresolved(f"{recipe.describe()} requires the header {', '.join(missing)}, which is not in {places}")
    return tuple(dict.fromkeys(found))


def _text(
    source: SecretSource, recipe: ProbeRecipe, option: Option[str], what: str, variables: Mapping[str, str]
) -> str:
    if source.kind == "file":
        return read_secret(option, f"@{source.name}")
    text = variables.get(source.name, "")
    if not text:
        raise Unresolved(
            f"{recipe.describe()} cannot be probed: the variable {source.name} is not set; set it to {what}"
        )
    if not option.repeatable:
        return read_secret(option, text)
    if text.startswith("[") and text.endswith("]"):
        text = "\n".join(each.strip() for each in text[1:-1].split(","))  # as Locust reads a list in a variable
    return text


def _named(source: SecretSource) -> str:
    return f"the variable {source.name}" if source.kind == "variable" else f"the file {source.name}"
