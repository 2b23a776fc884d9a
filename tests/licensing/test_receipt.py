"""Receipts verify offline, say nothing private, and cannot be altered or confused."""

import base64
import json
from datetime import UTC, datetime

import pytest
import rfc8785
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from typer.testing import CliRunner

from app.cli import app as command
from app.licensing.deciding.conformance import decide_case
from app.licensing.deciding.decide import load_policies
from app.licensing.decisions import receipt as receipts
from app.licensing.decisions.receipt import Disclosure, ReceiptInvalid
from tests.licensing.cases import base, published

POLICIES = load_policies()
KEY = ec.generate_private_key(ec.SECP256R1())
AT = datetime(2026, 11, 22, 18, tzinfo=UTC)


def sign(data: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def a_receipt(number: int = 0):
    decision = decide_case(published()[number], POLICIES)
    statement, kept = receipts.state(decision, generation_id="gen_1", at=AT)
    disclosures = [Disclosure(*json.loads(text)) for text in kept]
    return receipts.sign_receipt(statement, sign), statement, disclosures


def resigned(statement: dict, header: dict) -> str:
    parts = [
        base64.urlsafe_b64encode(rfc8785.dumps(part)).rstrip(b"=").decode()
        for part in (header, statement)
    ]
    signature = base64.urlsafe_b64encode(sign(".".join(parts).encode())).rstrip(b"=").decode()
    return ".".join([*parts, signature])


class TestVerifyReceipt:
    def test_returns_the_statement_that_was_signed(self):
        receipt, statement, _ = a_receipt()
        assert receipts.verify_receipt(receipt, KEY.public_key()) == statement
        assert statement["outcome"] == "permit"
        assert statement["policy_sha256"] == POLICIES.digest
        assert statement["at"] == "2026-11-22T18:00:00Z"

    def test_holds_for_denials_too(self):
        receipt, _, _ = a_receipt(1)
        statement = receipts.verify_receipt(receipt, KEY.public_key())
        assert statement["codes"] == ["CONTRACT_NOT_FOUND"]
        assert statement["obligations"] == []

    def test_refuses_another_key(self):
        receipt, _, _ = a_receipt()
        other = ec.generate_private_key(ec.SECP256R1()).public_key()
        with pytest.raises(ReceiptInvalid):
            receipts.verify_receipt(receipt, other)

    def test_refuses_a_key_of_another_curve(self):
        receipt, _, _ = a_receipt()
        other = ec.generate_private_key(ec.SECP384R1()).public_key()
        with pytest.raises(ReceiptInvalid):
            receipts.verify_receipt(receipt, other)

    def test_refuses_any_altered_character(self):
        receipt, _, _ = a_receipt()
        for place in range(0, len(receipt) - 1, 97):
            other = "A" if receipt[place] != "A" else "B"
            with pytest.raises(ReceiptInvalid):
                receipts.verify_receipt(
                    receipt[:place] + other + receipt[place + 1 :], KEY.public_key()
                )

    def test_refuses_something_else_this_key_signed(self):
        _, statement, _ = a_receipt()
        token = resigned(statement, {"alg": "ES256", "typ": "JWT"})
        with pytest.raises(ReceiptInvalid, match="not a decision receipt"):
            receipts.verify_receipt(token, KEY.public_key())

    @pytest.mark.parametrize("algorithm", ["none", "HS256", "ES384"])
    def test_refuses_another_algorithm(self, algorithm):
        _, statement, _ = a_receipt()
        token = resigned(statement, {"alg": algorithm, "typ": receipts.TYPE})
        with pytest.raises(ReceiptInvalid):
            receipts.verify_receipt(token, KEY.public_key())

    @pytest.mark.parametrize(
        "change",
        [
            {"v": 2},
            {"v": True},
            {"extra": 1},
            {"codes": "AFTER_TERM"},
            {"policy_sha256": "abc"},
            {"fact_sha256": [1]},
        ],
    )
    def test_refuses_a_statement_that_is_not_a_receipts(self, change):
        _, statement, _ = a_receipt()
        token = resigned(statement | change, {"alg": "ES256", "typ": receipts.TYPE})
        with pytest.raises(ReceiptInvalid):
            receipts.verify_receipt(token, KEY.public_key())

    @given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
    @settings(max_examples=200)
    def test_refuses_nonsense_by_name(self, nonsense):
        with pytest.raises(ReceiptInvalid):
            receipts.verify_receipt(nonsense, KEY.public_key())

    def test_refuses_what_is_too_long(self):
        with pytest.raises(ReceiptInvalid, match="at most"):
            receipts.verify_receipt("a" * (receipts.MAX_BYTES + 1), KEY.public_key())


class TestState:
    def test_says_nothing_of_the_terms(self):
        receipt, statement, _ = a_receipt()
        said = json.dumps(statement)
        for private in ("NIGHTGLASS", "Ava Reyes", "STUDIO_A", "P1", "2026-12-31", "projects"):
            assert private not in said
        assert len(receipt) < 16_000

    def test_salts_each_fact_anew(self):
        _, one, _ = a_receipt()
        _, two, _ = a_receipt()
        assert set(one["fact_sha256"]).isdisjoint(two["fact_sha256"])

    def test_gives_every_fact_128_bits_of_its_own(self):
        _, _, disclosures = a_receipt()
        salts = {disclosure.salt for disclosure in disclosures}
        assert len(salts) == len(disclosures)
        assert all(len(bytes.fromhex(salt)) == 16 for salt in salts)

    def test_lets_who_holds_a_fact_show_it(self):
        _, statement, disclosures = a_receipt()
        shown = next(d for d in disclosures if d.name.endswith("/projects"))
        assert shown.value == ["NIGHTGLASS"]
        assert receipts.discloses(statement, shown)
        assert not receipts.discloses(statement, Disclosure(shown.salt, shown.name, ["OTHER"]))

    def test_digests_facts_as_rfc_8785_writes_them(self):
        _, _, disclosures = a_receipt()
        odd = Disclosure("00", 'a"b\\/\u007f\u2028\x01é😀', ["x", 1, True])
        for disclosure in [*disclosures, odd]:
            triple = [disclosure.salt, disclosure.name, disclosure.value]
            assert receipts._triple(*triple) == rfc8785.dumps(triple)

    def test_needs_an_instant_with_an_offset(self):
        decision = decide_case(base(), POLICIES)
        with pytest.raises(ValueError, match="offset"):
            receipts.state(decision, generation_id="gen_1", at=datetime(2026, 1, 1))  # noqa: DTZ001


class TestSignReceipt:
    def test_refuses_a_signature_that_is_not_raw(self):
        _, statement, _ = a_receipt()
        with pytest.raises(ValueError, match="64 bytes"):
            receipts.sign_receipt(statement, lambda data: KEY.sign(data, ec.ECDSA(hashes.SHA256())))

    def test_names_the_key_it_was_told(self):
        _, statement, _ = a_receipt()
        receipt = receipts.sign_receipt(statement, sign, key_id="receipt-1")
        header = json.loads(base64.urlsafe_b64decode(receipt.split(".")[0] + "=="))
        assert header["kid"] == "receipt-1"
        assert receipts.verify_receipt(receipt, KEY.public_key()) == statement


class TestReceiptHash:
    def test_is_of_the_statement_whatever_the_signature(self):
        receipt, statement, _ = a_receipt()
        again = receipts.sign_receipt(statement, sign)
        assert receipt != again
        hashed = [
            receipts.receipt_hash(receipts.verify_receipt(each, KEY.public_key()))
            for each in (receipt, again)
        ]
        assert hashed == [receipts.receipt_hash(statement)] * 2


class TestCommand:
    """A stranger with a receipt, the published keys and, if shown, facts."""

    @pytest.fixture
    def files(self, tmp_path):  # type: ignore[no-untyped-def]
        receipt, _, disclosures = a_receipt()
        older = ec.generate_private_key(ec.SECP256R1())
        jwks = [
            {**ECKey.import_key(pem(key)).as_dict(private=False), "purpose": "receipt"}
            for key in (older, KEY)
        ]
        shown = [[each.salt, each.name, each.value] for each in disclosures[:2]]
        for name, text in (
            ("receipt", receipt),
            ("keys", json.dumps({"keys": jwks})),
            ("facts", json.dumps(shown)),
        ):
            (tmp_path / name).write_text(text)
        return tmp_path

    @staticmethod
    def run(files, *more):  # type: ignore[no-untyped-def]
        given = [str(files / "receipt"), "--key", str(files / "keys"), *more]
        return CliRunner().invoke(command, ["verify-receipt", *given])

    def test_prints_what_is_stated_and_which_facts_were_relied_on(self, files):
        shown = self.run(files, "--disclosed", str(files / "facts"))
        assert shown.exit_code == 0, shown.output
        assert '"outcome"' in shown.output
        assert '"policy_sha256"' in shown.output
        assert shown.output.count("relied on: ") == 2

    def test_a_fact_that_was_not_relied_on_is_named(self, files):
        facts = json.loads((files / "facts").read_text())
        facts[0][2] = "something else"
        (files / "facts").write_text(json.dumps(facts))
        shown = self.run(files, "--disclosed", str(files / "facts"))
        assert shown.exit_code == 1
        assert "NOT relied on" in shown.output

    def test_an_altered_receipt_and_a_foreign_key_are_refused(self, files):
        receipt = (files / "receipt").read_text()
        (files / "receipt").write_text(receipt[:-6] + "AAAAAA")
        assert self.run(files).exit_code == 1
        (files / "receipt").write_text(receipt)
        foreign = json.loads((files / "keys").read_text())["keys"][:1]
        (files / "keys").write_text(json.dumps({"keys": foreign}))
        assert self.run(files).exit_code == 1

    @pytest.mark.parametrize("text", ["", "[1]", "{}", "[[1, 2, 3]]", '[["a", "b"]]'])
    def test_disclosures_that_are_none_are_refused(self, files, text):
        (files / "facts").write_text(text)
        shown = self.run(files, "--disclosed", str(files / "facts"))
        assert shown.exit_code == 1

    @pytest.mark.parametrize("text", ["", "{}", '{"keys": []}', '{"keys": [{"kty": "EC"}]}', "PEM"])
    def test_a_key_file_without_such_a_key_is_refused(self, files, text):
        (files / "keys").write_text(text)
        assert self.run(files).exit_code == 1
