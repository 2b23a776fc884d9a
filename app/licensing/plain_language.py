"""A contract in plain words; each sentence knows the field it was said from."""

from collections.abc import Iterable
from typing import Any

TRAINING = {
    "no": "No model may be trained on {name}'s likeness.",
    "project_model_only": "A model may be trained for this project only.",
    "with_approval": "A model may be trained only with approval, each time.",
    "yes": "Models may be trained on {name}'s likeness.",
}
WITHDRAWAL = {
    "stop_now": "{name} may withdraw at any time; everything stops at once.",
    "finish_in_flight": "{name} may withdraw at any time; renders already permitted may finish.",
    "notice_period": "{name} may withdraw at any time, with {days} days' notice.",
}
DEATH = {
    "continue": "The contract continues after {name}'s death.",
    "terminate": "The contract ends with {name}'s death.",
    "estate_reapproval": "After {name}'s death the estate must approve again.",
}
SUBLICENSE = {
    "no": "Nobody else may use the licence.",
    "listed": "The licence may be passed on only to {listed}.",
    "with_approval": "The licence may be passed on only with approval.",
    "yes": "The licence may be passed on.",
}


def sentences(terms: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (sentence, JSON pointer) pairs, in reading order."""
    return [*_what(terms), *_limits(terms), *_later(terms)]


def _words(values: Iterable[Any]) -> str:
    """Join words of the vocabulary for reading: `film_scene` is "film scene"."""
    return _names(str(value).replace("_", " ") for value in values)


def _names(values: Iterable[Any]) -> str:
    """Join names as they are."""
    listed = [str(value) for value in values]
    return " and ".join(filter(None, [", ".join(listed[:-1]), *listed[-1:]])) or "nothing"


def _what(terms: dict[str, Any]) -> list[tuple[str, str]]:
    grant, name = terms["grant"], terms["performer"]["name"]
    projects = "any project" if "*" in grant["projects"] else _names(grant["projects"])
    places = _names(grant["territories"]["include"])
    except_ = grant["territories"]["exclude"]
    term = grant["term"]
    until = term["end_at"] or f"{term['end']}{'' if term['end_inclusive'] else ' (not included)'}"
    return [
        (
            f"{terms['licensee']} may use {name}'s {_words(grant['modalities'])}.",
            "/grant/modalities",
        ),
        (f"What for: {terms['consent']['uses_description'].strip()}", "/consent/uses_description"),
        (f"In: {projects}.", "/grant/projects"),
        (f"For the purpose of {_words(grant['purposes'])}.", "/grant/purposes"),
        (f"Shown in {_words(grant['media'])}.", "/grant/media"),
        (
            f"In {places}{', except ' + _names(except_) if except_ else ''}.",
            "/grant/territories",
        ),
        (f"In these languages: {_names(grant['languages'])}.", "/grant/languages"),
        (f"From {term['start']} to {until}, days in {term['tz']}.", "/grant/term"),
        (f"Made only with {_names(grant['generators'])}.", "/grant/generators"),
    ]


def _limits(terms: dict[str, Any]) -> list[tuple[str, str]]:
    grant, name = terms["grant"], terms["performer"]["name"]
    said = []
    quota, content = grant["quota"], grant["content"]
    if quota["max_seconds"] is not None:
        said.append(
            (f"At most {quota['max_seconds']:g} seconds in all.", "/grant/quota/max_seconds")
        )
    if quota["max_renders"] is not None:
        said.append((f"At most {quota['max_renders']} renders.", "/grant/quota/max_renders"))
    if quota["max_seconds_per_output"] is not None:
        limit = quota["max_seconds_per_output"]
        said.append((f"No clip over {limit:g} seconds.", "/grant/quota/max_seconds_per_output"))
    if content["prohibited"]:
        said.append((f"Never: {_words(content['prohibited'])}.", "/grant/content/prohibited"))
    if content["approval"]:
        said.append(
            (f"Only if approved: {_words(content['approval'])}.", "/grant/content/approval")
        )
    if content["blocked_brand_categories"]:
        barred = _words(content["blocked_brand_categories"])
        said.append((f"Not for brands of {barred}.", "/grant/content/blocked_brand_categories"))
    if grant["training"] in TRAINING:
        said.append((TRAINING[grant["training"]].format(name=name), "/grant/training"))
    if grant["realtime"]:
        said.append(("Live, real-time use is allowed.", "/grant/realtime"))
    if terms["approvals"]["per_use"]:
        who = _words(terms["approvals"]["required"])
        said.append((f"Each use needs a yes from: {who}.", "/approvals/required"))
    mode = grant["sublicense"]["mode"]
    if mode in SUBLICENSE:
        listed = _names(grant["sublicense"]["listed"])
        said.append((SUBLICENSE[mode].format(listed=listed), "/grant/sublicense"))
    return said


def _later(terms: dict[str, Any]) -> list[tuple[str, str]]:
    name, revocation = terms["performer"]["name"], terms["revocation"]
    said = []
    if revocation["wind_down"] in WITHDRAWAL:
        sentence = WITHDRAWAL[revocation["wind_down"]]
        said.append(
            (sentence.format(name=name, days=revocation["notice_days"]), "/revocation/wind_down")
        )
    if revocation["existing_outputs"] == "remove":
        days = revocation["removal_days"]
        said.append(
            (f"Finished work then comes down within {days} days.", "/revocation/removal_days")
        )
    else:
        said.append(("Finished work may stay.", "/revocation/existing_outputs"))
    if terms["postmortem"]["mode"] in DEATH:
        said.append((DEATH[terms["postmortem"]["mode"]].format(name=name), "/postmortem/mode"))
    if terms["strike_policy"]["agreements"]:
        agreements = ", ".join(terms["strike_policy"]["agreements"])
        said.append((f"Paused during a strike under {agreements}.", "/strike_policy/agreements"))
    pay = terms["compensation"]
    if pay is not None:
        rate = f" at {pay['rate_minor']}" if pay["rate_minor"] is not None else ""
        how = pay["model"].replace("_", " ")
        said.append((f"Paid {how}{rate} (minor units of {pay['currency']}).", "/compensation"))
    if terms["exclusivity"] is not None:
        over = terms["exclusivity"]["category"] or "everything"
        said.append((f"{terms['licensee']} alone may, for {over}.", "/exclusivity"))
    return said
