"""A browser as its owner knows it, from what it says of itself: its name and the system."""

from app.language import _

# In this order: most say of themselves that they are the others too.
NAMES = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser(said: str) -> str:
    """Name a browser by its User-Agent; what is not known is given as it was said."""
    name = next((name for sign, name in NAMES if sign in said), "")
    system = next((system for sign, system in SYSTEMS if sign in said), "")
    if not name or not system:
        return said
    return _("%(browser)s on %(system)s", browser=name, system=system)
