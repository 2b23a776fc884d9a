"""What the catalogue says of every model, and that what a model does not do is refused."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from app import config
from app.gateway.errors import GeneratorUnavailable
from app.gateway.generators import (
    MATERIAL_ROLES,
    Capability,
    Price,
    RenderJob,
    catalogue,
    mismatches,
)
from app.gateway.generators.omni import Omni

MODELS = [each for vendor in catalogue.VENDORS for each in vendor.capabilities()]
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda each: each.model)
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
LISTED = {
    "vendor", "model", "state", "reason", "evidence", "output", "seconds", "lengths_s", "sizes",
    "reference_kinds", "references", "materials", "materials_needed", "result_follows",
    "line_limit", "audio", "lip_sync", "price", "trains_on_inputs", "attested_by",
    "attestation_read_on", "inbound_provenance", "deletion", "retires_on", "license_notes",
}  # fmt: skip


def a_job(model: Capability) -> RenderJob:
    lengths = model.lengths_s or (model.seconds[1],)
    width, height = min(model.sizes, default=(1280, 720))
    portraits = tuple(Path(f"portrait-{n}") for n in range(model.references[0]))
    needed = {role: Path(role) for role in model.needs}
    line = "I hold the light."
    return RenderJob("gen_01", model.model, line, max(lengths), width, height, portraits, **needed)


@every_model
def test_what_a_model_does_not_do_is_refused_before_anything_is_held(model):
    # `service.check_offered` asks this first: tests/gateway/vendors/test_buying.py.
    fits = a_job(model)
    assert mismatches(fits, model) == []
    most = tuple(Path(f"portrait-{n}") for n in range(model.references[1] + 1))
    asked = [
        {"length_s": model.seconds[1] + 0.5},
        {"references": most},
        {"line": "x" * (model.line_limit + 1)},
        *({role: Path(role)} for role in MATERIAL_ROLES if role not in model.takes),
        *({role: None} for role in model.needs),
    ]
    if model.sizes:
        asked.append({"width": 1, "height": 1})
    if model.references[0]:
        asked.append({"references": ()})
    if model.lengths_s:
        asked.append({"length_s": min(model.lengths_s) + 0.5})
    for changes in asked:
        assert mismatches(replace(fits, **changes), model), changes


@every_model
def test_every_model_says_what_it_costs_and_on_whose_word_it_does_not_learn(model):
    assert model.evidence
    assert model.price or any("states the price" in note for note in model.license_notes)
    if model.price:
        assert float(model.price.amount) > 0
        assert model.price.source
    attested = bool(model.attestation.document and model.attestation.read_on)
    assert attested or catalogue.TRAINS_ON_INPUTS[model.model], "nobody's word: it learns"
    assert set(model.needs) | set(model.follows) <= set(model.takes)


@SQLITE
def test_the_list_says_all_of_it_for_every_model(database):
    listed = {each["model"]: each for each in catalogue.listing()}
    for model in MODELS:
        assert set(listed[model.model]) >= LISTED


@SQLITE
def test_a_model_past_its_day_is_listed_as_retired_and_refused(database, monkeypatch):
    (model,) = Omni.models
    gone = replace(model, retires_on=date(2026, 1, 1))
    monkeypatch.setattr(Omni, "models", (gone,))
    (listed,) = (each for each in catalogue.listing() if each["model"] == gone.model)
    assert (listed["state"], listed["retires_on"]) == ("retired", "2026-01-01")
    assert "2026-01-01" in listed["reason"]
    with pytest.raises(GeneratorUnavailable, match="2026-01-01"):
        catalogue.available(gone.model)


@SQLITE
def test_nothing_is_bought_at_a_price_that_nobody_states(database, monkeypatch):
    monkeypatch.setattr(catalogue, "_configured", lambda _: True)
    unpriced = [model.model for model in MODELS if model.price is None]
    assert unpriced
    for model in unpriced:
        with pytest.raises(GeneratorUnavailable, match="UNDERSTUDY_VENDOR_PRICES"):
            catalogue.available(model)
    listed = {each["model"]: each for each in catalogue.listing()}
    assert {listed[model]["state"] for model in unpriced} == {"not configured"}
    assert catalogue.available("local/puppet-1").price is None  # nothing is bought

    said = "runway/aleph2=0.15 USD per second, 2026-11-20, order form 12; "
    said += "runway/gen4.5=0.2 EUR per second, 2026-11-21, likewise"
    monkeypatch.setenv("UNDERSTUDY_VENDOR_PRICES", said)
    config.settings.cache_clear()
    stated = Price("second", "0.15", "USD", date(2026, 11, 20), "order form 12")
    assert catalogue.available("runway/aleph2").price == stated
    assert catalogue.price_of("runway/gen4.5").currency == "EUR"  # in place of the list price
    assert catalogue.price_of("openai/sora-2") is None
    (aleph,) = (each for each in catalogue.listing() if each["model"] == "runway/aleph2")
    assert (aleph["state"], aleph["price"]["read_on"]) == ("available", "2026-11-20")


@pytest.mark.parametrize(
    "said",
    ["m=1 XQZ per second, 2026-01-01, x",
     "runway/aleph2", "runway/aleph2=cheap", "m=1 USD per minute, 2026-01-01, x",
     "m=1 USD per second, 2026-02-30, x", "=1 USD per second, 2026-01-01, x"],
)  # fmt: skip
def test_a_price_that_is_none_does_not_start(said):
    with pytest.raises(
        ValueError, match=r"states no price|day is out of range|no currency|not an ISO"
    ):
        config.Settings(vendor_prices=said)
