"""Is this the manifest that was ordered? Asked before the key is used. Pure.

What lays a manifest out has read a file that may have taken it over. So nothing is signed because
it was asked for: every assertion has to say what was ordered, and the claim has to name exactly
these, by the hashes they have. What no order can say beforehand is the hash of the file; whoever
reads the signed file checks that.
"""

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cbor2

from app.provenance.errors import SigningFailed
from app.provenance.finish import Box, superboxes
from app.provenance.manifest import Manifest

HARD_BINDINGS = {"c2pa.hash.data", "c2pa.hash.bmff.v3"}
INGREDIENT = "c2pa.ingredient.v3"
_NAMES = {"title": "dc:title", "format": "dc:format", "instance_id": "instanceID"}
_CLAIM = {
    *("alg", "claim_generator_info", "created_assertions", "dc:title", "gathered_assertions"),
    *("instanceID", "signature"),
}


def check_laid_out(store: bytes, ordered: Manifest) -> list[Box]:
    """Return a laid-out store's boxes; SigningFailed unless it says what was ordered, no more.

    Before the second pass: the soft binding still holds its placeholder.
    """
    boxes: list[Box] = []
    try:
        boxes = superboxes(store)
        wrong = _what_is_wrong(store, boxes, ordered)
    except (LookupError, TypeError, ValueError, struct.error, RecursionError) as error:
        wrong = type(error).__name__
    if wrong:
        raise SigningFailed(f"the manifest that was laid out is not the one ordered: {wrong}")
    return boxes


def _what_is_wrong(store: bytes, boxes: Sequence[Box], ordered: Manifest) -> str:
    manifests = [box.path for box in boxes if box.path.count("/") == 2]
    if len(manifests) != len(set(manifests)) or (len(manifests) > 1 and not ordered.sources):
        return "it holds other manifests"
    active = manifests[-1]
    inside = [box for box in boxes if box.path.startswith(f"{active}/")]
    if sorted(box.path for box in inside if box.path.count("/") == 3) != [
        f"{active}/c2pa.{part}" for part in ("assertions", "claim.v2", "signature")
    ]:
        return "its boxes"
    found = {
        box.path.removeprefix(f"{active}/c2pa.assertions/"): store[box.start + 8 : box.end]
        for box in inside
        if box.path.count("/") == 4
    }
    if len(found) != len(inside) - 3:
        return "its boxes"
    (claim_box,) = (box for box in inside if box.path == f"{active}/c2pa.claim.v2")
    claim = _decoded(*_content(store[claim_box.start + 8 : claim_box.end]))
    return _in_claim(claim, active, found, ordered) or _in_assertions(found, ordered)


def _in_claim(
    claim: Mapping[str, Any], active: str, found: Mapping[str, bytes], ordered: Manifest
) -> str:
    made, gathered = claim["created_assertions"], claim.get("gathered_assertions", [])
    named = {each["url"]: each["hash"] for each in (*made, *gathered)}
    digests = {_url(label): hashlib.sha256(content).digest() for label, content in found.items()}
    if named != digests or len(named) != len(made) + len(gathered):
        return "the claim names other assertions than there are"
    ours = {each["label"] for each in ordered.definition["assertions"] if each.get("created")}
    if {each["url"] for each in made} != {
        _url(label) for label in ours | (found.keys() & HARD_BINDINGS)
    }:
        return "who made its assertions"
    (info,) = ordered.definition["claim_generator_info"]
    said = {name: claim["claim_generator_info"].get(name) for name in info}
    as_ordered = (
        not claim.keys() - _CLAIM
        and claim["alg"] == "sha256"
        and claim["dc:title"] == ordered.definition["title"]
        and claim["signature"] == f"self#jumbf={active}/c2pa.signature"
        and said == info
    )
    return "" if as_ordered else "the claim"


def _in_assertions(found: Mapping[str, bytes], ordered: Manifest) -> str:
    if len(found.keys() & HARD_BINDINGS) != 1:
        return "its hard binding"
    wanted = {each["label"]: each["data"] for each in ordered.definition["assertions"]}
    ingredients = {
        label: _decoded(*_content(content))
        for label, content in found.items()
        if label == INGREDIENT or label.startswith(f"{INGREDIENT}__")
    }
    others = found.keys() - HARD_BINDINGS - ingredients.keys()
    if others != wanted.keys():
        return "its assertions"
    named = {_url(label): said["instanceID"] for label, said in ingredients.items()}
    for label in others:
        said = _decoded(*_content(found[label]))
        if label == "c2pa.actions.v2":
            said = _by_label(said, named, found)
        if said != wanted[label]:
            return label
    return _in_ingredients(list(ingredients.values()), ordered)


def _by_label(
    actions: Mapping[str, Any], named: Mapping[str, str], found: Mapping[str, bytes]
) -> dict[str, Any]:
    """Name ingredients as the order names them, where the hash beside the link is the right one."""
    said = dict(actions)
    for action in said["actions"]:
        links = action.get("parameters", {}).pop("ingredients", None)
        if links is None:
            continue
        for link in links:
            label = link["url"].rpartition("/")[2]
            if link["hash"] != hashlib.sha256(found[label]).digest():
                raise ValueError("an ingredient's hash")
        action["parameters"]["ingredientIds"] = [named[link["url"]] for link in links]
    return said


def _in_ingredients(found: list[dict[str, Any]], ordered: Manifest) -> str:
    """References say exactly what was ordered; files that were read say more, of themselves."""
    references = ordered.definition["ingredients"]
    by_id = {said["instanceID"]: said for said in found}
    wanted = [*references, *(said for said, _ in ordered.sources)]
    if len(by_id) != len(found) or len(found) != len(wanted):
        return "its ingredients"
    for each in wanted:
        told = {_NAMES.get(name, name): value for name, value in each.items() if name != "label"}
        said = by_id[each["instance_id"]]
        exact = each in references
        if any(said.get(name) != value for name, value in told.items()) or (
            exact and said.keys() != told.keys()
        ):
            return f"its ingredient {each['instance_id']}"
    return ""


def _url(label: str) -> str:
    return f"self#jumbf=c2pa.assertions/{label}"


def _content(box: bytes) -> tuple[bytes, bytes]:
    """The one content box that follows a superbox's description: its kind and its bytes."""
    parts = list(_parts(box))
    if len(parts) != 2 or parts[0][0] != b"jumd":
        raise ValueError("another content than one")
    return parts[1]


def _decoded(kind: bytes, content: bytes) -> Any:
    """Read JSON or CBOR that says each thing once and nothing after it; raises ValueError.

    Of two equal keys readers take the one or the other, so that what is checked here would not be
    what is read elsewhere. CBOR of ours that is written again is as long as it was.
    """
    if kind == b"json":
        return json.loads(content, object_pairs_hook=_once)
    said = cbor2.loads(content)
    if len(cbor2.dumps(said)) != len(content):
        raise ValueError("something said twice, or after the end")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("something said twice")
    return dict(pairs)


def _parts(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if size < 8 or at + size > len(content):
            raise ValueError("a box overruns")
        yield kind, content[at + 8 : at + size]
        at += size
