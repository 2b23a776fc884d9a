"""The released original beside a recovered file: for whom its contracts tell what was made."""

import base64
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from app import clock, sandbox, storage
from app.audit import original
from app.gateway import stills
from app.gateway.errors import OutputNotReleased
from app.gateway.models import Generation
from app.web.pages import templates
from tests.provenance import making


class Records:
    """The one row that is read."""

    def __init__(self, key: str | None, *, released: bool = True) -> None:
        self.generation = Generation(
            id="gen_1", output_key=key, released_at=clock.now() if released else None
        )

    def get(self, _model: object, _id: str) -> Generation:
        return self.generation


def kept(tmp_path, kind: str) -> Records:
    path = making.make_media(tmp_path / f"out.{kind}")
    key = f"generations/gen_1/signed.{kind}"
    storage.put_new(key, path)
    return Records(key)


@pytest.fixture(autouse=True)
def _is_handed_out(monkeypatch):
    monkeypatch.setattr(original, "check_handing_out", lambda *_: None)


class TestBeside:
    @pytest.mark.parametrize("level", ["license", "credit", "no such level"])
    def test_who_is_not_told_what_was_made_sees_nothing_of_it(self, level):
        told = original.beside(None, "gen_1", level=level)  # nothing is so much as read
        assert told == {"still": None, "said": original.NOT_SHOWN}

    @pytest.mark.parametrize("kind", ["mp4", "png"])
    def test_who_is_told_sees_a_small_still(self, kind, data_dir, tmp_path):
        told = original.beside(kept(tmp_path, kind), "gen_1", level="use")
        assert told["said"] == original.SHOWN
        head, _, content = told["still"].partition(",")
        assert head == "data:image/jpeg;base64"
        decoded = np.frombuffer(base64.b64decode(content), np.uint8)
        shape = cv2.imdecode(decoded, cv2.IMREAD_COLOR).shape
        assert max(shape) == stills.LONGEST_SIDE

    def test_what_is_not_handed_out_any_more_is_shown_to_nobody(
        self, data_dir, tmp_path, monkeypatch
    ):
        def refuse(*_):
            raise OutputNotReleased("gen_1 was taken down")

        records = kept(tmp_path, "png")
        monkeypatch.setattr(original, "check_handing_out", refuse)
        monkeypatch.setattr(storage, "fetch", lambda *_: pytest.fail("the file was fetched"))
        for level in ("use", "terms"):
            told = original.beside(records, "gen_1", level=level)
            assert told["still"] is None
            assert told["said"].endswith("gen_1 was taken down")

    def test_sound_has_none(self, data_dir, tmp_path):
        told = original.beside(kept(tmp_path, "wav"), "gen_1", level="terms")
        assert told == {"still": None, "said": original.NO_PICTURES}

    @pytest.mark.parametrize(
        "records",
        [Records("generations/gen_1/gone.mp4"), Records(None), Records("a", released=False)],
    )
    def test_what_is_not_kept_or_not_released_is_not_shown(self, records, data_dir):
        told = original.beside(records, "gen_1", level="terms")
        assert told == {"still": None, "said": original.NOT_KEPT}

    @pytest.mark.parametrize(
        "answer", [{"jpeg": "not base64"}, {"jpeg": base64.b64encode(b"<svg>").decode()}, {}]
    )
    def test_a_child_that_was_taken_over_shows_nothing(
        self, answer, data_dir, tmp_path, monkeypatch
    ):
        records = kept(tmp_path, "wav")
        monkeypatch.setattr(sandbox, "run", lambda *_, **__: answer)
        assert original.beside(records, "gen_1", level="use")["still"] is None

    def test_nothing_said_calls_it_authentic(self):
        for said in (original.SHOWN, original.NOT_SHOWN, original.NOT_KEPT):
            assert not {"authentic", "genuine", "real", "true"} & set(said.lower().split())


class TestThePage:
    def rendered(self, beside: dict[str, str | None] | None) -> str:
        findings = {"license": None, "log": None, "disclosed": {}, "released_original": beside}
        found = SimpleNamespace(
            verdict="recovered", sentence="It derives.", next_step="Compare.", findings=findings
        )
        words = {"headline": "It comes from a released work.", "tone": "wait", "file_name": ""}
        template = templates().get_template("verdict.html")
        return template.render(
            found=found,
            layers=[],
            here="",
            path="/verify",
            clock="UTC",
            language="en",
            signed_in=False,
            form_token="",
            about_license="",
            wrong="",
            strip=None,
            **words,
        )

    def test_names_the_still_and_says_why_there_is_none(self):
        still = {"still": "data:image/jpeg;base64,AAAA", "said": original.SHOWN}
        shown = self.rendered(still)
        assert 'src="data:image/jpeg;base64,AAAA"' in shown
        assert "The released original" in shown
        hidden = self.rendered({"still": None, "said": original.NOT_SHOWN})
        assert "<figure" in hidden
        assert "<img" not in hidden.partition("<figure")[2].partition("</figure")[0]
        assert "<figure" not in self.rendered(None)
