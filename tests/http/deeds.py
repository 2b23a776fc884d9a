"""Every request that acts, once told: by whom, where, after what, and the same otherwise."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey
from PIL import Image

from app import clock, db
from app.demo import cast
from app.gateway.models import Generation
from app.identity import service as identity
from app.identity.principal import UNLIMITED, Principal
from app.licensing.strikes import service as strikes
from app.registry import live
from app.registry import service as registry
from tests.gateway.materials.making import a_recording
from tests.http.house import House, a_preview, a_render_job, a_standing_offer, question
from tests.licensing.disclosing import a_grant
from tests.licensing.mandating import a_document as a_mandate
from tests.licensing.mandating import a_vouching, ink_for
from tests.licensing.mandating import signed as a_grantors
from tests.licensing.papers import a_pdf
from tests.licensing.standing_offers import a_document, a_signature
from tests.licensing.unions import AGREEMENT
from tests.registry.giving import a_photo, small_face, small_portrait
from tests.scenes import PORTRAIT, Change, a_scene, an_api_key, offered, represent, sign, with_takes

SPOKEN = Path(__file__).parents[1] / "providers" / "sample.mp3"


@dataclass
class Deed:
    """A POST that acts: by whom, where, and the same with another content."""

    who: str
    path: str
    content: dict[str, Any]
    changed: dict[str, Any] | None = None  # None: the request has no body to change
    status: int = 201


def a_jwk() -> dict[str, Any]:
    """A fresh public key, to be registered."""
    return {"public_jwk": ECKey.generate_key("P-256").as_dict(private=False)}


def a_table(*numbers: int) -> dict[str, Any]:
    """An upload of an agency's that names so many people, without their photos."""
    rows = "".join(f"K-{n},Actor {n},a{n}@example.com,p{n}.jpg\n" for n in numbers)
    table = f"reference,name,email,photo\n{rows}".encode()
    return {"files": [("table", ("table.csv", table, "text/csv"))]}


def a_roster_entry(house: House) -> str:
    """Have the house's agency bring somebody in, who waits."""
    house.post("/v1/roster-imports", "agency", **a_table(1)).raise_for_status()
    return str(house.get("/v1/roster-entries", "agency").json()["items"][0]["id"])


def _offer(house: House, hours: int) -> dict[str, Any]:
    scene = house.scene
    document = cast.contract_document(
        scene.performer.id,
        "The Girl",
        scene.production.organization.id,
        scene.agency.organization.id,
    )
    return {"document": document | {"notice_hours": hours}}


def _an_api_key(house: House, verb: str) -> Deed:
    """Have a key replace, or end, one that was made before."""
    with db.writing() as session:
        production = house.scene.production.organization
        made = identity.create_api_key(session, production, name="farm", scope=UNLIMITED)[0].id
    if verb == "revocation":
        return Deed("production", f"/v1/api-keys/{made}/{verb}", {})
    one, other = ({"json": {"secret_sha256": each * 64}} for each in "12")
    return Deed("production", f"/v1/api-keys/{made}/{verb}", one, other)


def _a_choice(house: House) -> Deed:
    """Have a production of its own choose a draft that is finished."""
    with db.writing() as session:
        scene = with_takes(session)
        house.keys["takes"] = an_api_key(session, scene.production.organization)
        _, draft = scene.ask(session, shot="12A")
        assert draft is not None
        draft.state, draft.rendered_key = "released", f"generations/{draft.id}/rendered.mp4"
    return Deed("takes", f"/v1/generations/{draft.id}/selection", {})


def _a_removal(house: House) -> Deed:
    made = house.post("/v1/webhooks", json={"url": "https://c.example/hooks"}).json()
    return Deed("production", f"/v1/webhooks/{made['id']}/removal", {})


def _enroll(name: str) -> dict[str, Any]:
    return {"data": {"name": name}, "files": {"portrait": PORTRAIT.read_bytes()}}


def _said_of_them(what: str, this: dict[str, Any], other: dict[str, Any]) -> Any:
    return lambda h: Deed(
        "desk", f"/v1/performers/{h.scene.performer.id}/{what}", {"json": this}, {"json": other}
    )


def _per(verb: str) -> Callable[[House], Deed]:
    return lambda h: Deed("desk", f"/v1/performers/{h.scene.performer.id}/{verb}", {}, status=200)


