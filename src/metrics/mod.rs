//! Numbers about the work of this process, for Prometheus. What is counted is in [`CATALOGUE`], from
//! which the documentation is held as well. A label never holds a domain, an address of a customer or
//! anything else that grows with the number of customers.

mod catalogue;
mod labels;

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use catalogue::{CATALOGUE, Described, Kind};
use labels::{
    AgentLabels, Known, PlaceLabels, ProbeLabels, ProbeOutcome, RequestLabels, TargetLabels, VantageLabels, WorkLabels,
    WorkOutcome,
};
pub use labels::{Outcome, Probe, Work};

/// Vantages that have a label of their own; more are counted together.
const VANTAGES: usize = 64;

/// What `GET /metrics` is sent as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Age = Gauge<f64, AtomicU64>;

/// The metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    claims: Family<WorkLabels, Counter>,
    lease_expiries: Family<WorkLabels, Counter>,
    fence_rejections: Family<WorkLabels, Counter>,
    outcomes: Family<WorkOutcome, Counter>,
    due: Family<WorkLabels, Gauge>,
    oldest_due_age: Family<WorkLabels, Age>,
    parked: Family<WorkLabels, Gauge>,
    leases: Gauge,
    store_up: Gauge,
    commits: Counter,
    group_size: Histogram,
    commit_duration: Histogram,
    probes: Family<ProbeOutcome, Counter>,
    probe_duration: Family<ProbeLabels, Histogram, Buckets>,
    vantage: Family<VantageLabels, Counter>,
    vantages: Known,
    vantage_usable: Family<PlaceLabels, Gauge>,
    vantage_quarantined: Family<PlaceLabels, Gauge>,
    vantage_targets: Family<TargetLabels, Gauge>,
    agent_up: Family<AgentLabels, Gauge>,
    agent_age: Family<AgentLabels, Age>,
    requests: Family<RequestLabels, Counter>,
    request_duration: Histogram,
}

/// How a configured vantage is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceHealth {
    pub vantage: String,
    pub usable: bool,
    pub quarantined: bool,
    pub good: u64,
    pub bad: u64,
}

/// How a configured agent is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentHealth {
    pub agent: String,
    pub up: bool,
    /// `None` for one that was never there.
    pub last_seen_age: Option<Duration>,
}

/// How much of one kind of work waits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Waiting {
    pub due: u64,
    pub oldest_age: Duration,
    pub parked: u64,
}

/// The metrics of this process. One process has one set of them, as it has one log.
pub fn of_process() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(Metrics::new)
}

