"""Words of the house that stand in records as codes, said in the reader's language."""

from app.language import marked, translated

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
