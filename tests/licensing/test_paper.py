"""A contract on paper: whole, true to the document inside it, and nobody's markup."""

import hashlib
import io
import json
import re
from dataclasses import asdict, replace
from typing import Any

import pypdf
import pytest
from sqlmodel import Session
from typer.testing import CliRunner

from app import clock, db
from app.cli import app as command
from app.identity.models import SigningKey
from app.licensing.contracts.names import registered_names
from app.licensing.contracts.signatures import check_detached
from app.licensing.document import contract as documents
from app.licensing.paper import service as paper
from app.licensing.paper import typeset
from app.licensing.paper.typeset import Line, Page, Signer
from app.licensing.words import plain_language
from tests.licensing.test_contract import a_document
from tests.scenes import Scene, a_scene, offered, sign

HOSTILE = [
    '#panic("no")', '] #read("/etc/passwd") [', "$ x^2 $ *bold* _it_ `raw` @ref <label>",
    "\\u{1F3AC} \\ // /* */", '"quoted" “curled”', "= Heading\n\n- list", "Ελένη Ωμέγα ΐ",
    "Наталья Ґалаґан ё", "Łódź Ẑ ǆ ı ß ŋ", "שלום עולם", "x" * 300,
]  # fmt: skip


def read(pdf: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf), strict=True)


def words(text: str) -> str:
    """Text without what setting it changes: line ends, and places where a word may break."""
    return re.sub(r"[\s\u200b]+", "", text)


def text_of(pdf: bytes) -> str:
    return words("".join(page.extract_text() for page in read(pdf).pages))


def a_page(document: dict[str, Any], **names: str) -> Page:
    return Page(
        title="Ava Reyes and Studio A",
        id="con_1",
        version=1,
        sha256=documents.digest(document),
        facts=[Line("Performer", "Ava Reyes")],
        sections=plain_language.sections(document, names=names),
        signers=[Signer("Performer", "Ava Reyes"), Signer("Licensee", "Studio A")],
        note="",
        words=paper.words(),
    )


def set_page(document: dict[str, Any], **names: str) -> bytes:
    canonical = documents.canonical(document).decode()
    return typeset.set_contract(
        a_page(document, **names), document=canonical, signatures="[]", at=clock.now()
    )


def described(text: str) -> dict[str, Any]:
    document = a_document()
    document["performer"]["name"] = text[:300]
    document["consent"]["uses_description"] = text
    return document


class TestSetContract:
    def test_in_another_language_says_the_same_over_the_same_document(self, session):
        """Planted fault: the document inside is translated with the words."""
        contract = a_scene(session).contract
        english, spanish = (paper.paper_of(session, contract, tongue=each) for each in ("en", "es"))
        assert read(english).attachments == read(spanish).attachments
        said = text_of(spanish)
        terms = documents.recorded(contract.document.encode())
        names = registered_names(session, contract)
        for section in plain_language.sections(terms, names=names, tongue="es"):
            for sentence, _pointer in section.sentences:
                assert words(sentence) in said
        for each in ("Contratodeconsentimiento", "Firmas", "Licenciatario", "Envigordesde"):
            assert each in said
        assert "Envigordesde" not in text_of(english)
        assert read(spanish).root_object["/Lang"] == "es"

    def test_holds_exactly_the_bytes_that_are_signed(self):
        document = a_document()
        attached = read(set_page(document)).attachments
        assert set(attached) == {"contract.json", "signatures.json"}
        (inside,) = attached["contract.json"]
        assert inside == documents.canonical(document)
        assert hashlib.sha256(inside).hexdigest() == documents.digest(document)

    def test_says_every_sentence_with_its_field(self):
        document = a_document()
        said = text_of(set_page(document, STUDIO_A="Studio A"))
        for sentence, pointer in plain_language.sentences(document, names={"STUDIO_A": "Studio A"}):
            assert words(sentence) in said, sentence
            assert words(pointer) in said, pointer

    def test_has_the_hash_on_every_page_and_lines_to_sign_by_hand(self):
        document = a_document()
        pages = [page.extract_text() for page in read(set_page(document)).pages]
        assert all(documents.digest(document) in page for page in pages)
        assert pages[-1].count("Place and date") == 2

    @pytest.mark.parametrize("text", HOSTILE)
    def test_sets_what_anybody_wrote_as_it_is_and_reads_none_of_it_as_markup(self, text):
        document = described(text)
        pdf = set_page(document)
        assert read(pdf).attachments["contract.json"][0] == documents.canonical(document)
        if not re.search("[א-ת]", text):  # set from right to left, and read back so
            sentences = plain_language.sentences(document)
            said = next(words(each) for each, at in sentences if at == "/performer/name")
            assert said in text_of(pdf)

    @pytest.mark.parametrize(
        ("text", "written"),
        [("高峰", "\\u9ad8\\u5cf0"), ("🎬", "\\u1f3ac"), ("\u202eevil", "\\u202eevil"),
         ("ไทย", "\\u0e44\\u0e17\\u0e22")],
    )  # fmt: skip
    def test_writes_by_number_what_its_fonts_cannot_draw(self, text, written):
        document = described(f"Ελένη {text}")
        pdf = set_page(document)
        assert words(f"“Ελένη {written}”") in text_of(pdf)
        assert read(pdf).attachments["contract.json"][0] == documents.canonical(document)

    def test_draws_latin_greek_and_cyrillic_as_they_are(self):
        for first, last in ((0xA1, 0x24F), (0x391, 0x3A1), (0x3B1, 0x3CE), (0x400, 0x45F)):
            text = "".join(chr(code) for code in range(first, last + 1) if code != 0xAD)
            assert words(text) in text_of(set_page(described(text))), hex(first)

    def test_draws_every_letter_it_says_it_draws(self):
        every = " ".join(sorted(typeset._letters(typeset._DRAWN)))
        page = asdict(replace(a_page(a_document()), note=every))
        inputs = {"data": json.dumps(page), "document": "{}", "signatures": "[]"}
        assert typeset._compile(inputs, clock.now(), typeset.CONTRACT)
        inputs["data"] = json.dumps(page | {"note": "字"})
        with pytest.raises(typeset.NotDrawable):
            typeset._compile(inputs, clock.now(), typeset.CONTRACT)

    def test_is_made_of_the_same_bytes_each_time(self):
        at, document = clock.now(), a_document()
        made = [
            typeset.set_contract(a_page(document), document="{}", signatures="[]", at=at)
            for _ in range(2)
        ]
        assert made[0] == made[1]

    def test_lasts_and_can_be_read_aloud(self):
        reader = read(set_page(a_document()))
        described_as = reader.trailer["/Root"]["/Metadata"].get_data().decode()
        assert "<pdfaid:part>3</pdfaid:part>" in described_as
        assert "<pdfuaid:part>1</pdfuaid:part>" in described_as
        assert reader.trailer["/Root"]["/Lang"] == "en"

    def test_reaches_for_no_file_and_no_network(self, tmp_path, monkeypatch):
        """Planted: a template that reads outside its folder, or fetches a package, is refused."""
        for source in ('#read("/../secret")', '#import "@preview/cetz:0.3.4"'):
            (tmp_path / "typst").mkdir(exist_ok=True)
            (tmp_path / "secret").write_text("hidden")
            (tmp_path / "typst" / "contract.typ").write_text(source)
            monkeypatch.setattr(typeset, "CONTRACT", tmp_path / "typst" / "contract.typ")
            with pytest.raises(typeset.typst.TypstError):
                set_page(a_document())