# Each act of a contract's life: by whom, and what was done before it.
LIFE: dict[str, tuple[str, str]] = {
    "offer": ("production", "draft"),
    "revision": ("production", "draft"),
    "counter": ("desk", "offer"),
    "decline": ("desk", "offer"),
    "retract": ("production", "offer"),
    "amendment": ("production", ""),
    "suspend": ("desk", ""),
    "resume": ("desk", "suspend"),
}


def _in_the_life(verb: str) -> Callable[[House], Deed]:
    who, before = LIFE[verb]
    worded = verb in ("revision", "counter", "amendment")

    def deed(house: House) -> Deed:
        contract_id = house.scene.contract.id
        if before in ("draft", "offer"):
            body = {**_offer(house, 9), "draft": before == "draft"}
            contract_id = house.post("/v1/contracts", json=body).json()["id"]
        elif before:
            house.post(f"/v1/contracts/{contract_id}/{before}", who)
        content = {"json": _offer(house, 7)} if worded else {}
        changed = {"json": _offer(house, 8)} if worded else None
        return Deed(who, f"/v1/contracts/{contract_id}/{verb}", content, changed)

    return deed


def _agreed(house: House, change: Change) -> None:
    """Have both sides sign another document than the house's own, which stays an offer."""
    with db.writing() as session:
        house.scene = offered(session, house.scene, change)
        sign(session, house.scene)


def _counsel(act: str) -> Callable[[House], Deed]:
    def deed(house: House) -> Deed:
        links = f"/v1/contracts/{house.scene.contract.id}/counsel-links"
        to = {"json": {"counsel": "M. Okafor"}}
        if act == "make":
            return Deed("desk", links, to, {"json": {"counsel": "N. Okafor"}})
        made = house.post(links, "desk", **to).json()
        if act == "close":
            return Deed("desk", f"/v1/counsel-links/{made['id']}/revocation", {})
        house.keys["counsel"] = {}  # the link is all they have
        said = {"round": 1, "pointer": "/grant/territories", "text": "Leave out Japan."}
        other = said | {"text": "Leave out Peru."}
        return Deed("counsel", f"{made['link']}/comments", {"json": said}, {"json": other})

    return deed


def _grants(act: str) -> Callable[[House], Deed]:
    def deed(house: House) -> Deed:
        path = f"/v1/contracts/{house.scene.contract.id}/disclosure-grants"
        who = house.scene.agency.organization.id
        this, other = (
            {"json": a_grant(house.scene, "performer", who, level)} for level in ("use", "credit")
        )
        if act == "grant":
            return Deed("desk", path, this, other)
        made = house.post(path, "desk", **this).json()
        return Deed("desk", f"/v1/disclosure-grants/{made['id']}/revocation", {})

    return deed


def _mandates(act: str) -> Callable[[House], Deed]:
    def deed(house: House) -> Deed:
        scene = house.scene
        path = f"/v1/performers/{scene.performer.id}/mandates"

        def body(*acts: str) -> dict[str, Any]:
            said = a_mandate(scene, scene.agency, "attorney", acts=list(acts))
            return {"json": {"document": said, "jws": a_grantors(said, scene.desk)}}

        if act == "grant":
            return Deed("desk", path, body("pause"), body("withdraw"))
        made = house.post(path, "desk", **body("pause")).json()
        return Deed("desk", f"/v1/mandates/{made['id']}/revocation", {})

    return deed


def _vouching(house: House, *, back: bool = False) -> Deed:
    scene = house.scene
    path = f"/v1/performers/{scene.performer.id}/vouchings"
    with db.writing() as session:
        represent(session, scene, scene.agency.organization)
    if back:
        return Deed("agency", f"{path}/revocation", {}, status=200)
    body = {"json": a_vouching(scene)}
    return Deed("agency", path, body, {"json": a_vouching(scene) | {"jws": "a..b"}})


def blank_stills(shade: int = 0) -> dict[str, tuple[str, bytes]]:
    """Five pictures in which nobody is, each another one."""
    stills = {}
    for number in range(1, live.STILLS + 1):
        Image.new("L", (24, 24), shade + number).save(data := io.BytesIO(), "PNG")
        stills[f"still_{number}"] = (f"{number}.png", data.getvalue())
    return stills


