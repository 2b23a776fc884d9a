"""A line that names somebody else is refused; one in somebody's manner is looked at first."""

import pytest
from sqlmodel import Session, select

from app import db
from app.gateway import pipeline
from app.gateway.errors import LineRefused
from app.gateway.models import Generation
from app.gateway.models_previews import Preview
from app.identity.models import ApiKey
from app.identity.principal import Principal
from app.ledger.models import Hold
from app.licensing.decisions.models import Decision
from app.registry import naming
from app.registry import service as registry
from app.registry.errors import PerformerNameRefused
from app.registry.models import ERASED_NAME
from tests import scenes

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
CONTENT = {
    "prohibited": ["smoking"],
    "approval": [],
    "blocked_brand_categories": [],
    "preview_waived": True,
}


@pytest.fixture
def scene(session: Session) -> scenes.Scene:
    return scenes.a_scene(session, quota={"max_seconds": 1000}, content=CONTENT)


def _named(session: Session, name: str) -> None:
    """Have somebody else registered under a name."""
    other = scenes.a_scene(session, signed=False).performer
    other.name = name
    other.seal = registry.seal_of(session, other)
    session.flush()


class TestLine:
    def test_that_names_somebody_else_is_refused_with_the_phrase(self, session, scene) -> None:
        _named(session, "Anna Schmidt")
        with pytest.raises(LineRefused, match="ANNA SCHM\u0406DT") as refused:
            scene.ask(session, line="Tell ANNA SCHM\u0406DT that I wait.")
        assert refused.value.extra == {"phrases": ["ANNA SCHM\u0406DT"]}
        session.rollback()
        assert session.exec(select(Hold)).all() == []

    def test_may_name_whom_it_licenses_and_whoever_is_registered_no_more(
        self, session, scene
    ) -> None:
        _named(session, ERASED_NAME)
        for line in ("I am the girl, The Girl.", f"An {ERASED_NAME}."):
            _, generation = scene.ask(session, line=line)
            assert generation is not None

    def test_that_says_another_name_of_somebody_is_refused_and_theirs_may_be_said(
        self, session, scene
    ) -> None:
        other = scenes.a_scene(session, signed=False)
        scenes.an_api_key(session, other.desk.organization)
        key_id = session.exec(select(ApiKey.id)).first()
        by = Principal(other.desk.organization.id, "performer", str(key_id))
        naming.name_otherwise(session, other.performer, ["La Divina", "Maria  Kalogera"], by=by)
        lines = {"I sing like LA D1VINA.": "LA D1VINA", "Ask Maria Kalogerra.": "Maria"}
        for line, said in lines.items():
            with pytest.raises(LineRefused, match=said):
                scene.ask(session, line=line)
        naming.name_otherwise(session, other.performer, ["Maria Kalogera"], by=by)
        naming.name_otherwise(session, scene.performer, ["La Divina"], by=by)
        assert scene.ask(session, line="I am La Divina.")[1] is not None
        naming.forget_names(session, other.performer.id)
        assert scene.ask(session, line="Ask Maria Kalogera.")[1] is not None
        with pytest.raises(PerformerNameRefused):
            naming.name_otherwise(session, scene.performer, [""], by=by)

    def test_of_a_stranger_learns_nothing_of_who_is_registered(self, session, scene) -> None:
        _named(session, "Anna Schmidt")
        stranger = scenes.a_scene(session)
        asked = scenes.replace(scene, production=stranger.production)
        decision, generation = asked.ask(session, line="Tell Anna Schmidt that I wait.")
        assert (generation, decision.outcome) == (None, "deny")

    def test_that_speaks_of_prohibited_content_is_denied_as_if_it_were_declared(
        self, session, scene
    ) -> None:
        decision, generation = scene.ask(session, line="Put that cigarette down.")
        assert generation is None
        assert "CONTENT_PROHIBITED" in decision.codes
        _, generation = scene.ask(session, line="Put that gun down.")  # nobody prohibited it
        assert generation is not None


def test_a_manner_is_looked_at_first_even_where_the_contract_waives_the_look(database) -> None:
    with db.writing() as session:
        scene = scenes.a_scene(session, quota={"max_seconds": 1000}, content=CONTENT)
        made = {}
        for line in ("I hold the light.", "I sing in the style of Vermeer."):
            _, generation = scene.ask(session, line=line)
            assert generation is not None
            generation.state, generation.output_sha256 = "signed", "0" * 64
            made[line] = generation.id
    plain, imitating = made.values()
    assert pipeline.preview(plain) is True
    assert pipeline.preview(imitating) is False
    with db.reading() as session:
        assert session.get_one(Generation, imitating).state == "awaiting-preview"
        (preview,) = session.exec(select(Preview)).all()
        assert preview.generation_id == imitating
        permitted = session.exec(select(Decision.outcome)).all()
    assert set(permitted) == {"permit"}


@pytest.mark.parametrize("planted", [False, True])
def test_an_unseen_manner_is_not_released(database, planted, monkeypatch) -> None:
    """Planted fault: a release that asks the contract alone would let it go."""
    with db.writing() as session:
        scene = scenes.a_scene(session, quota={"max_seconds": 1000}, content=CONTENT)
        _, generation = scene.ask(session, line="I sing in the style of Vermeer.")
        assert generation is not None
        generation.state, generation.output_sha256 = "signed", "0" * 64
    if planted:
        monkeypatch.setattr(pipeline.previews, "wanted", lambda *_: False)
    pipeline.release(generation.id)
    with db.reading() as session:
        state = session.get_one(Generation, generation.id).state
    assert state == ("released" if planted else "refused")
