"""python large_file.py DIRECTORY MEGABYTES: sign and check an MP4 of that size in this process.

Prints peak memory in MiB, of this process, of the largest of the children it had, and of both
together, as JSON. Settings point at an installation's keys.
"""

import json
import os
import struct
import sys
import time
from pathlib import Path

from app import keys
from app.provenance import sign
from tests.provenance import making, peaks


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
    authority = making.an_authority(directory / "certificates")
    small = making.make_media(directory / "small.mp4").read_bytes()
    src, out = inflate(small, directory / "in.mp4", megabytes << 20), directory / "out.mp4"
    began = time.monotonic()
    making.signed(authority, src, out)
    signed = time.monotonic()
    by = sign.check_release(out, **authority.trust, payload=making.PAYLOAD)
    took = {"sign_s": round(signed - began, 1), "check_s": round(time.monotonic() - signed, 1)}
    print(json.dumps({"by": by, "peak_mib": peaks.peaks_mib(), **took}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
