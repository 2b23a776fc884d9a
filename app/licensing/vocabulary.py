"""Words with an order: the tree of brand categories, and the spellings one thing goes by."""

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


@lru_cache(maxsize=1024)
def category_chain(category: str | None) -> tuple[str, ...]:
    """Return the category and its ancestors, innermost first; nothing for none."""
    chain: list[str] = []
    while category is not None and category not in chain:
        chain.append(category)
        category = PARENT_CATEGORY.get(category)
    return tuple(chain)
