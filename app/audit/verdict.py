"""From findings to one word and one sentence: pure rules, read from the top, first match wins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from app.language import _, marked
from app.provenance.verify import Findings

Word = Literal[
    "intact",
    "recovered",
    "altered",
    "transplanted",
    "unknown-origin",
    "not-ours",
    "unreadable",
]
MUCH_MORE_ALIKE = 0.25
WORDS: tuple[Word, ...] = get_args(Word)
NEXT_STEPS: Mapping[Word, str] = {
    "intact": marked(
        "Nothing is left to check in the file. Whether its license still holds is said beside it."
    ),
    "recovered": marked(
        "Do not take it for unchanged: ask whoever published it for the released"
        " original, and compare."
    ),
    "altered": marked(
        "Do not rely on what it shows: ask whoever sent it for the file as it was released,"
        " and check that one."
    ),
    "transplanted": marked(
        "Do not take it for the output it names: ask whoever sent it where it is from,"
        " and tell the operator of this installation."
    ),
    "unknown-origin": marked(
        "Ask whoever signed it or sent it where it is from: this installation cannot say."
    ),
    "not-ours": marked(
        "Ask whoever published it where it is from: this installation knows nothing of it."
    ),
    "unreadable": marked(
        "Send it as you received it, whole: a JPEG, PNG, WebP, MP4, MOV, M4A, MP3 or WAV"
        " that other programs open."
    ),
}


SIGN_ANEW = marked(
    "Ask the operator of this installation to release it anew: a new signature is what is missing."
)


@dataclass(frozen=True)
class Judgment:
    """The word, the sentence that says on what it rests, and what to do now."""

    word: Word
    sentence: str
    then: str = ""

    @property
    def next_step(self) -> str:
        """What a person who holds the file does next."""
        return self.then or NEXT_STEPS[self.word]


def judge(found: Findings) -> Judgment:
    """Judge a file by its findings.

    `intact` takes all of: every byte as handed out, credentials that verify, our signer in force
    and not revoked when it signed.
    `transplanted` takes positive evidence that the content is another's. Nothing recovered or
    changed is ever called intact, and nothing unknown is called false.
    """
    if found.whole_file == "released":
        return _handed_out(found)
    if found.manifest is not None and found.manifest.found_by != "watermark":
        return _names_ours(found)
    if found.signer_ours:
        return _signed_by_us_off_record(found)
    if found.mark == "ours":
        return _marked(found)
    if found.credentials in {"valid", "invalid", "unparsable"}:
        return _someone_elses(found)
    if not found.readable:
        return Judgment("unreadable", f"This file cannot be read: {found.unreadable_reason}.")
    if found.mark == "unrecorded":
        return Judgment(
            "unknown-origin",
            _(
                "It carries a mark made with this installation's key, but no released output "
                "has that"
                " mark. Where it comes from is not known."
            ),
        )
    if found.mark == "no-key":
        return Judgment("unknown-origin", _without_key_sentence(found))
    if found.mark == "unsearched":
        return Judgment(
            "unreadable",
            _(
                "Looking for a mark in it took more time or memory than it may, or too many"
                " slightly different files of this content were asked about, so nothing is said"
                " about where it comes from."
            ),
            _("Send a shorter or smaller copy of it, or ask again tomorrow."),
        )
    return Judgment("not-ours", _not_ours_sentence(found))


def _handed_out(found: Findings) -> Judgment:
    """Every byte is as it was handed out; do the credentials still hold?"""
    in_force = found.signer is not None and found.signer.get("in_force") is True
    if found.revocation == "revoked":
        return Judgment(
            "recovered",
            _(
                "These bytes are the ones that were handed out, by this installation's own "
                "record, but"
                " the certificate that signed them is revoked from before they were signed, so"
                " integrity is unproven."
            ),
            SIGN_ANEW,
        )
    if found.credentials == "valid" and found.signer_ours and in_force:
        return Judgment(
            "intact",
            _(
                "This is the released file, byte for byte: its credentials verify, and this"
                " installation signed them when its certificate was in force."
            ),
        )
    return Judgment(
        "recovered",
        _(
            "These bytes are the ones that were handed out, by this installation's own record, but"
            " their credentials do not verify today, so integrity is unproven."
        ),
        SIGN_ANEW,
    )


def _names_ours(found: Findings) -> Judgment:
    """It carries credentials of ours, or what is left of them, and is not what was handed out.

    Damage alone can make content unlike itself, so only likeness to another output convicts.
    """
    if _is_anothers(found):
        return Judgment(
            "transplanted",
            _(
                "It carries this installation's credentials for another output: the content is not"
                " that of the output they name."
            ),
        )
    how = (
        _("its credentials verify, but bytes were added or changed where they do not look")
        if found.credentials == "valid"
        else _("its credentials no longer verify")
    )
    return Judgment("altered", f"It is not as this installation released it: {how}.")


def _signed_by_us_off_record(found: Findings) -> Judgment:
    """Our certificate signed it, and no record of ours knows it."""
    if found.revocation == "revoked":
        return Judgment(
            "unknown-origin",
            _(
                "It is signed with a key of this installation that had been replaced or revoked by"
                " then: whoever held it signed this. Where it comes from is not known."
            ),
        )
    if found.credentials == "valid":
        return Judgment(
            "unknown-origin",
            _(
                "Its credentials verify under this installation's root, but the installation has no"
                " record of it. Where it comes from is not known."
            ),
        )
    return Judgment(
        "altered",
        _(
            "It carries credentials signed by this installation, and they do not hold: it is "
            "not as it"
            " was when it was signed."
        ),
    )


def _marked(found: Findings) -> Judgment:
    """No credentials of ours, but our mark: does the content bear it out?"""
    foreign = (
        _(" It carries someone else's credentials beside it.")
        if found.credentials in {"valid", "invalid", "unparsable"}
        else ""
    )
    if found.content == "same":
        return Judgment(
            "recovered",
            _(
                "It derives from a released output: the watermark says so and the content agrees."
                " Its own credentials are gone, so nothing proves it unchanged."
            )
            + foreign,
        )
    if found.content == "other" or _is_anothers(found):
        return Judgment(
            "transplanted",
            _("It carries the watermark of a released output on content that is not that output's.")
            + foreign,
        )
    return Judgment(
        "altered",
        _(
            "It carries the watermark of a released output, but the content differs from it; "
            "whether"
            " it was cut from that output needs review."
        )
        + foreign,
        _("Have a person compare it with the released original before anything is said of it."),
    )


def _someone_elses(found: Findings) -> Judgment:
    said = {
        "valid": _("verify, but this installation did not sign them"),
        "invalid": _("do not verify"),
        "unparsable": _("cannot be read"),
    }[found.credentials]
    mark = {
        "absent": _(", and no mark of ours"),
        "unrecorded": _(", and a mark of ours that no released output has"),
    }.get(found.mark, _("; whether it has a mark of ours could not be found out"))
    return Judgment(
        "unknown-origin",
        f"It carries someone else's credentials, which {said}{mark}.{_listed(found)} Nothing here"
        " says what it is.",
    )


def _listed(found: Findings) -> str:
    """What a list of other people's signers, where one was given, says of this one."""
    if found.signer_listed is None or found.credentials != "valid":
        return ""
    return f" Their signer is {'' if found.signer_listed else 'not '}on the trust list asked."


def _not_ours_sentence(found: Findings) -> str:
    plain = _("It carries neither credentials nor a mark of this installation.")
    if found.resembles is None:
        return plain + _(" That says nothing about whether it is genuine.")
    return plain + (
        f" It resembles the released output {found.resembles}, which proves nothing by itself."
    )


def _without_key_sentence(found: Findings) -> str:
    plain = _(
        "It carries no credentials, and a mark can only be looked for with the installation's key:"
        " nothing here says where it comes from. Ask the installation, which can look."
    )
    if found.resembles is None:
        return plain
    return f"{plain} It is like the output {found.resembles}, which proves nothing by itself."


def _is_anothers(found: Findings) -> bool:
    """Whether it is, beyond doubt, more like another output of ours than like the one it names.

    Outputs made from one portrait resemble each other, so being alike is not enough.
    """
    own = found.sound_similarity if found.medium == "audio" else found.similarity
    return (
        found.content in {"other", "unsure"}
        and found.resemblance is not None
        and found.resemblance - (own or 0.0) >= MUCH_MORE_ALIKE
    )
