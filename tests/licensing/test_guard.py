"""Nothing is permitted by a process whose rules were edited, or whose clock is not credible."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlmodel import Session
from structlog.testing import capture_logs

from app import clock, config
from app.gateway.generators import catalogue
from app.licensing.decisions import guard, looking, rulebook
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from app.transparency.models import LogCheckpoint
from tests.scenes import a_scene

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
EDITED = """
@id("MORE") @outcome("deny") @summary("s") @source("s")
forbid (principal, action, resource is Performer);
"""


@pytest.fixture
def rules(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the shipped rules, just read, looked at anew before every decision."""
    directory = tmp_path / "policies"
    shutil.copytree(config.settings().policies_dir, directory)
    monkeypatch.setenv("UNDERSTUDY_POLICY_DIRECTORY", str(directory))
    monkeypatch.setattr(guard, "LOOK_EVERY_S", 0)
    config.settings.cache_clear()
    rulebook.today()
    yield directory
    rulebook.policy_set.cache_clear()


def _asked(session: Session, scene: object = None) -> Decision:
    decision, _ = (scene or a_scene(session)).ask(session)  # type: ignore[attr-defined]
    return decision


def _shown(reason: str) -> float | None:
    return REGISTRY.get_sample_value("understudy_guard_trouble", {"reason": reason})


def _edit(rules: Path, text: str = EDITED) -> None:
    file = rules / "term.cedar"
    file.write_text(file.read_text() + text)


@ONE_DATABASE
class TestEditedRules:
    def test_permit_nothing_until_a_restart(self, rules: Path, session: Session) -> None:
        scene = a_scene(session)
        assert _asked(session, scene).outcome == "permit"
        before = (rules / "term.cedar").read_text()
        _edit(rules)
        denied = _asked(session, scene)
        assert (denied.outcome, denied.codes) == ("deny", ["EVALUATION_ERROR"])
        (rules / "term.cedar").write_text(before)
        assert _asked(session, scene).outcome == "deny"  # put back: nobody knows what was meant
        rulebook.policy_set.cache_clear()
        assert _asked(session, scene).outcome == "permit"

    def test_are_reported_once_and_shown_as_a_metric(self, rules: Path, session: Session) -> None:
        scene = a_scene(session)
        _asked(session, scene)
        assert _shown("rules-changed") in (None, 0)
        _edit(rules)
        with capture_logs() as lines:
            _asked(session, scene)
            _asked(session, scene)
        said = [line for line in lines if line["event"] == "nothing is permitted"]
        assert [line["reason"] for line in said] == ["rules-changed"]
        assert "restart" in said[0]["detail"]
        assert _shown("rules-changed") == 1

    def test_release_nothing_and_hand_nothing_out(self, rules: Path, session: Session) -> None:
        permit = _asked(session)
        trains = catalogue.TRAINS_ON_INPUTS
        assert looking.may_hand_out(session, permit.id, generators=trains)
        _edit(rules)
        assert not looking.may_hand_out(session, permit.id, generators=trains)
        released = decisions.decide_release(session, permit.id, generators=trains)
        assert (released.outcome, released.codes) == ("deny", ["EVALUATION_ERROR"])

    def test_that_do_not_parse_permit_nothing_either(self, rules: Path, session: Session) -> None:
        _edit(rules, "nonsense")
        assert _asked(session).codes == ["EVALUATION_ERROR"]

    def test_a_new_file_and_a_vanished_one_count_too(self, rules: Path, session: Session) -> None:
        (rules / "more.cedar").write_text(EDITED)
        assert _asked(session).codes == ["EVALUATION_ERROR"]
        (rules / "more.cedar").unlink()
        rulebook.policy_set.cache_clear()
        rulebook.today()
        (rules / "scope.cedar").unlink()
        assert _asked(session).codes == ["EVALUATION_ERROR"]

    def test_a_file_that_was_only_touched_is_forgiven(self, rules: Path, session: Session) -> None:
        (rules / "term.cedar").touch()
        _edit(rules, "\n// a comment changes no meaning\n")
        assert _asked(session).outcome == "permit"

    def test_an_edit_between_reading_and_watching_is_noticed(
        self, rules: Path, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        honest = rulebook.load_policies

        def edited_meanwhile(directory: Path) -> object:
            found = honest(directory)
            _edit(rules)
            return found

        monkeypatch.setattr(rulebook, "load_policies", edited_meanwhile)
        rulebook.policy_set.cache_clear()
        assert _asked(session).codes == ["EVALUATION_ERROR"]

    def test_a_guard_that_is_not_asked_is_found(
        self, rules: Path, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(guard, "signature", lambda _directory: ())  # sees no file at all
        rulebook.policy_set.cache_clear()
        _asked(session)
        _edit(rules)
        assert _asked(session).outcome == "permit"  # so the checks above do test the guard

    def test_no_rules_read_at_all_is_trouble(self, rules: Path, session: Session) -> None:
        guard._guards.clear()
        assert guard.trouble(session) == "no rules have been read"
        rulebook.policy_set.cache_clear()


class TestClock:
    @ONE_DATABASE
    @pytest.mark.parametrize("moved_s", [301, -301, 1e9])
    def test_set_by_more_than_the_tolerance_permits_nothing(
        self, rules: Path, session: Session, monkeypatch: pytest.MonkeyPatch, moved_s: float
    ) -> None:
        scene, honest = a_scene(session), clock._offset_s
        monkeypatch.setattr(clock, "_offset_s", lambda: honest() + moved_s)
        with capture_logs() as lines:
            assert _asked(session, scene).codes == ["EVALUATION_ERROR"]
        assert "clock-moved" in [line.get("reason") for line in lines]
        assert _shown("clock-moved") == 1
        monkeypatch.setattr(clock, "_offset_s", honest)
        assert _asked(session, scene).outcome == "permit"
        assert _shown("clock-moved") == 0

    @ONE_DATABASE
    def test_a_little_off_is_forgiven(
        self, rules: Path, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        honest = clock._offset_s
        monkeypatch.setattr(clock, "_offset_s", lambda: honest() + 200)
        assert _asked(session).outcome == "permit"

    @ONE_DATABASE
    def test_the_tolerance_is_a_setting(
        self, rules: Path, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UNDERSTUDY_CLOCK_TOLERANCE_S", "100")
        config.settings.cache_clear()
        honest = clock._offset_s
        monkeypatch.setattr(clock, "_offset_s", lambda: honest() + 200)
        assert _asked(session).codes == ["EVALUATION_ERROR"]

    def test_behind_the_newest_decision_permits_nothing(
        self, rules: Path, session: Session
    ) -> None:
        scene = a_scene(session)
        first = _asked(session, scene)
        first.at = clock.now() + timedelta(seconds=299)
        session.add(first)
        session.flush()
        assert _asked(session, scene).outcome == "permit"
        newest = _asked(session, scene)
        newest.at = clock.now() + timedelta(seconds=310)
        session.add(newest)
        session.flush()
        with capture_logs() as lines:
            assert _asked(session, scene).codes == ["EVALUATION_ERROR"]
        assert "clock-behind" in [line.get("reason") for line in lines]

    def test_behind_the_newest_checkpoint_permits_nothing(
        self, rules: Path, session: Session
    ) -> None:
        scene = a_scene(session)
        session.add(
            LogCheckpoint(
                number=1,
                size=1,
                root_hash=b"\x00" * 32,
                note="",
                created_at=clock.now() + timedelta(seconds=310),
            )
        )
        session.flush()
        assert _asked(session, scene).codes == ["EVALUATION_ERROR"]
