"""Runs against a user's own service, judged from real stores: each kind of id, place of it, and attribution."""

import json
import uuid
from pathlib import Path

import pytest

from contract.order_id import IdKind
from reconcile.command import main
from reconcile.trace.trace_command import main as show
from runlog.folder import RunFolder
from tests.conftest import Infra
from tests.reconcile.core.run_builder import KEY
from tests.reconcile.custom.judged_shops import OTHER, guard, judge, rows_of
from tests.reconcile.custom.shop import CHECK, ELSE, LOST, PHANTOM, TWICE, ULID, UNSURE, Shop

pytestmark = pytest.mark.real

PLACES = ("", "key", "header:order", "value:order.id")
SLICED = [("tagged", "uuid"), ("tagged", "text"), ("exclusive", ""), ("acknowledged-only", "")]
ATTRIBUTIONS = ("tagged", "exclusive", "acknowledged-only")
TYPES = {
    IdKind.UUID: [("uuid", "uuid"), ("varchar(36)", "text")],
    IdKind.INTEGER: [("bigint", "uuid"), ("integer", "char(40)")],
    IdKind.TEXT: [("text", "varchar(40)"), ("varchar(80)", "uuid")],
}
# With `make test` each kind meets each place and each attribution once, with `make test-all` all three at a time.
CASES = [
    pytest.param(
        (kind, place, attribution, types[(at + bt) % 2]),
        marks=[] if (at + bt) % len(TYPES) == number else pytest.mark.exhaustive,
    )
    for number, (kind, types) in enumerate(TYPES.items())
    for at, place in enumerate(PLACES)
    for bt, attribution in enumerate(ATTRIBUTIONS)
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join((case[0].value, case[1] or "usual", case[2])))
def test_every_order_is_found_and_named_as_the_shop_names_it(
    infra: Infra, shops: list[Shop], tmp_path: Path, case: tuple[IdKind, str, str, tuple[str, str]]
) -> None:
    kind, place, attribution, types = case
    shop = Shop(infra, kind, place, attribution, types)
    shops.append(shop)
    shop.fill()
    folder = shop.write(tmp_path)
    report = judge(shop, folder)
    counts = report["counts"]
    failed = [one for one in report["guards"] if one["passed"] is False]
    loose = attribution == "exclusive"
    # Garbage in place of an event names its order by the key, or by the customer id that is the key.
    named = place in {"", "key"} or (place == "value:order.id" and attribution == "tagged")
    opaque = place == "value:order.id" and attribution != "tagged"
    doubts = {"no order disputed"} if named else {"no opaque record"} if opaque else set()
    assert {one["name"] for one in failed} == doubts, failed
    assert report["verdict"] == "inconsistent"
    wanted = {
        "lost_events": 1 if named else 0 if opaque else 2, "lost_at_least": 2 - named - opaque,
        "disputed": int(named), "suspected_lost": 2 * opaque,
        "phantom_events": 1, "lost_orders": 1, "visible_after_reject": 0, "rows": 10,
        "recovered": int(attribution == "tagged"), "unresolved": int(attribution != "tagged"),
        "unrecorded": int(loose), "redelivered": int(place == ""), "published_twice": int(place != ""), "events": 9,
    }  # fmt: skip
    if attribution == "acknowledged-only":
        wanted |= {"rows": 9, "events": 8}
    assert {name: counts[name] for name in wanted} == wanted
    assert guard(report, "violations confirmed")["reason"].startswith("all ")
    # Every list names orders as the shop does, and customers only where something carries them.
    lists = ("suspected-lost.csv",) if opaque else ("lost-events.csv", "disputed-orders.csv")
    lost = [(row["order_id"], row["customer_id"]) for name in lists for row in rows_of(folder, name)]
    customers = [str(KEY.customer_id(number)) if shop.tagged else "" for number in (LOST, ELSE)]
    assert lost == list(zip(map(shop.id_text, (LOST, ELSE)), customers, strict=True))
    assert [row["order_id"] for row in rows_of(folder, "phantom-events.csv")] == [shop.id_text(PHANTOM)]
    assert [row["order_id"] for row in rows_of(folder, "lost-orders.csv")] == [shop.id_text(PHANTOM)]
    (twice,) = rows_of(folder, "duplicate-events.csv")
    assert (twice["order_id"], bool(twice["event_id"])) == (shop.id_text(TWICE), place == "")
    assert [row["order_id"] for row in rows_of(folder, "unrecorded-orders.csv")] == [shop.id_text(UNSURE)] * loose
    lines = [json.loads(line) for line in (folder.path / "lost-events.ndjson").read_text().splitlines()]
    proven = [] if opaque else lost[: 2 - named]
    assert [(line["order_id"], str(line["row"]["Order No"])) for line in lines] == [(one, one) for one, _ in proven]
    assert shop.id_text(LOST) in (folder.path / "report.md").read_text()
    assert shop.id_text(LOST) in (folder.path / "report.html").read_text()
    # Judged again without any store: the same to the byte.
    files = {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}
    main([str(folder.path), "--quiet"])
    assert {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()} == files


