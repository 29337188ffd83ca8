-- The few domains on their way or ended, phase by phase: a list of them must not walk past all that are connected.
CREATE INDEX subject_under_way ON subject (phase, domain, id) WHERE domain IS NOT NULL AND phase <> 'connected';
