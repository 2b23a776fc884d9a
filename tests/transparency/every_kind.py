"""At least one row of every kind of evidence, two where a story makes them."""

from datetime import timedelta

from sqlmodel import Session, SQLModel, col, select

from app import clock, trail, vault, vault_tokens
from app.audit.events import close_segment
from app.cases.opening import Complaint, open_case
from app.gateway import pipeline
from app.gateway.materials.models import GenerationMaterial, Material
from app.gateway.materials.models_consents import MaterialConsent
from app.gateway.models_budgets import Budget
from app.gateway.models_previews import Preview, PreviewLink
from app.gateway.models_stops import EmergencyStop
from app.gateway.models_takes import Shot
from app.gateway.models_vendor_copies import VendorCopy
from app.gateway.models_webhooks import Webhook
from app.gateway.reviews.models import Review, ReviewMatch
from app.identity import service as identity
from app.identity.models import SigningKey
from app.identity.models_people import (
    Invitation,
    Membership,
    Passkey,
    PasskeySigningKey,
    Person,
)
from app.identity.models_providers import ProviderMember, SignInProvider
from app.identity.principal import Principal, Scope
from app.ledger.models import JournalEntry, Posting
from app.ledger.models_payouts import Payout, PayoutEvent, PayoutItem, PayoutOrder
from app.ledger.periods import close_period
from app.ledger.receivables.models import (
    OPERATOR,
    Invoice,
    InvoiceLine,
    InvoicePayment,
    PartyProfile,
)
from app.ledger.receivables.models_receipts import BankReceipt, BankStatement, ReceiptAssignment
from app.licensing.approvals.models import ApprovalAnswer, ApprovalRequest
from app.licensing.boundaries.models import Boundaries, BoundaryAcknowledgment
from app.licensing.contracts.models_counsel import CounselComment, CounselLink
from app.licensing.contracts.models_paper import ContractPaper
from app.licensing.decisions.models_policies import PolicyPublication
from app.licensing.disclosures.models import DisclosureGrant
from app.licensing.standing.models import (
    StandingOffer,
    StandingOfferAudience,
    StandingOfferExecution,
)
from app.licensing.strikes.models import AgreementKeeper, StrikeSwitch
from app.notices import service as notices
from app.notices.models import Contact, NoticeDelivery, NoticeSeen
from app.payments.models import IssuedStatement
from app.payments.models_details import PayoutDetails
from app.privacy.models import Erasure
from app.provenance.models import SignedManifest, SoftBinding
from app.recovery.models import Recovery, RecoveryCode, RecoveryVouch
from app.registry import identities, mandates
from app.registry import service as registry
from app.registry.imports.models import RosterEntry
from app.registry.models_likeness import LikenessMedium
from app.registry.models_listing import PerformerListing
from app.registry.models_live import LiveCheck, LiveStill
from app.registry.models_mandates import (
    AliveWord,
    Mandate,
    MandateDeclaration,
    MandateEvidence,
    PerformerLife,
)
from app.registry.models_named import MatchingChoice, PerformerAlias
from app.registry.models_resemblance import EnrollmentHold, EnrollmentMatch
from app.twofold.models import TwofoldAct, TwofoldVoice
from tests.scenes import Scene, a_scene

LATER = timedelta(days=1)


def _a_key(session: Session, scene: Scene) -> str:
    scope = Scope.of(["read"], ["NIGHTGLASS"], [])
    desk = scene.desk.organization
    return identity.create_api_key(session, desk, name="test", scope=scope)[0].id


