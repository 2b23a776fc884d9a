"""A scene to ask about, among as many other contracts as a large installation has."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa

from app import db
from app.ids import new_id
from app.licensing.contracts.models import Contract
from app.registry.models import Performer
from tests.scenes import a_scene, an_api_key

CONTRACTS_EACH = 10
AT_ONCE = 5_000


@dataclass(frozen=True)
class Asked:
    """Who asks, and the questions, one per scene."""

    api_keys: list[str]
    bodies: list[str]


def a_population(scenes: int = 4) -> Asked:
    """Make signed contracts to ask about."""
    keys, bodies = [], []
    with db.writing() as session:
        for _ in range(scenes):
            scene = a_scene(session, quota={"max_seconds": None})
            keys.append(an_api_key(session, scene.production.organization)["Authorization"])
            bodies.append(
                json.dumps(
                    {
                        "performers": [scene.performer.id],
                        "project": "NIGHTGLASS",
                        "purpose": "film_scene",
                        "medium": "svod",
                        "territories": ["DE"],
                        "languages": ["en"],
                        "generator": "local/puppet-1",
                        "length_s": "5",
                    }
                )
            )
    return Asked(keys, bodies)


def crowd(contracts: int) -> int:
    """Fill the database up to this many contracts, of performers nobody asks about."""
    with db.engine().connect() as connection:
        there = connection.execute(sa.select(sa.func.count()).select_from(Contract)).scalar_one()
        rows = {
            table: connection.execute(sa.select(table).limit(1)).mappings().one()
            for table in (sa.inspect(Performer).local_table, sa.inspect(Contract).local_table)
        }
        connection.rollback()
    performers, agreed = rows
    left = iter(range(contracts - there))
    while batch := list(itertools.islice(left, AT_ONCE)):
        people = [new_id("per") for _ in range(0, len(batch), CONTRACTS_EACH)]
        with db.engine().begin() as connection:
            connection.execute(
                sa.insert(performers), [{**rows[performers], "id": each} for each in people]
            )
            connection.execute(
                sa.insert(agreed), list(_copies(dict(rows[agreed]), people, len(batch)))
            )
    with db.engine().connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    return max(contracts, there)


def _copies(row: dict[str, object], people: list[str], several: int) -> Iterator[dict[str, object]]:
    for number in range(several):
        new = {"id": new_id("con"), "performer_id": people[number // CONTRACTS_EACH]}
        new["document_sha256"] = sha256(new["id"].encode()).hexdigest()
        if "series_id" in row:
            new["series_id"] = new["id"]
        yield {**row, **new}
