"""Enrollment keeps a likeness in the vault and nowhere else; performers answer to their own."""

import json
import sqlite3
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlmodel import Session, SQLModel, select

from app import logs, storage, vault, vault_tokens
from app.config import settings
from app.registry import faces, service
from app.registry.errors import NoFaceFound, PerformerNameRefused, PerformerUnknown
from app.registry.models import Performer, ReferenceMedium, Replica
from app.vault import VaultOpening
from tests.registry import pictures
from tests.registry.factories import a_performer, an_organization
from tests.registry.pictures import GIRL


def medium_of(session: Session, performer: Performer) -> ReferenceMedium:
    replica = service.replicas_of(session, performer.id)[0]
    (medium,) = service.references_of(session, replica.id)
    return medium


class TestEnroll:
    def test_makes_a_performer_a_replica_and_its_reference_from_one_portrait(self, session):
        organization_id = an_organization(session)
        performer = service.enroll(
            session, organization_id=organization_id, name=" Griet  of Delft ", portrait=GIRL
        )
        assert (performer.name, performer.organization_id) == ("Griet of Delft", organization_id)
        (replica,) = service.replicas_of(session, performer.id)
        assert replica.version == 1
        medium = medium_of(session, performer)
        assert (medium.media_type, medium.width, medium.height) == ("image/jpeg", 800, 947)
        assert medium.size_bytes == GIRL.stat().st_size

    def test_the_picture_and_its_template_come_back_out_of_the_vault(self, session):
        medium = medium_of(session, a_performer(session))
        picture = vault.open_bytes(
            session, medium.vault_object_id, purpose="owner-viewing", subject_id="per"
        )
        assert picture == GIRL.read_bytes()
        token = vault_tokens.issue(session, job_id="gen_1", decision_id="dec_1")
        (template,) = service.templates_of(session, [medium.replica_id], token=token)
        expected = service.inspect_portrait(GIRL).template
        assert faces.distance(template, expected) < 1e-6
        assert ("render", "gen_1") in [
            (opening.purpose, opening.subject_id) for opening in session.exec(select(VaultOpening))
        ]

    def test_the_commitment_binds_the_file_and_tells_nothing_without_it(self, session):
        one, other = (medium_of(session, a_performer(session)) for _ in range(2))
        seen = service.inspect_portrait(GIRL)
        for medium in (one, other):
            salt = bytes.fromhex(medium.commitment_salt)
            assert medium.commitment == service.commitment(salt, seen.sha256)
        assert one.commitment != other.commitment

    def test_a_refused_portrait_leaves_nothing(self, session, tmp_path):
        organization_id = an_organization(session)
        blank = tmp_path / "blank.jpg"
        blank.write_bytes(pictures.no_face())
        with pytest.raises(NoFaceFound):
            service.enroll(session, organization_id=organization_id, name="Nobody", portrait=blank)
        assert session.exec(select(Performer)).all() == []
        assert not (settings().objects_dir / "vault").exists()

    @pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\x00b", "a\x1b[2Jb"])
    def test_a_name_nobody_can_be_called_is_refused(self, session, name):
        with pytest.raises(PerformerNameRefused):
            a_performer(session, name=name)

    @pytest.mark.parametrize("name", ["Ð", "李小龍", "أم كلثوم", "O'Neil-Ünal 3rd"])
    def test_names_of_the_world_are_kept_as_written(self, session, name):
        assert a_performer(session, name=name).name == name

    def test_the_database_itself_refuses_a_second_version_one(self, session):
        performer = a_performer(session)
        session.add(Replica(performer_id=performer.id, version=1))
        with pytest.raises(sa.exc.IntegrityError):
            session.flush()


class TestErase:
    def test_picture_and_template_are_unreadable_and_the_commitment_stays(self, session):
        performer = a_performer(session)
        medium = medium_of(session, performer)
        vault.erase_owner(session, performer.id)
        for object_id in (medium.vault_object_id, medium.template_object_id):
            with pytest.raises(vault.LikenessErased):
                vault.open_bytes(session, object_id, purpose="export", subject_id=performer.id)
        assert medium.commitment == medium_of(session, performer).commitment


class TestPause:
    def test_the_first_moment_stands_until_resumed(self, session):
        performer = a_performer(session)
        assert performer.paused_at is None
        paused_at = service.pause(session, performer).paused_at
        assert paused_at is not None
        assert service.pause(session, performer).paused_at == paused_at
        assert service.resume(session, performer).paused_at is None
        assert service.resume(session, performer).paused_at is None


class TestPerformerOf:
    def test_their_organization_and_their_agency_find_them(self, session):
        own, agency = an_organization(session), an_organization(session, "Agents")
        performer = a_performer(session, organization_id=own, agent_organization_id=agency)
        for organization_id in (own, agency):
            assert service.performer_of(session, organization_id, performer.id) is performer
            assert list(service.performers_of(session, organization_id)) == [performer]

    def test_a_stranger_cannot_tell_a_foreign_performer_from_none(self, session):
        performer = a_performer(session)
        stranger = an_organization(session, "Strangers")
        answers = []
        for performer_id in (performer.id, "per_" + "0" * 26):
            with pytest.raises(PerformerUnknown) as refusal:
                service.performer_of(session, stranger, performer_id)
            answers.append(refusal.value.detail.replace(performer_id, "ID"))
        assert answers[0] == answers[1]
        assert service.performers_of(session, stranger) == []


def dump(kind: str) -> bytes:
    """Everything the database holds, by its own client, as bytes."""
    tables = [table.name for table in SQLModel.metadata.sorted_tables]
    if kind == "sqlite":
        with sqlite3.connect(settings().data_dir / "understudy.sqlite") as connection:
            rows = [connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables]
    else:
        with psycopg.connect(settings().database_url) as connection:
            rows = [connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables]
    cells = [cell for table in rows for row in table for cell in row]
    return b"\n".join(c if isinstance(c, bytes) else str(c).encode() for c in cells)


def files(*places: Path) -> bytes:
    found = [path for place in places for path in place.rglob("*") if path.is_file()]
    return b"\n".join(path.read_bytes() for path in found)


def traces(haystack: bytes, template: tuple[float, ...]) -> list[str]:
    """Name what of the likeness a heap of bytes holds: picture, packed or written template."""
    picture = GIRL.read_bytes()
    needles = {
        "picture": [picture[at : at + 64] for at in (5_000, 100_000, 250_000)],
        "template": [service.pack_template(template)[at : at + 24] for at in (0, 200, 400)],
        "numbers": [json.dumps(number)[:10].encode() for number in template[:8]],
        "hex": [picture[5_000:5_032].hex().encode()],
    }
    return [name for name, sought in needles.items() if any(n in haystack for n in sought)]


class TestNothingInTheClear:
    def test_database_store_temp_and_log_hold_no_trace_of_the_likeness(
        self, session, database, data_dir, tmp_path, monkeypatch
    ):
        temp = tmp_path / "temp"
        temp.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(temp))
        logs.configure(tmp_path / "log")
        template = service.inspect_portrait(GIRL).template
        performer = service.enroll(
            session, organization_id=an_organization(session), name="Griet", portrait=GIRL
        )
        replica = service.replicas_of(session, performer.id)[0]
        token = vault_tokens.issue(session, job_id="gen_1", decision_id="dec_1")
        service.templates_of(session, [replica.id], token=token)
        session.commit()
        logged = (tmp_path / "log").read_bytes()
        haystack = dump(database) + files(data_dir, temp) + logged
        assert performer.id.encode() in haystack
        assert b"vault-opened" in logged
        assert traces(haystack, template) == []

    def test_the_search_finds_a_likeness_that_was_planted(
        self, session, database, data_dir, tmp_path
    ):
        """Planted faults: a store in the clear, and a template in a column."""
        template = service.inspect_portrait(GIRL).template
        performer = a_performer(session)
        medium_of(session, performer).commitment = json.dumps(template)
        session.commit()
        assert traces(dump(database), template) == ["numbers"]
        storage.put_new("planted", GIRL)
        storage.put_new("planted-template", service.pack_template(template))
        assert traces(files(data_dir, tmp_path), template)[:2] == ["picture", "template"]


class TestSpeakFor:
    def test_an_agent_may_pause_and_only_the_performer_resume(self, session: Session) -> None:
        desk, agency = (an_organization(session, kind=kind) for kind in ("performer", "agency"))
        performer = a_performer(session, organization_id=desk, agent_organization_id=agency)
        assert service.performer_of(session, agency, performer.id) is performer
        assert service.performer_of(session, desk, performer.id, themselves=True) is performer
        with pytest.raises(PerformerUnknown):
            service.performer_of(session, agency, performer.id, themselves=True)