def a_row_of_every_kind(session: Session) -> Scene:
    """Play a story up to its payment, and add by hand what other stories would leave."""
    scene = a_scene(session)
    decision, generation = scene.ask(session)
    assert generation is not None, decision.codes
    scene.ask(session, territories=("FR", "KP"))
    pipeline._pay(session, generation)
    manifest = SignedManifest(
        generation_id=generation.id,
        label="urn:c2pa:1",
        manifest_sha256="a" * 64,
        file_sha256="b" * 64,
        size_bytes=10,
        media_type="video/mp4",
        openings={"generation": "00"},
    )
    (medium,) = registry.references_of(session, scene.replica.id)
    organization_id, key_id = scene.desk.organization.id, _a_key(session, scene)
    boundaries = Boundaries(
        performer_id=scene.performer.id,
        number=1,
        limits={"never": []},
        published=True,
        organization_id=organization_id,
        api_key_id=key_id,
    )
    request = ApprovalRequest(
        contract_id=scene.contract.id,
        organization_id=organization_id,
        decision_id=decision.id,
        kind="use",
        roles=["performer"],
        project="NIGHTGLASS",
        script_hash="0" * 64,
        content_tags=[],
        use={"purpose": "film_scene"},
    )
    keeper = AgreementKeeper(agreement="HOUSE-2026", organization_id=organization_id)
    preview = Preview(
        generation_id=generation.id,
        contract_id=scene.contract.id,
        roles=["performer"],
        due_at=clock.now() + LATER,
    )
    offer = StandingOffer(
        performer_id=scene.performer.id,
        document="{}",
        document_sha256="e" * 64,
        max_executions=2,
        closes_at=clock.now() + LATER,
    )
    link = CounselLink(
        series_id=scene.contract.id,
        version=1,
        side="performer",
        shared=False,
        counsel="A lawyer",
        secret_sha256="f" * 64,
        organization_id=organization_id,
        api_key_id=key_id,
        expires_at=clock.now() + LATER,
    )
    vault.open_bytes(
        session,
        medium.template_object_id,
        purpose="render",
        subject_id=generation.id,
        token=vault_tokens.issue(session, job_id=generation.id, decision_id=decision.id),
    )
    period = close_period(session, until=clock.now())
    statement = IssuedStatement(
        period_id=period.id,
        kind="performer",
        party_id=scene.performer.id,
        document="{}",
        document_sha256="0" * 64,
    )
    session.add_all([manifest, boundaries, request, keeper, preview, offer, link, statement])
    session.flush()
    session.add_all(_who_came(session, organization_id))
    griet = session.exec(select(Person)).one()
    session.add(AliveWord(performer_id=scene.performer.id, person_id=griet.id))
    said = Complaint("money", "reversal", "Too much.", generation_id=generation.id)
    generation.released_at = generation.released_at or clock.now()
    open_case(session, said, Principal(organization_id, "performer", key_id))
    session.add_all(_who_may_act(session, scene, vault_object_id=medium.vault_object_id))
    session.add_all(_what_was_billed(session, organization_id, key_id))
    session.add_all(
        _what_was_paid_out(session, organization_id, vault_object_id=medium.vault_object_id)
    )
    session.add_all(
        [
            SoftBinding(manifest_id=manifest.id, kind="watermark", algorithm="x", value="00"),
            ContractPaper(
                contract_id=scene.contract.id,
                vault_object_id=medium.vault_object_id,
                sha256="c" * 64,
                size_bytes=10,
                organization_id=organization_id,
                api_key_id=key_id,
            ),
            MaterialConsent(material_id="mat_1", replica_id=scene.replica.id, api_key_id=key_id),
            Review(id="rev_1", generation_id=generation.id, findings=["another-face"], faces=1),
            ReviewMatch(review_id="rev_1", performer_id=scene.performer.id, distance_milli=400),
            RosterEntry(
                organization_id=organization_id,
                api_key_id=key_id,
                reference="K-1",
                name="Griet",
                address="x",
                photo="griet.jpg",
                expires_at=clock.now() + LATER,
            ),
            EnrollmentHold(id="hld_1", performer_id=scene.performer.id, templates=1),
            EnrollmentMatch(hold_id="hld_1", performer_id=scene.performer.id, distance_milli=400),
            PerformerAlias(
                performer_id=scene.performer.id,
                name="The Girl of Delft",
                organization_id=organization_id,
                api_key_id=key_id,
            ),
            PerformerListing(
                performer_id=scene.performer.id,
                about="Period drama.",
                organization_id=organization_id,
                api_key_id=key_id,
            ),
            LiveCheck(
                id="lch_1",
                performer_id=scene.performer.id,
                replica_id=scene.replica.id,
                api_key_id=key_id,
                poses=["straight"],
                expires_at=clock.now() + LATER,
            ),
            LikenessMedium(
                performer_id=scene.performer.id,
                replica_id=scene.replica.id,
                kind="photo",
                part="straight",
                media_type="image/jpeg",
                size_bytes=1,
                vault_object_id=medium.vault_object_id,
                template_object_id=medium.template_object_id,
                still_object_id=medium.vault_object_id,
                commitment_salt="",
                commitment="",
                agreed="Yes.",
                organization_id=organization_id,
                api_key_id=key_id,
            ),
            LiveStill(mark="0" * 64, check_id="lch_1"),
            MatchingChoice(
                performer_id=scene.performer.id,
                number=1,
                allowed=True,
                organization_id=organization_id,
                api_key_id=key_id,
            ),
            Material(
                id="mat_1",
                organization_id=organization_id,
                api_key_id=key_id,
                role="voice",
                media_type="audio/wav",
                size_bytes=1,
                facts={},
                vault_object_id=medium.vault_object_id,
                commitment_salt="",
                commitment="",
            ),
            PreviewLink(
                preview_id=preview.id,
                organization_id=organization_id,
                api_key_id=key_id,
                expires_at=clock.now() + LATER,
            ),
            CounselComment(
                link_id=link.id,
                contract_id=scene.contract.id,
                pointer="/grant",
                text="Too wide.",
                idempotency_key="k",
                request_sha256="0" * 64,
            ),
            DisclosureGrant(
                series_id=scene.contract.id,
                side="performer",
                verifier=organization_id,
                level="use",
                document="{}",
                document_sha256="1" * 64,
                jws="a..b",
                signing_key_id=scene.desk.registered.id,
                organization_id=organization_id,
                api_key_id=key_id,
                ends_at=clock.now() + LATER,
            ),
            StandingOfferAudience(standing_offer_id=offer.id, who="production"),
            StandingOfferExecution(
                contract_id=scene.contract.id, standing_offer_id=offer.id, number=1
            ),
            PolicyPublication(digest="d" * 64),
            Shot(organization_id=organization_id, project="P", name="12A", series_ids=["con_1"]),
            Webhook(organization_id=organization_id, api_key_id=key_id, url="https://a.example/"),
            VendorCopy(
                vendor="runway",
                kind="job",
                what="portraits inside an order",
                performer_id=scene.performer.id,
                contract_id=scene.contract.id,
                generation_id=generation.id,
            ),
            Erasure(
                performer_id=scene.performer.id,
                organization_id=organization_id,
                api_key_id=key_id,
                lost=[],
                stopped={},
                stays={},
            ),
            Budget(organization_id=organization_id, project="P", currency="EUR", at_once=1),
            EmergencyStop(kind="vendor", subject="nobody", reason="a test"),
            BoundaryAcknowledgment(
                contract_id=scene.contract.id, boundaries_id=boundaries.id, findings=[]
            ),
            ApprovalAnswer(
                request_id=request.id,
                role="performer",
                organization_id=organization_id,
                api_key_id=key_id,
                status="approved",
            ),
            StrikeSwitch(
                agreement="HOUSE-2026",
                act="suspend",
                proposed_by=key_id,
                lapses_at=clock.now() + LATER,
            ),
        ]
    )
    session.flush()
    session.add(GenerationMaterial(generation_id=generation.id, role="voice", material_id="mat_1"))
    session.flush()
    return scene


