"""The judgement of a run against a shop, and what its reports hold."""

import csv
import json
import uuid
from typing import Any

from reconcile.command import main
from runlog.folder import RunFolder
from tests.reconcile.custom.shop import Shop

OTHER = uuid.UUID(int=1 << 100)


def judge(shop: Shop, folder: RunFolder) -> Any:
    infra = shop.infra
    main(
        [str(folder.path), "--quiet", "--database-url", infra.database_url, "--kafka-bootstrap", infra.kafka_bootstrap]
    )
    return json.loads(folder.report.read_text())


def rows_of(folder: RunFolder, name: str) -> list[dict[str, str]]:
    with (folder.path / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def guard(report: Any, name: str) -> Any:
    (found,) = [one for one in report["guards"] if one["name"] == name]
    return found
