"""Speak a line with espeak-ng, in a process of its own: its license (GPL) stays out of ours.

Run as `python -m app.gateway.generators.puppet.speech WAV_FILE WORDS_PER_MINUTE` with the line on
stdin, this loads the library that the espeakng-loader wheel ships, which also says when each sound
begins; where there is none it becomes the `espeak-ng` program, which does not. The voice is generic
and robotic, never a performer's.
"""

import ctypes
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import unicodedata
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.gateway.generators.puppet.visemes import Phoneme

VOICE = "en-us"
PACES = (140, 165, 190, 215)  # words a minute, from calm to pressed
PAUSE_S = 0.15  # least silence before the line and after it
LONGEST_PAUSE_S = 0.5  # before the line
LINE_LIMIT = 300  # characters
TIMEOUT_S = 20


class Spoken(NamedTuple):
    """How a line or a recording sounds: mono samples (-1..1), their rate, its phonemes if known."""

    samples: NDArray[np.float32]
    rate: int
    phonemes: tuple[Phoneme, ...] = ()


def library() -> Path | None:
    """Return the espeak-ng library of the wheel, if it has one for this platform."""
    spec = importlib.util.find_spec("espeakng_loader")
    if spec is None or spec.origin is None:
        return None
    beside = sorted(Path(spec.origin).parent.iterdir())
    return next((path for path in beside if path.suffix in {".so", ".dylib", ".dll"}), None)


class Unspeakable(Exception):
    """The clip cannot sound as asked; `reason` is a stable code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def check_line(line: str) -> None:
    """Raise Unspeakable("line-refused") unless `line` is 1 to 300 characters of plain text.

    Control, private and unassigned characters and half surrogate pairs are refused, as is a line
    without a letter or digit.
    """
    if not any(character.isalnum() for character in line):
        raise Unspeakable("line-refused", "The line is empty. Give words to speak.")
    if len(line) > LINE_LIMIT:
        raise Unspeakable(
            "line-refused", f"The line has {len(line)} characters; at most {LINE_LIMIT} fit a clip."
        )
    for place, character in enumerate(line):
        if unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn"}:
            raise Unspeakable(
                "line-refused",
                f"Character {place + 1} of the line (U+{ord(character):04X}) cannot be spoken. "
                "Give one line of plain text without control characters.",
            )


def speak(line: str, length_s: float, folder: Path) -> Spoken:
    """Return `length_s` seconds of sound that say `line`.

    The pace is the calmest that fits. Raises Unspeakable("line-too-long") when the line
    still does not fit, "no-voice" when espeak-ng is missing or fails. Uses `folder` for a
    temporary sound file.
    """
    check_line(line)
    room_s = length_s - 2 * PAUSE_S
    spoken_s = 0.0
    for pace in PACES:
        sound, rate, phonemes = _run_espeak(line, pace, folder)
        spoken_s = len(sound) / rate
        if spoken_s <= room_s:
            samples = np.zeros(round(length_s * rate), np.float32)
            pause_s = min(LONGEST_PAUSE_S, PAUSE_S + (room_s - spoken_s) / 2)
            start = round(pause_s * rate)
            samples[start : start + len(sound)] = sound
            moved = (Phoneme(each.at_s + pause_s, each.name) for each in phonemes)
            return Spoken(samples, rate, tuple(moved))
    raise Unspeakable(
        "line-too-long",
        f"The line takes {spoken_s:.1f} s to speak, pauses aside, and the clip has "
        f"{room_s:.1f} s. Shorten the line or ask for a longer clip.",
    )


def _run_espeak(line: str, pace: int, folder: Path) -> Spoken:
    path = folder / "speech.wav"
    timings = path.with_suffix(".json")
    command = [
        sys.executable,
        "-P",
        "-m",
        "app.gateway.generators.puppet.speech",
        str(path),
        str(pace),
    ]
    try:
        subprocess.run(
            command,
            input=_plain(line).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT_S,
            check=True,
        )
        with wave.open(str(path)) as sound:
            rate = sound.getframerate()
            samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        heard = json.loads(timings.read_text()) if timings.exists() else []
    except (subprocess.SubprocessError, OSError, EOFError, wave.Error) as error:
        said = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip()[-200:]
        raise Unspeakable(
            "no-voice",
            f"espeak-ng gave no sound ({said or type(error).__name__}). Install the espeak-ng "
            "program, or the espeakng-loader wheel for this platform.",
        ) from error
    finally:
        path.unlink(missing_ok=True)
        timings.unlink(missing_ok=True)
    loud = np.flatnonzero(np.abs(samples) > 64)
    if not loud.size:
        raise Unspeakable("no-voice", "The line has no sound in it: use words of the Latin script.")
    spoken = samples[loud[0] : loud[-1] + 1]
    begins_s = float(loud[0]) / rate
    phonemes = tuple(Phoneme(at_ms / 1000 - begins_s, name) for at_ms, name in heard)
    return Spoken((spoken / 32768).astype(np.float32), int(rate), phonemes)


def _plain(line: str) -> str:
    """Take from the line what espeak-ng would read as phonemes rather than as text."""
    return " ".join(line.replace("[[", "[ [").replace("]]", "] ]").split())


def main(arguments: list[str]) -> None:
    """Become espeak-ng for one line: see the module's first lines."""
    path, pace = arguments[0], int(arguments[1])
    resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT_S, TIMEOUT_S))
    found, program = library(), shutil.which("espeak-ng")
    if found is not None:
        _speak_with_library(found, sys.stdin.buffer.read(), pace, Path(path))
    elif program:
        options = ["-v", VOICE, "-s", str(pace), "-b", "1", "--stdin", "-w", path]
        os.execv(program, ["espeak-ng", *options])  # noqa: S606 -- a list, never a shell
    else:
        sys.exit("neither the espeak-ng library nor its program is installed")


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h; `name` is that of a phoneme, in IPA."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


def _speak_with_library(library: Path, line: bytes, pace: int, path: Path) -> None:
    """Write `line` (UTF-8) as a WAV file, and when each of its phonemes begins beside it."""
    espeak = ctypes.CDLL(str(library))
    synchronous, no_exit, utf8, set_rate = 2, 0x8000, 1, 1
    phoneme_events, in_ipa, is_phoneme = 1, 2, 7
    data = str(library.parent / "espeak-ng-data").encode()
    options = no_exit | phoneme_events | in_ipa
    rate = espeak.espeak_Initialize(synchronous, 0, data, options)
    if rate <= 0 or espeak.espeak_SetVoiceByName(VOICE.encode()):
        sys.exit("the espeak-ng library did not start")
    sound, heard = bytearray(), []

    def keep(
        samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]"
    ) -> int:
        number = 0
        while events and events[number].type:
            event = events[number]
            if event.type == is_phoneme:
                heard.append((event.audio_position, event.name.decode(errors="ignore")))
            number += 1
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, 2 * count))
        return 0

    kind = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
    )
    callback = kind(keep)
    espeak.espeak_SetSynthCallback(callback)
    espeak.espeak_SetParameter(set_rate, pace, 0)
    text = ctypes.create_string_buffer(line)
    size = ctypes.c_size_t(len(text))
    espeak.espeak_Synth(text, size, 0, 0, 0, utf8, None, None)
    espeak.espeak_Synchronize()
    with wave.open(str(path), "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(rate)
        output.writeframes(bytes(sound))
    path.with_suffix(".json").write_text(json.dumps(heard))


if __name__ == "__main__":
    main(sys.argv[1:])
