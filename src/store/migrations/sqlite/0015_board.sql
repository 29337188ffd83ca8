-- Runs under way, the one that has stood longest first; and customers by their name, of all and of a partner.
CREATE INDEX subject_runs ON subject (state_since, id)
    WHERE domain IS NOT NULL AND phase NOT IN ('connected', 'released', 'cancelled');
CREATE INDEX customer_by_name ON customer (lower(json_extract(order_body, '$.customer_name')), id);
CREATE INDEX customer_of_partner_by_name ON customer (partner_id, lower(json_extract(order_body, '$.customer_name')), id);
