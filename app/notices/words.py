"""What a notice says: a sentence and where to look, and not one private term. Pure."""

# A mail may be read by others: no names, no money, no script, no contract. What it is about is
# behind the sign-in.
SENTENCES = {
    "contract-offered": "A contract is on the table and waits for you.",
    "contract-countered": "The other side answered with other terms.",
    "contract-declined": "What was on the table was declined.",
    "contract-retracted": "What was on the table was taken back.",
    "contract-signed": "The other side signed.",
    "contract-suspended": "A contract was suspended.",
    "contract-resumed": "A suspended contract goes on.",
    "consent-withdrawn": "Consent was withdrawn.",
    "offer-due": "Soon a contract on the table lapses unless you act.",
    "agent-asked": "A performer of yours asks you to look at what is on the table.",
    "agent-was-asked": "An agent was asked to look at what is on the table.",
    "offer-handed-on": "Your agent asks you to look at what is on the table.",
    "approval-requested": "You are asked for a yes or a no.",
    "approval-due": "Soon the time for your answer is over.",
    "preview-requested": "Something was made and waits for your look before it is released.",
    "preview-due": "Soon the time for your look is over.",
    "released": "A new work was released.",
    "render-stopped": "A work under way was stopped before its release; it stays in quarantine.",
    "render-job-due": "A film that you are to render and hand in is due soon.",
    "render-job-lost": "A film that you took on was not handed in by its time; that is counted.",
    "statement-issued": "A statement of what is owed was issued.",
    "payout-sent": "A payout was ordered.",
    "payout-settled": "A payout was paid.",
    "payout-returned": "A payout came back.",
    "case-opened": "Somebody says that a work is wrong; evidence is kept, and an answer is due.",
    "case-answered": "Something was said in a case.",
    "case-closed": "A case has ended.",
    "notice-failed": "Somebody whose answer you wait for could not be reached.",
    "recovery-codes-printed": "New recovery codes were made; earlier ones no longer work.",
    "recovery-begun": "Somebody who says to have lost every device asks to be let in. "
    "If that is not so, sign in and stop it at once.",
    "recovery-vouched": "Somebody vouched for who asks to be let in.",
    "recovery-checked-live": "A face was held to be yours, live, for who asks to be let in. "
    "If that was not you, sign in and stop it at once.",
    "recovery-cancelled": "The attempt to be let in without a device was stopped.",
    "recovered": "A new passkey was made after all devices were said to be lost. For seven days "
    "nothing can be signed.",
    "twofold-proposed": "A change of where you are paid, or of a key that acts for you, was "
    "proposed. It waits for two people of your house. If none of you asked for it, refuse it.",
    "twofold-agreed": "A change that takes two people of your house was agreed to.",
    "twofold-refused": "A change that takes two people of your house was refused.",
    "provider-named": "An administrator of your house named a provider by which its members may "
    "sign in. Nobody comes in by it who did not bind it to their own passkey first.",
    "provider-ended": "The provider by which members of your house could sign in was ended.",
    "provider-bound": "An account at your studio's provider was bound to you: who signs in there "
    "sees your studio's pages here. If that was not you, sign in with your passkey and undo it.",
    "operator-asks": "The operator asked to look at something sealed of yours, or to replace "
    "a key of yours.",
    "paused": "Every use of a replica was stopped.",
    "webhook-disabled": "A webhook of yours failed for too long and is told nothing any more.",
    "enrollment-answered": "Somebody looked at a new replica that was held. Where it was let go, "
    "you can resume it.",
    "material-held": "Something you uploaded for a scene waits until a person has looked at it.",
    "material-answered": "A person has looked at what you uploaded for a scene.",
    "material-withdrawn": "Somebody whose performance or voice you uploaded took their consent "
    "back: nothing that uses it is released any more.",
    "likeness-held": "Something uploaded for a scene may show a performer of yours. A person looks "
    "at it; most such hits are mistaken.",
    "likeness-answered": "A person has looked at what may have shown a performer of yours. Where "
    "it did, no scene may use it.",
    "contact-added": "An address for notices was added to your account.",
    "contact-confirmation": "An address for notices waits for its link to be opened.",
    "contact-ended": "An address for notices was taken from your account.",
}
SUBJECT = "Understudy: something for you"


def sentence_of(kind: str) -> str:
    """Return what a notice says, in one sentence."""
    return SENTENCES[kind]


def path_of(kind: str, subject_id: str, house: str = "") -> str:
    """Return the page of ours a notice is about; `house` is the kind of who is told."""
    if kind in ("agent-was-asked", "offer-handed-on"):
        return f"/performer/requests/{subject_id}"
    if kind.startswith(("contract-", "consent-", "offer-", "agent-")):
        return f"/contracts/{subject_id}/sign"
    if kind.startswith("case-"):
        return f"/cases/{subject_id}"
    if kind.startswith("twofold-"):
        return "/account/two-people"
    if kind.startswith("recover"):
        return "/account/recovery"
    if house == "performer":
        if kind.startswith(("statement-", "payout-")):
            return "/performer/earnings"
        return f"/performer/work/{subject_id}" if kind == "released" else "/performer"
    if house == "production":
        return "/production/films" if kind == "released" else "/production"
    return "/account"


def mail_of(kind: str, *, page: str, stop: str = "") -> str:
    """Return the text of a mail: a sentence, a link to sign in at, and a link that stops all."""
    said = [sentence_of(kind), "", "Read it here, after signing in:", page]
    if stop:
        said += ["", "Stop every use of your replica at once, without signing in:", stop]
    return "\n".join([*said, "", "This mail holds nothing private, and wants no answer."]) + "\n"


def confirmation_of(link: str) -> str:
    """Return the text of the mail that confirms an address."""
    return (
        "Somebody, as we hope you, wants notices sent to this address.\n\n"
        f"If it was you, confirm it within a week:\n{link}\n\n"
        "If it was not, do nothing: nothing else will come.\n"
    )
