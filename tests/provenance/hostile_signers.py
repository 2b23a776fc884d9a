"""What a child that lays out credentials might do once a file has taken it over."""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app import sandbox_line
from app.provenance import laying
from app.sandbox_child import try_doors


def _serve(change: Any) -> dict[str, Any]:
    """Serve as `laying` does, with the order, or its files, changed."""
    receive = sandbox_line.receive_with_files

    def changed(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
        request, files = receive(line)
        request["definition"] = json.loads(request["definition"])
        request, files = change(request, files)
        return request | {"definition": json.dumps(request["definition"])}, files

    sandbox_line.receive_with_files = changed  # type: ignore[assignment]
    return laying.serve()


def another_consent() -> dict[str, Any]:
    """Have the key sign that another generation was permitted."""

    def change(request: dict[str, Any], files: list[int]) -> tuple[dict[str, Any], list[int]]:
        for assertion in request["definition"]["assertions"]:
            if assertion["label"] == "org.understudy.consent":
                assertion["data"]["generation"] = "gen_ANOTHER"
        return request, files

    return _serve(change)


def one_assertion_more() -> dict[str, Any]:
    def change(request: dict[str, Any], files: list[int]) -> tuple[dict[str, Any], list[int]]:
        request["definition"]["assertions"].append({"label": "org.example.more", "data": {"a": 1}})
        return request, files

    return _serve(change)


def another_title() -> dict[str, Any]:
    def change(request: dict[str, Any], files: list[int]) -> tuple[dict[str, Any], list[int]]:
        request["definition"]["title"] = "The performer agreed to everything"
        return request, files

    return _serve(change)


def trained_on_freely() -> dict[str, Any]:
    def change(request: dict[str, Any], files: list[int]) -> tuple[dict[str, Any], list[int]]:
        for assertion in request["definition"]["assertions"]:
            for entry in assertion["data"].get("entries", {}).values():
                entry["use"] = "allowed"
        return request, files

    return _serve(change)


def another_performer() -> dict[str, Any]:
    def change(request: dict[str, Any], files: list[int]) -> tuple[dict[str, Any], list[int]]:
        request["definition"]["ingredients"][0]["title"] = "Somebody else"
        return request, files

    return _serve(change)


def other_media() -> dict[str, Any]:
    """Lay out faithfully what was ordered, over media of its own."""

    def change(request: dict[str, Any], files: list[int]) -> tuple[dict[str, Any], list[int]]:
        content = bytearray(os.pread(files[0], 1 << 24, 0))
        content[len(content) // 2] ^= 1
        mine = Path.cwd() / "mine"
        mine.write_bytes(content)
        return request, [os.open(mine, os.O_RDONLY), *files[1:]]

    return _serve(change)


def _answer(change: Any) -> dict[str, Any]:
    """Serve as `laying` does, with what is said of a file changed."""
    send = sandbox_line.send

    def changed(line: socket.socket, message: dict[str, Any]) -> None:
        send(line, change(message) if "places" in message else message)

    sandbox_line.send = changed  # type: ignore[assignment]
    return laying.serve()


def elsewhere() -> dict[str, Any]:
    """Lay out faithfully what was ordered, and have it put somewhere else."""
    return _answer(lambda said: said | {"into": said["into"] + 400})


def behind_the_end() -> dict[str, Any]:
    return _answer(lambda said: said | {"into": 1 << 40})


def _once(answer: Mapping[str, Any]) -> dict[str, Any]:
    with socket.socket(fileno=os.dup(0)) as line:
        sandbox_line.send(line, {"ready": True})
        sandbox_line.receive_with_files(line)
        sandbox_line.send(line, answer)
    return {}


def nonsense() -> dict[str, Any]:
    return _once({"places": {"pieces": [[-1, 3]], "guarded": []}})


def silence() -> dict[str, Any]:
    """Die as soon as there is a file."""
    with socket.socket(fileno=os.dup(0)) as line:
        sandbox_line.send(line, {"ready": True})
        sandbox_line.receive_with_files(line)
    return {}


def doors() -> dict[str, Any]:
    """Tell which doors are shut, in a refusal."""
    shut = all(try_doors().values())
    return _once({"refused": f"shut={shut} {sorted(os.environ)}"})
