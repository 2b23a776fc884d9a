"""Routes about templates: anybody may read one and fill it in; nothing is kept."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.access import may
from app.identity.api_edge import fingerprint_of
from app.licensing.document import contract as documents
from app.licensing.document.example import DOCUMENT
from app.licensing.document.template import Blank, Template, fill, template_of, templates
from app.licensing.errors import ContractInvalid, TemplateNotFound
from app.licensing.words import plain_language
from app.licensing.words.api_words import SectionRead, told
from app.problems import TextRefused, problems

router = APIRouter(prefix="/v1/templates", tags=["public"])
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
REFUSALS = problems(TemplateNotFound, ContractInvalid, TextRefused)
ANSWERS = {
    "performer_id": "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
    "performer_name": "Griet of Delft",
    "rate": "12.50",
}


class TemplateSummary(BaseModel):
    """One usual deal, in a list."""

    name: str = Field(examples=["indie-scene"])
    title: str = Field(examples=["Indie scene"])
    about: str = Field(examples=["One scene of a small film, agreed directly."])


class BlankRead(Blank):
    """One thing to fill in, and where it stands in the document."""

    name: str = Field(examples=["rate"])
    must_be_filled: bool = Field(examples=[True])
    pointers: list[str] = Field(examples=[["/compensation/rate_minor"]])


class TemplateRead(TemplateSummary):
    """One usual deal: why it is as it is, what to fill in, and how it reads when filled."""

    choices: list[str] = Field(examples=[["Withdrawing stops everything at once."]])
    blanks: list[BlankRead]
    document: dict[str, Any] = Field(
        description='The document; a blank stands in it as `{"blank": "name"}`.',
        examples=[DOCUMENT | {"licensee": {"blank": "licensee_id"}}],
    )
    plain_language: list[SectionRead] = Field(
        description="How it reads with every blank filled as its example shows."
    )


class TemplateAnswers(BaseModel):
    """What is filled in: one answer for each blank, by name."""

    model_config = ConfigDict(extra="forbid")

    answers: dict[str, Any] = Field(examples=[ANSWERS], max_length=100)


class DocumentFilled(BaseModel):
    """A document to offer (`POST /v1/contracts`), and how it reads."""

    document: dict[str, Any] = Field(examples=[DOCUMENT])
    document_sha256: str = Field(examples=[SHA256])
    plain_language: list[SectionRead]


@router.get("")
@may("anyone")
def list_templates() -> list[TemplateSummary]:
    """List the templates of the usual deals. Public."""
    return [TemplateSummary(**_summary(template)) for template in templates().values()]


@router.get("/{name}", responses=problems(TemplateNotFound))
@may("anyone")
def read_template(name: str) -> TemplateRead:
    """Show one template: its blanks, its document, and how it reads. Public."""
    template = template_of(name)
    places = template.places()
    blanks = [
        BlankRead(
            **blank.model_dump(exclude_unset=True),
            name=name,
            must_be_filled=blank.required,
            pointers=places[name],
        )
        for name, blank in template.blanks.items()
    ]
    return TemplateRead(
        **_summary(template),
        choices=list(template.choices),
        blanks=blanks,
        document=template.document,
        plain_language=told(plain_language.sections(template.example())),
    )


@router.post("/{name}/documents", responses=REFUSALS)
@may("anyone")
def fill_template(name: str, body: TemplateAnswers) -> DocumentFilled:
    """Fill in a template; what is left or does not fit is pointed at. Public, nothing is kept."""
    fingerprint_of(body)  # refuses text that nobody could keep
    document = fill(template_of(name), body.answers)
    return DocumentFilled(
        document=document,
        document_sha256=documents.digest(document),
        plain_language=told(plain_language.sections(document)),
    )


def _summary(template: Template) -> dict[str, str]:
    return {"name": template.name, "title": template.title, "about": template.about}
