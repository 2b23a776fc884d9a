"""Which generators this installation offers, by model."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from app.config import settings
from app.gateway.errors import GeneratorUnavailable
from app.gateway.generators import Capability, Generator
from app.gateway.generators.local import LICENSE_NOTICE, LocalGenerator

# What each generator does with its inputs, as attested; a contract's generator must not train.
TRAINS_ON_INPUTS = {"local/puppet-1": False}


@lru_cache
def _local(work_dir: Path, enabled: bool) -> LocalGenerator:
    return LocalGenerator(work_dir, enabled=enabled)


def offered() -> tuple[Generator, ...]:
    """List the generators this installation has."""
    return (_local(settings().data_dir / "renders", settings().local_generator),)


def find(model: str) -> tuple[Generator, Capability]:
    """Return the generator that offers a model, and what the model can do.

    Raises GeneratorUnavailable.
    """
    for generator in offered():
        for capability in generator.capabilities():
            if capability.model == model:
                return generator, capability
    raise GeneratorUnavailable(
        f"no generator here offers {model[:80]!r}; GET /v1/generators lists what there is"
    )


def listing() -> list[dict[str, Any]]:
    """Describe every model offered, for people and programs."""
    return [
        {
            "model": capability.model,
            "output": capability.output,
            "seconds": capability.seconds,
            "sizes": sorted(capability.sizes),
            "references": capability.references,
            "audio": capability.audio,
            "lip_sync": capability.lip_sync,
            "trains_on_inputs": TRAINS_ON_INPUTS[capability.model],
            "license_notes": capability.license_notes,
        }
        for generator in offered()
        for capability in generator.capabilities()
    ]


def notices() -> tuple[str, ...]:
    """Say what must be said aloud where these generators start."""
    return (LICENSE_NOTICE,) if settings().local_generator else ()
