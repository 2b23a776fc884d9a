"""python -m tests.media_readers FILE: sign, verify; say what read media in this process.

The entry points are imported, work is done as server and worker do it, and then every library that
opens media is looked for. At the end one is used here, as nobody should, and looked for again.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2

OPENERS = ("imread", "imdecode", "imreadmulti", "imdecodemulti", "VideoCapture")
READERS = ("c2pa", "av", "PIL", "dlib", "encypher_c2pa", "face_recognition")


def main(src: Path) -> None:
    """Do what reads media, and print which libraries that opened it are here."""
    opened: list[str] = []
    for name in OPENERS:
        setattr(cv2, name, lambda *_args, name=name, **_named: opened.append(name))
    import app.cli
    import app.main
    import app.worker  # noqa: F401
    from app import keys
    from app.config import settings
    from app.provenance import pki, service, verify
    from app.provenance.desk import desk
    from app.provenance.manifest import Reference, manifest

    keys.create_missing()
    pki.create_missing(settings().keys_dir, ocsp_url=settings().ocsp_url)
    described = manifest(
        generation_id="gen_01M8FM83CMASV2BB0KND253GAV",
        payload=bytes(8),
        media_type="image/jpeg",
        references=[Reference("ab" * 32)],
        decision_receipt_sha256="cd" * 32,
        contract_sha256s=["ef" * 32],
        license_status_url="https://understudy.example/v1/licenses/1",
        generator="test",
        generator_version="1",
    )
    found: dict[str, Any] = {"before": loaded()}
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out.jpg"
        service.sign_output(src, out, described, desk=desk())
        service.with_credentials(out, desk=desk())
        verify._read_claims(out, desk().roots)
        verify._find_remains(out)
        verify.read_content(out, {})
        found |= {"after": loaded(), "opened": list(opened)}
        import c2pa

        with out.open("rb") as file, c2pa.Reader("image/jpeg", file) as reader:
            reader.json()
        cv2.imread(str(out))
    print(json.dumps(found | {"careless": loaded(), "carelessly opened": opened}))


def loaded() -> list[str]:
    """Which readers of media are in this process."""
    return sorted(set(sys.modules) & set(READERS))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
