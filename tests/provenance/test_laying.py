"""Signing reads files in children, some of which stay: what one that was taken over can do."""

import os
import signal

import pytest

from app import sandbox, sandbox_standing
from app.provenance import expected, sign
from app.provenance.errors import ReleaseGateClosed, SigningFailed
from app.provenance.finish import superboxes
from tests.provenance import making
from tests.provenance.making import PAYLOAD
from tests.test_sandbox import linux_only


@pytest.fixture(autouse=True)
def none_waits():
    sandbox_standing.end_idle()
    yield
    sandbox_standing.end_idle()


@pytest.fixture
def src(tmp_path):
    return making.make_media(tmp_path / "in.jpg")


def taken_over(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(sign, "LAYING", f"tests.provenance.hostile_signers:{how}")


def sign_for(authority, src, out, party: str = "") -> sign.SignedFile:
    return sign.sign_file(
        src,
        out,
        making.a_manifest(src),
        sign=authority.signer.sign,
        chain_pem=authority.signer.chain_pem,
        stamp=authority.stamp,
        staple=authority.staple(),
        party=party,
    )


class TestTakenOver:
    @pytest.mark.parametrize(
        "how",
        [
            *("another_consent", "one_assertion_more", "another_title", "trained_on_freely"),
            *("another_performer", "nonsense"),
        ],
    )
    def test_it_gets_no_signature_for_what_was_not_ordered(
        self, how, authority, src, tmp_path, monkeypatch
    ):
        taken_over(monkeypatch, how)
        asked = []
        with pytest.raises(SigningFailed):
            sign.sign_file(
                src,
                tmp_path / "out.jpg",
                making.a_manifest(src),
                sign=asked.append,
                chain_pem=authority.signer.chain_pem,
            )
        assert asked == []
        assert not (tmp_path / "out.jpg").exists()

    def test_and_would_if_nobody_looked(self, authority, src, tmp_path, monkeypatch):
        """The planted fault: whatever is laid out is signed, and both verifiers believe it."""
        taken_over(monkeypatch, "another_consent")
        monkeypatch.setattr(sign, "check_laid_out", lambda store, _: superboxes(store))
        out = tmp_path / "out.jpg"
        sign_for(authority, src, out)
        sign.check_release(out, **authority.trust, payload=PAYLOAD, original=src)

    @pytest.mark.parametrize("kind", ["jpg", "png", "webp", "mp4", "wav"])
    def test_media_of_its_own_do_not_pass_the_gate(self, kind, authority, tmp_path, monkeypatch):
        """The planted fault: without the file that was to be signed, both verifiers believe it."""
        if kind in {"mp4", "wav"}:
            monkeypatch.setattr(sign, "IN_MEMORY_BYTES", 0)  # the other way files are written
        taken_over(monkeypatch, "other_media")
        src, out = making.make_media(tmp_path / f"in.{kind}"), tmp_path / f"out.{kind}"
        sign_for(authority, src, out)
        if kind == "jpg":
            sign.check_release(out, **authority.trust, payload=PAYLOAD)
        with pytest.raises(ReleaseGateClosed, match="media it was made from"):
            sign.check_release(out, **authority.trust, payload=PAYLOAD, original=src)

    def test_one_that_dies_is_an_error_with_a_name(self, authority, src, tmp_path, monkeypatch):
        taken_over(monkeypatch, "silence")
        with pytest.raises(sandbox.SandboxCrashed, match="sign"):
            sign_for(authority, src, tmp_path / "out.jpg")

    @linux_only
    def test_it_has_no_network_no_files_and_no_secret(self, authority, src, tmp_path, monkeypatch):
        monkeypatch.setenv("UNDERSTUDY_SECRET", "x")
        taken_over(monkeypatch, "doors")
        with pytest.raises(SigningFailed, match=r"shut=True (?!.*UNDERSTUDY)"):
            sign_for(authority, src, tmp_path / "out.jpg")


class TestDecoded:
    """What is checked is what any reader reads: said once, and nothing after it."""

    def test_reads_what_is_said_once(self):
        assert expected._decoded(b"json", b'{"a": {"b": 1}}') == {"a": {"b": 1}}
        assert expected._decoded(b"cbor", b"\xa1\x61\x61\x01") == {"a": 1}

    @pytest.mark.parametrize(
        ("kind", "content"),
        [
            (b"json", b'{"a": 1, "a": 2}'),
            (b"json", b'{"a": {"b": 1, "b": 1}}'),
            (b"json", b'{"a": 1} {"a": 2}'),
            (b"cbor", b"\xa2\x61\x61\x01\x61\x61\x02"),
            (b"cbor", b"\xa1\x61\x61\x01\x02"),
        ],
    )
    def test_refuses_what_is_said_twice_or_after_the_end(self, kind, content):
        with pytest.raises(ValueError, match=r"twice|Extra data"):
            expected._decoded(kind, content)


class TestWhoIsServed:
    def served_by(self, authority, src, out, party: str) -> int:
        sign_for(authority, src, out, party)
        return next(one.pid for one in sandbox_standing._idle if one.party == party)

    def test_one_child_serves_several_files_of_one_party_and_no_other_partys(
        self, authority, src, tmp_path
    ):
        out = tmp_path / "out.jpg"
        pids = [self.served_by(authority, src, out, party) for party in ("a", "a", "b", "a")]
        assert pids[0] == pids[1] == pids[3] != pids[2]

    def test_only_so_many_files(self, authority, src, tmp_path, monkeypatch):
        monkeypatch.setattr(sandbox_standing, "MOST_FILES", 1)
        sign_for(authority, src, tmp_path / "out.jpg")
        assert sandbox_standing._idle != []
        sign_for(authority, src, tmp_path / "out.jpg")
        assert sandbox_standing._idle == []

    def test_none_after_an_error(self, authority, src, tmp_path):
        broken = tmp_path / "broken.jpg"
        broken.write_bytes(b"not media at all")
        sign_for(authority, src, tmp_path / "out.jpg")
        with pytest.raises(SigningFailed):
            sign_for(authority, broken, tmp_path / "other.jpg")
        assert sandbox_standing._idle == []

    def test_where_it_was_killed_meanwhile_another_one_signs(self, authority, src, tmp_path):
        out = tmp_path / "out.jpg"
        first = self.served_by(authority, src, out, "")
        os.kill(first, signal.SIGKILL)
        assert self.served_by(authority, src, out, "") != first
        assert sign.check_release(out, **authority.trust, payload=PAYLOAD, original=src)
