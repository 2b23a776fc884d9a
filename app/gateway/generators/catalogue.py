"""Which generators this installation offers, by model."""

from collections import UserDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from app import clock
from app.config import settings
from app.gateway import unreturned
from app.gateway.errors import GeneratorUnavailable
from app.gateway.generators import Capability, Connector, Generator, Price
from app.gateway.generators.eleven import Eleven
from app.gateway.generators.hedra import Hedra
from app.gateway.generators.local import CAPABILITY, LICENSE_NOTICE, LocalGenerator
from app.gateway.generators.omni import Omni
from app.gateway.generators.outside import Outside
from app.gateway.generators.pika import Pika
from app.gateway.generators.runway import Runway
from app.gateway.generators.veo import Veo

VENDORS: tuple[Connector, ...] = (Veo(), Runway(), Pika(), Omni(), Hedra(), Eleven())
OUTSIDE = Outside()
UNPRICED = (
    "its vendor publishes no price that is recorded here, and nothing is bought at an unknown one; "
    "the operator states it in UNDERSTUDY_VENDOR_PRICES"
)


class Training(UserDict[str, bool]):
    """Whether each model learns from its inputs: as published, or as promised to this operator."""

    def __getitem__(self, model: str) -> bool:
        if model not in self:
            raise KeyError(model)
        promised = model in settings().promised_not_to_train
        return self.data.get(model, True) and not promised

    def __contains__(self, model: object) -> bool:
        return model in self.data or model in settings().renderer_organizations

    def __iter__(self) -> Iterator[str]:
        yield from {**self.data, **settings().renderer_organizations}

    def __len__(self) -> int:
        return sum(1 for _ in self)


# What each generator does with its inputs, as attested; a contract's generator must not train.
TRAINS_ON_INPUTS = Training(
    {
        capability.model: capability.attestation.trains_on_inputs
        for capability in (CAPABILITY, *(each for v in VENDORS for each in v.capabilities()))
    }
)


@dataclass(frozen=True)
class Retired:
    """A model that its vendor has shut down: refused from then on; its files still verify."""

    vendor: str
    model: str
    retired_on: date
    reason: str


RETIRED = tuple(
    Retired("openai", model, date(2026, 9, 24), "OpenAI shut down its video service")
    for model in ("openai/sora-2", "openai/sora-2-pro")
)


@lru_cache
def _local(work_dir: Path, enabled: bool) -> LocalGenerator:
    return LocalGenerator(work_dir, enabled=enabled)


def offered() -> tuple[Generator, ...]:
    """List the generators this installation has, with credentials or without."""
    local = _local(settings().data_dir / "renders", settings().local_generator)
    return (local, *VENDORS, OUTSIDE)


def find(model: str) -> tuple[Generator, Capability]:
    """Return the generator that has a model, and what the model can do.

    Never another model in its place. Raises GeneratorUnavailable.
    """
    for generator in offered():
        for capability in generator.capabilities():
            if capability.model == model:
                return generator, _priced(capability)
    for gone in RETIRED:
        if gone.model == model:
            raise GeneratorUnavailable(
                f"{model} is retired: {gone.reason} on {gone.retired_on:%d %B %Y}. Files it made "
                "still verify; choose another model that the contract names"
            )
    raise GeneratorUnavailable(
        f"no generator here offers {model[:80]!r}; GET /v1/generators lists what there is"
    )


def names_of_vendor(model: str) -> set[str]:
    """Return what the vendor of a model is called: before its slash, and where tools name it."""
    listed = {
        generator.name
        for generator in offered()
        if any(each.model == model for each in generator.capabilities())
    }
    return {model.partition("/")[0], *listed}


def vendors() -> set[str]:
    """Return every name of every vendor there is here, or was."""
    models = [each.model for generator in offered() for each in generator.capabilities()]
    models += [gone.model for gone in RETIRED]
    return {name for model in models for name in names_of_vendor(model)}


def available(model: str) -> Capability:
    """Return what a model can do, where a job could be ordered now. Raises GeneratorUnavailable."""
    generator, capability = find(model)
    if _is_over(capability):
        raise GeneratorUnavailable(f"{model} was retired by its vendor on {capability.retires_on}")
    if not _configured(generator):
        raise GeneratorUnavailable(
            f"{model} is not configured here; the operator gives {generator.name}'s credentials "
            f"with `understudy generators credentials set {generator.name}`"
        )
    if _is_unpriced(generator, capability):
        raise GeneratorUnavailable(f"{model} is not configured here: {UNPRICED}")
    return capability


