"""Certificates in the C2PA profile, made once, renewed in time, never for another's key."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from app import clock, keys
from app.provenance import pki
from app.provenance.errors import CertificateMismatch, CertificateMissing


def certificate(directory, purpose):
    return x509.load_pem_x509_certificate((directory / f"{purpose}.crt").read_bytes())


@pytest.fixture
def directory(data_dir):
    made = data_dir / "certificates"
    pki.create_missing(made)
    return made


class TestCreateMissing:
    def test_makes_everything_once(self, data_dir):
        made = data_dir / "certificates"
        assert pki.create_missing(made) == ["claim-root", "claim-ca", "claim", "tsa-root", "tsa"]
        before = {path: path.read_bytes() for path in made.iterdir()}
        assert pki.create_missing(made) == []
        assert before == {path: path.read_bytes() for path in made.iterdir()}

    def test_the_leaf_fits_the_c2pa_profile(self, directory):
        leaf = certificate(directory, "claim")
        extensions = leaf.extensions
        usage = extensions.get_extension_for_oid(ExtensionOID.KEY_USAGE)
        extended = extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
        assert usage.critical
        assert usage.value.digital_signature
        assert usage.value.content_commitment
        assert not usage.value.key_cert_sign
        assert set(extended) == {pki.CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION}
        assert extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
        for attribute in (NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
            assert leaf.subject.get_attributes_for_oid(attribute)
        assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=90)
        assert leaf.public_key().curve.name == "secp256r1"
        assert certificate(directory, "claim-root").public_key().curve.name == "secp384r1"

    def test_another_implementation_builds_the_chain_and_only_to_its_own_root(self, directory):
        leaf, authority = (certificate(directory, name) for name in ("claim", "claim-ca"))
        root, time_root = (certificate(directory, name) for name in ("claim-root", "tsa-root"))
        leaf.verify_directly_issued_by(authority)
        authority.verify_directly_issued_by(root)
        for store, holds in (([root], True), ([time_root], False)):
            verifier = PolicyBuilder().store(Store(store)).build_client_verifier()
            if not holds:
                with pytest.raises(x509.verification.VerificationError):
                    verifier.verify(leaf, [authority])
        certificate(directory, "tsa").verify_directly_issued_by(time_root)

    def test_renews_a_leaf_with_less_than_thirty_days_left_for_the_same_key(
        self, directory, monkeypatch
    ):
        old, real = certificate(directory, "claim"), clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + timedelta(days=59))
        assert pki.create_missing(directory) == []
        monkeypatch.setattr(clock, "now", lambda: real() + timedelta(days=61))
        assert pki.create_missing(directory) == ["claim"]
        new = certificate(directory, "claim")
        assert new.public_key() == old.public_key()
        assert new.serial_number != old.serial_number
        assert pki.leaf_expires_at(directory) - clock.now() > timedelta(days=89)

    def test_refuses_a_certificate_of_another_key(self, directory, data_dir):
        (data_dir / "keys" / "claim.pem").unlink()
        keys._private.cache_clear()
        keys.create_missing()
        with pytest.raises(CertificateMismatch, match="restore the key"):
            pki.create_missing(directory)

    def test_a_missing_certificate_says_what_to_run(self, data_dir):
        with pytest.raises(CertificateMissing, match="understudy setup"):
            pki.claim_root_pem(data_dir / "nowhere")
