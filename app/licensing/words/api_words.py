"""How a document in plain words is answered: headings, sentences, and the field of each."""

from collections.abc import Iterable

from pydantic import BaseModel, Field

from app.licensing.words.plain_language import Section


class SentenceRead(BaseModel):
    """One sentence, and the field of the document it is said from (RFC 6901)."""

    text: str = Field(examples=["Each second costs 12.50 EUR."])
    pointer: str = Field(examples=["/compensation/rate_minor"])


class SectionRead(BaseModel):
    """One heading and its sentences."""

    heading: str = Field(examples=["Money"])
    sentences: list[SentenceRead]


def told(sections: Iterable[Section]) -> list[SectionRead]:
    """Return the sections of a document as they are answered."""
    return [
        SectionRead(
            heading=section.heading,
            sentences=[SentenceRead(text=text, pointer=at) for text, at in section.sentences],
        )
        for section in sections
    ]