def test_show_finds_orders_by_the_ids_of_the_shop(
    infra: Infra, shops: list[Shop], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in (IdKind.INTEGER, IdKind.TEXT):
        shop = Shop(infra, kind, "key", "tagged", TYPES[kind][0])
        shops.append(shop)
        shop.fill()
        folder = shop.write(tmp_path / kind.value)
        judge(shop, folder)
        for wanted in (shop.id_text(LOST), str(KEY.customer_id(LOST)), f"#{LOST}"):
            assert show([str(folder.path), wanted]) == 0
            trace = capsys.readouterr().out
            assert trace.startswith(f"order {shop.id_text(LOST)}\n")
            assert "lost event" in trace
            assert '"order_id":' in trace
        assert show([str(folder.path), shop.id_text(TWICE)]) == 0
        assert "event without an id of its own was appended" in capsys.readouterr().out
        assert show([str(folder.path), ULID.lower() if kind is IdKind.TEXT else "4707"]) == 0
        assert "phantom event" in capsys.readouterr().out
    assert show([str(folder.path), "no such order"]) == 2


def test_an_event_without_its_customer_id_is_still_that_of_its_order(
    infra: Infra, shops: list[Shop], tmp_path: Path
) -> None:
    """One with the customer id of another client is no event of the run, yet might be: its order is disputed."""
    shop = Shop(infra, IdKind.INTEGER, "value:order.id", "tagged", ("bigint", "uuid"))
    shops.append(shop)
    for number in range(4):
        shop.store(number)
    for number in range(2):
        shop.publish(number)
    shop.publish(2, value=b'{"order": {"id": 4702, "kind": "order.created"}}')
    shop.publish(3, customer=OTHER)
    report = judge(shop, shop.write(tmp_path))
    counts = report["counts"]
    assert (counts["events"], counts["lost_events"], counts["disputed"], counts["foreign_events"]) == (3, 0, 1, 1)
    attributable = guard(report, "orders attributable")
    assert attributable["passed"] is True
    assert attributable["reason"].endswith("except 1 event attributed by order id")
    (row,) = rows_of(RunFolder(tmp_path / "20261125-100000-0000"), "disputed-orders.csv")
    assert (row["order_id"], row["why"]) == ("4703", "other_tag")


def test_one_id_in_several_spellings(infra: Infra, shops: list[Shop], tmp_path: Path) -> None:
    """The table writes UUIDs in capitals and one ULID in small letters; events and answers do it the other way."""
    shop = Shop(infra, IdKind.TEXT, "key", "tagged", ("text", "uuid"))
    shops.append(shop)
    shop.ids = {number: str(uuid.uuid4()) for number in range(ELSE + 1)} | {TWICE: ULID}
    stored = {number: one.lower() if one == ULID else one.upper() for number, one in shop.ids.items()}
    for number in range(ELSE + 1):
        if number != PHANTOM:
            # One row has lost its customer id: it is found by the id of its event.
            shop.store(number, order=stored[number], customer=OTHER if number == 2 else None)
        if number not in {LOST, ELSE}:
            shop.publish(number)
    shop.store(PHANTOM, order=f"{{{uuid.uuid4()}}}", customer=OTHER)
    folder = shop.write(tmp_path)
    report = judge(shop, folder)
    counts = report["counts"]
    assert (counts["rows"], counts["lost_events"], counts["phantom_events"], counts["lost_orders"]) == (10, 2, 1, 1)
    assert guard(report, "violations confirmed")["passed"] is True
    assert [row["order_id"] for row in rows_of(folder, "lost-events.csv")] == [stored[LOST], stored[ELSE]]
    assert [row["order_id"] for row in rows_of(folder, "phantom-events.csv")] == [shop.ids[PHANTOM]]
    assert len((folder.path / "lost-events.ndjson").read_text().splitlines()) == 2


def test_what_an_outbox_of_the_shop_still_holds_is_pending(infra: Infra, shops: list[Shop], tmp_path: Path) -> None:
    for attribution in ("tagged", "exclusive"):
        shop = Shop(infra, IdKind.INTEGER, "key", attribution, ("bigint", "uuid"))
        shops.append(shop)
        shop.sql(f"CREATE TABLE {shop.schema}.outbox (aggregateid bigint, type text, published_at timestamp)")
        shop.sql(f"INSERT INTO {shop.schema}.outbox VALUES (%s, 'order.created', NULL)", shop.id_of(LOST))
        shop.sql(f"INSERT INTO {shop.schema}.outbox VALUES (%s, 'order.created', now())", shop.id_of(ELSE))
        shop.changes = {"outbox_table": f"{shop.schema}.outbox"}
        shop.fill()
        report = judge(shop, shop.write(tmp_path / attribution))
        assert (report["counts"]["pending"], report["counts"]["disputed"]) == (1, 1)
        assert guard(report, "backlog empty")["passed"] is False


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_nothing_wrong_at_all(infra: Infra, shops: list[Shop], tmp_path: Path, attribution: str) -> None:
    """The near miss of everything: every order that was acknowledged is whole, and every guard passes."""
    shop = Shop(infra, IdKind.TEXT, "value:order.id", attribution, ("text", "uuid"))
    shops.append(shop)
    shop.store(CHECK, customer=uuid.uuid4(), second=1)
    shop.publish(CHECK, customer=uuid.uuid4())
    for number in range(ELSE + 1):
        if number != UNSURE:
            shop.store(number)
            shop.publish(number)
    folder = shop.write(tmp_path)
    report = judge(shop, folder)
    assert [one for one in report["guards"] if one["passed"] is False] == []
    assert (report["verdict"], report["exit_code"], report["counts"]["rows"]) == ("consistent", 0, ELSE)
    assert main([str(folder.path), "--quiet"]) == 0


@pytest.mark.parametrize(("attribution", "tag"), SLICED)
def test_tables_that_are_read_in_many_slices(
    shops: list[Shop], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, attribution: str, tag: str
) -> None:
    monkeypatch.setattr("reconcile.witnesses.custom_rows.SLICE", 2)
    monkeypatch.setattr("reconcile.witnesses.custom_rows.PAGES", 1)
    monkeypatch.setattr("reconcile.witnesses.custom_rows.ASKED", 2)
    monkeypatch.setattr("reconcile.verify.sql_verifier.BATCH", 2)
    infra, tmp_path = request.getfixturevalue("infra"), request.getfixturevalue("tmp_path")
    shop = Shop(infra, IdKind.INTEGER, "key", attribution, ("bigint", tag))
    shops.append(shop)
    # A page is full after a few of these.
    shop.sql(f"ALTER TABLE {shop.schema}.sales ADD note text DEFAULT repeat('x', 1500)")
    shop.sql(f"ALTER TABLE {shop.schema}.sales ALTER note SET STORAGE PLAIN")
    shop.fill()
    report = judge(shop, shop.write(tmp_path))
    counts = report["counts"]
    assert (counts["lost_events"], counts["phantom_events"], counts["lost_orders"]) == (1, 1, 1)
    assert counts["rows"] == 9 + (attribution != "acknowledged-only")
    assert [one["name"] for one in report["guards"] if one["passed"] is False] == ["no order disputed"]
