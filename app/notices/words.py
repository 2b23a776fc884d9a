"""What a notice says: a sentence and where to look, and not one private term. Pure."""

from app.language import _, marked

# A mail may be read by others: no names, no money, no script, no contract. What it is about is
# behind the sign-in.
SENTENCES = {
    "contract-offered": marked("A contract is on the table and waits for you."),
    "contract-countered": marked("The other side answered with other terms."),
    "contract-declined": marked("What was on the table was declined."),
    "contract-retracted": marked("What was on the table was taken back."),
    "contract-signed": marked("The other side signed."),
    "contract-ratified": marked(
        "A performer who is of age now said yes to what was signed for them before."
    ),
    "came-of-age": marked(
        "You are 18 now: nobody acts for you as your guardian any more. What was signed for you "
        "before waits for your own yes."
    ),
    "ratification-asked": marked(
        "A contract that was signed for you before you were 18 waits for your own yes. Until then "
        "nothing new is made under it."
    ),
    "guardian-ended": marked(
        "A performer for whom you stood as guardian is 18 now: you act for them no longer."
    ),
    "death-declared": marked(
        "A union declared that a performer of yours has died and that no estate was found. "
        "Nothing changes before an operator has seen the papers. If it is not so, tell whoever "
        "runs this installation at once."
    ),
    "death-recorded": marked(
        "It is on record now that a performer of yours has died: whoever stands for the estate "
        "signs for them, and what they had granted is over. If it is not so, tell whoever runs "
        "this installation at once."
    ),
    "death-asked": marked(
        "Operators were asked to put on record that a performer of yours has died. Nothing changes "
        "before two of them have agreed. If it is not so, tell whoever runs this installation at "
        "once."
    ),
    "alive-said": marked(
        "Somebody signed in at a performer's own desk said that the performer is alive, though a "
        "death is on record. Every use of the replica is stopped until two operators have looked."
    ),
    "death-taken-back": marked(
        "A performer's death was recorded in error, and that is taken back: who stood in for the "
        "estate does no longer. Every use stays stopped until the performer allows it. What the "
        "performer had let others do for them has to be given anew."
    ),
    "estate-found": marked(
        "The estate of a performer who has died was found: your union signs for it no longer."
    ),
    "contract-suspended": marked("A contract was suspended."),
    "contract-resumed": marked("A suspended contract goes on."),
    "consent-withdrawn": marked("Consent was withdrawn."),
    "offer-due": marked("Soon a contract on the table lapses unless you act."),
    "agent-asked": marked("A performer of yours asks you to look at what is on the table."),
    "offer-handed-on": marked("Your agent asks you to look at what is on the table."),
    "agent-was-asked": marked("An agent was asked to look at what is on the table."),
    "approval-requested": marked("You are asked for a yes or a no."),
    "approval-due": marked("Soon the time for your answer is over."),
    "preview-requested": marked(
        "Something was made and waits for your look before it is released."
    ),
    "preview-due": marked("Soon the time for your look is over."),
    "released": marked("A new work was released."),
    "render-stopped": marked(
        "A work under way was stopped before its release; it stays in quarantine."
    ),
    "render-job-due": marked("A film that you are to render and hand in is due soon."),
    "render-job-lost": marked(
        "A film that you took on was not handed in by its time; that is counted."
    ),
    "statement-issued": marked("A statement of what is owed was issued."),
    "payout-sent": marked("A payout was ordered."),
    "payout-settled": marked("A payout was paid."),
    "payout-returned": marked("A payout came back."),
    "case-opened": marked(
        "Somebody says that a work is wrong; evidence is kept, and an answer is due."
    ),
    "case-answered": marked("Something was said in a case."),
    "case-closed": marked("A case has ended."),
    "notice-failed": marked("Somebody whose answer you wait for could not be reached."),
    "recovery-codes-printed": marked("New recovery codes were made; earlier ones no longer work."),
    "recovery-begun": marked(
        "Somebody who says to have lost every device asks to be let in. "
        "If that is not so, sign in and stop it at once."
    ),
    "recovery-vouched": marked("Somebody vouched for who asks to be let in."),
    "recovery-checked-live": marked(
        "A face was held to be yours, live, for who asks to be let in. "
        "If that was not you, sign in and stop it at once."
    ),
    "recovery-cancelled": marked("The attempt to be let in without a device was stopped."),
    "recovered": marked(
        "A new passkey was made after all devices were said to be lost. For seven days "
        "nothing can be signed."
    ),
    "twofold-proposed": marked(
        "Something was proposed that takes two people of your house: another account to be paid "
        "at, a key, or what is sealed to be opened. If none of you asked for it, refuse it."
    ),
    "twofold-agreed": marked("A change that takes two people of your house was agreed to."),
    "twofold-refused": marked("A change that takes two people of your house was refused."),
    "provider-named": marked(
        "An administrator of your house named a provider by which its members may sign in. "
        "Nobody comes in by it who did not bind it to their own passkey first."
    ),
    "provider-ended": marked(
        "The provider by which members of your house could sign in was ended."
    ),
    "provider-bound": marked(
        "An account at your studio's provider was bound to you: who signs in there "
        "sees your studio's pages here. If that was not you, sign in with your passkey and undo it."
    ),
    "material-held": marked(
        "Something you uploaded for a scene waits until a person has looked at it."
    ),
    "material-answered": marked("A person has looked at what you uploaded for a scene."),
    "material-withdrawn": marked(
        "Somebody whose performance or voice you uploaded took their consent back: nothing that "
        "uses it is released any more."
    ),
    "likeness-held": marked(
        "Something uploaded for a scene may show a performer of yours. A person looks at it; "
        "most such hits are mistaken."
    ),
    "likeness-answered": marked(
        "A person has looked at what may have shown a performer of yours. Where it did, no "
        "scene may use it."
    ),
    "operator-asks": marked(
        "An operator asked to look at something sealed of yours, or to make or replace a key of "
        "yours. "
        "Two operators have to agree."
    ),
    "key-made-alone": marked(
        "A key that acts for you was made on the machine by one person alone: this installation "
        "has no two operators yet who would have to agree. If you did not ask for it, end it."
    ),
    "operator-invited": marked(
        "An operator was invited from the machine itself. If none of you did that, take the "
        "invitation back: whoever comes in by it runs this installation with you."
    ),
    "paused": marked("Every use of a replica was stopped."),
    "webhook-disabled": marked(
        "A webhook of yours failed for too long and is told nothing any more."
    ),
    "enrollment-answered": marked(
        "Somebody looked at a new replica that was held. Where it was let go, you can resume it."
    ),
    "contact-added": marked("An address for notices was added to your account."),
    "contact-confirmation": marked("An address for notices waits for its link to be opened."),
    "contact-ended": marked("An address for notices was taken from your account."),
}
SUBJECT = marked("Understudy: something for you")


def sentence_of(kind: str) -> str:
    """Return what a notice says, in one sentence."""
    return SENTENCES[kind]


def path_of(kind: str, subject_id: str, house: str = "") -> str:
    """Return the page of ours a notice is about; `house` is the kind of who is told."""
    if kind == "ratification-asked":
        return f"/contracts/{subject_id}/ratification"
    if kind in ("guardian-ended", "alive-said") or kind.startswith("death-"):
        return "/mandates"
    if kind == "estate-found":
        return "/union/estates"
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
    said = [_(sentence_of(kind)), "", _("Read it here, after signing in:"), page]
    if stop:
        said += ["", _("Stop every use of your replica at once, without signing in:"), stop]
    return "\n".join([*said, "", _("This mail holds nothing private, and wants no answer.")]) + "\n"


def confirmation_of(link: str) -> str:
    """Return the text of the mail that confirms an address."""
    return (
        _("Somebody, as we hope you, wants notices sent to this address.")
        + "\n\n"
        + _("If it was you, confirm it within a week:")
        + f"\n{link}\n\n"
        + _("If it was not, do nothing: nothing else will come.")
        + "\n"
    )
