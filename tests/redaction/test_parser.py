"""The parser of all commands: it knows the version of the harness."""

import tomllib

import pytest

from files.paths import CHECKOUT
from redaction.parser import VERSION, CarefulParser


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    assert tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"] == VERSION
    parser = CarefulParser(prog="x")
    command = parser.add_subparsers().add_parser("y")
    for one in (parser, command):
        with pytest.raises(SystemExit) as end:
            one.parse_args(["--version"])
        assert end.value.code == 0
        assert capsys.readouterr().out == f"locust-chaos-harness {VERSION}\n"
