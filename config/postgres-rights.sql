-- What the role that `fencepost serve` logs in with may do. Run it as the owner of the tables, after
-- each `fencepost migrate`:   psql -v ON_ERROR_STOP=1 -v role=fencepost_node -f config/postgres-rights.sql DATABASE
-- History, ledger and evidence may be added to and read, never changed or removed: besides the
-- triggers, the role has no right to.

GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"role";
REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER ON event, billing_entry, invoicing_run, evidence, observation_archive,
    journal FROM :"role";
REVOKE DELETE, TRUNCATE, TRIGGER ON inbound_mail FROM :"role";
REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER ON allowed_sender FROM :"role";
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON schema_version FROM :"role";
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO :"role";
