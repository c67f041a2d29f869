"""Client properties of Kafka in a file: one `name=value` a line, as librdkafka names them; `#` begins a comment."""

from pathlib import Path

from files.paths import reason
from redaction.properties import secret_values


class PropertiesProblem(ValueError):
    """The file cannot be used; the message is one sentence that shows none of its content."""


def read_properties(path: Path) -> dict[str, str]:
    """Return the properties in `path`.

    Raises:
        PropertiesProblem: the file cannot be read, or a line is no property (its text is not shown: maybe a secret).
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise PropertiesProblem(
            f"--kafka-config {path}: not a text file; give one with lines like name=value"
        ) from None
    except OSError as error:
        raise PropertiesProblem(f"--kafka-config {path}: {reason(error)}; name a file of client properties") from None
    found = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise PropertiesProblem(f"--kafka-config {path}: line {number}: write it as name=value")
        found[name.strip()] = value.strip()
    return found


def hold_secret(properties: dict[str, str]) -> bool:
    return bool(secret_values(properties))
