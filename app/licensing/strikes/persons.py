"""The strike switch turned by people at their pages: one proposes, another one confirms.

Their passkeys were used minutes ago. Who came a few days ago does not count as one of the two.
"""

from datetime import datetime

from sqlmodel import Session

from app import clock
from app.identity.models_people import Membership
from app.identity.principal import Principal
from app.licensing.strikes import service
from app.licensing.strikes.models import StrikeSwitch
from app.recovery.service import check_may_bind
from app.twofold.errors import MemberTooNew
from app.twofold.service import KNOWN_FOR


def propose(
    session: Session,
    principal: Principal,
    membership: Membership,
    *,
    agreement: str,
    act: str,
    takes_effect_at: datetime | None = None,
) -> StrikeSwitch:
    """Propose as `service.propose_switch`, as a person. Raises also MemberTooNew and
    RecoveredLately.
    """
    _check_counts(session, membership)
    return service.propose_switch(
        session, principal, agreement=agreement, act=act, takes_effect_at=takes_effect_at
    )


def confirm(
    session: Session, principal: Principal, membership: Membership, switch_id: str
) -> StrikeSwitch:
    """Confirm what another person proposed at a page, as `service.confirm_switch`.

    Raises also MemberTooNew and RecoveredLately.
    """
    _check_counts(session, membership)
    return service.confirm_switch(session, principal, switch_id)


def _check_counts(session: Session, membership: Membership) -> None:
    check_may_bind(session, membership.person_id)
    if membership.created_at > clock.now() - KNOWN_FOR:
        raise MemberTooNew(
            f"only who was a member for {KNOWN_FOR.days} days counts as one of the two people a "
            "strike takes; ask somebody who was"
        )
