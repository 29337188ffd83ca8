-- Customers that were there before there were monthly reports: each is looked at within the hour, which sets
-- the day of its next report.
INSERT OR IGNORE INTO timer (subject_id, kind, due_at)
    SELECT id, 'report', (CAST(strftime('%s', 'now') AS INTEGER) + abs(random() % 3600)) * 1000000
    FROM subject
    WHERE kind = 'subscription' AND phase IN ('trial', 'negotiation', 'active', 'notice');
