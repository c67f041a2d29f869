"""The broker's jars are the pinned ones or nothing is usable."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from stack import kafka_jars
from stack.errors import ChecksumError

JARS = {"a-1.jar": b"first", "b-2.jar": b"second"}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    jars = tmp_path / "cache" / "jars"
    jars.mkdir(parents=True)
    for name, content in JARS.items():
        (jars / name).write_bytes(content)
    return tmp_path / "cache"


@pytest.fixture
def sums_file(tmp_path: Path) -> Path:
    path = tmp_path / "kafka.sha256"
    path.write_text("".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in JARS.items()))
    return path


def test_verified_jars_are_returned_sorted(cache: Path, sums_file: Path) -> None:
    assert [path.name for path in kafka_jars.ensure(cache, sums_file)] == ["a-1.jar", "b-2.jar"]
    assert (cache / "verified.json").exists()


def test_tampered_jar_is_named_with_both_sums(cache: Path, sums_file: Path) -> None:
    (cache / "jars" / "b-2.jar").write_bytes(b"secons")
    with pytest.raises(ChecksumError) as caught:
        kafka_jars.ensure(cache, sums_file)
    text = str(caught.value)
    assert "b-2.jar" in text
    assert hashlib.sha256(b"second").hexdigest() in text
    assert hashlib.sha256(b"secons").hexdigest() in text
    assert "make setup" in text


def test_jar_tampered_after_verification_is_found(cache: Path, sums_file: Path) -> None:
    kafka_jars.ensure(cache, sums_file)
    archive = cache / "broker-x.aot"
    archive.write_bytes(b"classes")
    (cache / "jars" / "a-1.jar").write_bytes(b"FIRST")  # same size: only the time differs
    with pytest.raises(ChecksumError, match=r"a-1\.jar"):
        kafka_jars.ensure(cache, sums_file)
    with pytest.raises(ChecksumError, match=r"a-1\.jar"):  # nor is it accepted the second time
        kafka_jars.ensure(cache, sums_file)


def test_missing_jar_is_fatal(cache: Path, sums_file: Path) -> None:
    (cache / "jars" / "a-1.jar").unlink()
    with pytest.raises(ChecksumError, match=r"a-1\.jar is missing"):
        kafka_jars.ensure(cache, sums_file)


def test_extra_jar_is_fatal_also_after_verification(cache: Path, sums_file: Path) -> None:
    kafka_jars.ensure(cache, sums_file)
    (cache / "jars" / "evil.jar").write_bytes(b"x")
    with pytest.raises(ChecksumError, match=r"evil\.jar .* is not among the 2 pinned jars"):
        kafka_jars.ensure(cache, sums_file)


def test_changed_sums_are_checked_again(cache: Path, sums_file: Path) -> None:
    kafka_jars.ensure(cache, sums_file)
    sums_file.write_text(sums_file.read_text().replace("a-1.jar", "c-3.jar"))
    with pytest.raises(ChecksumError, match=r"c-3\.jar is missing"):
        kafka_jars.ensure(cache, sums_file)


def test_a_checkout_that_shares_the_cache_leaves_its_class_archive(cache: Path, sums_file: Path) -> None:
    kafka_jars.ensure(cache, sums_file)
    (cache / "broker.aot").touch()
    os.utime(sums_file, ns=(1, 1))  # the same list, checked out at another time
    kafka_jars.ensure(cache, sums_file)
    assert (cache / "broker.aot").exists()
    sums_file.write_text("\n".join(reversed(sums_file.read_text().splitlines())) + "\n")
    kafka_jars.ensure(cache, sums_file)
    assert not (cache / "broker.aot").exists(), "classes of another list"


def test_verified_jars_are_not_hashed_again(cache: Path, sums_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kafka_jars.ensure(cache, sums_file)

    def forbidden(folder: Path, sums: dict[str, str]) -> None:
        raise AssertionError(f"hashed {folder} again")

    monkeypatch.setattr(kafka_jars, "verify", forbidden)
    assert len(kafka_jars.ensure(cache, sums_file)) == 2


def test_download_with_a_wrong_jar_leaves_nothing_usable(
    tmp_path: Path, sums_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(scratch: Path) -> list[Path]:
        paths = [scratch / name for name in JARS]
        for path in paths:
            path.write_bytes(b"something else")
        return paths

    monkeypatch.setattr(kafka_jars, "_resolve", resolve)
    empty = tmp_path / "empty"
    with pytest.raises(ChecksumError, match=r"a-1\.jar in the download has sha-256 .* expected"):
        kafka_jars.ensure(empty, sums_file)
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize("text", ["", "abc  a.jar\n", f"{'0' * 64}  ../a.jar\n", f"{'0' * 64} a.jar\n"])
def test_unreadable_sums_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kafka.sha256"
    path.write_text(text)
    with pytest.raises(ChecksumError, match=r"kafka\.sha256"):
        kafka_jars.read_sums(path)


def test_committed_sums_name_the_broker() -> None:
    sums = kafka_jars.read_sums()
    assert f"kafka_2.13-{kafka_jars.KAFKA_VERSION}.jar" in sums
    assert len(sums) == 45
