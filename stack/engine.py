"""The Docker Engine, found as Docker's own tools find it, and its failures as one sentence each.

The engine is that of DOCKER_HOST (with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH), else of the docker command line's
active context, else of the local socket. The package `docker` is imported only here and only when a function needs it:
a stack without containers works without it.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from stack.errors import StackError

CALL_S: Final = 10.0
PROJECT_LABEL: Final = "com.docker.compose.project"
SERVICE_LABEL: Final = "com.docker.compose.service"
ONE_OFF_LABEL: Final = "com.docker.compose.oneoff"
_LONGEST_REASON: Final = 300
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")


class EngineError(StackError):
    """The Docker Engine did not answer or refused; the text names the request."""


class Gone(EngineError):
    """The container or network of a request does not exist."""


def connect(timeout_s: float = CALL_S) -> Any:
    """Return a client (`docker.DockerClient`) of an engine that has just answered.

    timeout_s: seconds for each of connecting and every read, now and in later calls.
    Raises EngineError when the package is missing, the settings are wrong or no engine answers.
    """
    try:
        import docker
        import requests
        from docker.errors import DockerException
    except ImportError:
        raise EngineError("the Python package docker is not installed here: run 'make setup'") from None
    try:
        client = docker.from_env(timeout=timeout_s)
        client.ping()
    except (DockerException, requests.RequestException, OSError, ValueError) as error:
        where = _without_account(os.environ.get("DOCKER_HOST", "")) or "its default address (DOCKER_HOST is not set)"
        raise EngineError(
            f"no Docker Engine answers at {where} ({_root_cause(error)}): start Docker, or set DOCKER_HOST to an "
            "engine that runs"
        ) from None
    return client


def address(client: Any) -> str:
    """Return the engine's address without user and password."""
    return _without_account(str(client.api.base_url).replace("http+docker://localhost", "its local socket"))


def endpoint(client: Any) -> str:
    """Return the engine's exact address: the SDK's own is the same for every local socket."""
    adapter = getattr(client.api, "_custom_adapter", None)
    local = getattr(adapter, "socket_path", None) or getattr(adapter, "npipe_path", None)
    return f"unix://{local}" if local else _without_account(str(client.api.base_url))


def is_same(client: Any, known_id: str, known_endpoint: str) -> bool:
    """Whether this engine has that id, or is reached at that endpoint. Raises EngineError.

    A reinstalled engine has another id, and the containers.
    """
    return (bool(known_endpoint) and endpoint(client) == known_endpoint) or identity(client) == known_id


def identity(client: Any) -> str:
    """Return the engine's id, the same at each call and through any address. Raises EngineError.

    Podman answers `GET /info` with a new random id each time (pkg/api/handlers/compat/info.go, v4 to v6): its machine's
    name and its folder are used instead.
    """
    with translate_errors("the engine cannot be identified"):
        info = client.info()
        if not _is_podman(client):
            return str(info.get("ID", ""))
        return f"podman {info.get('Name', '')} {info.get('DockerRootDir', '')}"


def _is_podman(client: Any) -> bool:
    components = client.version().get("Components") or []
    return any("podman" in str(one.get("Name", "")).lower() for one in components)


def now(client: Any) -> float:
    """Return the clock of the engine's machine, epoch seconds; it may differ from ours. Raises EngineError."""
    with translate_errors("the engine's clock cannot be read"):
        text = str(client.info()["SystemTime"])
        # Nanoseconds, of which Python reads six digits.
        return datetime.fromisoformat(_FRACTION.sub(r"\1", text)).timestamp()


def is_local(client: Any) -> bool:
    """Whether ports that the engine publishes on 127.0.0.1 can be reached from here."""
    base = str(client.api.base_url)
    # `localnpipe`: the named pipe of Docker Desktop on Windows.
    local = base.startswith(("http+docker://localhost", "http+docker://localnpipe"))
    return local or urlsplit(base).hostname in ("localhost", "127.0.0.1", "::1")


@contextmanager
def translate_errors(doing: str) -> Iterator[None]:
    """Turn an error of the SDK in the `with` block into an EngineError: `doing`, and the engine's reason.

    Raises Gone instead when the engine reports that the thing does not exist.
    """
    import requests
    from docker.errors import DockerException, NotFound

    try:
        yield
    except NotFound as error:
        raise Gone(f"{doing}: {explain(error)}") from None
    except (DockerException, requests.RequestException, OSError, ValueError) as error:
        why = explain(error) if isinstance(error, DockerException) else _root_cause(error)
        raise EngineError(f"{doing}: {why}") from None


def explain(error: BaseException) -> str:
    """Return the reason of an SDK's exception in one line of bounded length."""
    text = getattr(error, "explanation", None) or str(error) or type(error).__name__
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST_REASON else line[:_LONGEST_REASON] + "..."


def _root_cause(error: BaseException) -> str:
    """Return why a connection failed: the SDK wraps the system's error several times."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, TimeoutError):
            return "no answer in time"
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror.lower()
        seen = seen.__cause__ or seen.__context__
    return explain(error)


def containers_of(client: Any, project: str, service: str = "") -> list[Any]:
    """Return the containers of a compose project (or one service of it), running or not, by name; no one-off ones."""
    labels = [f"{PROJECT_LABEL}={project}", *([f"{SERVICE_LABEL}={service}"] if service else [])]
    with translate_errors(f"the containers of compose project {project} cannot be listed"):
        found = client.containers.list(all=True, filters={"label": labels}, ignore_removed=True)
    usual = [one for one in found if str(one.labels.get(ONE_OFF_LABEL, "False")).lower() != "true"]
    return sorted(usual, key=lambda one: str(one.name))


def is_cut_off(container: Any) -> bool:
    """Whether a container is attached to no network although it was created with one (attributes as last loaded)."""
    mode = str(container.attrs.get("HostConfig", {}).get("NetworkMode", ""))
    made_without = mode in ("host", "none") or mode.startswith("container:")
    return not made_without and not container.attrs.get("NetworkSettings", {}).get("Networks")


def _without_account(text: str) -> str:
    parts = urlsplit(text)
    if not parts.hostname or "@" not in parts.netloc:
        return text
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
