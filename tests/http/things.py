"""One thing for every id that a route takes, and a request that fits each."""

from datetime import timedelta

from httpx import Response
from sqlmodel import Session, select

from app import clock, db
from app.cases import opening
from app.cases.models import Case
from app.gateway.materials.models import Material
from app.gateway.models import Generation
from app.gateway.models_previews import Preview
from app.gateway.models_render_jobs import RenderJobOutside
from app.identity import service as identity
from app.identity.models import ApiKey, Organization
from app.identity.principal import UNLIMITED, Principal
from app.ledger.models import Account
from app.ledger.models_payouts import Payout, PayoutEvent, PayoutOrder
from app.ledger.periods import close_period
from app.ledger.receivables.models import Invoice
from app.licensing.approvals.models import ApprovalRequest
from app.licensing.approvals.on_record import use_as_json
from app.licensing.contracts.models_counsel import CounselLink
from app.licensing.decisions.models import Decision
from app.licensing.decisions.service import use_of
from app.licensing.disclosures import service as disclosures
from app.licensing.mandates import service as mandates
from app.payments import statements
from app.payments.documents import period_part
from app.registry import live
from app.registry.models import Performer
from tests.http.deeds import PROFILE, a_roster_entry, blank_stills
from tests.http.house import House, a_standing_offer
from tests.licensing import unions
from tests.licensing.disclosing import a_grant
from tests.licensing.mandating import a_document, signed
from tests.licensing.papers import a_paper, a_pdf
from tests.registry.giving import a_photo

UNKNOWN = "0" * 26


def _a_key(session: Session, organization: Organization) -> str:
    return identity.create_api_key(session, organization, name="test", scope=UNLIMITED)[0].id


def a_case(session: Session, house: House, generation_id: str) -> Case:
    """Open a case of the desk's about an output, as if it had been released."""
    generation = session.get_one(Generation, generation_id)
    generation.released_at = clock.now()
    said = opening.Complaint("beyond-consent", "correction", "No.", generation_id=generation_id)
    return opening.open_case(session, said, _desk_of(session, house))


def _desk_of(session: Session, house: House) -> Principal:
    desk = house.scene.desk.organization
    return Principal(desk.id, "performer", _a_key(session, desk))


def things_of(house: House) -> dict[str, str]:
    """One existing thing for every id that a closed route takes, none of them a stranger's."""
    asked = house.ask().json()
    with db.writing() as session:
        decision = session.get_one(Decision, asked["decision_id"])
        approval = ApprovalRequest(
            contract_id=house.scene.contract.id,
            organization_id=decision.organization_id,
            decision_id=decision.id,
            kind="use",
            roles=["performer"],
            project="NIGHTGLASS",
            script_hash="",
            content_tags=[],
            use=use_as_json(use_of(decision)),
        )
        preview = Preview(
            generation_id=asked["id"],
            contract_id=house.scene.contract.id,
            roles=["performer"],
            due_at=clock.now() + timedelta(days=1),
        )
        task = RenderJobOutside(
            generation_id=asked["id"],
            organization_id=decision.organization_id,
            due_at=clock.now() + timedelta(days=1),
        )
        paper = a_paper(session, house.scene)
        material = Material(
            organization_id=decision.organization_id,
            api_key_id=str(session.exec(select(ApiKey.id)).first()),
            role="voice",
            media_type="audio/wav",
            size_bytes=1,
            facts={},
            vault_object_id=paper.vault_object_id,
            commitment_salt="",
            commitment="",
        )
        session.add_all((approval, preview, task, material))
        link = CounselLink(
            series_id=house.scene.contract.id,
            version=1,
            side="licensee",
            shared=False,
            counsel="L.",
            secret_sha256="0" * 64,
            organization_id=decision.organization_id,
            expires_at=decision.at,
        )
        session.add(link)
        strike = unions.proposed(session, unions.a_union(session))
        granted = a_grant(house.scene, "performer", house.scene.agency.organization.id)
        grant = disclosures.grant_disclosure(
            session, house.scene.contract, house.scene.desk.organization.id, **granted
        )
        said = a_document(house.scene, house.scene.agency, "attorney", acts=["pause"])
        mandate = mandates.grant(
            session,
            house.scene.desk.organization.id,
            said,
            jws=signed(said, house.scene.desk),
        )
        period = close_period(session, until=clock.now())
        performer = session.get_one(Performer, house.scene.performer.id)
        said = {
            "party": {"id": performer.id, "name": performer.name},
            "totals": [],
            "lines": [],
            "payments": [],
        }
        statement = statements.keep(
            session,
            period,
            {**said, "period": period_part(period)},
            kind="performer",
            party_id=performer.id,
        )
        case = a_case(session, house, asked["id"])
        check = live.begin(session, performer, by=_desk_of(session, house))
        photo = a_photo(session, house.scene, by=_desk_of(session, house))
        invoice = Invoice(
            kind="invoice",
            supplier_id="operator",
            customer_id=decision.organization_id,
            issuer_id="operator",
            series="INV",
            number=1,
            currency="EUR",
            net_minor=0,
            tax_minor=0,
            withheld_minor=0,
            total_minor=0,
            document={},
            document_sha256="0" * 64,
        )
        session.add(invoice)
        payable = Account(name=f"performer:{performer.id}:payable")
        order = PayoutOrder(name="2026-12", currency="EUR")
        session.add_all((payable, order))
        session.flush()
        payout = Payout(
            order_id=order.id,
            account=payable.name,
            currency="EUR",
            amount_minor=1,
            details_id="pda_1",
        )
        session.add(payout)
        session.flush()
        session.add(PayoutEvent(payout_id=payout.id, number=1, state="sent"))
    return {
        "paper_id": paper.id,
        "mandate_id": mandate.id,
        "live_check_id": check.id,
        "likeness_medium_id": photo.id,
        "grant_id": grant.id,
        "statement_id": statement.id,
        "invoice_id": invoice.id,
        "payout_id": payout.id,
        "api_key_id": session_key_of(house),
        "webhook_id": a_webhook(house),
        "party_id": decision.organization_id,
        "roster_entry_id": a_roster_entry(house),
        "approval_id": approval.id,
        "preview_id": preview.id,
        "render_job_id": task.id,
        "material_id": material.id,
        "strike_id": strike.id,
        "case_id": case.id,
        "performer_id": house.scene.performer.id,
        "standing_offer_id": a_standing_offer(house),
        "link_id": link.id,
        "contract_id": house.scene.contract.id,
        "decision_id": asked["decision_id"],
        "generation_id": asked["id"],
    }