def _stills(house: House) -> Deed:
    path = f"/v1/performers/{house.scene.performer.id}/live-checks"
    check = house.post(path, "desk").json()
    this, other = ({"files": blank_stills(shade)} for shade in (0, 100))
    return Deed("desk", f"/v1/live-checks/{check['id']}/stills", this, other)


def _photo(house: House) -> Deed:
    """Have somebody who is enrolled with a face that is one give a photo of it."""
    with db.writing() as session:
        face = small_face()
        performer = registry.enroll(
            session,
            organization_id=house.scene.desk.organization.id,
            name="Griet",
            portrait=PORTRAIT,
            inspected=face,
        )
    this, other = (
        {"data": {"pose": "straight", "agreed": "yes"}, "files": {"photo": picture}}
        for picture in (small_portrait(), small_portrait() + b" ")
    )
    return Deed("desk", f"/v1/performers/{performer.id}/photos", this, other)


def _voice(house: House) -> Deed:
    this, other = (
        {
            "data": {"sentence": sentence, "agreed": "yes"},
            "files": {"recording": SPOKEN.read_bytes()},
        }
        for sentence in "12"
    )
    return Deed("desk", f"/v1/performers/{house.scene.performer.id}/voices", this, other)


def _photo_removed(house: House) -> Deed:
    with db.writing() as session:
        desk = house.scene.desk.organization
        key = identity.create_api_key(session, desk, name="phone", scope=UNLIMITED)[0].id
        photo = a_photo(session, house.scene, by=Principal(desk.id, desk.kind, key))
    return Deed("desk", f"/v1/likeness-media/{photo.id}/removal", {}, status=200)


def _ink(house: House) -> Deed:
    with db.writing() as session:
        body = {"json": ink_for(session, house.scene)}
    path = f"/v1/contracts/{house.scene.contract.id}/ink-signatures"
    return Deed("desk", path, body, {"json": body["json"] | {"jws": "a..b"}})


def _paper(house: House) -> Deed:
    def content(text: str) -> dict[str, Any]:
        return {"files": {"file": ("scan.pdf", a_pdf(text))}}

    path = f"/v1/contracts/{house.scene.contract.id}/paper"
    return Deed("production", path, content("signed"), content("signed twice"))


def _approvals(house: House) -> Deed:
    def each_use_by_the_performer(document: dict[str, Any]) -> None:
        document["approvals"] |= {"per_use": True, "required": ["performer"]}

    _agreed(house, each_use_by_the_performer)
    decisions = [house.ask(script_hash=name).json()["decision_id"] for name in ("one", "two")]
    this, other = ({"json": {"decision_id": each}} for each in decisions)
    return Deed("production", "/v1/approvals", this, other)


def _answer(house: House) -> Deed:
    wish = _approvals(house)
    (asked,) = house.post(wish.path, wish.who, **wish.content).json()["items"]
    yes, no = (
        {"json": {"role": "performer", "answer": answer}} for answer in ("approved", "rejected")
    )
    return Deed("desk", f"/v1/approvals/{asked['id']}/answers", yes, no)


def _material(role: str) -> dict[str, Any]:
    content = PORTRAIT.read_bytes() if role == "first_frame" else a_recording(0.1)
    return {"data": {"role": role}, "files": {"file": content}}


def _sent(house: House) -> str:
    return str(house.post("/v1/materials", **_material("voice")).json()["id"])


def _material_consent(house: House) -> Deed:
    with db.writing() as session:
        other = a_scene(session, signed=False).replica.id
    this, another = ({"json": {"replica_id": each}} for each in (house.scene.replica.id, other))
    return Deed("production", f"/v1/materials/{_sent(house)}/consents", this, another)


def _preview(act: str) -> Callable[[House], Deed]:
    def no_nudity(document: dict[str, Any]) -> None:
        document["grant"]["content"] |= {"prohibited": ["nudity"], "preview_waived": False}

    def deed(house: House) -> Deed:
        _agreed(house, no_nudity)
        path = f"/v1/previews/{a_preview(house)[1]}"
        if act == "links":
            return Deed("desk", f"{path}/links", {})
        film = house.client.get(house.post(f"{path}/links", "desk").json()["url"])
        assert film.status_code == 200
        release = {"role": "performer", "answer": "release"}
        refuse = release | {"answer": "refuse"}
        return Deed("desk", f"{path}/answers", {"json": release}, {"json": refuse})

    return deed