def price_of(model: str) -> Price | None:
    """Return what a model is bought for, if it is bought; None of one that is not listed."""
    every = (each for generator in offered() for each in generator.capabilities())
    return next((_priced(each).price for each in every if each.model == model), None)


def makes_sound(model: str) -> bool:
    """Say whether sound is to be expected of what a model makes; of one not listed, yes."""
    every = (each for generator in offered() for each in generator.capabilities())
    return next((each.audio for each in every if each.model == model), True)


def listing() -> list[dict[str, Any]]:
    """Describe every model there is, and was, for people and programs."""
    known = [
        _described(generator, _priced(capability))
        for generator in offered()
        for capability in generator.capabilities()
    ]
    if settings().renderer_organizations:
        records = unreturned.counted_lately()
        for each in known:
            if each["model"] in records:
                late, taken = records[each["model"]]
                each["evidence"] += f"; never handed in: {late} of {taken} jobs that were due"
    gone = [
        {
            "vendor": retired.vendor,
            "model": retired.model,
            "state": "retired",
            "reason": f"{retired.reason} on {retired.retired_on:%d %B %Y}.",
            "output": "video",
        }
        for retired in RETIRED
    ]
    return known + gone


def notices() -> tuple[str, ...]:
    """Say what must be said aloud where these generators start."""
    return (LICENSE_NOTICE,) if settings().local_generator else ()


def _configured(generator: Generator) -> bool:
    return not isinstance(generator, Connector) or generator.configured()


def _priced(capability: Capability) -> Capability:
    """Give a model the price its operator states; without that, the vendor's list price."""
    stated = settings().stated_prices.get(capability.model)
    if stated is None:
        return capability
    price = Price(
        stated["unit"],  # type: ignore[arg-type]
        stated["amount"],
        stated["currency"],
        date.fromisoformat(stated["day"]),
        stated["document"],
    )
    return replace(capability, price=price)


def _is_unpriced(generator: Generator, capability: Capability) -> bool:
    """Say whether a model is bought and nobody said for how much."""
    return generator in VENDORS and capability.price is None


def _is_over(capability: Capability) -> bool:
    return capability.retires_on is not None and clock.now().date() >= capability.retires_on


def _stands(generator: Generator, capability: Capability) -> tuple[str, str]:
    """Say whether a model can be asked for here, and why not."""
    if _is_over(capability):
        return "retired", f"Its vendor retired it on {capability.retires_on}."
    if not _configured(generator):
        return "not configured", f"There are no credentials for {generator.name} here."
    if _is_unpriced(generator, capability):
        return "not configured", f"{UNPRICED[0].upper()}{UNPRICED[1:]}."
    return "available", ""


def _described(generator: Generator, capability: Capability) -> dict[str, Any]:
    state, reason = _stands(generator, capability)
    return {
        "vendor": generator.name,
        "model": capability.model,
        "state": state,
        "reason": reason,
        "evidence": capability.evidence,
        "output": capability.output,
        "seconds": capability.seconds,
        "lengths_s": capability.lengths_s,
        "sizes": sorted(capability.sizes),
        "reference_kinds": capability.reference_kinds,
        "references": capability.references,
        "materials": capability.takes,
        "result_follows": capability.follows,
        "materials_needed": capability.needs,
        "line_limit": capability.line_limit,
        "audio": capability.audio,
        "lip_sync": capability.lip_sync,
        "price": None
        if capability.price is None
        else {**asdict(capability.price), "read_on": capability.price.read_on.isoformat()},
        "trains_on_inputs": TRAINS_ON_INPUTS.get(capability.model, True),
        "attested_by": settings().promised_not_to_train.get(
            capability.model, capability.attestation.document
        ),
        "attestation_read_on": _day(capability.attestation.read_on),
        "inbound_provenance": capability.inbound_provenance,
        "deletion": capability.deletion,
        "retires_on": _day(capability.retires_on),
        "license_notes": capability.license_notes,
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
