"""Vendors' credentials: sealed in the vault, opened to call that vendor and for nothing else.

Each opening is on record in the vault, with its purpose and the worker it was for, and in the log.
A process calls for ten minutes with what it opened; renewed ones are others at once, and what they
took the place of opens nowhere any more.
"""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from app import clock, db, vault
from app.config import settings
from app.gateway.generators.errors import OrderRefused, VendorBusy
from app.gateway.models_vendor_credentials import VendorCredential

LASTS = timedelta(minutes=10)
LOOKS_AGAIN_S = 2.0  # whether there are any is asked at every request for a vendor's model

_opened: dict[str, tuple[str, datetime, dict[str, str]]] = {}  # by vendor: of which object
_there: dict[tuple[str, str], tuple[float, bool]] = {}  # by database and vendor


def keep(session: Session, vendor: str, content: Mapping[str, str]) -> None:
    """Seal a vendor's credentials; what was kept before opens nowhere any more."""
    drop(session, vendor)
    sealed = vault.seal(
        session, f"vendor:{vendor}", "vendor-credentials", json.dumps(dict(content)).encode()
    )
    session.add(VendorCredential(vendor=vendor, vault_object_id=sealed.id, names=sorted(content)))
    session.flush()


def drop(session: Session, vendor: str) -> None:
    """Forget a vendor's credentials; harmless where there are none."""
    _there.clear()
    kept = session.get(VendorCredential, vendor, with_for_update=True)
    if kept is None:
        return
    vault.make_unreadable(session, kept.vault_object_id)
    session.delete(kept)
    session.flush()


def kept(session: Session) -> Sequence[VendorCredential]:
    """List whose credentials there are, since when, and what their parts are called."""
    return session.exec(select(VendorCredential).order_by(col(VendorCredential.vendor))).all()


def are_there(vendor: str) -> bool:
    """Say whether there are credentials for a vendor, as of two seconds ago; opens none."""
    place = settings().database, vendor
    looked_s, found = _there.get(place, (-LOOKS_AGAIN_S, False))
    if time.monotonic() - looked_s < LOOKS_AGAIN_S:
        return found
    with db.reading() as session:
        found = session.get(VendorCredential, vendor) is not None
    _there[place] = time.monotonic(), found
    return found


def opened(vendor: str, *names: str) -> dict[str, str]:
    """Return a vendor's credentials, each of the named ones there; call it outside a transaction.

    Raises VendorBusy where there are none: an operator who renews them takes them away for a
    moment, and no job is given up for that.
    """
    with db.reading() as session:
        kept = session.get(VendorCredential, vendor)
    if kept is None:
        raise VendorBusy(
            f"this installation has no credentials for {vendor} now; the operator gives them with "
            f"`understudy generators credentials set {vendor}`"
        )
    if missing := [name for name in names if name not in kept.names]:
        raise OrderRefused(
            f"the credentials for {vendor} lack {', '.join(missing)}; the operator must renew them"
        )
    object_id, opened_at, content = _opened.get(vendor, ("", clock.now(), {}))
    if object_id != kept.vault_object_id or clock.now() - opened_at >= LASTS:
        with db.writing() as session:
            sealed = vault.open_bytes(
                session,
                kept.vault_object_id,
                purpose="vendor-call",
                subject_id=settings().worker_id,
            )
        content = json.loads(sealed)
        _opened[vendor] = kept.vault_object_id, clock.now(), content
    return content