impl Metrics {
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("fencepost"),
            claims: Family::default(),
            lease_expiries: Family::default(),
            fence_rejections: Family::default(),
            outcomes: Family::default(),
            due: Family::default(),
            oldest_due_age: Family::default(),
            parked: Family::default(),
            leases: Gauge::default(),
            store_up: Gauge::default(),
            commits: Counter::default(),
            group_size: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]),
            commit_duration: Histogram::new([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0]),
            probes: Family::default(),
            probe_duration: Family::new_with_constructor(Buckets),
            vantage: Family::default(),
            vantages: Known::new(VANTAGES),
            vantage_usable: Family::default(),
            vantage_quarantined: Family::default(),
            vantage_targets: Family::default(),
            agent_up: Family::default(),
            agent_age: Family::default(),
            requests: Family::default(),
            request_duration: Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0]),
        };
        metrics.register();
        for work in Work::ALL {
            // Alerts compare with nothing, which needs a zero to be there.
            let labels = WorkLabels { work };
            let _ = metrics.claims.get_or_create(&labels);
            let _ = metrics.lease_expiries.get_or_create(&labels);
            let _ = metrics.fence_rejections.get_or_create(&labels);
        }
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        for described in CATALOGUE {
            let (name, help) = (described.registered_as(), described.help);
            match described.name {
                "fencepost_build_info" => {
                    registry.register("build", help, Info::new([("version", env!("CARGO_PKG_VERSION"))]));
                }
                "fencepost_claims_total" => registry.register(name, help, self.claims.clone()),
                "fencepost_lease_expiries_total" => registry.register(name, help, self.lease_expiries.clone()),
                "fencepost_fence_rejections_total" => registry.register(name, help, self.fence_rejections.clone()),
                "fencepost_work_outcomes_total" => registry.register(name, help, self.outcomes.clone()),
                "fencepost_due" => registry.register(name, help, self.due.clone()),
                "fencepost_oldest_due_age_seconds" => registry.register(name, help, self.oldest_due_age.clone()),
                "fencepost_parked" => registry.register(name, help, self.parked.clone()),
                "fencepost_leases" => registry.register(name, help, self.leases.clone()),
                "fencepost_store_up" => registry.register(name, help, self.store_up.clone()),
                "fencepost_commits_total" => registry.register(name, help, self.commits.clone()),
                "fencepost_commit_group_size" => registry.register(name, help, self.group_size.clone()),
                "fencepost_commit_duration_seconds" => registry.register(name, help, self.commit_duration.clone()),
                "fencepost_probe_outcomes_total" => registry.register(name, help, self.probes.clone()),
                "fencepost_probe_duration_seconds" => registry.register(name, help, self.probe_duration.clone()),
                "fencepost_vantage_dialogues_total" => registry.register(name, help, self.vantage.clone()),
                "fencepost_vantage_usable" => registry.register(name, help, self.vantage_usable.clone()),
                "fencepost_vantage_quarantined" => registry.register(name, help, self.vantage_quarantined.clone()),
                "fencepost_vantage_targets" => registry.register(name, help, self.vantage_targets.clone()),
                "fencepost_agent_up" => registry.register(name, help, self.agent_up.clone()),
                "fencepost_agent_last_seen_age_seconds" => registry.register(name, help, self.agent_age.clone()),
                "fencepost_http_requests_total" => registry.register(name, help, self.requests.clone()),
                "fencepost_http_request_duration_seconds" => {
                    registry.register(name, help, self.request_duration.clone());
                }
                other => unreachable!("{other} is described and not counted"),
            }
        }
    }

    /// Work was claimed; `taken_over` from somebody whose lease had run out.
    pub fn claimed(&self, work: Work, taken_over: bool) {
        self.claims.get_or_create(&WorkLabels { work }).inc();
        if taken_over {
            self.lease_expiries.get_or_create(&WorkLabels { work }).inc();
        }
    }

    /// An outcome came too late: the work belonged to somebody else.
    pub fn fence_rejected(&self, work: Work) {
        self.fence_rejections.get_or_create(&WorkLabels { work }).inc();
    }

    /// How a piece of work ended.
    pub fn ended(&self, work: Work, outcome: Outcome) {
        self.outcomes.get_or_create(&WorkOutcome { work, outcome }).inc();
    }

    /// One transaction reached the disk, with so many pieces of work in it.
    pub fn committed(&self, pieces: usize, took: Duration) {
        self.commits.inc();
        self.group_size.observe(f64::from(u32::try_from(pieces).unwrap_or(u32::MAX)));
        self.commit_duration.observe(took.as_secs_f64());
    }

    /// A look was made, whatever it saw.
    pub fn probed(&self, probe: Probe, took: Duration) {
        self.probe_duration.get_or_create(&ProbeLabels { probe }).observe(took.as_secs_f64());
    }

    /// One dialogue or answer of a look: `outcome` is a word of the program's, never of the other side.
    pub fn saw(&self, probe: Probe, outcome: &'static str) {
        self.probes.get_or_create(&ProbeOutcome { probe, outcome }).inc();
    }

    /// A dialogue from a vantage; `sound` unless the vantage itself was at fault.
    pub fn from_vantage(&self, vantage: &str, sound: bool) {
        let vantage = self.vantages.name(vantage);
        self.vantage.get_or_create(&VantageLabels { vantage, result: if sound { "sound" } else { "fault" } }).inc();
    }

    /// A request was answered. `route` is the pattern of the address, never the address itself.
    pub fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let method = match method {
            "GET" => "GET",
            "POST" => "POST",
            _ => "other",
        };
        self.requests.get_or_create(&RequestLabels { method, route: route.to_owned(), status }).inc();
        self.request_duration.observe(took.as_secs_f64());
    }

    /// What the store says is waiting; `None` when it could not be asked.
    pub fn waiting(&self, timers_and_effects: Option<(Waiting, Waiting)>, leases: u64) {
        self.store_up.set(i64::from(timers_and_effects.is_some()));
        let Some((timers, effects)) = timers_and_effects else { return };
        self.leases.set(signed(leases));
        for (work, waiting) in [(Work::Timer, timers), (Work::Effect, effects)] {
            let labels = WorkLabels { work };
            self.due.get_or_create(&labels).set(signed(waiting.due));
            self.oldest_due_age.get_or_create(&labels).set(waiting.oldest_age.as_secs_f64());
            self.parked.get_or_create(&labels).set(signed(waiting.parked));
        }
    }

    /// How the configured vantages and agents are doing. A process has one configuration, so none goes away.
    pub fn places(&self, vantages: &[PlaceHealth], agents: &[AgentHealth]) {
        for health in vantages.iter().take(VANTAGES) {
            let vantage = health.vantage.clone();
            let place = PlaceLabels { vantage: vantage.clone() };
            self.vantage_usable.get_or_create(&place).set(i64::from(health.usable));
            self.vantage_quarantined.get_or_create(&place).set(i64::from(health.quarantined));
            for (result, count) in [("good", health.good), ("bad", health.bad)] {
                let labels = TargetLabels { vantage: vantage.clone(), result };
                self.vantage_targets.get_or_create(&labels).set(signed(count));
            }
        }
        for health in agents.iter().take(VANTAGES) {
            let labels = AgentLabels { agent: health.agent.clone() };
            self.agent_up.get_or_create(&labels).set(i64::from(health.up));
            if let Some(age) = health.last_seen_age {
                self.agent_age.get_or_create(&labels).set(age.as_secs_f64());
            }
        }
    }

    /// As text for a scraper.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// A histogram of seconds that a look takes: fractions for DNS, minutes for a greylisting server.
