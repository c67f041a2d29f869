"""Audits that are refused: wrong options, stores that cannot be reached or read, an unknown time zone."""

import uuid

import pytest

from tests.reconcile.audit.shop import Shop, orders

pytestmark = pytest.mark.real


def test_an_unknown_time_zone_is_asked_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.make(time_type="timestamp")
    shop.store(*orders(3), at="now()")
    code, _, err = shop.code("--json")
    assert code == 3
    assert "give --time-zone" in err
    monkeypatch.setattr("reconcile.witnesses.progress._EVERY_S", 0)
    code, _, err = shop.code("--time-zone", "Mars/Olympus")
    assert code == 2
    assert err.strip().count("\n") == 1  # a warning about the password, and one sentence
    assert "--time-zone Mars/Olympus" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--orders-table", "no_such_table"], "--orders-table no_such_table"),
        (["--orders-id-column", "nope"], "--orders-id-column nope"),
        (["--orders-time-column", "id"], "--orders-time-column id"),
        (["--since", "yesterday"], "--since yesterday"),
        (["--since", "2099-01-01T00:00:00Z"], "in the future"),
        (["--since", "2026-01-01T00:00:00"], "with its time zone"),
        (["--since", "99999999d"], "--since 99999999d"),
        (["--database-url", "foo"], "--database-url cannot be read"),
        (["--grace=-1s"], "--grace -1s"),
        (["--event-id", "body"], "--event-id body"),
        (["--event-filter", "kind"], "--event-filter kind"),
        (["--outbox-table", "nope"], "--outbox-table nope"),
        (["--kafka-config", "/no/such/file"], "--kafka-config"),
        (["--unknown"], "--unknown"),
        (["--expect", "luck"], "luck"),
    ],
)
def test_a_wrong_option_is_one_sentence_before_anything_is_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    monkeypatch.setattr("reconcile.witnesses.progress._EVERY_S", 0)
    shop.make()
    shop.store(*orders(1), at="now() - interval '2 minutes'")
    shop.publish(*orders(1))
    code, out, err = shop.code(*options)
    assert (code, out) == (2, "")
    sentences = [line for line in err.splitlines() if not line.startswith("warning: a password")]
    assert len(sentences) == 1
    assert words in sentences[0]


def test_an_outbox_that_may_not_be_read_is_refused_before_anything_is_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconcile.witnesses.progress._EVERY_S", 0)
    shop.make()
    shop.store(*orders(1))
    outbox, role = f"{shop.table}_outbox", f"{shop.table}_reader"
    shop.sql(f"CREATE TABLE {outbox} (aggregateid text, payload text, published_at timestamp)")
    shop.sql(f"CREATE ROLE {role}; GRANT SELECT ON {shop.table} TO {role}")
    asked = ("--outbox-table", outbox, "--database-url", f"{shop.infra.database_url}?options=-crole%3D{role}")
    code, out, err = shop.code(*asked)
    assert (code, out) == (4, "")
    assert [line for line in err.splitlines() if not line.startswith("warning: a password")] == [
        f"audit: PostgreSQL says: permission denied for table {outbox} (SQLSTATE 42501)"
    ]
    shop.sql(f"GRANT SELECT (aggregateid, published_at) ON {outbox} TO {role}")
    assert shop.audit(*asked)["counts"]["rows"] == 1


@pytest.mark.parametrize(
    "away",
    [["--database-url", "postgresql://mars:secretword@127.0.0.1:1/x"], ["--kafka-bootstrap", "127.0.0.1:1"]],
)
def test_a_store_that_cannot_be_reached(shop: Shop, away: list[str]) -> None:
    shop.make()
    code, _, err = shop.code(*away)
    assert code == 4
    assert "audit: " in err
    assert "secretword" not in err
    assert "KafkaError" not in err


def test_a_missing_topic_is_not_made(shop: Shop) -> None:
    shop.make()
    name = f"never-{uuid.uuid4()}"
    code, _, err = shop.code("--topic", name)
    assert code == 2
    assert f"--topic {name}: topic {name} does not exist" in err
    assert name not in shop.admin.list_topics(timeout=10).topics


pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    "arguments",
    [
        ["postgresql://mars:TOPSECRET@127.0.0.1/x"],
        ["--database-ur", "postgresql://mars:TOPSECRET@127.0.0.1/x"],
        ["--database-ur=host=x password=TOPSECRET"],
    ],
)
def test_a_slip_of_the_finger_shows_no_password(shop: Shop, arguments: list[str]) -> None:
    shop.make()
    code, out, err = shop.code(*arguments)
    assert code == 2
    assert "TOPSECRET" not in out + err
    assert "--help" in err
