"""Everything held about a performer, in one zip they can read without us (docs/privacy.md).

What is sealed is opened for them with the purpose `export`, and every opening is on record. Others'
secrets stay out: a document is included as far as the performer's own desk may see it.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from app import clock, vault
from app.gateway.models import Generation, GenerationReplica
from app.ledger.models import JournalEntry, Posting
from app.licensing.approvals.models import ApprovalAnswer
from app.licensing.boundaries.models import Boundaries
from app.licensing.contracts import history
from app.licensing.contracts import service as contracts
from app.licensing.contracts.models import Contract
from app.licensing.contracts.names import registered_names
from app.licensing.contracts.papers import open_paper, papers_of
from app.licensing.decisions.models import Decision
from app.licensing.disclosures.service import grants_on
from app.licensing.document import contract as documents
from app.licensing.standing.models import StandingOffer
from app.licensing.words import plain_language
from app.payments.models import IssuedStatement
from app.registry import likeness, naming
from app.registry import service as registry
from app.registry.models import Performer
from app.registry.models_listing import PerformerListing
from app.registry.models_live import LiveCheck
from app.registry.models_named import MatchingChoice
from app.vault import VaultObject, VaultOpening

SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content makes the same file
READ_ME = """Everything Understudy holds about {performer_id}, as of {made_at}.

performer.json         the entry itself
replicas.json          each version, and what it was made from
references/            the pictures, as they were handed in
likeness-media.json    the photos and recordings you gave beside them, those you removed too
likeness/              those that are kept, as they were handed in
live-checks.json       each live check of your face: the poses, and how it ended
templates/             what a computer measured in each face: 128 numbers; of a photo you gave
                       beside the portrait its five points too
names.json             how else you are called
matching.json          whether your face may be searched for, each time you chose
listing.json           whether you stand in the catalogue, and what it says of you
boundaries.json        your standing limits, every version
contracts/ID/          each document you may see, exactly as signed, and the same in plain words;
                       its signatures, its history, grants to verifiers, papers attached to it
standing-offers.json   what you offered in advance
decisions.json         what was asked about outputs you are in, what was answered, and the receipts
outputs.json           what was made, and what became of it (the films are the licensees' to give)
money.json             every posting under your contracts
statements.json        every statement issued to you
openings.json          each time something of yours was opened here, when, what for, and for whom
index.json             every file in here with its SHA-256

Times are UTC; amounts are in minor units (cents). docs/privacy.md describes every field.
"""


class _Bundle:
    """A zip being written, and what is in it."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.index: dict[str, str] = {}

    def add(self, name: str, content: bytes) -> None:
        self._file.writestr(
            zipfile.ZipInfo(name, _EPOCH), content, compress_type=zipfile.ZIP_DEFLATED
        )
        self.index[name] = hashlib.sha256(content).hexdigest()

    def add_json(self, name: str, value: Any) -> None:
        text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True, default=_plain)
        self.add(name, text.encode())


def export(session: Session, performer: Performer, to: Path) -> None:
    """Write everything held about a performer into the new zip `to`.

    `session` writes: openings are recorded when the caller commits. Raises LikenessErased where
    there is nothing left to open.
    """
    made_at = clock.now()
    with zipfile.ZipFile(to, "x") as file:
        bundle = _Bundle(file)
        bundle.add(
            "README.txt",
            READ_ME.format(performer_id=performer.id, made_at=_plain(made_at)).encode(),
        )
        bundle.add_json("performer.json", _row(performer, without={"seal"}))
        bundle.add_json(
            "names.json", _rows(naming.names_of(session, performer.id), without={"api_key_id"})
        )
        _add_likeness(session, performer, bundle)
        _add_consents(session, performer, bundle)
        _add_uses(session, performer, bundle)
        _add_money(session, performer, bundle)
        _add_openings(session, performer, bundle)  # last: these openings are in it
        bundle.add_json(
            "index.json",
            {
                "v": 1,
                "performer_id": performer.id,
                "made_at": _plain(made_at),
                "sha256": dict(bundle.index),
            },
        )


def _add_likeness(session: Session, performer: Performer, bundle: _Bundle) -> None:
    replicas = []
    for replica in registry.replicas_of(session, performer.id):
        media = registry.references_of(session, replica.id)
        replicas.append({**_row(replica), "references": _rows(media)})
        for medium in media:
            picture = vault.open_bytes(
                session, medium.vault_object_id, purpose="export", subject_id=performer.id
            )
            bundle.add(f"references/{medium.id}{SUFFIXES[medium.media_type]}", picture)
            template = registry.open_template(
                session, medium, purpose="export", subject_id=performer.id
            )
            bundle.add_json(f"templates/{medium.id}.json", template)
    bundle.add_json("replicas.json", replicas)
    given = likeness.every_of(session, performer.id)
    bundle.add_json("likeness-media.json", _rows(given, without={"api_key_id", "removed_key_id"}))
    for piece in given:
        if piece.removed_at is None:
            whole = likeness.open_medium(session, piece, viewer_id=performer.id, purpose="export")
            bundle.add(f"likeness/{piece.id}{likeness.SUFFIXES[piece.media_type]}", whole)
            if piece.kind == "photo":
                template, points = likeness.open_measure(
                    session, piece, viewer_id=performer.id, purpose="export"
                )
                measured = {"template": template, "points": points}
                bundle.add_json(f"templates/{piece.id}.json", measured)