class TestPaperOf:
    def test_shows_who_signed_and_whoever_has_it_can_check_that(self, session: Session):
        scene = a_scene(session)
        pdf = paper.paper_of(session, scene.contract)
        attached = read(pdf).attachments
        proofs = json.loads(attached["signatures.json"][0])
        assert {proof["role"] for proof in proofs} == {"performer", "licensee"}
        for proof in proofs:
            check_detached(
                attached["contract.json"][0], proof["jws"], proof["public_jwk"],
                key_id=proof["signing_key_id"], role=proof["role"],
            )  # fmt: skip
            assert words(proof["signing_key_id"]) in text_of(pdf)
        assert "ES256" in text_of(pdf)
        assert words("Place and date") not in text_of(pdf)

    def test_has_lines_for_who_has_not_signed(self, session: Session):
        scene = a_scene(session, signed=False)
        said = text_of(paper.paper_of(session, scene.contract))
        assert said.count(words("Place and date")) == 2
        assert words("not yet: both sides must sign") in said

    def test_names_the_parties_as_they_are_registered(self, session: Session):
        scene = a_scene(session)
        said = text_of(paper.paper_of(session, scene.contract))
        assert words(scene.production.organization.name) in said

    def test_shows_a_name_that_would_turn_the_text(self, session: Session):
        scene = a_scene(session, signed=False)
        turned = offered(session, scene, _named("Eve \u202egnp.\u2066"))
        assert "Eve\\u202egnp.\\u2066" in text_of(paper.paper_of(session, turned.contract))

    def test_stays_the_same_until_something_happens(self, session: Session):
        scene = a_scene(session, signed=False)
        first = paper.paper_of(session, scene.contract)
        assert paper.paper_of(session, scene.contract) == first
        sign(session, scene)
        assert paper.paper_of(session, scene.contract) != first

    def test_a_revoked_key_still_proves_what_it_signed(self, session: Session):
        scene = a_scene(session)
        session.get_one(SigningKey, scene.desk.registered.id).revoked_at = clock.now()
        session.flush()
        assert len(json.loads(read(paper.paper_of(session, scene.contract)).attachments[
            "signatures.json"][0])) == 2  # fmt: skip


class TestCommand:
    def test_exports_a_contract(self, database: str, tmp_path):
        with db.writing() as session:
            scene: Scene = a_scene(session)
        file = tmp_path / "contract.pdf"
        said = CliRunner().invoke(
            command, ["contract", "export", scene.contract.id, "--out", str(file)]
        )
        assert said.exit_code == 0, said.output
        inside = read(file.read_bytes()).attachments["contract.json"][0]
        assert hashlib.sha256(inside).hexdigest() == scene.contract.document_sha256
        unknown = CliRunner().invoke(command, ["contract", "export", "con_x", "--out", str(file)])
        assert unknown.exit_code == 2


def _named(name: str) -> Any:
    def change(document: dict[str, Any]) -> None:
        document["performer"]["name"] = name

    return change
