-- A line for every document, closed run and archived look, chained: what is taken away, slipped in or
-- changed later is named by `fencepost ledger verify`. The program writes the lines of older rows.
CREATE TABLE journal (
    seq         INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('evidence', 'run', 'look')),
    key         TEXT NOT NULL,
    digest      BLOB NOT NULL CHECK (length(digest) = 32),
    hash        BLOB NOT NULL CHECK (length(hash) = 32),
    UNIQUE (kind, key)
) STRICT;
CREATE TABLE journal_end (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    seq         INTEGER NOT NULL,
    hash        BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER journal_is_never_changed BEFORE UPDATE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_never_deleted BEFORE DELETE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_never_replaced BEFORE INSERT ON journal
    WHEN EXISTS (SELECT 1 FROM journal WHERE seq = NEW.seq OR (kind = NEW.kind AND key = NEW.key))
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TRIGGER evidence_is_never_deleted BEFORE DELETE ON evidence
    BEGIN SELECT RAISE(ABORT, 'evidence is never deleted'); END;
CREATE TRIGGER observation_archive_is_never_deleted BEFORE DELETE ON observation_archive
    BEGIN SELECT RAISE(ABORT, 'archived evidence is never deleted'); END;
