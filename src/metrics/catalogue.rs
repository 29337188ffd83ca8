//! Every metric: its name, type, labels and what it means. The documentation for operators is made
//! from this list, and a test holds it to it.

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// As a scraper sees it.
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

impl Kind {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

impl Described {
    /// The name without what the format itself adds around it.
    pub(super) fn registered_as(&self) -> &'static str {
        let name = self.name.strip_prefix("fencepost_").unwrap_or(self.name);
        match self.kind {
            Kind::Counter => name.strip_suffix("_total").unwrap_or(name),
            Kind::Info => name.strip_suffix("_info").unwrap_or(name),
            Kind::Gauge | Kind::Histogram => name,
        }
    }
}

const fn row(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, kind, labels, help }
}

/// In the order in which they are told.
pub const CATALOGUE: &[Described] = &[
    row("fencepost_build_info", Kind::Info, &["version"], "The program's version"),
    row(
        "fencepost_oldest_due_age_seconds",
        Kind::Gauge,
        &["work"],
        "For how long the oldest due timer or effect (notice, fact) has been waiting; 0 when nothing waits",
    ),
    row(
        "fencepost_due",
        Kind::Gauge,
        &["work"],
        "Timers and effects that are due and not worked on, counted up to 100000",
    ),
    row("fencepost_leases", Kind::Gauge, &[], "Subjects that some process works on"),
    row("fencepost_parked", Kind::Gauge, &["work"], "Work that was given up and waits for a person: fencepost parked"),
    row("fencepost_store_up", Kind::Gauge, &[], "1 when the store could be asked for this scrape, else 0"),
    row("fencepost_claims_total", Kind::Counter, &["work"], "Work taken by this process"),
    row(
        "fencepost_lease_expiries_total",
        Kind::Counter,
        &["work"],
        "Work taken over because the lease of whoever had it ran out: a process died or stood still",
    ),
    row(
        "fencepost_fence_rejections_total",
        Kind::Counter,
        &["work"],
        "Outcomes that were dropped because the work belonged to somebody else by then",
    ),
    row(
        "fencepost_work_outcomes_total",
        Kind::Counter,
        &["work", "outcome"],
        "How work ended: done, retried, parked, dropped (no longer true, or lost), waiting (nothing to try with)",
    ),
    row("fencepost_commits_total", Kind::Counter, &[], "Transactions that reached the disk"),
    row("fencepost_commit_group_size", Kind::Histogram, &[], "Pieces of work in one transaction"),
    row("fencepost_commit_duration_seconds", Kind::Histogram, &[], "From the beginning of a transaction to the disk"),
    row(
        "fencepost_probe_outcomes_total",
        Kind::Counter,
        &["probe", "outcome"],
        "What single dialogues and DNS answers of a look came to",
    ),
    row("fencepost_probe_duration_seconds", Kind::Histogram, &["probe"], "How long a whole look took"),
    row(
        "fencepost_vantage_dialogues_total",
        Kind::Counter,
        &["vantage", "result"],
        "Dialogues from each vantage; fault when the vantage itself could not even try",
    ),
    row(
        "fencepost_vantage_usable",
        Kind::Gauge,
        &["vantage"],
        "1 when what is seen from the vantage counts; 0 when it is quarantined, away, cut off, seen elsewhere or held back",
    ),
    row("fencepost_vantage_quarantined", Kind::Gauge, &["vantage"], "1 while the vantage is quarantined"),
    row(
        "fencepost_vantage_targets",
        Kind::Gauge,
        &["vantage", "result"],
        "Mail servers that answered the vantage in the last 24 hours (good) and that did not (bad)",
    ),
    row("fencepost_agent_up", Kind::Gauge, &["agent"], "1 while the agent asks for work"),
    row(
        "fencepost_agent_last_seen_age_seconds",
        Kind::Gauge,
        &["agent"],
        "Since when nothing was heard of the agent; absent for one that was never there",
    ),
    row("fencepost_http_requests_total", Kind::Counter, &["method", "route", "status"], "Requests that were answered"),
    row(
        "fencepost_http_request_duration_seconds",
        Kind::Histogram,
        &[],
        "From the head of a request to the head of its answer",
    ),
];