def _who_came(session: Session, organization_id: str) -> list[SQLModel]:
    person = Person(name="Griet")
    invitation = Invitation(
        organization_id=organization_id,
        role="performer",
        is_admin=True,
        secret_sha256="0" * 64,
        expires_at=clock.now() + LATER,
    )
    session.add_all([person, invitation])
    session.flush()
    passkey = Passkey(
        person_id=person.id,
        name="Phone",
        credential_id="AA",
        public_key=b"\x01",
        aaguid="",
        backup_eligible=False,
        backed_up=False,
        sign_count=0,
    )
    key_id = session.exec(select(SigningKey.id)).first()
    session.add(passkey)
    session.flush()
    linked = PasskeySigningKey(
        passkey_id=passkey.id, organization_id=organization_id, signing_key_id=key_id
    )
    here = {"person_id": person.id, "organization_id": organization_id, "role": "performer"}
    at = "https://idp.example/x"
    provider = SignInProvider(
        organization_id=organization_id,
        issuer="https://idp.example",
        client_id="understudy",
        client_auth="client_secret_basic",
        secret="",
        email_domain="",
        authorization_endpoint=at,
        token_endpoint=at,
        jwks_uri=at,
        names_itself=True,
        named_by=person.id,
    )
    session.add(provider)
    session.flush()
    contact = Contact(person_id=person.id, channel="email", sealed="", verified_at=clock.now())
    notice = notices.tell(session, "statement-issued", "stm_1", organization_id=organization_id)
    recovery = Recovery(
        person_id=person.id,
        way="codes",
        opens_at=clock.now(),
        expires_at=clock.now() + LATER,
    )
    session.add_all((contact, recovery))
    session.flush()
    told = {"notice_id": notice.id, "contact_id": contact.id}
    trail.note_act(session, "people invite", [organization_id])
    close_segment(session)
    return [
        NoticeDelivery(**told, message_id="<one@understudy.example>"),
        RecoveryCode(person_id=person.id, code_sha256="0" * 64),
        RecoveryVouch(recovery_id=recovery.id, person_id=person.id, capacity="agent"),
        NoticeSeen(notice_id=notice.id, person_id=person.id),
        provider, ProviderMember(provider_id=provider.id, person_id=person.id, subject="s"),
        linked, Membership(**here, is_admin=True, invitation_id=invitation.id)]  # fmt: skip


