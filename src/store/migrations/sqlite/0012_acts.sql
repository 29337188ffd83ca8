-- Who did what. An id begins with the time, so that the newest come last in its order.
CREATE TABLE act (
    id           TEXT PRIMARY KEY,
    at           INTEGER NOT NULL,
    actor        TEXT NOT NULL,
    who          TEXT NOT NULL,
    role         TEXT NOT NULL,
    action       TEXT NOT NULL,
    part         TEXT NOT NULL CHECK (part IN ('desk', 'accounting', 'access')),
    subject_kind TEXT NOT NULL,
    subject      TEXT NOT NULL,
    detail       TEXT NOT NULL,
    outcome      TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    request_id   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX act_of_subject ON act (subject, id);
CREATE INDEX act_of_actor ON act (actor, id);
CREATE INDEX act_of_person ON act (who, id);
CREATE INDEX act_by_action ON act (action, id);
CREATE INDEX act_refused ON act (id) WHERE outcome = 'refused';
CREATE TRIGGER act_is_never_changed BEFORE UPDATE ON act
    BEGIN SELECT RAISE(ABORT, 'who did what is append-only'); END;
CREATE TRIGGER act_is_never_deleted BEFORE DELETE ON act
    BEGIN SELECT RAISE(ABORT, 'who did what is append-only'); END;
CREATE TRIGGER act_is_never_replaced BEFORE INSERT ON act
    WHEN EXISTS (SELECT 1 FROM act WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'who did what is append-only'); END;