#[derive(Debug, Clone, Copy)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new([0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 180.0])
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_described_is_told_by_its_name_type_and_labels_and_nothing_else() {
        let metrics = Metrics::new();
        metrics.claimed(Work::Timer, true);
        metrics.fence_rejected(Work::Effect);
        metrics.ended(Work::Timer, Outcome::Done);
        metrics.committed(3, Duration::from_millis(4));
        metrics.probed(Probe::Smtp, Duration::from_millis(40));
        metrics.saw(Probe::Smtp, "connected");
        metrics.from_vantage("egress-192.0.2.10", false);
        let (vantage, agent) = ("egress-192.0.2.10".to_owned(), "gw1".to_owned());
        metrics.places(
            &[PlaceHealth { vantage, usable: true, quarantined: false, good: 3, bad: 1 }],
            &[AgentHealth { agent, up: true, last_seen_age: Some(Duration::from_secs(2)) }],
        );
        metrics.answered("BREW", "/v1/domains", 200, Duration::from_millis(1));
        metrics.waiting(Some((Waiting::default(), Waiting::default())), 0);
        let text = metrics.text();
        let told: Vec<(&str, &str)> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
        let described: Vec<(String, &str)> =
            CATALOGUE.iter().map(|d| (format!("fencepost_{}", d.registered_as()), d.kind.word())).collect();
        let described: Vec<(&str, &str)> = described.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        assert_eq!(told, described);
        for described in CATALOGUE {
            let sample = text.lines().find(|line| line.starts_with(described.name)).unwrap_or_else(|| {
                panic!("{} has no sample:\n{text}", described.name);
            });
            for label in described.labels {
                assert!(sample.contains(&format!("{label}=\"")), "{sample}: no {label}");
            }
        }
        assert!(text.contains("method=\"other\""), "{text}");
    }

    #[test]
    fn labels_do_not_grow_without_bound() {
        let metrics = Metrics::new();
        for n in 0..1_000 {
            metrics.from_vantage(&format!("outsider-{n}"), true);
        }
        let series = metrics.text().lines().filter(|line| line.starts_with("fencepost_vantage_dialogues")).count();
        assert_eq!(series, VANTAGES + 1);
        assert!(metrics.text().contains("vantage=\"other\",result=\"sound\"} 936"), "{}", metrics.text());
    }
}
