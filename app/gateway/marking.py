"""Step 5: have a result marked by a child that is given the watermark key and nothing else.

A generator's result is untrusted, also after it was looked at: it is decoded in the sandbox here,
as it was there.
"""

from pathlib import Path

from app import sandbox

MARK_WALL_S, MARK_CPU_S, MARK_MEMORY_BYTES = 600, 900, 3 << 30
GROWS_AT_MOST = 16  # times; a small film may, when it is encoded better than it was


def mark_output(
    source: Path, marked: Path, payload: bytes, key: bytes, by: str, *, slate: str = ""
) -> None:
    """Write `source` to `marked`, marked by the function of embedding.py that `by` names.

    A `slate` is burnt in first.

    Raises what `sandbox.run` raises; a child that only says it wrote the file has not.
    """
    written = marked.parent / "marking" / marked.name
    written.parent.mkdir()
    sandbox.run(
        by,
        {
            "source": str(source.resolve()),
            "target": str(written.resolve()),
            "payload_hex": payload.hex(),
            "watermark_key_hex": key.hex(),
            **({"slate": slate} if slate else {}),
        },
        wall_s=MARK_WALL_S,
        cpu_s=MARK_CPU_S,
        memory_bytes=MARK_MEMORY_BYTES,
        file_bytes=max(sandbox.FILE_BYTES, GROWS_AT_MOST * source.stat().st_size),
        reads=[source],
        writes=[written.parent],
    )
    sandbox.take_over(written, marked)
