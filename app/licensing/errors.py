"""How licensing says no to requests that are not uses; refused uses are decisions, not errors."""

from app.errors import AppError, NotFound


class ContractInvalid(AppError):
    """The contract document does not fit its schema."""

    status, code = 422, "contract-invalid"


class TemplateNotFound(AppError):
    """There is no template of this name."""

    status, code = 404, "template-not-found"


class ContractNotFound(AppError):
    """No contract of the caller's has this id."""

    status, code = 404, "contract-not-found"


class ActNotAllowed(AppError):
    """This act is not open now to who asks; `state` says where the contract stands."""

    status, code = 409, "act-not-allowed"


class AgentMissing(AppError):
    """Nobody may negotiate for this performer, so nobody can be asked to."""

    status, code = 409, "agent-missing"


class CounselLinkNotFound(NotFound):
    """The link is unknown, has expired or was revoked: the answer is the same."""

    code = "counsel-link-not-found"


class CounselLinkRefused(AppError):
    """No link can be made so: nothing is negotiated, or it would stand too long."""

    status, code = 422, "counsel-link-refused"


class CounselLimitReached(AppError):
    """A contract has its links and a link its comments; no more are taken."""

    status, code = 409, "counsel-limit-reached"


class NegotiationOver(AppError):
    """What the link opens is signed or given up: it can be read, and not commented on."""

    status, code = 409, "negotiation-over"


class PointerUnknown(AppError):
    """The document has no such field, or the negotiation no such round."""

    status, code = 422, "pointer-unknown"


class MandateInvalid(AppError):
    """The mandate does not fit its schema; `errors` point at each field."""

    status, code = 422, "mandate-invalid"


class MandateRefused(AppError):
    """This mandate cannot be given: not in this role, to this holder, or by whoever asks."""

    status, code = 422, "mandate-refused"


class MandateNotFound(NotFound):
    """No mandate that the caller holds, granted or is bound by has this id."""

    code = "mandate-not-found"


class DisclosureGrantInvalid(AppError):
    """The grant does not fit its schema; `errors` point at each field."""

    status, code = 422, "disclosure-grant-invalid"


class DisclosureGrantRefused(AppError):
    """The contract does not let this side show this verifier so much, or for so long."""

    status, code = 422, "disclosure-grant-refused"


class DisclosureGrantNotFound(NotFound):
    """No grant of the caller's side has this id."""

    code = "disclosure-grant-not-found"


class VerifierProofRefused(AppError):
    """The proof of holding a key does not verify, or is of another place or time."""

    status, code = 401, "verifier-proof-refused"


class ContractAlreadyWithdrawn(AppError):
    """A contract is withdrawn once; the first moment stands."""

    status, code = 409, "contract-already-withdrawn"


class AlreadySigned(AppError):
    """This role has signed already; a signature is given once."""

    status, code = 409, "already-signed"


class SignatureRefused(AppError):
    """The signature does not verify, or its signer may not sign in this role."""

    status, code = 422, "signature-refused"


class BoundariesCrossed(AppError):
    """The offer asks for what the performer never does; `findings` points at each place."""

    status, code = 422, "boundaries-crossed"


class BoundariesNotAcknowledged(AppError):
    """The document crosses the signer's own boundaries, and they have not said that they know."""

    status, code = 409, "boundaries-not-acknowledged"


class PreferencesNotFound(NotFound):
    """No performer has published preferences under this id."""

    code = "preferences-not-found"


class StandingOfferInvalid(AppError):
    """The standing offer does not fit its schema; `errors` points at each field."""

    status, code = 422, "standing-offer-invalid"


class StandingOfferNotFound(NotFound):
    """No standing offer of the caller's, or open to them, has this id."""

    code = "standing-offer-not-found"


class StandingOfferNotOpen(AppError):
    """The standing offer cannot be accepted, or signed, any more; `state` says why."""

    status, code = 409, "standing-offer-not-open"


class StandingOfferSpent(AppError):
    """The use would take all contracts of its standing offer beyond what they may cost together."""

    status, code = 409, "standing-offer-spent"


class DecisionNotFound(AppError):
    """No decision the caller asked for has this id."""

    status, code = 404, "decision-not-found"


class UseUnpriced(AppError):
    """The contract permits the use and does not say what it pays; nothing unpaid is made."""

    status, code = 409, "use-unpriced"


class ApprovalNotFound(AppError):
    """No approval asked under a contract of the caller's has this id."""

    status, code = 404, "approval-not-found"


class NothingToAsk(AppError):
    """No human's yes is missing for this decision, or none would help."""

    status, code = 409, "nothing-to-ask"


class ScriptDiffers(AppError):
    """The text is not the script that the decision was about."""

    status, code = 422, "script-differs"


class AnswerRefused(AppError):
    """Nobody may give this answer in this role here."""

    status, code = 403, "answer-refused"


class ApprovalClosed(AppError):
    """The time to answer is over, and silence was a refusal."""

    status, code = 409, "approval-closed"


class AgreementNotKept(AppError):
    """The caller is not the union that keeps an agreement of this name."""

    status, code = 403, "agreement-not-kept"


class StrikeNotFound(AppError):
    """No strike of an agreement the caller keeps has this id."""

    status, code = 404, "strike-not-found"


class StrikeInstantRefused(AppError):
    """A strike takes effect now or later, within a year."""

    status, code = 422, "strike-instant-refused"


class SecondKeyNeeded(AppError):
    """Whoever proposed a turn of the strike switch may not confirm it."""

    status, code = 403, "second-key-needed"


class ProposalLapsed(AppError):
    """The proposal was not confirmed in time, or who proposed it may not any more."""

    status, code = 409, "proposal-lapsed"


class StrikeSettled(AppError):
    """This proposal is confirmed already; the first confirmation stands."""

    status, code = 409, "strike-settled"


class PaperNotPdf(AppError):
    """What was sent as a signed paper is no PDF, or not a whole one."""

    status, code = 422, "paper-not-pdf"


class PaperTooLate(AppError):
    """Paper is attached while a contract is on the table, and only so much of it."""

    status, code = 409, "paper-too-late"


class PaperMissing(AppError):
    """The document names a paper that is not attached; nobody signs for what cannot be read."""

    status, code = 409, "paper-missing"


class PaperNotFound(AppError):
    """No paper of a contract of the caller's has this id."""

    status, code = 404, "paper-not-found"


class SimulationBusy(AppError):
    """One simulation runs at a time for each organization, and a few in all."""

    status, code = 429, "simulation-busy"


class SimulationUnfinished(AppError):
    """The time for a simulation is over; nothing of it is kept."""

    status, code = 503, "simulation-unfinished"