def _render_job(act: str) -> Callable[[House], Deed]:
    def deed(house: House) -> Deed:
        path = f"/v1/render-jobs/{a_render_job(house)[0]}"
        if act == "take":
            return Deed("production", f"{path}/licenses", {})
        license_ = house.post(f"{path}/licenses").json()["license"]
        this, other = (
            {"data": {"license": license_}, "files": {"film": ("film.mp4", film)}}
            for film in (b"one film", b"another")
        )
        return Deed("production", f"{path}/results", this, other)

    return deed


def _draft(house: House) -> Deed:
    this, other = (
        {"json": {"document": a_document(house.scene, caps=caps)}}
        for caps in (
            {"executions": 5, "fees_minor": 100_000},
            {"executions": 4, "fees_minor": 100_000},
        )
    )
    return Deed("desk", "/v1/standing-offers", this, other)


def _sign_in_advance(house: House) -> Deed:
    draft = _draft(house)
    path = f"{draft.path}/{house.post(draft.path, 'desk', **draft.content).json()['id']}"
    document = house.get(f"{path}/document", "desk").content
    this, other = (
        {"json": {"role": "performer", "jws": a_signature(house.scene.desk, document, "performer")}}
        for _ in range(2)  # no two signatures of ES256 are the same
    )
    return Deed("desk", f"{path}/signatures", this, other)


def _accept(house: House) -> Deed:
    path = f"/v1/standing-offers/{a_standing_offer(house)}"
    document = house.get(f"{path}/acceptance/document").content
    this, other = (
        {"json": {"jws": a_signature(house.scene.production, document, "licensee")}}
        for _ in range(2)
    )
    return Deed("production", f"{path}/acceptances", this, other)


def _strike(house: House) -> Deed:
    with db.writing() as session:
        union = identity.create_organization(session, "Actors united", "union")
        strikes.name_keeper(session, AGREEMENT, union)
        house.keys |= {name: an_api_key(session, union) for name in ("first key", "second key")}
    this, other = ({"json": {"agreement": AGREEMENT, "act": act}} for act in ("suspend", "lift"))
    return Deed("first key", "/v1/strikes", this, other)


def _confirm(house: House) -> Deed:
    wish = _strike(house)
    switch = house.post(wish.path, wish.who, **wish.content).json()
    return Deed("second key", f"/v1/strikes/{switch['id']}/confirmation", {})


def _case(house: House, asked: str = "correction") -> Deed:
    generation_id = house.ask().json()["id"]
    with db.writing() as session:
        session.get_one(Generation, generation_id).released_at = clock.now()
    said = {"generation_id": generation_id, "ground": "record", "words": "The date is wrong."}
    this, other = ({"json": {**said, "asked": each}} for each in (asked, "takedown"))
    return Deed("desk", "/v1/cases", this, other)


def _in_a_case(verb: str, who: str) -> Callable[[House], Deed]:
    def deed(house: House) -> Deed:
        wish = _case(house)
        case = house.post(wish.path, wish.who, **wish.content).json()
        this, other = ({"json": {"words": words}} for words in ("As agreed.", "As said."))
        return Deed(who, f"/v1/cases/{case['id']}/{verb}", this, other)

    return deed


def _boundaries(level: str) -> dict[str, Any]:
    return {"json": {"limits": {"v": 1, "content": {"nudity": level}, "training": "never"}}}


def an_account(house: House, **changes: Any) -> dict[str, Any]:
    """A body for POST /v1/bank-accounts: where the house's performer is paid."""
    account = {"holder": "The Girl", "iban": "NL91ABNA0417164300", "bic": ""}
    return {"payee_id": house.scene.performer.id, **account, **changes}


PROFILE = {"valid_from": "2026-01-01", "name": "N", "address": ["Delft"], "country": "NL"}


# By route, as documented; a word after it tells two apart.
def _script(house: House, *lines: str) -> dict[str, Any]:
    body = house.scene.body()
    length_s = body.pop("length_s")
    del body["line"]
    return body | {"lines": [{"line": line, "length_s": length_s} for line in lines]}


