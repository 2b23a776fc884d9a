"""An outside time-stamp authority is believed about what was asked, under its own roots alone."""

from functools import partial

import pytest

from app.provenance import outside_time, pki, sign
from app.provenance.desk import Desk, desk
from app.provenance.errors import CertificateMissing, TimeStampUnavailable
from tests.provenance import making
from tests.provenance.making import OCSP_URL, PAYLOAD
from tests.provenance.outside import an_outside_authority


@pytest.fixture
def outside(authority):
    with an_outside_authority(authority) as there:
        yield there


class TestAsk:
    def test_returns_a_token_of_that_authority(self, outside, authority, tmp_path):
        roots = pki.tsa_root_pem(authority.directory)
        stamp = partial(outside_time.ask, outside.url, roots_pem=roots)
        ours = Desk(authority.directory, OCSP_URL, stamp, roots)
        src, out = making.make_media(tmp_path / "in.jpg"), tmp_path / "out.jpg"
        making.signed(authority, src, out, stamp=ours.stamp)
        sign.check_release(out, **ours.trust, payload=PAYLOAD)
        assert len(outside.asked) == 1

    @pytest.mark.parametrize("mood", ["down", "stale"])
    def test_no_answer_and_an_answer_to_another_question_are_no_time_stamp(
        self, mood, outside, authority
    ):
        roots = pki.tsa_root_pem(authority.directory)
        outside_time.ask(outside.url, b"first", roots_pem=roots)
        outside.mood = mood
        with pytest.raises(TimeStampUnavailable, match="signing waits"):
            outside_time.ask(outside.url, b"first", roots_pem=roots)

    def test_nobody_but_its_own_roots_vouch_for_it(self, outside, authority):
        with pytest.raises(TimeStampUnavailable):
            outside_time.ask(outside.url, b"m", roots_pem=pki.claim_root_pem(authority.directory))

    def test_a_closed_door_is_waited_for(self, authority):
        roots = pki.tsa_root_pem(authority.directory)
        with pytest.raises(TimeStampUnavailable):
            outside_time.ask("http://127.0.0.1:9/tsa", b"m", roots_pem=roots)

    def test_an_authority_without_roots_is_refused_at_once(self, data_dir, monkeypatch):
        from app import config

        monkeypatch.setenv("UNDERSTUDY_TSA_URL", "https://time.example/tsa")
        config.settings.cache_clear()
        with pytest.raises(CertificateMissing, match="UNDERSTUDY_TSA_ROOTS"):
            desk()
