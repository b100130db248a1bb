"""What the gateway's state holds on disk: read in a copy, for the gateway lets nobody else in."""

import contextlib
import os
import shutil
import sqlite3
import tempfile


def state_rows(path, query, values=()):
    """While it is written: a copy that is torn may lack rows, or be an sqlite3.DatabaseError."""
    with tempfile.TemporaryDirectory() as directory:
        copy = os.path.join(directory, "state.db")
        for end in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path + end, copy + end)
        with contextlib.closing(sqlite3.connect(copy)) as database:
            return database.execute(query, values).fetchall()
