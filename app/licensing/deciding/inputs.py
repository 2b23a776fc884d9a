"""What a decision is asked with: contracts with what the server knows of them, state, one request.

Everything here is computed by the server (or supplied by the conformance suite); nothing of it is
signed. Instants are aware datetimes. `None` means unknown, and what is needed and unknown denies.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from app.licensing.document.contract import Contract

ACTIONS = (
    "generate",
    "train",
    "edit_existing",
    "distribute_existing",
    "retain_model",
    "transfer_model",
    "biometric_use",
    "scan_session",
)


@dataclass(frozen=True, slots=True)
class SignatureFact:
    """One signature on a contract version; `valid` means it verifies over the stored document.

    What an estate signed whose performer lives is not valid: the death was taken back.
    """

    role: str
    signed_at: datetime | None = None
    authority_verified: bool = False
    valid: bool = False
    in_ink: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What was already used and is reserved under one contract, for one performer.

    At release the permit's own reservation must not be counted again: leave it out, or set
    `UseRequest.idempotent_replay`.
    """

    seconds: Decimal = Decimal(0)
    reserved_seconds: Decimal = Decimal(0)
    renders: int = 0
    reserved_renders: int = 0


@dataclass(frozen=True, slots=True)
class ContractInForce:
    """One version of one contract as the server knows it; whether it governs is decided later.

    Versions of one contract share `id`. `status` is the contract's life ("active", "suspended",
    "withdrawn", "draft", ...). `intact` says that the stored document still has the signed hash.
    `withdrawn_at` is the earliest withdrawal. `paused` is the performer's own pause.
    `unpaid_since` is when the oldest invoice for its uses that is not paid fell due, or will.
    `majority_on` is when the performer comes of age by the date of birth on record, if one is.
    `identity_level` is how far the performer's identity is proven, `identity_floor` how far this
    installation wants it: places in `document.vocabulary.IDENTITY_LEVELS`.
    """

    id: str
    version: int
    status: str
    terms: Contract
    executed_at: datetime | None
    effective_at: datetime | None
    intact: bool
    signatures: tuple[SignatureFact, ...]
    usage: Usage = field(default_factory=Usage)
    withdrawn_at: datetime | None = None
    paused: bool = False
    unpaid_since: datetime | None = None
    majority_on: date | None = None
    deceased_on: date | None = None
    court_approved: bool = False
    ratified_at: datetime | None = None
    identity_level: int = 0
    identity_floor: int = 0


@dataclass(frozen=True, slots=True)
class ApprovalFact:
    """A human's answer. One that names content tags, a sublicensee, a transferee or a training
    scope counts only for those. `performer`/`contract_id` None: whichever is asked about.
    """

    role: str
    status: str  # "approved", "rejected", "timed_out", "pending"
    at: datetime | None = None
    expires_at: datetime | None = None
    script_hash: str | None = None
    content_tags: tuple[str, ...] = ()
    sublicensee: str | None = None
    transferee: str | None = None
    training_scope: str | None = None
    authority_verified: bool = False
    performer: str | None = None
    contract_id: str | None = None


@dataclass(frozen=True, slots=True)
class StrikeFact:
    """A strike under an agreement, from an instant, to an instant or still running."""

    agreement: str
    from_at: datetime
    to_at: datetime | None = None

    def runs(self, at: datetime) -> bool:
        """Whether it is on at an instant."""
        return self.from_at <= at and (self.to_at is None or at < self.to_at)


@dataclass(frozen=True, slots=True)
class ExclusiveFact:
    """An exclusive that some licensee holds on a performer. No category: the whole person;
    no territories or media: everywhere; no `until_at`: without end.
    """

    performer: str
    licensee: str
    signed_at: datetime
    from_at: datetime
    until_at: datetime | None = None
    category: str | None = None
    territories: tuple[str, ...] | None = None
    media: tuple[str, ...] | None = None
    holdback_days: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """The world at the request's instant. `generators` says of each known generator whether it
    trains on inputs; an absent one is unknown and not allowed. `packs` are those that are on for
    the whole installation, whatever a contract names.
    """

    strikes: tuple[StrikeFact, ...] = ()
    approvals: tuple[ApprovalFact, ...] = ()
    exclusives: tuple[ExclusiveFact, ...] = ()
    generators: dict[str, bool] = field(default_factory=dict)
    packs: tuple[str, ...] = ()
    notice_given_at: datetime | None = None
    engaged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UseRequest:
    """One use, asked at one instant. `phase`: "authorize", or "release_output" for a render whose
    permit was issued at `permit_issued_at`. `tags` is the union of what the production declares
    and what inspection finds. `seconds` is the length asked for, in exact decimal.
    """

    action: str
    requester_org: str
    performers: tuple[str, ...]
    at: datetime
    phase: str = "authorize"
    project: str | None = None
    purpose: str | None = None
    medium: str | None = None
    territories: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    modalities: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    script_hash: str | None = None
    brand_category: str | None = None
    depicted_age: int | None = None
    generator: str | None = None
    seconds: Decimal | None = None
    renders: int = 1
    realtime: bool = False
    training: bool = False
    training_scope: str | None = None
    is_dub: bool = False
    principal_photography_start: date | None = None
    sublicensed_from: str | None = None
    exhibit_until: datetime | None = None
    permit_issued_at: datetime | None = None
    idempotent_replay: bool = False
    background_count_shortfall: int = 0
    role: str | None = None
    edit_kind: str | None = None
    transferee: str | None = None
    services_at: datetime | None = None
    exemption_claim: str | None = None
