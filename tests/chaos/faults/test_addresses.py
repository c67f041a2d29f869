"""One spelling for each place."""

import pytest

from chaos.faults.addresses import canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("localhost:9092", "127.0.0.1:9092"),
        ("[::1]:9092", "127.0.0.1:9092"),
        ("B:9092, a:9093", "a:9093,b:9092"),
        ("localhost:5432/shop", "127.0.0.1:5432/shop"),
        ("http://LOCALHOST:8082/base", "http://127.0.0.1:8082/base"),
        ("http://localhost/base", "http://127.0.0.1/base"),
    ],
)
def test_two_spellings_of_one_place(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("localhost:9092", "localhost:9093"),
        ("a:9092", "b:9092"),
        ("localhost:5432/shop", "localhost:5432/Shop"),
        ("http://localhost/a", "http://localhost/b"),
        ("http://localhost:8082", "https://localhost:8082"),
        ("localhost.example:9092", "localhost:9092"),
        ("/run/postgres:5432/u", "/run/other:5432/u"),
    ],
)
def test_two_places(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)
