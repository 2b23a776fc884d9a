"""What keeps the place of every story holds ids and words of state, never likeness or terms."""

import base64
import binascii
import pickle
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app import db, jobs
from app.gateway import pipeline
from app.gateway.models import Generation
from tests.scenes import Scene, a_scene

LINE = "I hold the light a little longer."
ID = re.compile(r"[a-z]{3}_[0-9A-Z]{26}")
WORDS = {stage.__name__ for stage in (*pipeline.STAGES, pipeline.give_up)}
CARRIED = {
    "workflow_status": ("inputs", "output", "error"),
    "operation_outputs": ("output", "error"),
}


def said(value: Any) -> Iterator[Any]:
    """Take a value apart, down to what says something."""
    if isinstance(value, BaseException):
        yield from said([type(value).__module__, list(value.args), list(vars(value).values())])
    elif isinstance(value, dict):
        for key, each in value.items():
            if key not in ("args", "kwargs", "__reduce__"):  # names that DBOS gives
                yield key
            yield from said(each)
    elif isinstance(value, list | tuple | set):
        for each in value:
            yield from said(each)
    else:
        yield value


def opened(text: str) -> Any:
    """Read what DBOS wrote: a pickle in Base64, or plain text."""
    try:
        return pickle.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, pickle.UnpicklingError, EOFError, ValueError):
        return text


def strange(path: Path, words: set[str] = WORDS) -> list[Any]:
    """List what arguments, results and errors of steps hold beside ids, words and yes or no."""
    found: list[Any] = []
    with closing(sqlite3.connect(path)) as connection:
        rows = 0
        for table, columns in CARRIED.items():
            for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):
                rows += 1
                for cell in row:
                    found += [] if cell is None else list(said(opened(cell)))
    assert rows, "nothing was read"
    return [
        each
        for each in found
        if not (each is None or isinstance(each, bool | int | float))
        and not (isinstance(each, str) and (ID.fullmatch(each) or each in words))
    ]


@pytest.fixture
def launch(data_dir: Path) -> Iterator[Callable[..., None]]:
    def start(*stages: jobs.Stage) -> None:
        jobs.stop()
        jobs.launch("tale", stages, lambda *_: False)

    yield start
    jobs.stop()


def told(generation_id: str) -> None:
    """Have a story told to its end."""
    jobs.start("tale", generation_id)
    deadline = time.monotonic() + 60
    while jobs.DBOS.get_workflow_status(generation_id).status not in {"SUCCESS", "ERROR"}:
        assert time.monotonic() < deadline, "it did not end in time"
        time.sleep(0.1)


@pytest.fixture
def scene(database: str) -> Scene:
    with db.writing() as session:
        return a_scene(session)


def asked(scene: Scene) -> str:
    """Have a generation stand signed: every stage looks at it, the last ones act."""
    with db.writing() as session:
        _, generation = scene.ask(session, line=LINE)
        assert generation is not None
        generation.state, generation.output_sha256 = "signed", "0" * 64
    return generation.id


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSystemDatabase:
    def test_holds_nothing_but_ids_of_a_story_that_was_told(
        self, scene: Scene, launch: Callable[..., None], data_dir: Path
    ) -> None:
        generation_id = asked(scene)
        launch(*pipeline.STAGES)
        told(generation_id)
        with db.reading() as session:
            assert session.get_one(Generation, generation_id).state == "released"
        assert strange(data_dir / "jobs.sqlite") == []

    def test_holds_no_words_of_an_error_and_the_reader_finds_what_a_stage_gives_away(
        self, scene: Scene, launch: Callable[..., None], data_dir: Path
    ) -> None:
        def fails(_: str) -> bool:
            raise ValueError(LINE)

        generation_id, other_id = asked(scene), asked(scene)
        launch(fails)
        told(generation_id)
        path = data_dir / "jobs.sqlite"
        assert not any(LINE in str(each) for each in strange(path))
        launch(lambda _: LINE)  # type: ignore[arg-type, return-value]  # the planted fault
        told(other_id)
        assert LINE in strange(path)
