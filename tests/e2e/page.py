"""Locust's page as its server sees it: what it asks when a person starts, watches and stops a run."""

import json
import re
import socket
import urllib.error
import urllib.parse
import urllib.request

from tests.e2e.harness import LocustProcess, http_get


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Browser:
    """What Locust's page asks of its server when a person starts, watches and stops a run."""

    def __init__(self, run: LocustProcess, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.run = run
        run.await_log("Starting web interface")
        run.await_that(lambda: self.state() in ("ready", "stopped"), "the web UI", 60)

    def state(self) -> str:
        try:
            return str(json.loads(http_get(f"{self.base}/stats/requests"))["state"])
        except OSError:
            return "unreachable"

    def start(self, **form: str) -> dict[str, object]:
        host = re.search(r'"host": "(http://127[^"]+)"', http_get(f"{self.base}/"))
        fields = {"host": host.group(1) if host else "", **form}
        body = urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(f"{self.base}/swarm", data=body, timeout=10) as answer:
            answered = json.loads(answer.read())
        assert isinstance(answered, dict)
        return answered

    def status(self, path: str, host: str, body: bytes | None = None) -> int:
        """Return the HTTP status of an answer to a page under the name `host`."""
        request = urllib.request.Request(f"{self.base}{path}", body, {"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    def stop(self) -> None:
        # Answered only when the target is healed and the run judged.
        with urllib.request.urlopen(f"{self.base}/stop", data=b"", timeout=60) as answer:
            assert json.loads(answer.read())["success"] is True
