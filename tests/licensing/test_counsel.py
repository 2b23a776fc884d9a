"""Counsel's links: what they open, for whom, for how long, and what they take."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from app import clock
from app.identity.errors import IdempotencyKeyReused
from app.licensing.contracts import counsel, service
from app.licensing.contracts.life import Act
from app.licensing.contracts.models_counsel import CounselComment, CounselLink
from app.licensing.errors import (
    CounselLimitReached,
    CounselLinkNotFound,
    CounselLinkRefused,
    NegotiationOver,
    PointerUnknown,
)
from tests import scenes
from tests.licensing.negotiating import a_represented_scene, wording
from tests.scenes import Scene


def _link(session: Session, scene: Scene, *, shared: bool = False) -> CounselLink:
    desk = scene.desk.organization.id
    return counsel.make_link(session, scene.contract, desk, counsel="M. Okafor", shared=shared)


def _say(
    session: Session,
    link: CounselLink,
    text: str = "Leave out Japan.",
    *,
    pointer: str = "/grant/territories",
    round_: int = 1,
    key: str = "k",
) -> CounselComment:
    return counsel.comment(
        session,
        link,
        round_=round_,
        pointer=pointer,
        text=text,
        idempotency_key=key,
        request_sha256=text,
    )


class TestLink:
    def test_is_opened_by_its_secret_alone_of_which_only_the_hash_is_stored(
        self, session: Session
    ) -> None:
        link = _link(session, a_represented_scene(session))
        secret = counsel.secret_of(link.id)
        assert counsel.open_link(session, secret) is link
        stored = str(session.execute(sa.select(sa.inspect(CounselLink).local_table)).one())
        assert secret not in stored
        assert secret.removeprefix("ustc_") not in stored
        for wrong in (secret[:-1], secret.upper(), link.id, "", "\x00", "\ud800"):
            with pytest.raises(CounselLinkNotFound):
                counsel.open_link(session, wrong)

    def test_opens_nothing_once_expired_or_revoked(self, session: Session) -> None:
        scene = a_represented_scene(session)
        revoked, expired = _link(session, scene), _link(session, scene)
        counsel.revoke_link(session, revoked)
        expired.expires_at = clock.now() - timedelta(seconds=1)
        session.flush()
        for link in (revoked, expired):
            with pytest.raises(CounselLinkNotFound):
                counsel.open_link(session, counsel.secret_of(link.id))

    def test_is_made_for_what_is_negotiated_and_not_for_long(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        with pytest.raises(CounselLinkRefused, match="no longer negotiated"):
            _link(session, scene)
        open_scene = a_represented_scene(session)
        for expires_at in (clock.now(), clock.now() + timedelta(days=91)):
            with pytest.raises(CounselLinkRefused, match="90 days"):
                counsel.make_link(
                    session,
                    open_scene.contract,
                    open_scene.desk.organization.id,
                    counsel="M.",
                    expires_at=expires_at,
                )

    def test_is_seen_and_closed_by_its_own_side_alone(self, session: Session) -> None:
        scene = a_represented_scene(session)
        link = _link(session, scene)
        contract = scene.contract
        assert counsel.link_of(session, scene.agency.organization.id, link.id) is link
        assert counsel.links_of(session, contract, scene.desk.organization.id) == [link]
        assert counsel.links_of(session, contract, scene.production.organization.id) == []
        with pytest.raises(CounselLinkNotFound):
            counsel.link_of(session, scene.production.organization.id, link.id)

    def test_shows_no_draft_of_the_other_side(self, session: Session) -> None:
        scene = a_represented_scene(session)
        production = scene.production.organization.id
        drafted = service.offer_contract(
            session, production, wording(scene, notice_hours=5), draft=True
        )
        theirs = counsel.make_link(session, drafted, production, counsel="L.")
        service.replace_document(
            session, drafted, production, wording(scene, notice_hours=6), act=Act.REVISE
        )
        newest = service.newest_document_of(session, production, drafted.series_id)
        service.offer_draft(session, newest, production)
        ours = counsel.make_link(session, newest, scene.desk.organization.id, counsel="M.")
        assert [each.round for each in counsel.rounds_seen(session, theirs)] == [1, 2]
        assert [each.round for each in counsel.rounds_seen(session, ours)] == [2]
        with pytest.raises(PointerUnknown, match="no round 1"):
            _say(session, ours, round_=1)


class TestComment:
    def test_is_seen_by_the_side_that_asked_unless_it_is_shared(self, session: Session) -> None:
        scene = a_represented_scene(session)
        _say(session, _link(session, scene), "Between us.")
        _say(session, _link(session, scene, shared=True), "For both.")
        seen = {
            name: [
                said[0].text
                for said in counsel.comments_on(session, scene.contract, party.organization.id)
            ]
            for name, party in (("desk", scene.desk), ("production", scene.production))
        }
        assert sorted(seen["desk"]) == ["Between us.", "For both."]
        assert seen["production"] == ["For both."]

    def test_is_taken_once_per_key(self, session: Session) -> None:
        link = _link(session, a_represented_scene(session))
        first = _say(session, link)
        assert _say(session, link) is first
        with pytest.raises(IdempotencyKeyReused):
            _say(session, link, "Another.")
        assert len(counsel.comments_through(session, link)) == 1

    @pytest.mark.parametrize(
        "pointer",
        ["grant", "/none", "/grant/media/9", "/grant/media/-1", "/grant/media/x", "/v/0", "/~2"],
    )
    def test_points_at_a_field_that_is_there(self, session: Session, pointer: str) -> None:
        link = _link(session, a_represented_scene(session))
        for good in ("", "/grant/media/0", "/grant/quota/max_renders"):
            _say(session, link, pointer=good, key=good or "all")
        with pytest.raises(PointerUnknown):
            _say(session, link, pointer=pointer)

    def test_is_taken_as_long_as_it_can_change_something(self, session: Session) -> None:
        scene = a_represented_scene(session)
        link = _link(session, scene)
        scenes.sign(session, scene)
        assert counsel.rounds_seen(session, link)
        with pytest.raises(NegotiationOver):
            _say(session, link)

    def test_is_one_of_so_many(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(counsel, "MAX_COMMENTS", 2)
        monkeypatch.setattr(counsel, "MAX_LINKS", 1)
        scene = a_represented_scene(session)
        link = _link(session, scene)
        for number in range(2):
            _say(session, link, key=str(number))
        with pytest.raises(CounselLimitReached):
            _say(session, link, key="one more")
        with pytest.raises(CounselLimitReached):
            _link(session, scene)
