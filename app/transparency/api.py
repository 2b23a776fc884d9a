"""The log over HTTP, for anybody: no key is asked for, and nothing private is there to see."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from app import db
from app.access import may
from app.problems import problems
from app.transparency import note, sequencer, service, tiles
from app.transparency.errors import (
    CheckpointNotFound,
    LeafNotFound,
    LeafNotPublished,
    TileNotFound,
)

router = APIRouter(tags=["transparency log"])

HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ENTRY = f'{{"at":"2026-11-22T21:00:00.000Z","commitment":"{HASH}","kind":"decision","v":1}}'
NOTE = (
    "understudy.local/log\n12\nn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\n\n"
    "— understudy.local/log p1ZkZ0e2…\n"
)
UNWITNESSED = (
    "Unwitnessed: nobody but this installation vouches that everybody is shown the same log."
    " Keep a checkpoint, and compare."
)
IMMUTABLE = "public, max-age=31536000, immutable"
LEAF_LIMIT = (1 << 63) - 1


def _public() -> Iterator[Session]:
    with db.reading() as session:
        yield session


Public = Annotated[Session, Depends(_public, scope="function")]
Size = Annotated[
    int | None, Query(ge=1, le=LEAF_LIMIT, description="A signed tree size; newest if absent.")
]


class LeafRead(BaseModel):
    """One thing that was recorded about a subject, and where the log holds it."""

    id: str = Field(
        examples=["obx_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"],
        description="The id it was recorded under; a proof can be asked for by it.",
    )
    kind: str = Field(examples=["decision"])
    entry: str = Field(
        examples=[ENTRY], description="The leaf as the log holds it: a commitment, nothing else."
    )
    leaf_index: int | None = Field(examples=[11], description="Null until the sequencer has run.")
    leaf_hash: str | None = Field(examples=[HASH], description="RFC 6962 leaf hash, hexadecimal.")


class LeavesRead(BaseModel):
    """What was recorded about a subject, oldest first."""

    subject_id: str = Field(examples=["dec_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    leaves: list[LeafRead]


class WitnessRead(BaseModel):
    """Somebody outside who vouches to have seen this very log."""

    name: str = Field(examples=["witness.example/w1"])
    seen_at: datetime = Field(examples=["2026-11-22T21:00:10Z"])


class LogRead(BaseModel):
    """Where the log stands, and who besides its own keeper vouches for it."""

    origin: str = Field(examples=["understudy.local/log"])
    size: int = Field(examples=[12], description="Leaves that the newest checkpoint signs.")
    root: str = Field(examples=[HASH], description="RFC 6962 root hash, hexadecimal.")
    signed_at: datetime = Field(examples=["2026-11-22T21:00:00Z"])
    witnessed: bool = Field(examples=[False])
    witnesses: list[WitnessRead] = Field(examples=[[]])
    says: str = Field(examples=[UNWITNESSED], description="The same in a sentence.")


class InclusionProofRead(BaseModel):
    """A proof that an entry is in the log; check it offline with the log's public key."""

    v: int = Field(examples=[1])
    type: str = Field(examples=["inclusion"])
    leaf_index: int = Field(examples=[11])
    entry: str = Field(examples=[ENTRY])
    path: list[str] = Field(examples=[[HASH]])
    checkpoint: str = Field(examples=[NOTE])


class ConsistencyProofRead(BaseModel):
    """A proof that the log only grew between two checkpoints."""

    v: int = Field(examples=[1])
    type: str = Field(examples=["consistency"])
    path: list[str] = Field(examples=[[HASH]])
    old_checkpoint: str = Field(examples=[NOTE])
    new_checkpoint: str = Field(examples=[NOTE])


@router.get("/log", responses=problems(CheckpointNotFound))
@may("anyone", at_any_time=True)
def read_log(session: Public, response: Response) -> LogRead:
    """Say where the log stands, and plainly whether anybody outside has witnessed it.

    Who asks for HTML gets the page of the log instead (`app/web`).
    """
    response.headers.update({"Cache-Control": "no-cache", "Vary": "Accept"})
    newest = service.checkpoint_at(session)
    seen = service.witnesses_of(newest)
    return LogRead(
        origin=note.parse_checkpoint(note.parse_note(newest.note.encode()).text).origin,
        size=newest.size,
        root=newest.root_hash.hex(),
        signed_at=newest.created_at,
        witnessed=bool(seen),
        witnesses=[WitnessRead(name=name, seen_at=at) for name, at in seen.items()],
        says=f"Witnessed by {', '.join(seen)}." if seen else UNWITNESSED,
    )


@router.get(
    "/log/checkpoint",
    responses={200: {"content": {"text/plain": {}}}, **problems(CheckpointNotFound)},
    response_class=Response,
)
@may("anyone", at_any_time=True)
def read_checkpoint(session: Public) -> Response:
    """Return the newest checkpoint: a C2SP signed note, with the lines of its witnesses."""
    text = service.checkpoint_text(service.checkpoint_at(session))
    return Response(
        text, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-cache"}
    )


@router.get(
    "/log/tile/{path:path}",
    responses={200: {"content": {"application/octet-stream": {}}}, **problems(TileNotFound)},
    response_class=Response,
)
@may("anyone", at_any_time=True)
def read_tile(
    path: Annotated[str, Path(description="`<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`.")],
) -> Response:
    """Return a C2SP tile of 256 hashes, or a bundle of 256 entries; neither ever changes."""
    tile = tiles.parse_path(f"tile/{path}")  # the key is spelled anew from three numbers
    return Response(
        sequencer.published()(tile.path),
        media_type="application/octet-stream",
        headers={"Cache-Control": IMMUTABLE},
    )


@router.get("/v1/log/leaves/{subject_id}")
@may("anyone", at_any_time=True)
def list_leaves(
    session: Public, subject_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
) -> LeavesRead:
    """List what the log holds about an id you know: a generation, a contract, a decision."""
    leaves = [
        LeafRead(
            id=row.id,
            kind=row.kind,
            entry=row.entry,
            leaf_index=row.leaf_index,
            leaf_hash=logged.leaf_hash.hex() if logged else None,
        )
        for row, logged in service.leaves_of(session, subject_id)
    ]
    return LeavesRead(subject_id=subject_id, leaves=leaves)


@router.get("/v1/log/proof", responses=problems(LeafNotFound, LeafNotPublished, CheckpointNotFound))
@may("anyone", at_any_time=True)
def prove_inclusion(
    session: Public,
    leaf: Annotated[
        str, Query(pattern=r"^(0|[1-9][0-9]{0,17}|obx_[0-9A-Z]{26})$", description="Index or id.")
    ],
    size: Size = None,
) -> InclusionProofRead:
    """Prove that a leaf is in the log of a signed size."""
    which = int(leaf) if leaf.isdecimal() else leaf
    proof = service.inclusion_proof(session, which, size=size)
    return InclusionProofRead.model_validate(proof.to_json())


@router.get("/v1/log/consistency", responses=problems(CheckpointNotFound))
@may("anyone", at_any_time=True)
def prove_consistency(
    session: Public, old: Annotated[int, Query(ge=1, le=LEAF_LIMIT)], size: Size = None
) -> ConsistencyProofRead:
    """Prove that the log of a signed size only appended to an earlier one."""
    proof = service.consistency_proof(session, old, size=size)
    return ConsistencyProofRead.model_validate(proof.to_json())
