"""What every part of a contract document is built of, and the two levels at which one is read.

*Offered* (the default) is how a document is read before anyone may offer or sign it: words,
codes, zones and combinations must all make sense. *Recorded* is how a stored document is
read when a use is decided: where a defect has a reason code of its own (an empty description, an
unknown territory, a word without meaning), the document is accepted and the policies deny.
Unknown fields, wrong types and negative amounts are refused at both levels.
"""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError, core_schema

from app.licensing.document import languages, territories

RECORDED = {"level": "recorded"}

Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Amount = Annotated[float, Field(ge=0, le=10**9, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=0, le=366 * 100)]
Years = Annotated[int, Field(ge=1, le=200)]


def offered(info: ValidationInfo) -> bool:
    """Whether the document is read as an offer, with every word checked."""
    return not (info.context and info.context.get("level") == "recorded")


def refuse(field: str, message: str) -> PydanticCustomError:
    """Return a refusal that points at one field of the part under validation."""
    return PydanticCustomError("terms", "{message}", {"field": field, "message": message})


class OneOf:
    """Annotate a field that means something only for these words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def _check(self, value: str, info: ValidationInfo) -> str:
        if offered(info) and value not in self.words:
            known = ", ".join(self.words)
            raise ValueError(f"{value!r} has no meaning here; write one of {known}")
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self.words)}


def _each(known: Any, what: str) -> AfterValidator:
    def check(value: str, info: ValidationInfo) -> str:
        if offered(info) and not known(value):
            raise ValueError(f"{value!r} is not {what}")
        return value

    return AfterValidator(check)


def _no_repeats(values: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
    if offered(info) and len(set(values)) != len(values):
        raise ValueError("an entry is listed twice; list each once")
    return values


def not_empty(values: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
    if offered(info) and not values:
        raise ValueError("the list is empty, so nothing could ever be permitted; name at least one")
    return values


Territory = Annotated[
    Name, _each(territories.known, "an ISO 3166 code, WORLD, EU or NORTH_AMERICA")
]
Language = Annotated[
    Name, _each(lambda tag: tag == "*" or languages.known(tag), "a BCP 47 language range")
]
Names = Annotated[tuple[Name, ...], Field(max_length=500), AfterValidator(_no_repeats)]
SomeNames = Annotated[Names, AfterValidator(not_empty)]


class Part(BaseModel):
    """A part of the document: frozen, without unknown fields, without coercion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
