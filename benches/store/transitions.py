"""Python's sqlite3 with the statements of fencepost's SQLite store, in groups of 1,000.

transitions.py commit FILE IDS   stores one outcome for each subject; prints how many a second
transitions.py contents FILE     prints a digest of what such a run leaves behind
"""

import hashlib
import json
import pathlib
import sqlite3
import sys
import time

HERE = pathlib.Path(__file__).parent
GROUP = 1000
NOW = 1_800_000_060_000_000
NEXT = 1_800_000_900_000_000
STATE = (HERE / "state.json").read_text()
BODY = (HERE / "observation.json").read_text()
EVENT = '{"event":"gate_failed","gate":"probe","codes":["SMTP_REFUSED"]}'
WANTED = json.dumps(["probe"])

BEFORE = (
    "SELECT version, last_seq, fence, lease_kind, domain, held_by IS NOT NULL, customer_id FROM subject WHERE id = ?1"
)
APPEND = "INSERT INTO event (subject_id, seq, at, kind, body, cause) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
SUBJECT = (
    "UPDATE subject SET version = ?2, last_seq = ?3, machine_version = ?4, phase = ?5, state = ?6, state_since = ?7 "
    "WHERE id = ?1"
)
OBSERVE = (
    "INSERT INTO observation (subject_id, kind, digest, first_at, last_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
    "ON CONFLICT (subject_id, kind) DO UPDATE SET "
    "first_at = iif(digest = excluded.digest, first_at, excluded.first_at), "
    "digest = excluded.digest, last_at = excluded.last_at, body = excluded.body"
)
DISARM = (
    "DELETE FROM timer WHERE subject_id = ?1 AND parked_at IS NULL AND kind NOT IN (SELECT value FROM json_each(?2))"
)
ARM = (
    "INSERT INTO timer (subject_id, kind, due_at) VALUES (?1, ?2, ?3) ON CONFLICT (subject_id, kind) "
    "DO UPDATE SET due_at = iif(NOT ?4 AND due_at <= ?5, due_at, excluded.due_at), attempt = 0, "
    "parked_at = NULL, error = NULL"
)
TABLES = {
    "subject": "id, version, last_seq, phase, state, state_since",
    "event": "subject_id, seq, at, kind, body, cause",
    "observation": "subject_id, kind, digest, first_at, last_at, body",
    "timer": "subject_id, kind, due_at, attempt",
}


def commit(path: str, ids: list[str]) -> None:
    db = sqlite3.connect(path, isolation_level=None, cached_statements=128)
    for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = on"):
        db.execute(f"PRAGMA {pragma}")
    run = db.execute
    began = time.perf_counter()
    for start in range(0, len(ids), GROUP):
        run("BEGIN IMMEDIATE")
        for subject in ids[start : start + GROUP]:
            version, last_seq, *_ = run(BEFORE, (subject,)).fetchone()
            if version != 1:
                raise SystemExit(f"{subject} has version {version}")
            run(APPEND, (subject, last_seq + 1, NOW, "gate_failed", EVENT, "probe"))
            run(SUBJECT, (subject, version + 1, last_seq + 1, 1, "probing", STATE, NOW))
            run(OBSERVE, (subject, "smtp", "5a5a5a5a5a5a5a5a", NOW, NOW, BODY))
            run(DISARM, (subject, WANTED))
            run(ARM, (subject, "probe", NEXT, False, NOW))
        run("COMMIT")
    print(len(ids) / (time.perf_counter() - began))


def contents(path: str) -> None:
    db = sqlite3.connect(path)
    digest = hashlib.sha256()
    for table, columns in TABLES.items():
        for row in db.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3"):
            digest.update(repr(row).encode())
    print(digest.hexdigest())


if __name__ == "__main__":
    if sys.argv[1] == "commit":
        commit(sys.argv[2], pathlib.Path(sys.argv[3]).read_text().split())
    else:
        contents(sys.argv[2])