def _add_consents(session: Session, performer: Performer, bundle: _Bundle) -> None:
    limits = select(Boundaries).where(Boundaries.performer_id == performer.id)
    bundle.add_json("boundaries.json", _rows(session.exec(limits.order_by(col(Boundaries.number)))))
    chosen = select(MatchingChoice).where(MatchingChoice.performer_id == performer.id)
    bundle.add_json(
        "matching.json",
        _rows(session.exec(chosen.order_by(col(MatchingChoice.number))), without={"api_key_id"}),
    )
    listed = select(PerformerListing).where(PerformerListing.performer_id == performer.id)
    bundle.add_json("listing.json", _rows(session.exec(listed), without={"api_key_id"}))
    checks = select(LiveCheck).where(LiveCheck.performer_id == performer.id)
    bundle.add_json(
        "live-checks.json",
        _rows(session.exec(checks.order_by(col(LiveCheck.id))), without={"api_key_id"}),
    )
    offers = select(StandingOffer).where(StandingOffer.performer_id == performer.id)
    bundle.add_json(
        "standing-offers.json", _rows(session.exec(offers.order_by(col(StandingOffer.id))))
    )
    series = select(Contract.series_id).where(Contract.performer_id == performer.id).distinct()
    for series_id in sorted(session.exec(series)):
        _add_contract(session, performer, series_id, bundle)


def _add_contract(session: Session, performer: Performer, series_id: str, bundle: _Bundle) -> None:
    shown = contracts.documents_of(session, performer.organization_id, series_id)
    signatures = []
    for each in shown:
        name = f"contracts/{series_id}/version-{each.version}-round-{each.round}"
        bundle.add(f"{name}.json", each.document.encode())
        terms = documents.recorded(each.document.encode())
        said = plain_language.sections(terms, names=registered_names(session, each))
        words = (
            f"{part.heading}\n\n" + "\n".join(text for text, _ in part.sentences) for part in said
        )
        bundle.add(f"{name}.txt", "\n\n".join(words).encode())
        signatures += _rows(contracts.signatures_of(session, each))
    ids = {each.id for each in shown}
    events = [each for each in history.events_of(session, series_id) if each.contract_id in ids]
    bundle.add_json(
        f"contracts/{series_id}/history.json",
        {
            "documents": _rows(shown, without={"document"}),
            "signatures": signatures,
            "events": _rows(events, without={"seal", "api_key_id"}),
            "disclosure_grants": _rows(grants_on(session, [series_id]), without={"api_key_id"}),
        },
    )
    for paper in papers_of(session, shown[-1]) if shown else ():
        content = open_paper(session, paper, organization_id=performer.organization_id)
        bundle.add(f"contracts/{series_id}/{paper.id}.pdf", content)


def _add_uses(session: Session, performer: Performer, bundle: _Bundle) -> None:
    mine = select(GenerationReplica).where(GenerationReplica.performer_id == performer.id)
    cast = session.exec(mine.order_by(col(GenerationReplica.generation_id))).all()
    ids = [each.generation_id for each in cast]
    outputs = [
        {
            "generation_id": each.id,
            "contract_id": member.contract_id,
            "replica_id": member.replica_id,
            "generator": each.generator,
            "length_ms": each.length_ms,
            "state": each.state,
            "requested_at": each.created_at,
            "released_at": each.released_at,
            "output_sha256": each.output_sha256,
        }
        for member, each in (
            (each, session.get_one(Generation, each.generation_id)) for each in cast
        )
    ]
    bundle.add_json("outputs.json", outputs)
    asked = select(Decision).where(col(Decision.generation_id).in_(ids)).order_by(col(Decision.id))
    answers = select(ApprovalAnswer).where(
        ApprovalAnswer.organization_id == performer.organization_id
    )
    bundle.add_json(
        "decisions.json",
        {
            "decisions": [
                {
                    name: getattr(each, name)
                    for name in (
                        "id generation_id phase at outcome codes obligations receipt"
                    ).split()
                }
                for each in session.exec(asked)
            ],
            "your_answers": _rows(session.exec(answers), without={"api_key_id"}),
        },
    )


def _add_money(session: Session, performer: Performer, bundle: _Bundle) -> None:
    series = select(Contract.series_id).where(Contract.performer_id == performer.id)
    entries = session.exec(
        select(JournalEntry)
        .where(col(JournalEntry.contract_id).in_(series))
        .order_by(col(JournalEntry.id))
    ).all()
    lines: dict[str, list[Posting]] = {each.id: [] for each in entries}
    for posting in session.exec(
        select(Posting)
        .where(col(Posting.entry_id).in_(list(lines)))
        .order_by(col(Posting.entry_id), col(Posting.line))
    ):
        lines[posting.entry_id].append(posting)
    bundle.add_json(
        "money.json", [{**_row(each), "postings": _rows(lines[each.id])} for each in entries]
    )
    issued = select(IssuedStatement).where(
        col(IssuedStatement.party_id).in_([performer.organization_id, performer.id])
    )
    bundle.add_json(
        "statements.json", _rows(session.exec(issued.order_by(col(IssuedStatement.id))))
    )


def _add_openings(session: Session, performer: Performer, bundle: _Bundle) -> None:
    opened = (
        select(VaultOpening)
        .join(VaultObject, col(VaultObject.id) == VaultOpening.object_id)
        .where(VaultObject.owner_id == performer.id)
        .order_by(col(VaultOpening.id))
    )
    bundle.add_json("openings.json", _rows(session.exec(opened)))


def _row(thing: SQLModel, *, without: set[str] | None = None) -> dict[str, Any]:
    return thing.model_dump(exclude=without)


def _rows(things: Iterable[Any], *, without: set[str] | None = None) -> list[dict[str, Any]]:
    return [_row(each, without=without) for each in things]


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
