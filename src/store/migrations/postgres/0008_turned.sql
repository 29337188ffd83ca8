-- Whether there is anything to decide about a vantage is asked with every look it takes.
CREATE INDEX vantage_look_turned ON vantage_look (vantage, turned_at) WHERE turned_at IS NOT NULL;
