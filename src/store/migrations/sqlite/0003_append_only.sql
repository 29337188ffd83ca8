-- INSERT OR REPLACE fires no DELETE trigger unless a connection asks for it, so what may never change
-- refuses a second row under the same key as well.

CREATE TRIGGER billing_entry_is_never_replaced BEFORE INSERT ON billing_entry
    WHEN EXISTS (SELECT 1 FROM billing_entry WHERE seq = NEW.seq)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER invoicing_run_is_never_replaced BEFORE INSERT ON invoicing_run
    WHEN EXISTS (SELECT 1 FROM invoicing_run WHERE run_date = NEW.run_date)
    BEGIN SELECT RAISE(ABORT, 'a closed run is never changed'); END;
CREATE TRIGGER evidence_is_never_changed BEFORE UPDATE ON evidence
    BEGIN SELECT RAISE(ABORT, 'evidence is never changed'); END;
