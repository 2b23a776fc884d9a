"""A client of the C2PA Soft Binding Resolution API, written from its document alone.

It knows a base address, the paths and fields of version 1.1.0, and nothing of this program.
"""

import base64
import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit


@dataclass(frozen=True)
class Client:
    """Asks one service."""

    base: str

    def algorithms(self) -> dict[str, list[str]]:
        said = self._json("GET", "/services/supportedAlgorithms")
        return {kind: [each["alg"] for each in listed] for kind, listed in said.items()}

    def by_binding(self, alg: str, value: bytes, **more: Any) -> list[dict[str, Any]]:
        query = {"alg": alg, "value": base64.b64encode(value).decode(), **more}
        return self._matches("GET", f"/matches/byBinding?{urlencode(query)}")

    def by_large_binding(self, alg: str, value: bytes, **more: Any) -> list[dict[str, Any]]:
        body = {"alg": alg, "value": base64.b64encode(value).decode()}
        path = f"/matches/byBinding?{urlencode(more)}"
        return self._matches("POST", path, json.dumps(body).encode(), "application/json")

    def by_content(self, asset: bytes, media_type: str, **more: Any) -> list[dict[str, Any]]:
        return self._matches("POST", f"/matches/byContent?{urlencode(more)}", asset, media_type)

    def manifest(self, manifest_id: str, *, active: bool = False) -> bytes:
        more = "?returnActiveManifest=true" if active else ""
        kind, store = self._ask("GET", f"/manifests/{quote(manifest_id, safe='')}{more}")
        assert kind == "application/c2pa"
        return store

    def _matches(self, *asked: Any) -> list[dict[str, Any]]:
        matches = self._json(*asked)["matches"]
        # "If the endpoint is absent then the C2PA Manifest is available from same endpoint".
        assert all("endpoint" not in match for match in matches)
        return list(matches)

    def _json(self, *asked: Any) -> dict[str, Any]:
        kind, body = self._ask(*asked)
        assert kind == "application/json"
        return dict(json.loads(body))

    def _ask(
        self, verb: str, path: str, body: bytes | None = None, media_type: str = ""
    ) -> tuple[str, bytes]:
        at = urlsplit(self.base)
        connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=240)
        try:
            connection.request(
                verb, at.path + path, body, {"Content-Type": media_type} if body else {}
            )
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise Refused(answer.status, content)
        return (answer.getheader("Content-Type") or "").partition(";")[0], content


class Refused(Exception):
    """The service answered with another status than 200."""

    @property
    def status(self) -> int:
        return int(self.args[0])
