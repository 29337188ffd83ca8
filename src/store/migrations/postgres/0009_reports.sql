-- Customers that were there before there were monthly reports: each is looked at within the hour, which sets
-- the day of its next report.
INSERT INTO timer (subject_id, kind, due_at)
    SELECT id, 'report', (extract(epoch FROM now()) + floor(random() * 3600))::bigint * 1000000
    FROM subject
    WHERE kind = 'subscription' AND phase IN ('trial', 'negotiation', 'active', 'notice')
    ON CONFLICT DO NOTHING;
