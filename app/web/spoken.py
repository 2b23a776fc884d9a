"""Words of the house that stand in records as codes, said in the reader's language."""

from markupsafe import Markup, escape

from app.language import SOURCE, marked, reads, translated

_IN_ENGLISH = Markup("<span {}>{}</span>")
SPOKEN = (
    # roles
    marked("performer"),
    marked("guardian"),
    marked("estate"),
    marked("estate rep"),
    marked("loan out"),
    marked("auditor"),
    marked("agent"),
    marked("production approver"),
    marked("production member"),
    marked("union officer"),
    marked("union for estate"),
    marked("licensee"),
    # sides and acts of a case
    marked("production"),
    marked("union"),
    marked("agency"),
    marked("visitor"),
    marked("operator"),
    marked("opened"),
    marked("taken up"),
    marked("answered"),
    marked("accepted"),
    marked("extended"),
    marked("closed"),
    marked("takedown"),
    marked("reversal"),
    marked("correction"),
    marked("settled"),
    marked("dismissed"),
    # how a contract, a license, a verdict, a delivery stands
    marked("licensed"),
    marked("not licensed"),
    marked("withdrawn"),
    marked("expired"),
    marked("suspended"),
    marked("lapsed"),
    marked("declined"),
    marked("retracted"),
    marked("unknown"),
    marked("intact"),
    marked("recovered"),
    marked("altered"),
    marked("transplanted"),
    marked("unknown origin"),
    marked("not ours"),
    marked("unreadable"),
    marked("mail"),
    marked("page"),
    marked("waiting"),
    marked("sent"),
    marked("delivered"),
    marked("failed"),
    marked("seen"),
    # what a key may
    marked("read"),
    marked("ask"),
    marked("generate"),
    marked("negotiate"),
    marked("approve"),
    marked("sign"),
    marked("dispute"),
    marked("pause"),
    marked("consent"),
    marked("likeness"),
    marked("money"),
    marked("strike"),
    marked("keys"),
    # what stays after an erasure
    marked("outputs"),
    marked("contracts"),
    marked("decisions"),
    marked("journal entries"),
    marked("log"),
)


def spoken(code: str) -> str:
    """Say a code in words: `production_member` is "production member", or as it is translated."""
    return translated(str(code).replace("_", " ").replace("-", " "))


def or_english(text: str) -> Markup:
    """Say a rule's sentence in the reader's language; what has no words there stands in English.

    It is marked as such: an operator may write rules of their own.
    """
    said = translated(text)
    if reads() == SOURCE or said != text:
        return escape(said)
    return _IN_ENGLISH.format(Markup('lang="en"'), text)