DEEDS: dict[str, Callable[[House], Deed]] = {
    "/v1/performers/{performer_id}/boundaries": lambda h: Deed(
        "desk",
        f"/v1/performers/{h.scene.performer.id}/boundaries",
        _boundaries("never"),
        _boundaries("ask"),
    ),
    "/v1/signing-keys": lambda h: Deed(
        "production", "/v1/signing-keys", {"json": a_jwk()}, {"json": a_jwk()}
    ),
    "/v1/api-keys": lambda h: Deed(
        "production",
        "/v1/api-keys",
        {"json": {"name": "farm", "secret_sha256": "0" * 64}},
        {"json": {"name": "barn", "secret_sha256": "0" * 64}},
    ),
    "/v1/webhooks": lambda h: Deed(
        "production",
        "/v1/webhooks",
        {"json": {"url": "https://a.example/hooks"}},
        {"json": {"url": "https://b.example/hooks"}},
    ),
    "/v1/webhooks/{webhook_id}/removal": _a_removal,
    "/v1/budgets": lambda h: Deed(
        "production",
        "/v1/budgets",
        {"json": {"project": "NIGHTGLASS", "currency": "EUR", "at_once": 4}},
        {"json": {"project": "NIGHTGLASS", "currency": "EUR", "at_once": 5}},
    ),
    "/v1/api-keys/{api_key_id}/rotation": lambda h: _an_api_key(h, "rotation"),
    "/v1/api-keys/{api_key_id}/revocation": lambda h: _an_api_key(h, "revocation"),
    "/v1/performers": lambda h: Deed(
        "desk", "/v1/performers", _enroll("Griet"), _enroll("Catharina")
    ),
    **{
        f"/v1/performers/{{performer_id}}/{what}": _said_of_them(what, this, other)
        for what, this, other in (
            ("names", {"names": ["Griet of Delft"]}, {"names": []}),
            ("matching", {"allowed": True}, {"allowed": False}),
            ("listing", {"listed": True}, {"listed": False}),
        )
    },
    "/v1/performers/{performer_id}/pause": _per("pause"),
    "/v1/performers/{performer_id}/resume": _per("resume"),
    "/v1/performers/{performer_id}/erasure": lambda h: Deed(
        "desk",
        f"/v1/performers/{h.scene.performer.id}/erasure",
        {"json": {"confirm": h.scene.performer.id}},
        {"json": {"confirm": "another"}},
    ),
    "/v1/contracts": lambda h: Deed(
        "production", "/v1/contracts", {"json": _offer(h, 7)}, {"json": _offer(h, 8)}
    ),
    "/v1/contracts/{contract_id}/signatures": lambda h: Deed(
        "desk",
        f"/v1/contracts/{h.scene.contract.id}/signatures",
        {"json": h.signature()},
        {"json": h.signature("licensee")},
    ),
    "/v1/contracts/{contract_id}/withdrawal": lambda h: Deed(
        "desk", f"/v1/contracts/{h.scene.contract.id}/withdrawal", {}
    ),
    **{f"/v1/contracts/{{contract_id}}/{verb}": _in_the_life(verb) for verb in LIFE},
    "/v1/generations permitted": lambda h: Deed(
        "production",
        "/v1/generations",
        {"json": h.scene.body()},
        {"json": h.scene.body(line="Another.")},
    ),
    "/v1/authorizations": lambda h: Deed(
        "production",
        "/v1/authorizations",
        {"json": question(h)},
        {"json": question(h, territories=["US"])},
    ),
    "/v1/generations/{generation_id}/selection": _a_choice,
    "/v1/generations/batches": lambda h: Deed(
        "production",
        "/v1/generations/batches",
        {"json": _script(h, "I hold the light.", "And I let it go.")},
        {"json": _script(h, "I hold the light.")},
    ),
    "/v1/generations denied": lambda h: Deed(
        "production",
        "/v1/generations",
        {"json": h.scene.body(territories=["US"])},
        {"json": h.scene.body()},
        403,
    ),
    "/v1/contracts/{contract_id}/counsel-links": _counsel("make"),
    "/v1/counsel-links/{link_id}/revocation": _counsel("close"),
    "/v1/counsel/{secret}/comments": _counsel("comment"),
    "/v1/contracts/{contract_id}/disclosure-grants": _grants("grant"),
    "/v1/disclosure-grants/{grant_id}/revocation": _grants("revoke"),
    "/v1/performers/{performer_id}/mandates": _mandates("grant"),
    "/v1/mandates/{mandate_id}/revocation": _mandates("revoke"),
    "/v1/performers/{performer_id}/vouchings": _vouching,
    "/v1/performers/{performer_id}/vouchings/revocation": lambda h: _vouching(h, back=True),
    "/v1/performers/{performer_id}/external-ids": lambda h: Deed(
        "desk",
        f"/v1/performers/{h.scene.performer.id}/external-ids",
        {"json": {"kind": "imdb", "value": "nm0000001"}},
        {"json": {"kind": "imdb", "value": "nm0000002"}},
    ),
    "/v1/performers/{performer_id}/live-checks": lambda h: Deed(
        "desk", f"/v1/performers/{h.scene.performer.id}/live-checks", {}
    ),
    "/v1/live-checks/{live_check_id}/stills": _stills,
    "/v1/performers/{performer_id}/photos": _photo,
    "/v1/performers/{performer_id}/voices": _voice,
    "/v1/likeness-media/{likeness_medium_id}/removal": _photo_removed,
    "/v1/contracts/{contract_id}/ink-signatures": _ink,
    "/v1/performers/{performer_id}/birth": lambda h: Deed(
        "desk",
        f"/v1/performers/{h.scene.performer.id}/birth",
        {"json": {"born_on": "1990-01-01"}},
        {"json": {"born_on": "1991-01-01"}},
    ),
    "/v1/contracts/{contract_id}/paper": _paper,
    "/v1/approvals": _approvals,
    "/v1/approvals/{approval_id}/answers": _answer,
    "/v1/render-jobs/{render_job_id}/licenses": _render_job("take"),
    "/v1/render-jobs/{render_job_id}/results": _render_job("hand in"),
    "/v1/materials": lambda h: Deed(
        "production", "/v1/materials", _material("voice"), _material("first_frame")
    ),
    "/v1/materials/{material_id}/consents": _material_consent,
    "/v1/materials/{material_id}/consent-withdrawal": lambda h: Deed(
        "production", f"/v1/materials/{_sent(h)}/consent-withdrawal", {}, status=200
    ),
    "/v1/materials/{material_id}/deletion": lambda h: Deed(
        "production", f"/v1/materials/{_sent(h)}/deletion", {}, status=200
    ),
    "/v1/previews/{preview_id}/links": _preview("links"),
    "/v1/previews/{preview_id}/answers": _preview("answers"),
    "/v1/standing-offers": _draft,
    "/v1/standing-offers/{standing_offer_id}/signatures": _sign_in_advance,
    "/v1/standing-offers/{standing_offer_id}/retraction": lambda h: Deed(
        "desk", f"/v1/standing-offers/{a_standing_offer(h)}/retraction", {}
    ),
    "/v1/standing-offers/{standing_offer_id}/acceptances": _accept,
    "/v1/parties/{party_id}/profiles": lambda h: Deed(
        "production",
        f"/v1/parties/{h.scene.production.organization.id}/profiles",
        {"json": PROFILE},
        {"json": PROFILE | {"country": "BE"}},
    ),
    "/v1/roster-imports": lambda h: Deed("agency", "/v1/roster-imports", a_table(1), a_table(2)),
    "/v1/roster-entries/{roster_entry_id}/retraction": lambda h: Deed(
        "agency", f"/v1/roster-entries/{a_roster_entry(h)}/retraction", {}, status=200
    ),
    "/v1/bank-accounts": lambda h: Deed(
        "desk",
        "/v1/bank-accounts",
        {"json": an_account(h)},
        {"json": an_account(h, iban="DE89370400440532013000")},
    ),
    "/v1/cases": _case,
    "/v1/cases/{case_id}/answers": _in_a_case("answers", "production"),
    "/v1/cases/{case_id}/acceptance": _in_a_case("acceptance", "production"),
    "/v1/cases/{case_id}/withdrawal": _in_a_case("withdrawal", "desk"),
    "/v1/strikes": _strike,
    "/v1/strikes/{strike_id}/confirmation": _confirm,
}
# Their houses begin with an offer that nobody has signed.
UNSIGNED = {
    "/v1/contracts/{contract_id}/signatures",
    "/v1/contracts/{contract_id}/ink-signatures",
    "/v1/contracts/{contract_id}/counsel-links",
    "/v1/counsel-links/{link_id}/revocation",
    "/v1/counsel/{secret}/comments",
    "/v1/contracts/{contract_id}/paper",
    "/v1/approvals",
    "/v1/approvals/{approval_id}/answers",
    "/v1/previews/{preview_id}/links",
    "/v1/previews/{preview_id}/answers",
    "/v1/standing-offers/{standing_offer_id}/acceptances",
}
