"""Keys change while files are being signed: nobody notices, and the old key signs nothing new."""

import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app import config, keys
from app.provenance import credentials, pki, revocation, service, sign
from app.provenance.errors import ReleaseGateClosed
from tests.conftest import ROOT
from tests.provenance import making
from tests.provenance.making import OCSP_URL, PAYLOAD


def state_of(path, authority):
    found = credentials.read_credentials(path=str(path), **authority.roots)
    assert (found["state"], found["signer_ours"]) == ("valid", True)
    return revocation.of(found, authority.trust["revocations"])


SIGNED_BY_EACH = 12


def a_worker(directory, name):
    """Start a process that signs on several threads, then waits to be asked about an old key."""
    (directory / name).mkdir()
    words = ["tests.provenance.signing_worker", str(directory), name, str(SIGNED_BY_EACH)]
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(directory, worker):
    return (directory / worker.args[-2] / "done").exists()


def keys_kept_in(directory):
    """Copy this installation's keys, as a thief does, and sign with them for ever."""
    shutil.copytree(config.settings().keys_dir, directory)
    return keys._Files(directory)


class TestRotationUnderLoad:
    def test_every_file_comes_out_signed_by_whoever_was_in_force(
        self, authority, tmp_path, in_process
    ):
        src, done = making.make_media(tmp_path / "in.wav"), threading.Event()

        def one(number: int) -> None:
            out = tmp_path / f"out{number}.wav"
            described = making.a_manifest(src)
            service.sign_output(src, out, described, desk=authority.desk)

        def rotate() -> None:
            while not done.wait(0.4):
                pki.rotate(authority.directory, "claim", ocsp_url=OCSP_URL)

        with ThreadPoolExecutor(5) as pool:
            rotating = pool.submit(rotate)
            for made in [pool.submit(one, number) for number in range(10)]:
                made.result()
            done.set()
            rotating.result()
        pki.rotate(authority.directory, "claim", ocsp_url=OCSP_URL)
        assert authority.signer.name != "claim"
        states = {state_of(tmp_path / f"out{number}.wav", authority) for number in range(10)}
        assert states == {"revoked-later"}

    def test_two_processes_of_several_threads_sign_on_while_every_key_is_rotated(
        self, authority, tmp_path
    ):
        """Signers, clock, responder and their CAs: nothing fails, nothing old signs afterwards."""
        making.make_media(tmp_path / "in.wav")
        workers = [a_worker(tmp_path, name) for name in ("one", "two")]
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        rotations = 0
        while any(worker.poll() is None and not done(tmp_path, worker) for worker in workers):
            for purpose in ("claim", "tsa", "ocsp", "claim-ca", "tsa-ca"):
                pki.rotate(authority.directory, purpose, ocsp_url=OCSP_URL)
                rotations += 1
                time.sleep(0.15)
        old = authority.signer.name
        pki.rotate(authority.directory, "claim", ocsp_url=OCSP_URL)
        assert rotations >= 5
        for worker in workers:
            said, complaints = worker.communicate(f"{old}\n", timeout=120)
            assert worker.returncode == 0, complaints
            assert said == f"KeyMissing signed-by {authority.signer.name}\n"
        files = sorted(tmp_path.glob("*/out*.wav"))
        assert len(files) == 2 * SIGNED_BY_EACH + 2
        states = [state_of(path, authority) for path in files]
        assert set(states) == {"revoked-later", "good"}

    def test_the_gate_refuses_what_a_kept_copy_of_the_old_key_signs(self, authority, tmp_path):
        """The planted fault: somebody kept the old key; the new file verifies everywhere else."""
        src, out = making.make_media(tmp_path / "in.jpg"), tmp_path / "out.jpg"
        stolen = keys_kept_in(tmp_path / "copy")
        old, staple = authority.signer, authority.staple()
        pki.rotate(authority.directory, "claim", ocsp_url=OCSP_URL)
        time.sleep(1.1)  # past the second in which the old key ended
        sign.sign_file(
            src,
            out,
            making.a_manifest(src),
            sign=lambda data: stolen.sign("claim", data, "P-256"),
            chain_pem=old.chain_pem,
            stamp=authority.stamp,
            staple=staple,
        )
        assert state_of(out, authority) == "revoked"
        with pytest.raises(ReleaseGateClosed, match="replaced or revoked"):
            sign.check_release(out, **authority.trust, payload=PAYLOAD)
