"""What signing a file costs beside bare c2pa-python, and reading one beside a bare read."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import c2pa
import cv2

from app import keys, sandbox_standing
from app.config import settings
from app.provenance import credentials, ocsp, pki, service, sign
from app.provenance.desk import Desk, desk
from app.provenance.manifest import Manifest
from tests.conftest import ROOT
from tests.provenance import making
from tests.provenance.large_file import inflate

THREADS = 2
SIGNING = "sign path / bare c2pa-python"
VERIFYING = "first verification / bare read"
BARS = {SIGNING: ", at most 1.5 by the clock on a quiet machine", VERIFYING: ""}
Step = Callable[[], object]


def measure(
    *, rounds: int, film_mb: int = 32, memory_mb: tuple[int, ...] = (10, 200, 1024)
) -> dict[str, Any]:
    """Measure signing and reading; each round runs every step in turn, ratios are within rounds."""
    keys.create_missing()
    pki.create_missing(settings().keys_dir, ocsp_url=settings().ocsp_url)
    sandbox_standing.MOST_FILES = 1 << 30  # else one is replaced within a step, and its time lost
    with tempfile.TemporaryDirectory(dir=settings().data_dir) as name:
        directory = Path(name)
        picture = directory / "in.jpg"
        cv2.imwrite(str(picture), making.a_picture(1920, 1080), [cv2.IMWRITE_JPEG_QUALITY, 92])
        small = making.make_media(directory / "small.mp4").read_bytes()
        film = inflate(small, directory / "in.mp4", film_mb << 20)
        of_picture, of_film = _one(picture, rounds=4 * rounds), _one(film, rounds=rounds)
        for what, found in (("1080p JPEG", of_picture), (f"{film_mb} MB MP4", of_film)):
            for ratio in (SIGNING, VERIFYING):
                print(f"{what}: {ratio} = {found[ratio]['median']}{BARS[ratio]}", file=sys.stderr)
        return {
            "1080p JPEG": of_picture,
            f"{film_mb} MB MP4": of_film,
            "signed per second": _together(picture, signed=20 * rounds),
            "peak memory, MiB": {f"{size} MB": _peak(directory, size) for size in memory_mb},
        }


def _one(src: Path, *, rounds: int) -> dict[str, Any]:
    out, bare = src.with_name(f"out{src.suffix}"), src.with_name(f"bare{src.suffix}")
    at = desk()
    described, by = making.a_manifest(src), pki.signer(at.certificates, "claim")
    steps: dict[str, Step] = {
        "bare c2pa-python": lambda: _bare(src, bare, described, by),
        "sign path": lambda: _path(src, out, at, described),
        "first verification": lambda: sign._ask(
            out, "app.provenance.credentials:read_credentials", at.roots
        ),
        "the same, without its child": lambda: credentials.read_credentials(
            path=str(out), **at.roots
        ),
        "both verifications": lambda: sign.check_release(out, **at.trust, payload=making.PAYLOAD),
        "fingerprint": lambda: service.fingerprint_file(out),
        "bare read": lambda: _bare_read(out),
    }
    took: dict[str, list[float]] = {step: [] for step in steps}
    spent: dict[str, list[float]] = {step: [] for step in steps}
    for number in range(rounds + 1):
        for old in (out, bare):
            old.unlink(missing_ok=True)  # a new file, as in the pipeline: clearing one takes long
        for step, act in steps.items():
            began, began_cpu = time.perf_counter(), _processor_s()
            act()
            if number:  # the first round pays for what is loaded once
                spent[step].append((_processor_s() - began_cpu) * 1000)
                took[step].append((time.perf_counter() - began) * 1000)
    return {
        "size, KB": src.stat().st_size >> 10,
        "ms, median": _medians(took),
        "ms of processor time, of this process and children that stay, median": _medians(spent),
        SIGNING: _ratio(took, "sign path", "bare c2pa-python"),
        "the same in processor time": _ratio(spent, "sign path", "bare c2pa-python"),
        VERIFYING: _ratio(took, "first verification", "bare read"),
    }


def _processor_s() -> float:
    """What this process and the children that stay for it have spent; others' is in the clock."""
    children = 0.0
    for child in sandbox_standing._idle:
        spent_ns = Path(f"/proc/{child.pid}/schedstat").read_text().split()[0]
        children += int(spent_ns) / 1e9
    return time.process_time() + children


def _medians(took: dict[str, list[float]]) -> dict[str, float]:
    return {step: round(statistics.median(each), 2) for step, each in took.items()}


def _ratio(took: dict[str, list[float]], above: str, below: str) -> dict[str, float]:
    ratios = [a / b for a, b in zip(took[above], took[below], strict=True)]
    return {"median": round(statistics.median(ratios), 3), "worst": round(max(ratios), 3)}


def _path(src: Path, out: Path, at: Desk, described: Manifest) -> sign.SignedFile:
    """All that `service.sign_output` does before anybody reads the file back."""
    pki.renew(at.certificates, ocsp_url=at.ocsp_url)
    signer, staple = ocsp.signer_and_staple(at.certificates)
    return sign.sign_file(
        src,
        out,
        described,
        sign=signer.sign,
        chain_pem=signer.chain_pem,
        stamp=at.stamp,
        staple=staple,
    )


def _bare(src: Path, out: Path, described: Manifest, by: pki.Signer) -> None:
    """The library alone: same manifest, same key; no time stamp, no OCSP, no look at the result."""
    signer = c2pa.Signer.from_callback(by.sign, c2pa.C2paSigningAlg.ES256, by.chain_pem)
    builder = c2pa.Builder(described.definition, credentials.context())
    with signer, src.open("rb") as source, out.open("w+b") as target:
        builder.sign(signer, sign.media_type_of(src), source, target)


def _bare_read(path: Path) -> str:
    """The library alone, without trust: hashes and signature are checked all the same."""
    with (
        path.open("rb") as file,
        c2pa.Reader(sign.media_type_of(path), file, context=credentials.context()) as reader,
    ):
        return str(reader.json())


def _together(src: Path, *, signed: int) -> dict[str, float]:
    """The sign path on one thread, then on two."""
    at, described = desk(), making.a_manifest(src)

    def one(number: int) -> None:
        _path(src, src.with_name(f"many{number}.jpg"), at, described)

    rates = {}
    for threads in (1, THREADS):
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, range(signed)))
        rates[f"{threads} threads"] = round(signed / (time.perf_counter() - began), 1)
    return rates


def _peak(directory: Path, size_mb: int) -> dict[str, Any]:
    """Sign and check a film of this size in a process of its own."""
    place = directory / f"{size_mb}"
    place.mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "tests.provenance.large_file", str(place), str(size_mb)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for path in place.glob("*.mp4"):
        path.unlink()
    said: dict[str, Any] = json.loads(ran.stdout)
    return {**said["peak_mib"], "sign_s": said["sign_s"], "check_s": said["check_s"]}
