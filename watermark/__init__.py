"""An invisible, blind, keyed mark for pictures, film and sound: 64 bits that point to a record.

`watermark.image`, `watermark.video` and `watermark.audio` each offer `embed` and `detect`; see
docs/watermark.md, which begins with what a mark cannot do. The parts load when first used.
"""

import importlib
from types import ModuleType

__all__ = ["audio", "errors", "image", "video"]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"watermark.{name}")
    raise AttributeError(f"module 'watermark' has no attribute {name!r}")
