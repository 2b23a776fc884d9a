"""What changed from one document to the next, field by field, in pointers and plain words. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.language import SOURCE
from app.licensing.document import contract as documents
from app.licensing.words import plain_language


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs: its JSON pointer (RFC 6901), both values, what is now said of it.

    A value is null where the field is left out. `sentence` is empty where plain language is silent.
    """

    pointer: str
    before: Any
    after: Any
    sentence: str


def differences(
    before: documents.Contract, after: documents.Contract, *, tongue: str = SOURCE
) -> list[Difference]:
    """List every field in which two documents differ, in the order of the document.

    What a document leaves out is compared as what that means. Lists of words are one field.
    """
    said = plain_language.sentences(after, tongue=tongue)
    found = _differing("", before.model_dump(mode="json"), after.model_dump(mode="json"))
    return [
        Difference(pointer, one, other, _sentence(said, pointer)) for pointer, one, other in found
    ]


def _differing(pointer: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if before == after and type(before) is type(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            step = name.replace("~", "~0").replace("/", "~1")
            yield from _differing(f"{pointer}/{step}", before.get(name), after.get(name))
    elif _are_parts(before) and _are_parts(after) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differing(f"{pointer}/{number}", one, other)
    else:
        yield pointer, before, after


def _are_parts(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _sentence(said: list[tuple[str, str]], pointer: str) -> str:
    """Return the sentence about a field: its own, that of the part it is in, or all it holds."""
    about = [
        (len(field), sentence)
        for sentence, field in said
        if pointer == field or pointer.startswith(f"{field}/")
    ]
    within = [sentence for sentence, field in said if field.startswith(f"{pointer}/")]
    return max(about, default=(0, " ".join(within)))[1]
