"""The compose file, the image and their settings, as far as they can be checked without an engine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stack import compose_cli
from stack.compose import ComposeStack
from stack.compose_project import PORTS, SERVICES
from stack.errors import StackError
from stack.service import behaviour
from stack.settings import ServiceSettings

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE = (CHECKOUT / "docker-compose.yml").read_text()
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[a-z,]+\])?==([^\s;#]+)")


def pins(path: str) -> dict[str, str]:
    found = (PIN.match(line) for line in (CHECKOUT / path).read_text().splitlines())
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match}


def test_the_service_image_has_the_versions_that_everything_else_is_tested_with() -> None:
    image = pins("orderservice/requirements.txt")
    tested = {**pins("constraints.txt"), **pins("requirements.txt")}
    assert len(image) > 15
    assert image == {name: tested.get(name) for name in image}


def test_everything_is_published_on_loopback_only_and_by_the_variables_that_the_harness_sets() -> None:
    published = re.findall(r'^ +- "([^"]*:[0-9]+)"$', COMPOSE, re.MULTILINE)
    expected = [
        f"127.0.0.1:${{{port.variable}:-{port.default}}}:{port.inside.removesuffix('/tcp')}" for port in PORTS.values()
    ]
    assert sorted(published) == sorted(expected)


def test_no_restart_policy_would_undo_a_fault_and_no_key_is_refused_by_one_compose() -> None:
    assert not re.search(r"^ +restart:", COMPOSE, re.MULTILINE)
    top = re.findall(r"^([a-z]+):", COMPOSE, re.MULTILINE)
    assert top == ["services", "volumes"]  # `version` is warned about by 2+, `name` refused by 1.29
    assert re.findall(r"^  ([a-z]+):$", COMPOSE, re.MULTILINE) == list(SERVICES.values())


def test_every_image_is_pinned_and_every_stop_has_time() -> None:
    # Our own is built here, from the base image of the line below it.
    images = re.findall(r"(?:image|PYTHON_IMAGE): \$\{[A-Z_]+:-([^}]+)\}", COMPOSE)
    assert images == ["redpandadata/redpanda:v24.3.1", "postgres:18", "locust-chaos-orderservice", "python:3.13-slim"]
    assert COMPOSE.count("stop_grace_period: 30s") == len(SERVICES)
    assert "redpanda.write_caching_default=false" in COMPOSE


def test_every_setting_of_the_service_has_its_variable_and_default() -> None:
    given = dict(re.findall(r"^      (ORDERSERVICE_[A-Z_]+): \$\{\1:-([^}]*)\}$", COMPOSE, re.MULTILINE))
    assert given == behaviour(ServiceSettings())


@pytest.mark.parametrize(
    ("folder", "name"),
    [("My Shop", "myshop"), ("_chaos-1", "chaos-1"), ("Käse", "kse"), ("...", "default")],
)
def test_the_project_is_named_as_compose_names_it(
    folder: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    assert compose_cli.default_project(tmp_path / folder / "docker-compose.yml") == name
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "other")
    assert compose_cli.default_project(tmp_path / folder / "docker-compose.yml") == "other"


@pytest.mark.process
def test_without_compose_one_sentence_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError) as missing:
        ComposeStack(project="none").up()
    assert str(missing.value).startswith("neither 'docker compose' nor 'docker-compose' can be run here: install")
    # A docker without its compose plugin is as good as none.
    fake = tmp_path / "docker"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(StackError, match="neither"):
        compose_cli.find()
    fake.write_text("#!/bin/sh\nexit 0\n")
    assert compose_cli.find() == ("docker", "compose")


@pytest.mark.process
def test_a_stack_without_containers_needs_no_docker_package() -> None:
    code = (
        "import sys; sys.modules['docker'] = None\n"
        "import locustfile, chaos.sut.compose, chaos.faults.targets.container, stack.compose\n"
        "from chaos.faults.targets import TargetError, TargetSpec\n"
        "from chaos.faults.targets.container import open_container_target as open_it\n"
        "try: open_it(TargetSpec('container', 'broker', {'name': 'any'}))\n"
        "except TargetError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == "the Python package docker is not installed here: run 'make setup'"


def test_a_compose_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"there is no compose file .*/none.yml"):
        ComposeStack(tmp_path / "none.yml", "none").up()


@pytest.mark.process
def test_a_command_that_fails_or_hangs_is_ended_and_quoted(tmp_path: Path) -> None:
    fake = tmp_path / "compose"
    fake.write_text('#!/bin/sh\necho "asked: $*"\necho no such image >&2\n[ "$5" = up ] && exec sleep 60\nexit 3\n')
    fake.chmod(0o755)
    command = compose_cli.ComposeCommand((str(fake),), tmp_path / "docker-compose.yml", "shop")
    with pytest.raises(StackError, match=r"the build failed \(exit code 3\); Compose's last lines:\n") as failed:
        command.run("build", env={}, timeout_s=20, doing="the build")
    assert f"asked: -p shop -f {tmp_path / 'docker-compose.yml'} build" in str(failed.value)
    with pytest.raises(StackError, match=r"start took longer than 0.5 s; Compose's last lines:\n.*\n +no such image"):
        command.run("up", env={}, timeout_s=0.5, doing="the start")
