"""Options of a service of the user's own: each wrong one, and each that does not go with another, gets its sentence."""

from pathlib import Path

import pytest

from contract.contract import Contract
from contract.order_id import IdKind
from settings.external import ExternalSettings
from settings.kafka_properties import PropertiesProblem, hold_secret, read_properties
from settings.option import Option
from settings.run_settings import Settings, SettingsError, make_settings, names_secret
from settings.service_files import read_service_files

SECRET = "planted-4711"
LEAST = {
    "stack": "external",
    "database_url": f"postgresql://shop:{SECRET}@db.test/shop",
    "kafka_bootstrap": "kafka.test:9092",
    "break_command": "systemctl stop kafka",
    "heal_command": "systemctl start kafka",
}
HOST = "https://shop.test/base/"


def external(host: str | None = HOST, **texts: str) -> Settings:
    return make_settings({**LEAST, **texts}, host)


def refusal(host: str | None = HOST, **texts: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings = external(host, **texts)
        assert settings.external is not None
        read_service_files(settings.external, settings.attribution)
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


def test_the_least_that_is_needed() -> None:
    made = external().external
    assert made is not None
    assert (made.base_url, made.order_path, made.health_path) == (
        "https://shop.test/base",
        "/orders",
        "/actuator/health",
    )
    assert (made.id_kind, made.contract.is_default) == (IdKind.UUID, True)
    assert made.contract == Contract()
    assert SECRET not in repr(external())


def test_other_stacks_have_none() -> None:
    assert make_settings({}).external is None


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"order_path": "orders"}, "--order-path orders: it must begin with a slash"),
        ({"order_path": "/a b"}, "--order-path /a b:"),
        ({"health_path": f"/health?token={SECRET}"}, "--health-path: it seems to contain a secret"),
        ({"health_path": "none", "fault_target": "service"}, "--health-path none: --fault-target service needs a path"),
        ({"order_id": "orderId"}, "--order-id orderId: give value:PATH, header:NAME or header:NAME/"),
        ({"order_id": "value:a..b"}, "--order-id value:a..b"),
        ({"id_kind": "serial"}, "--id-kind serial: choose uuid, integer or text"),
        ({"event_id": "body"}, "--event-id body: give key, header:NAME or value:PATH"),
        ({"event_filter": "kind"}, "--event-filter kind:"),
        ({"event_tag": "somewhere"}, "--event-tag somewhere: give none, key, header:NAME or value:PATH"),
        ({"orders_table": "a.b.c"}, "--orders-table a.b.c: give TABLE or SCHEMA.TABLE"),
        ({"orders_id_column": " "}, "--orders-id-column is missing"),
        ({"database_url": ""}, "--database-url is missing"),
        ({"kafka_bootstrap": ""}, "--kafka-bootstrap is missing"),
        ({"backlog_url": f"http://x/?token={SECRET}"}, "--backlog-url: it seems to contain a secret"),
        ({"order_body": f'{{"password": "{SECRET}"}}'}, "--order-body: it seems to contain a secret"),
        ({"backlog_url": "ftp://x"}, "--backlog-url ftp://x: give a URL like"),
        ({"backlog_url": f"http://u:{SECRET}@x/"}, "--backlog-url: it must contain no user"),
        ({"command_shell": "maybe"}, "--command-shell maybe: choose yes or no"),
        ({"break_command": ""}, "--heal-command: it needs --break-command as well; give both or neither"),
        ({"heal_command": ""}, "--break-command: it needs --heal-command as well; give both or neither"),
        ({"break_command": "", "heal_command": ""}, "no fault is injected without an explicit target"),
        ({"target_container": "shop/kafka"}, "--target-container shop/kafka: give either that or"),
        (
            {"break_command": "", "heal_command": "", "target_container": "x", "command_check": "true"},
            "--command-check true: it checks only the effect of --break-command; leave it out",
        ),
        ({"break_command": "stop 'it"}, "--break-command stop 'it: no closing quotation"),
        ({"break_command": f"curl http://u:{SECRET}@x/stop"}, "--break-command: it seems to contain a secret"),
        (
            {"heal_command": f"curl -H 'Authorization: Bearer {SECRET}' x"},
            "--heal-command: it seems to contain a secret",
        ),
        ({"command_check": f"check --token={SECRET}"}, "--command-check: it seems to contain a secret"),
        ({"break_command": f"psql 'password={SECRET}'"}, "--break-command: it seems to contain a secret"),
        *(
            ({"break_command": command}, "--break-command: it seems to contain a secret")
            for command in (
                f"kubectl --token {SECRET} scale x",
                f"mysqladmin --password '{SECRET}' shutdown",
                f"AWS_SECRET_ACCESS_KEY={SECRET} aws stop",
                f"tool --db-password {SECRET}",
                f"curl -s -u admin:{SECRET} https://x/stop",
                f"sshpass -p {SECRET} ssh x stop",
            )
        ),
        ({"orders_tag_column": "none"}, "--orders-tag-column none: --attribution tagged needs the customer id"),
        ({"event_tag": "none"}, "--event-tag none: --attribution tagged needs the customer id"),
        ({"scenario": "phantom-event", "order_path": "/sales"}, "--scenario phantom-event: only a service with"),
        ({"service_variant": "outbox"}, "--service-variant outbox: it makes no sense with --stack external"),
        ({"kafka_port": "9092"}, "--kafka-port 9092: it makes no sense with --stack external"),
        ({"header": "X-Key"}, "--header (hidden): write a header as"),
        ({"header": f"X Key: {SECRET}"}, "--header (hidden): write a header as"),
        ({"header": f"X-Key: {SECRET}\x00"}, "--header (hidden)"),
        ({"header": "Host: a"}, "--header Host: the harness sets this header"),
        ({"header": "@/no/such/file"}, "--header @/no/such/file: no such file"),
        ({"ca_file": "/no/such/file"}, "--ca-file /no/such/file: no such file"),
        ({"order_body": "no-such-file.json"}, "--order-body no-such-file.json: no such file"),
        ({"order_body": '{"a": ${amount}}'}, "${amount} is no placeholder; use ${customer_id}"),
        ({"order_body": '{"a": "$", "b": "${customer_id}"}'}, "write a plain $ as $$"),
        ({"order_body": '{"a": ${customer_id}}'}, "with its placeholders filled in it is no JSON"),
        ({"order_body": '{"a": 1}'}, "it needs ${customer_id} for --attribution tagged"),
    ],
)
def test_a_wrong_option_names_itself_and_the_remedy(texts: dict[str, str], words: str) -> None:
    assert words in refusal(**texts)


