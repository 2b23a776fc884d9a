"""What a verdict rests on, layer by layer, in words for people: pure, from findings to words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.language import _, marked
from app.web.spoken import spoken

Tone = Literal["yes", "no", "wait", "none"]
SIGNS: Mapping[Tone, str] = {"yes": "✓", "no": "✕", "wait": "?", "none": "–"}
HEADLINES = {
    "intact": marked("This is the released file, unchanged."),
    "recovered": marked("This comes from a released work. Nothing proves it unchanged."),
    "altered": marked("This is not as it was released."),
    "transplanted": marked("Its credentials belong to another work."),
    "unknown-origin": marked("Nobody here can say where this comes from."),
    "not-ours": marked("This installation knows nothing of this file."),
    "unreadable": marked("This file cannot be read."),
}
TONES: Mapping[str, Tone] = {
    "intact": "yes",
    "recovered": "wait",
    "altered": "no",
    "transplanted": "no",
    "unknown-origin": "wait",
    "not-ours": "none",
    "unreadable": "none",
}


@dataclass(frozen=True)
class Layer:
    """One thing that was looked at: what was found, and why it matters."""

    tone: Tone
    what: str
    why: str
    detail: str = ""

    @property
    def sign(self) -> str:
        """The tone as a sign: never colour alone."""
        return SIGNS[self.tone]


def about_license(state: Mapping[str, str] | None) -> str:
    """Say in a sentence whether the work a file comes from was licensed, and is; empty: no work."""
    if state is None:
        return ""
    then, now = (state[name] == "licensed" for name in ("when_made", "now"))
    if then:
        return _("The work is licensed.") if now else _("The work was licensed; it no longer is.")
    return _("The work was not licensed when it was made.")


def layers(found: Mapping[str, Any]) -> list[Layer]:
    """Order the findings as a reader asks: the file, the mark, the content, the record, the log."""
    return [
        _credentials(found),
        *_signer(found),
        _bytes(found),
        _mark(found),
        *_content(found),
        *_license(found),
        *_log(found),
    ]


def _credentials(found: Mapping[str, Any]) -> Layer:
    tone, what, why = {
        "valid": (
            "yes",
            _("Credentials in the file: they verify"),
            _("A signed list of what the file is and who made it, bound to these very bytes."),
        ),
        "absent": (
            "none",
            _("Credentials in the file: none"),
            _("Many programs drop them when they save a copy. This alone means nothing."),
        ),
        "unparsable": (
            "no",
            _("Credentials in the file: there, but broken"),
            _("Something was changed after they were signed, or they were never whole."),
        ),
        "invalid": (
            "no",
            _("Credentials in the file: they do not verify"),
            _(
                "The signature no longer fits the bytes, so the bytes are not those that were "
                "signed."
            ),
        ),
    }[found["credentials"]]
    return Layer(_tone(tone), what, why, ", ".join(found["credential_codes"][:4]))


def _signer(found: Mapping[str, Any]) -> Iterator[Layer]:
    if found["credentials"] in {"absent", "unparsable"}:
        return
    signer = found["signer"] or {}
    name = signer.get("organization") or signer.get("name") or _("somebody unnamed")
    if not found["signer_ours"]:
        yield Layer(
            "wait",
            _("Signed by: %(name)s, and not by this installation", name=name),
            _("Anybody can sign a file. Who they are, this installation cannot vouch for."),
        )
        return
    if found["revocation"] == "revoked":
        yield Layer(
            "no",
            _("Signed by: a key of this installation that was taken back"),
            _("From that day on a signature by this key counts for nothing."),
        )
        return
    when = " " + _("It was signed at %(at)s.", at=found["signed_at"]) if found["signed_at"] else ""
    timed = bool(found["time_trusted"])
    yield Layer(
        "yes" if signer.get("in_force") and timed else "wait",
        _("Signed by: %(name)s, this installation", name=name),
        (_("A time stamp proves when.") if timed else _("No time stamp that counts proves when."))
        + when,
        _("certificate %(serial)s", serial=signer["serial"]) if signer.get("serial") else "",
    )


def _bytes(found: Mapping[str, Any]) -> Layer:
    tone, what, why = {
        "released": (
            "yes",
            _("Every byte: as it was handed out"),
            _("The whole file has the fingerprint that was written down at its release."),
        ),
        "differs": (
            "no",
            _("Every byte: not the file that was handed out"),
            _(
                "Saving a film anew changes its bytes, and so does tampering: this cannot tell "
                "which."
            ),
        ),
        "not-on-record": (
            "none",
            _("Every byte: no file with this fingerprint was released here"),
            _("A copy that was saved anew has another fingerprint. This alone means nothing."),
        ),
    }[found["whole_file"]]
    return Layer(_tone(tone), what, why, f"SHA-256 {found['sha256']}")


def _mark(found: Mapping[str, Any]) -> Layer:
    tone, what, why = {
        "ours": (
            "yes",
            _("Hidden mark: found, and it names a released work"),
            _("The mark is woven into the picture or the sound and survives copying."),
        ),
        "unrecorded": (
            "wait",
            _("Hidden mark: made with this installation's key, for no released work"),
            _("It may come from a work that was stopped before its release."),
        ),
        "absent": (
            "none",
            _("Hidden mark: none found"),
            _("Every film released here carries one, unless the copy was damaged too much."),
        ),
        "unsearched": (
            "wait",
            _("Hidden mark: not told"),
            _(
                "It took too long, or too many near copies were asked about. Try a shorter one, "
                "later."
            ),
        ),
        "no-key": (
            "wait",
            _("Hidden mark: not looked for"),
            _("Only the installation that made the mark can find it."),
        ),
    }[found["mark"]]
    return Layer(_tone(tone), what, why, " ".join(found["payloads"][:3]))


def _content(found: Mapping[str, Any]) -> Iterator[Layer]:
    if not found["readable"]:
        yield Layer(
            "wait",
            _("Picture and sound: not readable.") + f" {found['unreadable_reason']}".rstrip(),
            _("What cannot be read cannot be compared."),
        )
        return
    if found["content"] is None:
        return
    alike = found["similarity"] if found["similarity"] is not None else found["sound_similarity"]
    much = "" if alike is None else _(", %(much)s %% alike", much=round(100 * alike))
    tone, what = {
        "same": ("yes", _("Picture and sound: those of the released work") + much),
        "other": ("no", _("Picture and sound: not those of the work it names") + much),
        "unsure": ("wait", _("Picture and sound: partly those of the released work") + much),
    }[found["content"]]
    yield Layer(
        _tone(tone),
        what,
        _("So a mark or a credential that was copied from another file gives itself away."),
    )


def _license(found: Mapping[str, Any]) -> Iterator[Layer]:
    if found["license"] is None:
        return
    words = {"when_made": _("When it was made"), "now": _("Today")}
    for name, said in words.items():
        state = found["license"][name]
        licensed = state == "licensed"
        yield Layer(
            "yes" if licensed else "no",
            f"{said}: {spoken(state)}",
            _("A contract that the performer signed allowed it.")
            if licensed
            else _("No contract that stands allows it. Why, is between those who signed."),
        )


def _log(found: Mapping[str, Any]) -> Iterator[Layer]:
    log = found["log"]
    if log is None:
        return
    tone, what, why = {
        "logged": (
            "yes",
            _("Public log: entry %(at)s", at=log["leaf_index"] or 0),
            _("The release is in a list that can only grow. Nobody can take it out unseen."),
        ),
        "promised": (
            "wait",
            _("Public log: on its way in"),
            _("It is written down and waits for the next signed page. Look again in a minute."),
        ),
        "absent": (
            "no",
            _("Public log: no release is on record"),
            _("Every release is logged. One that is not should be asked about."),
        ),
    }[log["state"]]
    yield Layer(_tone(tone), what, why, log["record"] or "")


def _tone(text: str) -> Tone:
    return next(tone for tone in SIGNS if tone == text)
