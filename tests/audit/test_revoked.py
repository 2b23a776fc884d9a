"""A revoked certificate: what it signed before stands, what it signed after does not."""

from datetime import timedelta

import pytest

from app import clock
from app.provenance import pki, sign
from tests.audit.evidence import ONE_DATABASE, look, release, tiny
from tests.provenance import making
from tests.provenance.test_rotation import keys_kept_in


@pytest.fixture
def released(session, authority, tmp_path, in_process, no_marks):
    out = tmp_path / "out.jpg"
    release(session, authority, tiny(tmp_path / "in.jpg"), out)
    return out


def revoke(authority, at):
    serial = authority.signer.certificate.serial_number
    pki.revoke(authority.directory, serial, reason="keyCompromise", at=at)


@ONE_DATABASE
class TestRevokedLeaf:
    def test_that_was_revoked_after_the_time_stamp_leaves_the_file_intact(
        self, session, authority, released
    ):
        assert look(session, released, authority).findings["revocation"] == "good"
        revoke(authority, clock.now() + timedelta(seconds=1))
        found = look(session, released, authority)
        assert (found.verdict, found.findings["revocation"]) == ("intact", "revoked-later")

    def test_that_was_revoked_from_before_the_time_stamp_does_not(
        self, session, authority, released
    ):
        revoke(authority, clock.now() - timedelta(hours=1))
        found = look(session, released, authority)
        assert (found.verdict, found.findings["revocation"]) == ("recovered", "revoked")
        assert "is revoked from before" in found.sentence

    def test_signs_nothing_that_is_called_ours(self, session, authority, released, tmp_path):
        thief, leaf, staple = keys_kept_in(tmp_path / "copy"), authority.signer, authority.staple()
        revoke(authority, clock.now() - timedelta(seconds=2))
        src = tiny(tmp_path / "b.jpg", seed=5)
        sign.sign_file(
            src,
            tmp_path / "forged.jpg",
            making.a_manifest(src),
            sign=lambda data: thief.sign("claim", data, "P-256"),
            chain_pem=leaf.chain_pem,
            stamp=authority.stamp,
            staple=staple,
        )
        found = look(session, tmp_path / "forged.jpg", authority)
        assert (found.verdict, found.findings["revocation"]) == ("unknown-origin", "revoked")
        assert "whoever held it" in found.sentence

    def test_without_a_time_stamp_nothing_says_it_was_before(
        self, session, authority, in_process, no_marks, tmp_path
    ):
        src, out = tiny(tmp_path / "in.jpg"), tmp_path / "bare.jpg"
        sign.sign_file(
            src,
            out,
            making.a_manifest(src),
            sign=authority.signer.sign,
            chain_pem=authority.signer.chain_pem,
            staple=authority.staple(),
        )
        revoke(authority, clock.now() + timedelta(days=1))
        assert look(session, out, authority).findings["revocation"] == "revoked"