@pytest.mark.parametrize(
    "host", [None, "", "shop.test", "ftp://shop.test", "http://", "http://a b", "http://[::1", "http://x?y"]
)
def test_a_host_that_is_no_url(host: str | None) -> None:
    assert "--host" in refusal(host)


def test_a_host_with_a_password() -> None:
    assert refusal(f"http://me:{SECRET}@shop.test") == (
        "--host: it must contain no user and no password; put credentials into --header"
    )


@pytest.mark.parametrize("option", ExternalSettings.options(), ids=lambda option: option.name)
def test_each_of_these_options_is_refused_with_another_stack(option: Option[object]) -> None:
    other = next((choice for choice in option.choices if choice != option.default), "/x")
    with pytest.raises(SettingsError, match=f"{option.flag} .*: it makes no sense with --stack embedded"):
        make_settings({option.dest: other})


def test_what_may_go_together() -> None:
    assert external(health_path="none", fault_target="database").external
    assert external(health_path="none", fault_target="service", scenario="control").external
    assert external(health_path="/health?deep=1", fault_target="service").external
    assert external(orders_tag_column="none", event_tag="none", attribution="acknowledged-only").external
    assert external(orders_tag_column="none", attribution="exclusive").external
    assert external(scenario="control", break_command="", heal_command="").external
    assert external(scenario="phantom-event", break_command="", heal_command="").external
    assert external(break_command="", heal_command="", target_container="shop/kafka").external
    # What a shell fills in is no secret.
    for command in ('curl -H "Authorization: Bearer $TOKEN" x', "stop --token=${TOKEN}", "psql password=$PGPASSWORD"):
        assert external(break_command=command).external
    for command in (
        "systemctl stop token-service",
        "kubectl delete secret broker-way",
        "docker exec -u 0:0 broker stop",
        "tool --token $TOKEN stop",
        "tool --token-file /run/token stop",
        "tool --password @/run/password stop",
        "SECRET_FILE=/run/secret ./stop.sh",
        "curl -u admin:$WORD https://x/stop",
    ):
        assert external(break_command=command, command_shell="yes").external


def test_files(tmp_path: Path) -> None:
    url, body, headers = tmp_path / "url", tmp_path / "body.json", tmp_path / "headers"
    url.write_text(f"postgresql://shop:{SECRET}@db.test/shop\n")
    headers.write_text("X-One: 1\n\nX-Two: a, b: c\n")
    body.write_text('{"who": "${customer_id}", "n": ${seq}, "cost": "$$ ${unit_price}"}')
    for path in (url, headers):
        path.chmod(0o600)
    settings = external(database_url=f"@{url}", order_body=str(body), header=f"Accept: */*\n@{headers}")
    assert settings.external is not None
    files = read_service_files(settings.external, settings.attribution)
    assert files.database_url == f"postgresql://shop:{SECRET}@db.test/shop"
    assert files.headers == (("Accept", "*/*"), ("X-One", "1"), ("X-Two", "a, b: c"))
    assert files.body == body.read_text()
    assert files.kafka == {"bootstrap.servers": "kafka.test:9092"}
    assert SECRET not in repr(files)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_text(f"sasl.password={SECRET}\n")
    path.chmod(mode)
    for texts in ({"database_url": f"@{path}"}, {"header": f"@{path}"}, {"kafka_config": str(path)}):
        assert f"it holds a secret, and other users can read it; run chmod 600 {path}" in refusal(**texts)


def test_client_properties(tmp_path: Path) -> None:
    path = tmp_path / "client.properties"
    path.write_text("# TLS\nsecurity.protocol = SSL\nbootstrap.servers=a:1\n\nssl.ca.location=x=y\n")
    assert read_properties(path) == {"security.protocol": "SSL", "bootstrap.servers": "a:1", "ssl.ca.location": "x=y"}
    assert not hold_secret(read_properties(path))
    # Nothing secret in it: others may read it. What the option says goes before.
    settings = external(kafka_config=str(path), kafka_bootstrap="b:2")
    assert settings.external is not None
    assert read_service_files(settings.external, "tagged").kafka["bootstrap.servers"] == "b:2"
    path.write_text(f"sasl.password={SECRET}\njust words {SECRET}\n")
    with pytest.raises(PropertiesProblem, match="line 2: write it as name=value") as caught:
        read_properties(path)
    assert SECRET not in str(caught.value)
    path.write_text("security.protocol=SSL\n")
    assert "has no bootstrap.servers" in refusal(kafka_config=str(path), kafka_bootstrap="")


def test_beginnings_of_secret_flags_are_known() -> None:
    assert all(names_secret(flag) for flag in ("--header", "--database-url", "--database-u", "--head"))
    assert not any(names_secret(flag) for flag in ("--rate", "--headless", "--", "--d", "x", "--database-urls"))
