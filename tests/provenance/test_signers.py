"""An organization may have a leaf of its own: made, rotated, revoked and ended apart."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app import clock, keys
from app.provenance import certificate_files, credentials, ocsp, pki, revocation, service
from app.provenance.errors import CertificateUnknown
from app.provenance.subjects import name_organization
from tests.provenance import making
from tests.provenance.making import OCSP_URL

ONE, OTHER = "org_01AAAAAAAAAAAAAAAAAAAAAAAA", "org_01BBBBBBBBBBBBBBBBBBBBBBBB"
OWN = f"claim@{ONE}"


@pytest.fixture
def directory(authority):
    pki.give_signer(authority.directory, ONE, ocsp_url=OCSP_URL)
    pki.give_signer(authority.directory, OTHER, ocsp_url=OCSP_URL)
    return authority.directory


def signer_of(directory, whose):
    return ocsp.signer_and_staple(directory, whose)[0]


def serial_of(directory, whose):
    return signer_of(directory, whose).certificate.serial_number


class TestGiveSigner:
    def test_certifies_a_leaf_like_the_houses_for_it_alone_and_once(self, directory):
        assert pki.give_signer(directory, ONE, ocsp_url=OCSP_URL) == OWN
        own, house = (pki.signer(directory, name).certificate for name in (OWN, "claim"))
        assert own.not_valid_after_utc - own.not_valid_before_utc == timedelta(days=90)
        assert isinstance(own.public_key().curve, ec.SECP256R1)
        assert [each.oid for each in own.extensions] == [each.oid for each in house.extensions]
        assert own.public_key() != house.public_key()
        assert own.issuer == house.issuer
        assert f"CN=Understudy Claim Signer {ONE}" in own.subject.rfc4514_string()
        assert len({serial_of(directory, whose) for whose in (ONE, OTHER, "")}) == 3

    def test_states_the_name_that_was_given_and_keeps_it_when_rotated(self, authority):
        directory = authority.directory
        name_organization(directory, country="NL", organization="Nightglass", signer=ONE)
        pki.give_signer(directory, ONE, ocsp_url=OCSP_URL)
        pki.rotate(directory, OWN, ocsp_url=OCSP_URL)
        said = pki.signer(directory, OWN).certificate.subject.rfc4514_string()
        assert said == f"CN=Understudy Claim Signer {ONE} 2,O=Nightglass,C=NL"
        assert (
            "Nightglass" not in pki.signer(directory, "claim").certificate.subject.rfc4514_string()
        )

    @pytest.mark.parametrize("name", ["", "../claim", "a.b", "a@b", "x" * 33])
    def test_refuses_a_name_that_is_no_id(self, authority, name):
        with pytest.raises(CertificateUnknown, match="organization's id"):
            pki.give_signer(authority.directory, name, ocsp_url=OCSP_URL)


class TestApart:
    def test_each_file_is_signed_by_whose_it_is_and_a_revocation_takes_no_other(
        self, authority, directory, tmp_path, in_process
    ):
        src = making.make_media(tmp_path / "in.wav")

        def one(name, whose):
            out = tmp_path / f"{name}.wav"
            service.sign_output(src, out, making.a_manifest(src), desk=authority.desk, whose=whose)
            return out

        def state(path):
            found = credentials.read_credentials(path=str(path), **authority.roots)
            assert (found["state"], found["signer_ours"]) == ("valid", True)
            serial = int(found["signer"]["serial"])
            return serial, revocation.of(found, authority.trust["revocations"])

        mine, theirs, houses = one("mine", ONE), one("theirs", OTHER), one("houses", "org_none")
        assert state(mine) == (serial_of(directory, ONE), "good")
        assert state(theirs) == (serial_of(directory, OTHER), "good")
        assert state(houses) == (serial_of(directory, ""), "good")
        pki.revoke(
            directory,
            serial_of(directory, ONE),
            reason="keyCompromise",
            at=clock.now() - timedelta(hours=1),
        )
        assert pki.create_missing(directory, ocsp_url=OCSP_URL) == [f"{OWN}.2"]
        assert [state(path)[1] for path in (mine, theirs, houses)] == ["revoked", "good", "good"]
        assert state(one("again", ONE)) == (serial_of(directory, ONE), "good")

    def test_is_rotated_alone_and_its_old_key_signs_nothing(self, directory):
        old, others = signer_of(directory, ONE), signer_of(directory, OTHER)
        assert pki.rotate(directory, OWN, ocsp_url=OCSP_URL) == [f"{OWN}.2"]
        with pytest.raises(keys.KeyMissing):
            old.sign(b"one more")
        assert signer_of(directory, OTHER) == others
        assert signer_of(directory, "").name == "claim"

    def test_a_new_ca_certifies_every_signer_anew(self, directory):
        made = pki.rotate(directory, "claim-ca", ocsp_url=OCSP_URL)
        assert made == ["claim-ca.2", "claim.2", f"{OWN}.2", f"claim@{OTHER}.2", "ocsp.2"]
        (ca,) = {signer_of(directory, whose).certificate.issuer for whose in (ONE, OTHER, "")}
        assert "2" in ca.rfc4514_string()

    def test_renews_each_in_time(self, directory, monkeypatch):
        real = clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + timedelta(days=61))
        made = pki.create_missing(directory, ocsp_url=OCSP_URL)
        assert made == ["claim.2", f"{OWN}.2", f"claim@{OTHER}.2", "ocsp.2"]


class TestEnd:
    def test_the_house_signs_for_one_that_ceased_until_it_is_given_another(self, directory):
        old = signer_of(directory, ONE)
        pki.revoke(
            directory, serial_of(directory, ONE), reason=certificate_files.CLOSED, at=clock.now()
        )
        with pytest.raises(keys.KeyMissing):
            old.sign(b"one more")
        assert pki.create_missing(directory, ocsp_url=OCSP_URL) == []
        assert signer_of(directory, ONE).name == "claim"
        with pytest.raises(CertificateUnknown, match="cannot be rotated"):
            pki.rotate(directory, OWN, ocsp_url=OCSP_URL)
        assert pki.give_signer(directory, ONE, ocsp_url=OCSP_URL) == f"{OWN}.2"
        assert signer_of(directory, ONE).name == f"{OWN}.2"
