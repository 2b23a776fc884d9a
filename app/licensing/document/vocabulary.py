"""Words with an order: the tree of brand categories, and the spellings one thing goes by."""

from collections.abc import Iterable
from functools import lru_cache

# child -> parent; blocking a category blocks its descendants (conformance/README.md).
PARENT_CATEGORY = {
    "cola": "soft_drinks",
    "soft_drinks": "beverages",
    "beer": "alcohol",
    "alcohol": "beverages",
    "ev": "automotive",
    "cigarettes": "tobacco",
    "bank": "finance",
    "crypto": "finance",
}
CATEGORIES = frozenset({*PARENT_CATEGORY, *PARENT_CATEGORY.values(), "sportswear", "cosmetics"})


# Other words for what the policies call sexually_explicit.
SEXUALLY_EXPLICIT = frozenset(
    "explicit explicit_content explicit_sex explicit_sexual explicit_sexual_content intimate "
    "intimate_imagery porn pornographic pornography sexual_content sexual_explicit "
    "sexually_explicit_content".split()
)
# Ordinary post-production, by the names editors give it.
EDIT_KINDS = {
    "color": "colour",
    "color_grade": "colour",
    "colour_grade": "colour",
    "denoise": "noise",
    "noise_reduction": "noise",
    "retime": "timing",
}


def word(text: str) -> str:
    """Return the one spelling of a tag or category: `Simulated Sex` is `simulated_sex`."""
    spelt = "_".join(text.lower().replace("-", " ").replace("_", " ").split())
    return "sexually_explicit" if spelt in SEXUALLY_EXPLICIT else spelt


def edit_kind(text: str) -> str:
    """Return the one name of an edit: `color` is `colour`."""
    return EDIT_KINDS.get(word(text), word(text))


def words(texts: Iterable[str]) -> list[str]:
    """Return tags in their one spelling, sorted, each once."""
    return sorted({word(text) for text in texts})


@lru_cache(maxsize=1024)
def category_chain(category: str | None) -> tuple[str, ...]:
    """Return the category and its ancestors, innermost first; nothing for none."""
    chain: list[str] = []
    step = word(category) if category else None
    while step is not None:
        chain.append(step)
        step = PARENT_CATEGORY.get(step)
    return tuple(chain)


# How far it is proven who a performer is; each proves more than the one before.
IDENTITY_LEVELS = ("self_asserted", "vouched", "live", "document")


def identity_level(word: str) -> int:
    """Return a level's place in the order; a word without meaning is above them all."""
    return IDENTITY_LEVELS.index(word) if word in IDENTITY_LEVELS else len(IDENTITY_LEVELS)
