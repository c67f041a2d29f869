"""A probe's recipe: no secret in it, and the same probe again in another process; else one sentence says why not."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import msgspec
import pytest

from chaos.faults.probe_recipes import Unresolved, external_recipe, external_spec, resolve, stack_recipe
from health.spec import ProbeProtocol, ProbeRecipe, ProbeSpec, sql_address
from settings.run_settings import SettingsError, make_settings
from settings.service_files import ServiceFiles, read_service_files
from tests.conftest import Infra

PASSWORD = "planted-password-1"
TOKEN = "planted-token-2"
SASL = "planted-sasl-3"
URL = f"postgresql://reader:{PASSWORD}@db.test:5433/shop"
SECRETS = (PASSWORD, TOKEN, SASL)


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def made(component: str, **options: str) -> tuple[ProbeRecipe, ProbeSpec]:
    texts = {"stack": "external", "database_url": URL, "kafka_bootstrap": "kafka.test:9093", "scenario": "control"}
    external = make_settings({**texts, **options}, "https://shop.test/base").external
    assert external is not None
    files = read_service_files(external, "tagged")
    recipe = external_recipe(component, external, files)
    return recipe, external_spec(recipe, files)


def by_journal(recipe: ProbeRecipe) -> ProbeRecipe:
    """Return the recipe as the journal gives it back, once it is certain that the journal holds no secret."""
    text = json.dumps(asdict(recipe))
    assert not [secret for secret in SECRETS if secret in text]
    return msgspec.json.decode(text, type=ProbeRecipe)


def test_the_database_by_variable_and_by_file(tmp_path: Path) -> None:
    recipe, spec = made("database")
    assert (recipe.address, recipe.describe()) == ("db.test:5433/shop", "PostgreSQL at db.test:5433/shop")
    assert resolve(by_journal(recipe), {"LOCUST_DATABASE_URL": URL}) == spec == ProbeSpec("sql", URL)
    file = private(tmp_path / "url", URL + "\n")
    recipe, spec = made("database", database_url=f"@{file}")
    assert resolve(by_journal(recipe), {}) == spec == ProbeSpec("sql", URL)
    assert resolve(by_journal(made("database")[0]), {"LOCUST_DATABASE_URL": f"@{file}"}) == spec


def test_a_variable_that_is_missing_or_leads_elsewhere_is_named(tmp_path: Path) -> None:
    recipe = by_journal(made("database")[0])
    with pytest.raises(Unresolved) as missing:
        resolve(recipe, {})
    assert str(missing.value) == (
        "PostgreSQL at db.test:5433/shop cannot be probed: the variable LOCUST_DATABASE_URL is not set; set it to its "
        "connection string"
    )
    other = f"postgresql://reader:{PASSWORD}@db.test:5433/other"
    with pytest.raises(Unresolved, match=r"LOCUST_DATABASE_URL leads to db.test:5433/other, but .* db.test:5433/shop"):
        resolve(recipe, {"LOCUST_DATABASE_URL": other})
    with pytest.raises(
        Unresolved, match=r"the variable LOCUST_DATABASE_URL: the connection string .* cannot be read"
    ) as bad:
        resolve(recipe, {"LOCUST_DATABASE_URL": f"nonsense {PASSWORD}"})
    assert PASSWORD not in str(bad.value)
    file = private(tmp_path / "url", URL)
    by_file = by_journal(made("database", database_url=f"@{file}")[0])
    file.unlink()
    with pytest.raises(Unresolved, match=f"--database-url @{file}: no such file"):
        resolve(by_file, {"LOCUST_DATABASE_URL": URL})


def test_another_spelling_of_the_same_database_is_the_same() -> None:
    recipe = made("database")[0]
    spelled = f"host=db.test port=5433 dbname=shop user=other password={PASSWORD}"
    assert resolve(recipe, {"LOCUST_DATABASE_URL": spelled}) == ProbeSpec("sql", spelled)
    assert sql_address("postgresql://u@a,b/d") == "a:5432,b:5432/d"
    assert sql_address("postgresql://u@a:1,b:2/d") == "a:1,b:2/d"
    assert sql_address("host=/run/postgres user=u") == "/run/postgres:5432/u"


def test_headers_by_variable_and_by_file(tmp_path: Path) -> None:
    text = f"X-Key: {TOKEN}\nX-Tenant: 7"
    recipe, spec = made("service", header=text, health_path="/healthz")
    assert spec.address == "https://shop.test/base/healthz"
    assert spec.headers == (("X-Key", TOKEN), ("X-Tenant", "7"))
    for variable in (text, f"[X-Key: {TOKEN}, X-Tenant: 7]", f"{text}\nX-Later: 8"):
        assert resolve(by_journal(recipe), {"LOCUST_HEADER": variable}) == spec
    file = private(tmp_path / "header", f"X-Key: {TOKEN}\n")
    recipe, spec = made("service", header=f"@{file}\nX-Tenant: 7", health_path="/healthz")
    assert resolve(by_journal(recipe), {"LOCUST_HEADER": "x-tenant: 7"}).headers == (
        ("X-Key", TOKEN),
        ("x-tenant", "7"),
    )


def test_a_header_that_is_missing_is_named() -> None:
    recipe = by_journal(made("service", header=f"X-Key: {TOKEN}\nX-Tenant: 7")[0])
    with pytest.raises(Unresolved, match=r"variable LOCUST_HEADER is not set; set it to lines .* for X-Key, X-Tenant"):
        resolve(recipe, {})
    with pytest.raises(Unresolved, match=r"requires the header X-Key, which is not in the variable LOCUST_HEADER"):
        resolve(recipe, {"LOCUST_HEADER": "X-Tenant: 7"})
    assert resolve(by_journal(made("service")[0]), {}).headers == ()


def test_kafka_properties_are_read_again_whatever_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"bootstrap.servers=kafka.test:9093\nsasl.password={SASL}\nssl.ca.location=ca.pem\n"
    private(tmp_path / "client.properties", text)
    monkeypatch.chdir(tmp_path)
    recipe, spec = made("broker", kafka_bootstrap="", kafka_config="client.properties")
    assert spec.client["ssl.ca.location"] == str(tmp_path / "ca.pem")
    monkeypatch.chdir("/")
    assert resolve(by_journal(recipe), {}) == spec
    (tmp_path / "client.properties").chmod(0o644)
    with pytest.raises(Unresolved, match="other users can read it"):
        resolve(recipe, {})
    (tmp_path / "client.properties").unlink()
    with pytest.raises(Unresolved, match=r"Kafka at kafka.test:9093 cannot be probed: --kafka-config .*no such file"):
        resolve(recipe, {})


def test_a_ca_file_that_is_gone_is_named(tmp_path: Path) -> None:
    recipe = replace(made("service")[0], ca_file=str(tmp_path / "gone.pem"))
    with pytest.raises(Unresolved, match=f"--ca-file {tmp_path}/gone.pem: no such file"):
        resolve(recipe, {})


def test_a_compose_project_has_its_own_account() -> None:
    spec = ProbeSpec("sql", "postgresql://mars:mars@127.0.0.1:15432/orders_db")
    recipe = stack_recipe(spec)
    assert "mars" not in json.dumps(asdict(recipe))
    assert resolve(recipe, {}) == spec
    assert resolve(stack_recipe(ProbeSpec("kafka", "127.0.0.1:19092")), {}).address == "127.0.0.1:19092"


def test_an_embedded_stack_that_is_down_is_named(tmp_path: Path) -> None:
    recipe = stack_recipe(ProbeSpec("kafka", "127.0.0.1:19092"), str(tmp_path))
    with pytest.raises(Unresolved, match=f"the embedded stack in {tmp_path} is down: its broker cannot be probed"):
        resolve(recipe, {})


@pytest.mark.real
def test_an_embedded_stack_says_where_its_parts_are_now(infra: Infra) -> None:
    home, state = str(infra.stack.home), infra.stack.status()
    assert state is not None
    then: dict[ProbeProtocol, str] = {
        "sql": "postgresql://mars:mars@127.0.0.1:1/orders_db",
        "kafka": "127.0.0.1:2",
    }
    now = {name: resolve(by_journal(stack_recipe(ProbeSpec(name, text), home)), {}) for name, text in then.items()}
    assert now["sql"].address == state.database_url
    assert now["kafka"].address == state.kafka_bootstrap
    service = stack_recipe(ProbeSpec("http", "http://127.0.0.1:3/actuator/health"), home)
    with pytest.raises(Unresolved, match="the service of this stack was never started"):
        resolve(service, {})


def test_a_url_that_is_none_is_refused_by_its_option() -> None:
    external = make_settings(
        {"stack": "external", "database_url": "x", "kafka_bootstrap": "y:1", "scenario": "control"}, "http://x"
    ).external
    assert external is not None
    with pytest.raises(SettingsError, match="--database-url: the connection string of PostgreSQL cannot be read"):
        external_recipe("database", external, ServiceFiles((), None, "no url", {"bootstrap.servers": "y:1"}))
