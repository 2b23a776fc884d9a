"""A mandate in plain words: what a person is shown before their passkey signs it.

By UTC, whoever reads: what is signed has one clock.
"""

from app.language import SOURCE, _, date_, day, listed, marked, reading_in
from app.licensing.document.mandate_document import MandateDocument
from app.licensing.words.plain_language import Section
from app.licensing.words.plain_words import quoted, written

ROLES = {
    "agent": marked("agent"),
    "attorney": marked("attorney"),
    "guardian": marked("guardian"),
    "estate_rep": marked("estate"),
    "union_for_estate": marked("union in the place of an estate"),
    "loan_out": marked("company of the performer"),
    "union": marked("union"),
    "court": marked("court"),
}
ACTS = {
    "negotiate": marked("negotiate contracts"),
    "sign": marked("sign contracts"),
    "approve": marked("say yes or no to a use"),
    "pause": marked("stop every use, and suspend contracts"),
    "withdraw": marked("withdraw consent"),
}
PAPERS = {
    "death": marked("the paper that says they died"),
    "search": marked("the paper that tells of the search, and that nobody was found"),
}


def of_mandate(
    said: MandateDocument, *, performer: str, holder: str, tongue: str = SOURCE
) -> Section:
    """Say a mandate; `performer` and `holder` are the registered names."""
    with reading_in(tongue):
        sentences = _sentences(said, performer=performer, holder=holder)
        return Section(_("You let somebody act for you"), [(each, "") for each in sentences])


def of_declaration(
    said: MandateDocument, *, performer: str, union: str, tongue: str = SOURCE
) -> Section:
    """Say what a union signs that stands in for an estate which nobody found.

    Raises ValueError where it names no day of death.
    """
    if said.died_on is None:
        raise ValueError("what stands in for an estate rests on a death")
    with reading_in(tongue):
        sentences = [
            _(
                "%(name)s died on %(day)s, and we found no estate of theirs.",
                name=quoted(performer),
                day=date_(said.died_on),
            ),
            *_sentences(said, performer=performer, holder=union),
            *(
                _(
                    "Of %(paper)s, the fingerprint is %(sha256)s.",
                    paper=_(PAPERS[each.kind]) if each.kind in PAPERS else written(each.kind),
                    sha256=each.sha256,
                )
                for each in said.papers
            ),
            _(
                "It counts once the operator has seen these papers and filed it. From then on "
                "every mandate that the performer had given is over."
            ),
        ]
        heading = _("You stand in for an estate that was not found")
        return Section(heading, [(each, "") for each in sentences])


def _sentences(said: MandateDocument, *, performer: str, holder: str) -> list[str]:
    names = {"holder": quoted(holder), "performer": quoted(performer), "role": _(ROLES[said.role])}
    return [
        _(
            "%(holder)s may act for %(performer)s as %(role)s, under the contract %(contract)s "
            "alone.",
            contract=written(said.contract),
            **names,
        )
        if said.contract
        else _("%(holder)s may act for %(performer)s as %(role)s, under every contract.", **names),
        _(
            "They may do this, and nothing else: %(acts)s.",
            acts=listed([_(ACTS[act]) for act in said.acts]),
        ),
        _("From %(start)s until %(end)s.", start=day(said.starts_at), end=day(said.ends_at)),
        _("You can end this at once, at any moment. What they did until then stands."),
    ]
