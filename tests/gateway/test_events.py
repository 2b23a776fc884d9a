"""A generation's states are told as they come, each once, to whoever asked and may."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from pydantic import BaseModel

from app import db
from app.gateway import api_events, events
from app.gateway.models import STATES, Generation
from app.identity import service as identity
from app.identity.principal import Principal
from tests import scenes


class Standing(BaseModel):
    state: str
    progress_percent: int | None = None


def _told(states: Sequence[str | None], *, known: str = "") -> list[str]:
    """Let a client follow what is seen at each look; return what it was told."""
    passed_s = 0.0
    seen = iter(states)

    async def look() -> Standing | None:
        state = next(seen)
        if state is None:
            return None
        word, _, percent = state.partition(" ")
        return Standing(state=word, progress_percent=int(percent) if percent else None)

    async def sleep(seconds: float) -> None:
        nonlocal passed_s
        passed_s += seconds

    async def follow() -> list[str]:
        told: AsyncIterator[str] = events.follow(
            look, known=known, now_s=lambda: passed_s, sleep=sleep
        )
        return [event async for event in told]

    return [event.split("\n", 1)[0].removeprefix("id: ") for event in asyncio.run(follow())]


class TestFollow:
    def test_tells_each_state_once_and_ends_with_the_last(self) -> None:
        looks = ["held", "held", "rendering", "rendered", "released", "never looked at"]
        assert _told(looks) == ["held", "rendering", "rendered", "released"]

    def test_does_not_repeat_what_the_client_knew(self) -> None:
        assert _told(["rendering", "refused"], known="rendering") == ["refused"]
        assert _told(["refused"], known="refused") == []

    def test_tells_each_percent_of_a_render_once(self) -> None:
        looks = ["rendering", "rendering 0", "rendering 40", "rendering 40", "rendered", "released"]
        assert _told(looks) == [*looks[:3], *looks[4:]]
        assert _told(["rendering 40", "refused"], known="rendering 40") == ["refused"]

    def test_keeps_the_connection_and_ends_after_a_minute(self) -> None:
        told = _told(["rendering"] * 500)
        assert told[0] == "rendering"
        assert set(told[1:]) == {": still here"}
        assert len(told) == 1 + 60 / 15

    def test_ends_when_the_key_stands_no_more(self) -> None:
        assert _told(["held", None]) == ["held"]

    def test_every_state_says_who_can_move_it_on(self) -> None:
        assert set(events.WAITS_FOR) == set(STATES)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestLook:
    def test_is_for_the_one_whose_it_is_while_its_key_stands(self, database: str) -> None:
        with db.writing() as session:
            scene = scenes.a_scene(session)
            _, generation = scene.ask(session)
            assert generation is not None
            production = scene.production.organization
            key, _ = identity.create_api_key(session, production, name="test")
            who = Principal(production.id, production.kind, key.id)
            session.get_one(Generation, generation.id).reason = "why"
        found = api_events._look(who, generation.id)
        assert found is not None
        assert (found.state, found.reason) == ("held", "why")
        with db.writing() as session:
            identity.revoke_api_key(session, session.merge(key))
        assert api_events._look(who, generation.id) is None
