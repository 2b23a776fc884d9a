"""Speak a line with espeak-ng, in a process of its own: its license (GPL) stays out of ours.

Run as `python -m app.gateway.generators.puppet.speech WAV_FILE WORDS_PER_MINUTE` with the line on
stdin, this becomes the `espeak-ng` program where there is one, and otherwise loads the library
that the espeakng-loader wheel ships. The voice is generic and robotic, never a performer's.
"""

import ctypes
import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import unicodedata
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VOICE = "en-us"
PACES = (140, 165, 190, 215)  # words a minute, from calm to pressed
PAUSE_S = 0.15  # least silence before the line and after it
LONGEST_PAUSE_S = 0.5  # before the line
LINE_LIMIT = 300  # characters
TIMEOUT_S = 20


class Unspeakable(Exception):
    """The line cannot be spoken as asked; `reason` is a stable code."""

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


def speak(line: str, length_s: float, folder: Path) -> tuple[NDArray[np.float32], int]:
    """Return `length_s` seconds of mono sound (-1..1) that say `line`, and its sample rate.

    The pace is the calmest that fits. Raises Unspeakable("line-too-long") when the line
    still does not fit, "no-voice" when espeak-ng is missing or fails. Uses `folder` for a
    temporary sound file.
    """
    check_line(line)
    room_s = length_s - 2 * PAUSE_S
    spoken_s = 0.0
    for pace in PACES:
        sound, rate = _run_espeak(line, pace, folder)
        spoken_s = len(sound) / rate
        if spoken_s <= room_s:
            samples = np.zeros(round(length_s * rate), np.float32)
            pause_s = min(LONGEST_PAUSE_S, PAUSE_S + (room_s - spoken_s) / 2)
            start = round(pause_s * rate)
            samples[start : start + len(sound)] = sound
            return samples, rate
    raise Unspeakable(
        "line-too-long",
        f"The line takes {spoken_s:.1f} s to speak, pauses aside, and the clip has "
        f"{room_s:.1f} s. Shorten the line or ask for a longer clip.",
    )


def _run_espeak(line: str, pace: int, folder: Path) -> tuple[NDArray[np.float32], int]:
    path = folder / "speech.wav"
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
    except (subprocess.SubprocessError, OSError, EOFError, wave.Error) as error:
        said = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip()[-200:]
        raise Unspeakable(
            "no-voice",
            f"espeak-ng gave no sound ({said or type(error).__name__}). Install the espeak-ng "
            "program, or the espeakng-loader wheel for this platform.",
        ) from error
    finally:
        path.unlink(missing_ok=True)
    loud = np.flatnonzero(np.abs(samples) > 64)
    if not loud.size:
        raise Unspeakable("no-voice", "The line has no sound in it: use words of the Latin script.")
    spoken = samples[loud[0] : loud[-1] + 1]
    return (spoken / 32768).astype(np.float32), int(rate)


def _plain(line: str) -> str:
    """Take from the line what espeak-ng would read as phonemes rather than as text."""
    return " ".join(line.replace("[[", "[ [").replace("]]", "] ]").split())


def main(arguments: list[str]) -> None:
    """Become espeak-ng for one line: see the module's first lines."""
    path, pace = arguments[0], int(arguments[1])
    resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT_S, TIMEOUT_S))
    program = shutil.which("espeak-ng")
    if program:
        options = ["-v", VOICE, "-s", str(pace), "-b", "1", "--stdin", "-w", path]
        os.execv(program, ["espeak-ng", *options])  # noqa: S606 -- a list, never a shell
    _speak_with_library(sys.stdin.buffer.read(), pace, Path(path))


def _speak_with_library(line: bytes, pace: int, path: Path) -> None:
    """Write `line` (UTF-8) as a WAV file, spoken by the wheel's library in this process."""
    spec = importlib.util.find_spec("espeakng_loader")
    if spec is None or spec.origin is None:
        sys.exit("neither the espeak-ng program nor its library is installed")
    home = Path(spec.origin).parent
    library = next(p for p in sorted(home.iterdir()) if p.suffix in {".so", ".dylib", ".dll"})
    espeak = ctypes.CDLL(str(library))
    synchronous, no_exit, utf8, set_rate = 2, 0x8000, 1, 1
    data = str(home / "espeak-ng-data").encode()
    rate = espeak.espeak_Initialize(synchronous, 0, data, no_exit)
    if rate <= 0 or espeak.espeak_SetVoiceByName(VOICE.encode()):
        sys.exit("the espeak-ng library did not start")
    sound = bytearray()

    def keep(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: object) -> int:
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, 2 * count))
        return 0

    kind = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
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


if __name__ == "__main__":
    main(sys.argv[1:])
