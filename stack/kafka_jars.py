"""Apache Kafka's published jars: fetched once into the checkout's cache and checked against the committed SHA-256 sums.

`kafka.sha256` beside this file names every jar of the class path. Nothing unverified is usable: the download is in a
temporary folder, which gets its final name after every sum has matched. Later calls compare sizes and modification
times with those of the verification, and hash again when one differs.
"""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from files.paths import CHECKOUT
from stack.errors import ChecksumError, FetchError
from stack.lock import locked
from stack.progress import Progress, Stopwatch, silent

KAFKA_VERSION = "4.4.0"
# slf4j-simple: Kafka's own logging backend is not among its published dependencies; 1.7.36 is the API it uses.
ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
SUMS = Path(__file__).with_name("kafka.sha256")
CACHE = CHECKOUT / ".cache" / f"kafka-{KAFKA_VERSION}"
_REMEDY = "delete that folder and run 'make setup' again"
_LOCK_WAIT_S = 300.0


def read_sums(path: Path = SUMS) -> dict[str, str]:
    """Read `sha256sum`'s format: file name -> lower-case hexadecimal SHA-256. Raises ChecksumError on anything else."""
    sums: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        digest, _, name = line.partition("  ")
        if len(digest) != hashlib.sha256().digest_size * 2 or not name or name != Path(name).name:
            raise ChecksumError(f"{path.name} line {number} is not '<sha-256>  <file name>': restore the file")
        sums[name] = digest
    if not sums:
        raise ChecksumError(f"{path.name} is empty: restore the committed file")
    return sums


def verify(folder: Path, sums: dict[str, str]) -> None:
    """Check that `folder` holds exactly the named jars with exactly these sums; raises ChecksumError otherwise."""
    present = {entry.name for entry in folder.iterdir()}
    for name in sorted(sums.keys() - present):
        raise ChecksumError(f"{name} is missing from {folder} (expected sha-256 {sums[name]}): {_REMEDY}")
    for name in sorted(present - sums.keys()):
        raise ChecksumError(f"{name} in {folder} is not among the {len(sums)} pinned jars: {_REMEDY}")
    for name, expected in sorted(sums.items()):
        with (folder / name).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != expected:
            raise ChecksumError(f"{name} in {folder} has sha-256 {found}, expected {expected}: {_REMEDY}")


def _fingerprint(folder: Path, sums_file: Path) -> dict[str, list[int]]:
    """Size and modification time (ns) of every jar, size and digest of the list of sums.

    The list's own time says nothing: checkouts that share a cache each have a copy of it.
    """
    stats = {entry.name: entry.stat() for entry in folder.iterdir()}
    marks = {name: [stat.st_size, stat.st_mtime_ns] for name, stat in sorted(stats.items())}
    content = sums_file.read_bytes()
    return {**marks, sums_file.name: [len(content), int.from_bytes(hashlib.sha256(content).digest()[:6])]}


def _is_verified(cache: Path, sums_file: Path) -> bool:
    try:
        recorded = json.loads((cache / "verified.json").read_text(encoding="utf-8"))
        return bool(recorded == _fingerprint(cache / "jars", sums_file))
    except (OSError, ValueError):
        return False


def ensure(cache: Path = CACHE, sums_file: Path = SUMS, progress: Progress = silent) -> list[Path]:
    """Return the verified jars, sorted by name; fetch them first if `cache` has none.

    Raises ChecksumError (a jar is not the pinned one) or FetchError (no network); then nothing new is usable.
    """
    sums = read_sums(sums_file)
    jars = cache / "jars"
    if not _is_verified(cache, sums_file):
        with locked(cache.parent / f"{cache.name}.lock", _LOCK_WAIT_S, "the fetch of Kafka's jars"):
            if not jars.exists():
                _fetch(cache, sums, progress)
            (cache / "verified.json").unlink(missing_ok=True)
            watch = Stopwatch(progress, "kafka jars")
            verify(jars, sums)
            _record_verified(cache, sums_file)
            watch.done("verified")
    return [jars / name for name in sorted(sums)]


def _record_verified(cache: Path, sums_file: Path) -> None:
    # A class archive fits only the jars that it was made from.
    for archive in cache.glob("*.aot"):
        archive.unlink(missing_ok=True)
    marker = cache / "verified.json"
    temporary = marker.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(_fingerprint(cache / "jars", sums_file)), encoding="utf-8")
    temporary.replace(marker)


def _fetch(cache: Path, sums: dict[str, str], progress: Progress) -> None:
    """Download and verify; only then the folder gets its name."""
    watch = Stopwatch(progress, "kafka jars", "fetching")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as scratch:
        resolved = _resolve(Path(scratch))
        jars = Path(scratch) / "jars"
        jars.mkdir()
        for path in resolved:
            shutil.copyfile(path, jars / path.name)
        try:
            verify(jars, sums)
        except ChecksumError as error:
            what = str(error).partition(f": {_REMEDY}")[0].replace(f" {jars}", " the download")
            raise ChecksumError(f"{what}: fetch again from a repository that is not altered") from None
        jars.rename(cache / "jars")
    watch.done("fetched")


def _resolve(scratch: Path) -> list[Path]:
    """Let jgo resolve and download the jars below `scratch`; returns their paths."""
    # Imported late: only the first fetch needs jgo.
    import requests
    from jgo.env import EnvironmentBuilder
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=scratch / "repository")
    builder = EnvironmentBuilder(context=context, cache_dir=scratch / "environments")
    try:
        environment = builder.from_endpoint(ENDPOINT)
    except (requests.RequestException, RuntimeError, OSError, ValueError) as error:
        access = "access to a Maven repository"
        if isinstance(error, requests.exceptions.SSLError):
            access = "a certificate that it trusts (REQUESTS_CA_BUNDLE names a file of them)"
        raise FetchError(
            f"Kafka {KAFKA_VERSION}'s jars could not be downloaded ({type(error).__name__}): "
            f"give this machine {access} and run 'make setup' again"
        ) from error
    # jgo separates jars that are Java modules from the others; the class path needs both.
    return sorted([*(environment.path / "jars").glob("*.jar"), *(environment.path / "modules").glob("*.jar")])
