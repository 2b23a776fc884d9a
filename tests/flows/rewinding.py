"""A database as it stood: kept once, and put back as often as a test wants to begin there again."""

import shutil
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, make_url

from app import db


class Rewind:
    """Keep the database that settings point at; `back()` undoes all that was written since."""

    def __init__(self) -> None:
        self._url = make_url(db.engine().url)
        self._file = db.file_of(db.engine().url.render_as_string(hide_password=False))
        db.engine().dispose()
        if self._file is not None:
            shutil.copy(self._file, self._kept_file)
            return
        with self._server() as connection:
            connection.execute(f"CREATE DATABASE {self._kept} TEMPLATE {self._url.database}")

    def back(self) -> None:
        """Put the database back as it was kept; nobody may be using it."""
        db.engine().dispose()
        if self._file is not None:
            for beside in ("-wal", "-shm"):
                self._file.with_name(self._file.name + beside).unlink(missing_ok=True)
            shutil.copy(self._kept_file, self._file)
            return
        with self._server() as connection:
            connection.execute(f"DROP DATABASE {self._url.database} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {self._url.database} TEMPLATE {self._kept}")

    @property
    def _kept(self) -> str:
        return f"{self._url.database}_kept"

    @property
    def _kept_file(self) -> Path:
        assert self._file is not None
        return self._file.with_name(self._file.name + ".kept")

    def _server(self) -> psycopg.Connection[Any]:
        url: URL = self._url.set(drivername="postgresql", database="postgres")
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)