def a_webhook(house: House) -> str:
    """Have the house's production told somewhere."""
    said = {"url": "https://hooks.nightglass.example/understudy"}
    return str(house.post("/v1/webhooks", json=said).json()["id"])


def session_key_of(house: House) -> str:
    """Return the id of the key with which the house's production asks."""
    return str(house.get("/v1/api-keys").json()["items"][0]["id"])


def call(house: House, verb: str, address: str, who: str) -> Response:
    """Ask for something at an address, with a body that fits where one is needed."""
    if verb == "get":
        return house.get(address, who)
    if address.endswith("/paper"):
        return house.post(address, who, files={"file": ("a.pdf", a_pdf())})
    if address.endswith("/stills"):
        return house.post(address, who, files=blank_stills())
    if address.endswith("/photos"):
        said = {"pose": "straight", "agreed": "yes"}
        return house.post(address, who, data=said, files={"photo": b"no picture"})
    if address.endswith("/voices"):
        said = {"sentence": "1", "agreed": "yes"}
        return house.post(address, who, data=said, files={"recording": b"no sound"})
    if address.endswith("/results"):
        film = ("film.mp4", b"film")
        return house.post(address, who, data={"license": "0" * 64}, files={"film": film})
    yes = "release" if "/previews/" in address else "approved"
    words = {"words": "My contract ended on 1 November."}
    bodies = {
        **{key: {"document": {}} for key in ("revision", "counter", "amendment")},
        "signatures": house.signature(),
        "acceptances": {"jws": "a..b"},
        "answers": words if "/cases/" in address else {"role": "performer", "answer": yes},
        **dict.fromkeys(("acceptance", "withdrawal"), words if "/cases/" in address else {}),
        "consents": {"replica_id": house.scene.replica.id},
        "names": {"names": ["Griet of Delft"]},
        "matching": {"allowed": True},
        "listing": {"listed": True},
        "counsel-links": {"counsel": "M. Okafor"},
        "disclosure-grants": {"document": {}, "jws": "a..b"},
        **{key: {"document": {}, "jws": "a..b"} for key in ("mandates", "vouchings")},
        "external-ids": {"kind": "imdb", "value": "nm0000001"},
        "ink-signatures": {"statement": {}, "jws": "a..b"},
        "birth": {"born_on": "2020-01-01"},
        "boundaries": {"limits": {"v": 1, "training": "never"}},
        "profiles": PROFILE,
        "rotation": {"secret_sha256": "0" * 64},
        "erasure": {"confirm": house.scene.performer.id},
        "preview": {"limits": {"v": 1, "training": "never"}},
    }
    body = bodies.get(address.rpartition("/")[2])
    return house.post(address, who, **({"json": body} if body else {}))


def unknown_like(real: str) -> str:
    """An id of the same kind that nothing has."""
    return real[: real.index("_") + 1] + UNKNOWN