def _who_may_act(session: Session, scene: Scene, *, vault_object_id: str) -> list[SQLModel]:
    mandate = Mandate(
        performer_id=scene.performer.id,
        holder_id=scene.agency.organization.id,
        role="agent",
        acts=["pause"],
        starts_at=clock.now(),
        ends_at=clock.now() + LATER,
        document="{}",
        document_sha256="2" * 64,
        signature="a..b",
        signing_key_id=scene.desk.registered.id,
        grantor_id=scene.desk.organization.id,
        seal="",
    )
    life = PerformerLife(performer_id=scene.performer.id, seal="")
    for row in (mandate, life):
        mandates.seal(row)
    session.add(mandate)
    session.flush()
    paper = MandateEvidence(
        mandate_id=mandate.id,
        sha256="3" * 64,
        vault_object_id=vault_object_id,
        organization_id=scene.agency.organization.id,
    )
    proof = identities.keep(
        session, scene.performer, scene.replica.id, "document", reference="checked elsewhere"
    )
    known_as = identities.keep_external_id(session, scene.performer, "imdb", "nm0000001")
    declared = MandateDeclaration(
        organization_id=scene.agency.organization.id,
        performer_id=scene.performer.id,
        document="{}",
        document_sha256="4" * 64,
        signature="{}",
        signing_key_id=scene.desk.registered.id,
    )
    return [life, paper, declared, proof, known_as]


def _what_was_billed(session: Session, organization_id: str, key_id: str) -> list[SQLModel]:
    profile = PartyProfile(
        party_id=organization_id,
        number=1,
        valid_from=clock.now().date(),
        name="Nightglass",
        address=["Oude Delft 1"],
        country="NL",
        due_days=30,
        api_key_id=key_id,
    )
    invoice = Invoice(
        kind="invoice",
        supplier_id=OPERATOR,
        customer_id=organization_id,
        issuer_id=OPERATOR,
        series="INV",
        number=1,
        currency="USD",
        net_minor=100,
        tax_minor=21,
        withheld_minor=0,
        total_minor=121,
        document={"total": "1.21"},
        document_sha256="0" * 64,
        due_at=clock.now() + LATER,
    )
    statement = BankStatement(
        iban="NL91ABNA0417164300",
        reference="1",
        closed_on=clock.now().date(),
        currency="USD",
        opening_minor=0,
        closing_minor=121,
        file_sha256="0" * 64,
    )
    receipt = BankReceipt(
        statement_id=statement.id,
        iban=statement.iban,
        fingerprint="1",
        reference="INV-000001",
        currency="USD",
        amount_minor=121,
        booked_on=clock.now().date(),
        payer="Nightglass",
        said="INV-000001",
    )
    session.add_all([profile, invoice, statement])
    session.flush()
    session.add(receipt)
    session.flush()
    entry_id = session.exec(select(JournalEntry.id)).first()
    line = {"invoice_id": invoice.id, "line": 1, "entry_id": entry_id, "account": "x"}
    return [
        InvoiceLine(**line, sign=1, net_minor=100),
        InvoicePayment(invoice_id=invoice.id, amount_minor=121),
        ReceiptAssignment(receipt_id=receipt.id, organization_id=organization_id, note="found"),
    ]


def _what_was_paid_out(
    session: Session, organization_id: str, *, vault_object_id: str
) -> list[SQLModel]:
    details = PayoutDetails(
        payee_id=organization_id,
        organization_id=organization_id,
        vault_object_id=vault_object_id,
        from_at=clock.now(),
    )
    order = PayoutOrder(name="2026-11", currency="USD")
    posting = session.exec(select(Posting).where(col(Posting.account).like("performer:%"))).one()
    payout = Payout(
        order_id=order.id,
        account=posting.account,
        currency="USD",
        amount_minor=90,
        details_id=details.id,
    )
    act = TwofoldAct(
        organization_id=organization_id,
        kind="payout-details",
        subject_id=organization_id,
        asked={"vault_object_id": vault_object_id, "from_at": None},
        lapses_at=clock.now() + LATER,
    )
    for each in (details, order, payout, act):
        session.add(each)
        session.flush()
    item = {"entry_id": posting.entry_id, "account": posting.account, "attempt": 1}
    return [
        PayoutItem(payout_id=payout.id, **item, amount_minor=90, funded=True),
        PayoutEvent(payout_id=payout.id, number=1, state="sent"),
        TwofoldVoice(act_id=act.id, who="psn_1"),
    ]
