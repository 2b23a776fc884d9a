"""Certificates in the C2PA profile: made once, renewed in time, rotated, revoked."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    ExtensionOID,
    NameOID,
)
from cryptography.x509.verification import PolicyBuilder, Store

from app import clock, config, keys
from app.provenance import pki
from app.provenance.certificate_files import Revocation
from app.provenance.certificates import CLAIM_SIGNING, PROFILES
from app.provenance.errors import CertificateMismatch, CertificateMissing, CertificateUnknown
from tests.provenance.making import OCSP_URL

ALL = [profile.purpose for profile in PROFILES]


def certificate(directory, name):
    return x509.load_pem_x509_certificate((directory / f"{name}.crt").read_bytes())


def make_missing(directory):
    return pki.create_missing(directory, ocsp_url=OCSP_URL)


def rotate(directory, purpose):
    return pki.rotate(directory, purpose, ocsp_url=OCSP_URL)


def later(monkeypatch, **span):
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(**span))


@pytest.fixture
def directory(data_dir):
    made = data_dir / "certificates"
    make_missing(made)
    return made


class TestCreateMissing:
    def test_makes_everything_once(self, data_dir):
        made = data_dir / "certificates"
        assert make_missing(made) == ALL
        before = {path: path.read_bytes() for path in made.iterdir()}
        assert make_missing(made) == []
        assert before == {path: path.read_bytes() for path in made.iterdir()}

    def test_the_leaf_fits_the_c2pa_profile(self, directory):
        leaf = certificate(directory, "claim")
        extensions = leaf.extensions
        usage = extensions.get_extension_for_oid(ExtensionOID.KEY_USAGE)
        extended = extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
        (asked,) = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        assert usage.critical
        assert usage.value.digital_signature
        assert usage.value.content_commitment
        assert not usage.value.key_cert_sign
        assert set(extended) == {CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION}
        assert extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
        assert asked.access_method == AuthorityInformationAccessOID.OCSP
        assert asked.access_location.value == OCSP_URL
        assert OCSP_URL.endswith("/")
        for attribute in (NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
            assert leaf.subject.get_attributes_for_oid(attribute)
        assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=90)
        assert leaf.public_key().curve.name == "secp256r1"

    def test_three_roots_answer_each_for_their_own_alone(self, directory):
        roots = {
            kind: certificate(directory, f"{kind}-root") for kind in ("claim", "tsa", "identity")
        }
        assert {root.public_key().curve.name for root in roots.values()} == {"secp384r1"}
        for kind, root in roots.items():
            authority = certificate(directory, f"{kind}-ca")
            authority.verify_directly_issued_by(root)
            for other in set(roots) - {kind}:
                with pytest.raises(ValueError, match="does not match"):
                    authority.verify_directly_issued_by(roots[other])

    def test_another_implementation_builds_the_chain_and_only_to_its_own_root(self, directory):
        leaf, authority = (certificate(directory, name) for name in ("claim", "claim-ca"))
        leaf.verify_directly_issued_by(authority)
        certificate(directory, "ocsp").verify_directly_issued_by(authority)
        certificate(directory, "tsa").verify_directly_issued_by(certificate(directory, "tsa-ca"))
        verifier = PolicyBuilder().store(Store([certificate(directory, "tsa-root")]))
        with pytest.raises(x509.verification.VerificationError):
            verifier.build_client_verifier().verify(leaf, [authority])

    def test_renews_a_leaf_with_less_than_thirty_days_left_with_a_new_key(
        self, directory, monkeypatch
    ):
        with monkeypatch.context() as soon:
            later(soon, days=59)
            assert make_missing(directory) == []
        later(monkeypatch, days=61)
        assert make_missing(directory) == ["claim.2", "ocsp.2"]
        old, new = certificate(directory, "claim"), certificate(directory, "claim.2")
        assert new.public_key() != old.public_key()
        assert pki.signer(directory, "claim").certificate == new
        assert new.not_valid_after_utc - clock.now() > timedelta(days=89)

    def test_everything_but_a_new_ca_goes_on_while_the_roots_keys_are_away(
        self, directory, monkeypatch
    ):
        config.settings().root_keys_dir.rename(directory / "in-the-safe")
        keys._opened.cache_clear()
        assert make_missing(directory) == []
        assert rotate(directory, "claim") == ["claim.2"]
        with pytest.raises(keys.KeyMissing, match="claim-root"):
            rotate(directory, "claim-ca")
        later(monkeypatch, days=1800)  # the CA ends in a month; the leaf ends no later than it
        assert make_missing(directory) == ["claim.3", "ocsp.2"]
        newest = certificate(directory, "claim.3")
        assert newest.not_valid_after_utc == certificate(directory, "claim-ca").not_valid_after_utc
        later(monkeypatch, days=30)
        make_missing(directory)
        with pytest.raises(CertificateMissing, match="key of its root"):
            pki.signer(directory, "claim")

    def test_refuses_a_certificate_of_another_key(self, directory, data_dir):
        keys.destroy("claim")
        keys.create("claim")
        with pytest.raises(CertificateMismatch, match="keys rotate claim"):
            make_missing(directory)
        assert rotate(directory, "claim") == ["claim.2"]
        assert make_missing(directory) == []

    def test_a_missing_certificate_says_what_to_run(self, data_dir):
        with pytest.raises(CertificateMissing, match="understudy setup"):
            pki.claim_root_pem(data_dir / "nowhere")


class TestRotate:
    def test_the_old_key_signs_nothing_any_more(self, directory):
        old = pki.signer(directory, "claim")
        assert rotate(directory, "claim") == ["claim.2"]
        with pytest.raises(keys.KeyMissing):
            old.sign(b"one more")
        assert pki.signer(directory, "claim").name == "claim.2"
        assert (
            pki.by_serial(directory, old.certificate.serial_number).revocation.reason
            == "superseded"
        )

    def test_a_new_ca_certifies_new_signers(self, directory):
        assert rotate(directory, "claim-ca") == ["claim-ca.2", "claim.2", "ocsp.2"]
        chain = x509.load_pem_x509_certificates(pki.signer(directory, "claim").chain_pem.encode())
        assert [c.serial_number for c in chain] == [
            certificate(directory, name).serial_number for name in ("claim.2", "claim-ca.2")
        ]

    def test_what_a_kill_left_half_done_is_finished(self, directory, monkeypatch):
        with monkeypatch.context() as killed:
            killed.setattr(pki, "_retire_older", lambda *_: None)
            rotate(directory, "claim")
        assert keys.is_here("claim")
        assert make_missing(directory) == []
        assert not keys.is_here("claim")

    @pytest.mark.parametrize("purpose", ["claim-root", "receipt", "nothing"])
    def test_a_root_is_not_rotated(self, directory, purpose):
        with pytest.raises(CertificateUnknown, match="choose one of"):
            rotate(directory, purpose)


class TestRevoke:
    def test_is_said_once_and_a_new_signer_takes_over(self, directory):
        leaf, at = pki.signer(directory, "claim").certificate, clock.now()
        revoked = pki.revoke(directory, leaf.serial_number, reason="keyCompromise", at=at)
        assert revoked.revocation == Revocation(at, "keyCompromise")
        with pytest.raises(CertificateUnknown, match="was revoked"):
            pki.revoke(directory, leaf.serial_number, reason="unspecified", at=at)
        assert make_missing(directory) == ["claim.2"]
        assert pki.revocations(directory)[leaf.serial_number].at == at

    def test_only_signers_of_ours(self, directory):
        for serial in (1, certificate(directory, "claim-root").serial_number):
            with pytest.raises(CertificateUnknown, match="keys list"):
                pki.revoke(directory, serial, reason="unspecified", at=clock.now())
