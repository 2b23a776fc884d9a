"""Read the C2PA credentials of an untrusted file. Plain data in, plain data out: made for a child.

Nothing here opens a key, a database or a socket. Remote manifests and OCSP are never fetched, and
no URL found in a file is followed.
"""

import base64
import binascii
import json
import mmap
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.provenance import viewing
from app.provenance.manifest import ALGORITHM, CONSENT_LABEL
from app.provenance.media import sniff
from app.provenance.structure import excess

if TYPE_CHECKING:
    import c2pa

CLAIM_LIST, TIME_LIST = "urn:understudy:claim-root", "urn:understudy:time-root"
OTHERS_LIST = "urn:understudy:trust-list"  # of other people's signers, such as C2PA's own
HARD_BINDINGS = (
    "assertion.dataHash.match",
    "assertion.bmffHash.match",
    "assertion.boxesHash.match",
)
# Failures that are about who signed and when, not about whether bytes changed.
ABOUT_THE_SIGNER = ("signingCredential.", "timeStamp.", "claimSignature.outsideValidity")
TEXT_LIMIT, LIST_LIMIT = 200, 16  # strangers' text is cut before it goes anywhere
SHORTEST_TEXT = 6
STORE_MARK = b"jumdc2pa"  # the description box of a manifest store begins so
STORE_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # of its box in MP4 and QuickTime
GENERATION_ID = re.compile(rb"gen_[0-9A-HJKMNP-TV-Z]{26}")
MANIFEST_LABEL = re.compile(rb"urn:c2pa:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LONGEST_TRACE = 45  # bytes, of either


def context(claim_root_pem: str = "", tsa_root_pem: str = "") -> "c2pa.Context":
    """Return this process's context for the library: nothing fetched, no thumbnails, two lists.

    One per process and pair of roots: a context does not survive a fork.
    """
    ours = ((claim_root_pem, CLAIM_LIST, "manifest"), (tsa_root_pem, TIME_LIST, "tsa"))
    return _context(os.getpid(), ours)


@lru_cache(maxsize=8)
def _context(_process: int, lists: tuple[tuple[str, str, str], ...]) -> "c2pa.Context":
    import c2pa

    anchors = [
        {"trust_anchors": pem, "trust_uri": uri, "trust_kind": kind}
        for pem, uri, kind in lists
        if pem
    ]
    return c2pa.Context.from_dict(
        {
            "core": {
                "allowed_network_hosts": [],
                "backing_store_memory_threshold_in_mb": 16,
            },
            "verify": {
                "remote_manifest_fetch": False,
                "ocsp_fetch": False,
                "verify_after_sign": False,  # the placeholder signature would fail; see finish.py
            },
            "builder": {"thumbnail": {"enabled": False}},
            "trust": {"anchors": anchors},
        }
    )


def read_credentials(
    *, path: str, claim_root_pem: str, tsa_root_pem: str, trust_list_pem: str = ""
) -> dict[str, Any]:
    """Say what the credentials in a file prove; takes and returns JSON, raises nothing of C2PA's.

    `state` of the answer is `absent`, `unparsable`, `invalid` (a hash or the signature does not
    hold) or `valid`; the signer is judged apart: `signer_ours` only when our claim root, and no
    other list, answered for the chain. Of somebody else's signer `listed` says whether a root of
    `trust_list_pem` answers for it; null without a list.
    """
    found = _read(path, context(claim_root_pem, tsa_root_pem))
    if trust_list_pem and found["signer"] is not None and not found["signer_ours"]:
        # Read again, with that list alone: lists that stand together leak into each other.
        others = _context(os.getpid(), ((trust_list_pem, OTHERS_LIST, "manifest"),))
        found["listed"] = _read(path, others)["trusted_by"] == OTHERS_LIST
    return found


def _read(path: str, roots: "c2pa.Context") -> dict[str, Any]:
    import c2pa

    kind = sniff(Path(path))
    if kind is None:
        return _nothing("absent")
    if beyond := excess(Path(path)):
        state = "unparsable" if holds_store(Path(path)) else "absent"
        return _nothing(state) | {"reason": beyond}
    try:
        with (
            Path(path).open("rb") as file,
            c2pa.Reader(kind.media_type, file, context=roots) as reader,
        ):
            report = json.loads(reader.json())
            embedded = reader.is_embedded()
    except c2pa.C2paError as error:
        missing = type(error).__name__.endswith(("ManifestNotFound", "RemoteManifest"))
        state = "absent" if missing or not holds_store(Path(path)) else "unparsable"
        return _nothing(state) | {"reason": str(error)[:TEXT_LIMIT]}
    except (ValueError, RecursionError) as error:
        return _nothing("unparsable") | {"reason": type(error).__name__}
    return _findings(report) if embedded else _nothing("absent")


def find_remains(*, path: str) -> dict[str, Any]:
    """Look through the raw bytes for what is left of a manifest of ours; JSON in, JSON out.

    A cut or broken manifest still spells its label and its generation id. They prove nothing by
    themselves: anybody can write them; `known` needs a look into the repository.
    """
    if Path(path).stat().st_size == 0:
        return {"generation_ids": [], "labels": []}
    with viewing.viewed(Path(path)) as view:
        if viewing.find(view, CONSENT_LABEL.encode()) < 0 and viewing.find(view, b"jumb") < 0:
            return {"generation_ids": [], "labels": []}
        return {
            "generation_ids": _distinct(GENERATION_ID, view),
            "labels": _distinct(MANIFEST_LABEL, view),
        }


def holds_store(path: Path) -> bool:
    """Say whether a file spells the mark of a manifest store anywhere. Parses nothing."""
    if path.stat().st_size == 0:
        return False
    with viewing.viewed(path) as view:
        return viewing.find(view, STORE_MARK) >= 0


def hide_store(path: Path) -> None:
    """Make a film's manifest stores unknown boxes, where they stand: nobody reads them as such."""
    with viewing.viewed(path, writable=True) as view:
        for mark in (STORE_UUID, STORE_MARK):
            at = viewing.find(view, mark)
            while at >= 0:
                view[at : at + len(mark)] = bytes(len(mark))
                at = viewing.find(view, mark, at)


def spells(path: Path, texts: Iterable[str]) -> bool:
    """Say whether a file spells any of these texts anywhere, in whatever case. Parses nothing.

    Very short ones are passed over: any file spells them.
    """
    wanted = [text.encode() for text in texts if len(text) >= SHORTEST_TEXT]
    if not wanted or path.stat().st_size == 0:
        return False
    pattern = re.compile(b"|".join(map(re.escape, wanted)), re.IGNORECASE)
    with viewing.viewed(path) as view:
        return any(viewing.matches(pattern, view, longest=max(map(len, wanted))))


def _distinct(pattern: re.Pattern[bytes], view: mmap.mmap) -> list[str]:
    found: dict[str, None] = {}
    for match in viewing.matches(pattern, view, longest=LONGEST_TRACE):
        found[match.decode()] = None
        if len(found) == LIST_LIMIT:
            break
    return list(found)


def _nothing(state: str) -> dict[str, Any]:
    return {
        "state": state,
        "reason": "",
        "codes": [],
        "signer_ours": False,
        "trusted_by": None,
        "listed": None,
        "signer": None,
        "time_stamped": False,
        "time_trusted": False,
        "signed_at": None,
        "label": None,
        "generation_id": None,
        "payload": None,
        "generator": None,
    }


def _findings(report: dict[str, Any]) -> dict[str, Any]:
    """Reduce the library's report to what our steps ask for."""
    label = str(report.get("active_manifest"))
    active = report.get("manifests", {}).get(label) or {}
    results = report.get("validation_results", {})
    statuses = results.get("activeManifest", {})
    passed = {status["code"]: status for status in statuses.get("success", [])}
    failures = [status["code"] for status in statuses.get("failure", [])]
    broken = [code for code in failures if not code.startswith(ABOUT_THE_SIGNER)]
    holds = "claimSignature.validated" in passed and any(code in passed for code in HARD_BINDINGS)
    signature = active.get("signature_info") or {}
    time_source = str(passed.get("timeStamp.trusted", {}).get("explanation", ""))
    assertions = {
        item.get("label"): item.get("data") for item in active.get("assertions", []) if item
    }
    consent = assertions.get(CONSENT_LABEL)
    trusted_by = results.get("trustListUri") if "signingCredential.trusted" in passed else None
    return {
        "state": "valid" if holds and not broken else "invalid",
        "reason": "",
        "codes": sorted(set(failures))[:LIST_LIMIT],
        "signer_ours": trusted_by == CLAIM_LIST,
        "trusted_by": trusted_by,
        "listed": None,
        "signer": {
            "organization": _text(signature.get("issuer")),
            "name": _text(signature.get("common_name")),
            "serial": _text(signature.get("cert_serial_number")),
            "in_force": not any(code.startswith(ABOUT_THE_SIGNER) for code in failures)
            or "signingCredential.trusted" in passed,
        },
        "time_stamped": "timeStamp.validated" in passed,
        "time_trusted": time_source.endswith(TIME_LIST),
        "signed_at": _text(signature.get("time")),
        "label": _text(label),
        "generation_id": _text(consent.get("generation")) if isinstance(consent, dict) else None,
        "payload": _payload(assertions.get("c2pa.soft-binding")),
        "generator": _generator(active),
    }


def _payload(data: Any) -> str | None:
    """The watermark payload a soft binding names, in hex; the library shows bytes as base64."""
    if not isinstance(data, dict) or data.get("alg") != ALGORITHM:
        return None
    try:
        value = data["blocks"][0]["value"]
        raw = base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(value)
    except (LookupError, TypeError, ValueError, binascii.Error):
        return None
    return raw.hex() if len(raw) == 8 else None


def _generator(active: dict[str, Any]) -> str | None:
    infos = active.get("claim_generator_info")
    first = infos[0] if isinstance(infos, list) and infos else {}
    return _text(first.get("name") if isinstance(first, dict) else None)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)[:TEXT_LIMIT]
