"""python large_file.py DIRECTORY MEGABYTES: sign and check an MP4 of that size in this process.

Prints peak memory in MiB, of this process, of the largest of the children it had, and of both
together, as JSON. Settings point at an installation's keys. As in a worker, nothing that reads
media is loaded here: the film is made elsewhere.
"""

import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

from app import keys
from app.config import settings
from app.ids import new_id
from app.provenance import ocsp, pki, sign
from app.provenance.desk import desk
from app.provenance.manifest import Reference, manifest
from tests.provenance import peaks

PAYLOAD = bytes.fromhex("00112233445566ff")
MAKE = """
import sys; from pathlib import Path; from tests.provenance import making
making.make_media(Path(sys.argv[1]))
"""


def inflate(small: bytes, path: Path, size: int) -> Path:
    """Write a copy of an MP4 whose media box goes on with noise up to `size` bytes."""
    at = small.index(b"mdat") - 4
    (box,) = struct.unpack_from(">I", small, at)
    more, noise = size - len(small), os.urandom(1 << 20)
    with path.open("wb") as file:
        file.write(small[:at] + struct.pack(">I", box + more) + small[at + 4 : at + box])
        for done in range(0, more, len(noise)):
            file.write(noise[: more - done])
        file.write(small[at + box :])
    return path


def main(directory: Path, megabytes: int) -> None:
    """Sign and check one file, and say what it took."""
    peaks.begin()
    keys.create_missing()
    pki.create_missing(settings().keys_dir, ocsp_url=settings().ocsp_url)
    small = directory / "small.mp4"
    subprocess.run([sys.executable, "-c", MAKE, str(small)], check=True)
    src = inflate(small.read_bytes(), directory / "in.mp4", megabytes << 20)
    out, at = directory / "out.mp4", desk()
    signer, staple = ocsp.signer_and_staple(at.certificates)
    described = manifest(
        generation_id=new_id("gen"),
        payload=PAYLOAD,
        media_type=sign.media_type_of(src),
        references=[Reference("ab" * 32)],
        decision_receipt_sha256="cd" * 32,
        contract_sha256s=["ef" * 32],
        license_status_url="https://understudy.example/v1/licenses/1",
        generator="test generator",
        generator_version="1",
    )
    began = time.monotonic()
    sign.sign_file(
        src,
        out,
        described,
        sign=signer.sign,
        chain_pem=signer.chain_pem,
        stamp=at.stamp,
        staple=staple,
    )
    signed = time.monotonic()
    by = sign.check_release(out, **at.trust, payload=PAYLOAD, original=src)
    assert "av" not in sys.modules, "what reads media counts as memory of this process"
    took = {"sign_s": round(signed - began, 1), "check_s": round(time.monotonic() - signed, 1)}
    print(json.dumps({"by": by, "peak_mib": peaks.peaks_mib(), **took}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
