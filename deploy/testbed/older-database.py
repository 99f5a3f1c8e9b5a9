#!/usr/bin/env python3
"""Turns the database of a hub into one of the schema before, as if its last migration had not been applied.

    deploy/testbed/older-database.py FILE MIGRATIONS

The hub is down meanwhile. Tables and columns that the last file of the folder MIGRATIONS has made go away with what is in
them; everything else stays.
"""

import os
import pathlib
import re
import sqlite3
import sys


def tables(database):
    rows = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {name for (name,) in rows}


def columns(database, table):
    return [row[1] for row in database.execute(f'PRAGMA table_xinfo("{table}")') if row[6] == 0]


def main(file, folder):
    steps = sorted(folder.glob("*.sql"))
    before = int(re.match(r"\d+", steps[-1].name).group()) - 1
    new = sqlite3.connect(file)
    (version,) = new.execute("SELECT max(version) FROM _sqlx_migrations").fetchone()
    if version != before + 1:
        sys.exit(f"older-database: `{file}` has the schema {version}, and the last migration is {before + 1}")
    ledger = new.execute("SELECT sql FROM sqlite_schema WHERE name = '_sqlx_migrations'").fetchone()[0]
    copy = file.with_suffix(".older")
    copy.unlink(missing_ok=True)
    old = sqlite3.connect(copy)
    old.execute(ledger)
    for step in steps[:-1]:
        old.executescript(step.read_text())
    old.execute("PRAGMA foreign_keys = OFF")
    old.execute("ATTACH ? AS new", (str(file),))
    for table in sorted(tables(old)):
        known = [f'"{name}"' for name in columns(old, table) if name in columns(new, table)]
        names = ", ".join(known)
        old.execute(f'DELETE FROM "{table}"')
        old.execute(f'INSERT INTO "{table}" ({names}) SELECT {names} FROM new."{table}"')
    old.execute("DELETE FROM _sqlx_migrations WHERE version > ?", (before,))
    old.commit()
    new.close()
    old.execute("DETACH new")
    old.execute("PRAGMA journal_mode = WAL")
    old.close()
    owner = file.stat()
    os.chown(copy, owner.st_uid, owner.st_gid)
    os.chmod(copy, owner.st_mode & 0o777)
    for part in ("-wal", "-shm"):
        pathlib.Path(f"{file}{part}").unlink(missing_ok=True)
    copy.rename(file)
    for part in ("-wal", "-shm"):
        pathlib.Path(f"{copy}{part}").unlink(missing_ok=True)
    print(before)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("older-database: give the file of a database and the folder of the migrations")
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
