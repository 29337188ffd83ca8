-- Who did what. An id begins with the time, so that the newest come last in its order.
CREATE TABLE act (
    id           TEXT COLLATE "C" PRIMARY KEY,
    at           BIGINT NOT NULL,
    actor        TEXT COLLATE "C" NOT NULL,
    who          TEXT COLLATE "C" NOT NULL,
    role         TEXT NOT NULL,
    action       TEXT COLLATE "C" NOT NULL,
    part         TEXT COLLATE "C" NOT NULL CHECK (part IN ('desk', 'accounting', 'access')),
    subject_kind TEXT NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL,
    detail       TEXT NOT NULL,
    outcome      TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('done', 'refused')),
    request_id   TEXT NOT NULL
);
CREATE INDEX act_of_subject ON act (subject, id);
CREATE INDEX act_of_actor ON act (actor, id);
CREATE INDEX act_of_person ON act (who, id);
CREATE INDEX act_by_action ON act (action, id);
CREATE INDEX act_refused ON act (id) WHERE outcome = 'refused';
CREATE TRIGGER act_is_append_only BEFORE UPDATE OR DELETE ON act
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER act_is_never_emptied BEFORE TRUNCATE ON act
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
