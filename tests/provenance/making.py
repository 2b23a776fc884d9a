"""What the provenance tests build their files from: small media, certificates, manifests."""

import io
import struct
import wave
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app import config, keys
from app.ids import new_id
from app.provenance import ocsp, pki
from app.provenance.desk import Desk, own_time_stamp
from app.provenance.manifest import Manifest, Reference, Source, manifest
from app.provenance.sign import SignedFile, media_type_of, sign_file

FORMATS = ("jpg", "png", "webp", "mp4", "mov", "m4a", "mp3", "wav")
PAYLOAD = bytes.fromhex("00112233445566ff")
Pixels = npt.NDArray[np.uint8]


OCSP_URL = "http://127.0.0.1:8420/ocsp/"


@dataclass(frozen=True)
class Authority:
    """This installation's certificates, and its two signing functions."""

    directory: Path

    @property
    def desk(self) -> Desk:
        return Desk(self.directory, OCSP_URL, self.stamp)

    @property
    def roots(self) -> dict[str, str]:
        return self.desk.roots

    @property
    def trust(self) -> dict[str, Any]:
        return self.desk.trust

    @property
    def signer(self) -> pki.Signer:
        return pki.signer(self.directory, "claim")

    def stamp(self, data: bytes) -> bytes:
        return own_time_stamp(self.directory, data)

    def staple(self) -> bytes:
        return ocsp.signer_and_staple(self.directory)[1]


def an_authority(directory: Path) -> Authority:
    """Make the certificates of the keys settings point at."""
    pki.create_missing(directory, ocsp_url=OCSP_URL)
    return Authority(directory)


def a_manifest(
    path: Path,
    payload: bytes = PAYLOAD,
    generation_id: str | None = None,
    references: Sequence[Reference] = (Reference("ab" * 32),),
    **sources: Source | None,
) -> Manifest:
    """Describe a file as if one reference and one contract had made it."""
    return manifest(
        generation_id=generation_id or new_id("gen"),
        payload=payload,
        media_type=media_type_of(path),
        references=references,
        decision_receipt_sha256="cd" * 32,
        contract_sha256s=["ef" * 32],
        license_status_url="https://understudy.example/v1/licenses/1",
        generator="test generator",
        generator_version="1",
        **sources,
    )


def signed(
    authority: Authority,
    src: Path,
    dst: Path,
    described: Manifest | None = None,
    stamp: Callable[[bytes], bytes] | None = None,
) -> SignedFile:
    """Sign with the installation's key and clock."""
    return sign_file(
        src,
        dst,
        described or a_manifest(src),
        sign=authority.signer.sign,
        chain_pem=authority.signer.chain_pem,
        stamp=stamp or authority.stamp,
        staple=authority.staple(),
    )


def a_picture(width: int = 320, height: int = 240, seed: int = 1) -> Pixels:
    """Draw smooth shapes and some noise: compressible, distinct per seed. BGR."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = rng.integers(-6, 7, smooth.shape)
    return np.clip(smooth.astype(np.int16) + noise, 0, 255).astype(np.uint8)


def a_tone(
    seconds: float = 2.0, rate: int = 44100, pitch: float = 330.0
) -> npt.NDArray[np.float32]:
    """A chord that moves, mono, float32 in -1..1."""
    t = np.arange(int(seconds * rate)) / rate
    sweep = np.sin(2 * np.pi * pitch * t * (1 + 0.2 * t)) + np.sin(2 * np.pi * pitch * 1.5 * t)
    return np.asarray(0.25 * sweep, dtype=np.float32)


def make_media(path: Path, seed: int = 1) -> Path:
    """Write a small file of the kind its suffix names."""
    kind = path.suffix[1:]
    if kind in ("jpg", "png", "webp"):
        cv2.imwrite(str(path), a_picture(seed=seed))
    elif kind == "wav":
        path.write_bytes(wav_bytes(a_tone(pitch=300.0 + 20 * seed)))
    elif kind in ("mp3", "m4a"):
        _encode_audio(path, a_tone(pitch=300.0 + 20 * seed), 44100)
    else:
        write_video(path, [a_picture(seed=seed + n // 8) for n in range(24)])
    return path


def wav_bytes(samples: npt.NDArray[np.float32], rate: int = 44100) -> bytes:
    """Mono 16-bit WAV."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def write_video(
    path: Path,
    frames: list[Pixels],
    rate: int = 12,
    crf: int = 20,
    options: dict[str, str] | None = None,
) -> None:
    """Encode BGR frames as H.264 with a short AAC track."""
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream("libx264", rate=rate)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.options = {"preset": "veryfast", "crf": str(crf)}
        audio = container.add_stream("aac", rate=44100)
        audio.layout = "mono"
        for frame in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(video.encode())
        _feed(container, audio, a_tone(len(frames) / rate), 44100)


def _encode_audio(path: Path, samples: npt.NDArray[np.float32], rate: int) -> None:
    container_format = "mp3" if path.suffix == ".mp3" else "ipod"
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream("libmp3lame" if path.suffix == ".mp3" else "aac", rate=rate)
        stream.layout = "mono"
        _feed(container, stream, samples, rate)


def _feed(container, stream, samples, rate):  # type: ignore[no-untyped-def]
    for at in range(0, len(samples) - 1024, 1024):
        frame = av.AudioFrame.from_ndarray(
            samples[None, at : at + 1024], format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def another_authority(monkeypatch: pytest.MonkeyPatch, directory: Path) -> Authority:
    """Make a whole other installation, with its own keys, and point settings at it."""
    settings_at(monkeypatch, directory)
    keys.create_missing()
    return an_authority(directory / "certificates")


def settings_at(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Point settings at the data directory of an installation."""
    monkeypatch.setenv("UNDERSTUDY_DATA_DIR", str(directory))
    config.settings.cache_clear()


def huge_png(width: int, height: int) -> bytes:
    """A valid black PNG of one bit per pixel: few bytes, many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + (width + 7) // 8) * height), 9)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def a_voice(seed: int, seconds: float = 12.0, rate: int = 8000) -> npt.NDArray[np.float32]:
    """Something like speech: syllables of harmonics over a moving pitch, with pauses. Mono."""
    rng = np.random.default_rng(seed)
    pieces = []
    while sum(map(len, pieces)) < seconds * rate:
        t = np.arange(int(rng.uniform(0.08, 0.3) * rate)) / rate
        pitch = rng.uniform(100, 260) * (1 + rng.uniform(-0.3, 0.3) * t)
        formants = rng.uniform(300, 2400, 3)
        harmonics = [
            np.exp(-min(abs(formants - n * pitch.mean())) / 150) * np.sin(2 * np.pi * n * pitch * t)
            for n in range(1, 16)
        ]
        pieces += [np.sum(harmonics, axis=0) * np.hanning(len(t)), np.zeros(rng.integers(200, 900))]
    voice = np.concatenate(pieces)[: int(seconds * rate)]
    return np.asarray(0.5 * voice / np.abs(voice).max(), np.float32)


def encode_audio(
    path: Path, samples: npt.NDArray[np.float32], rate: int, written_rate: int
) -> None:
    """Resample and compress: mp3 or m4a by the path's suffix."""
    old = np.arange(len(samples)) / rate
    new = np.arange(int(len(samples) * written_rate / rate)) / written_rate
    resampled = np.interp(new, old, samples).astype(np.float32)
    _encode_audio(path, resampled, written_rate)
