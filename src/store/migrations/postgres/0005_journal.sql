-- A line for every document, closed run and archived look, chained: what is taken away, slipped in or
-- changed later is named by `fencepost ledger verify`. The program writes the lines of older rows.
CREATE TABLE journal (
    seq         BIGINT PRIMARY KEY,
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind IN ('evidence', 'run', 'look')),
    key         TEXT COLLATE "C" NOT NULL,
    digest      BYTEA NOT NULL CHECK (length(digest) = 32),
    hash        BYTEA NOT NULL CHECK (length(hash) = 32),
    UNIQUE (kind, key)
);
CREATE TABLE journal_end (
    one         BIGINT PRIMARY KEY CHECK (one = 1),
    seq         BIGINT NOT NULL,
    hash        BYTEA NOT NULL CHECK (length(hash) = 32)
);
CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER journal_is_never_emptied BEFORE TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE TRIGGER evidence_is_never_deleted BEFORE DELETE ON evidence
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER evidence_is_never_emptied BEFORE TRUNCATE ON evidence
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER observation_archive_is_never_deleted BEFORE DELETE ON observation_archive
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER observation_archive_is_never_emptied BEFORE TRUNCATE ON observation_archive
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
