//! Facts as short words, and a connection that is driven by them the way the engine would: every
//! fact decided, every decision folded, every notice remembered.

use std::net::IpAddr;

use fencepost::lifecycle::connection::{
    Connection, Decision, Effect, EgressFact, Event, Fact, Gate, GateFact, MxFact, Notice, Phase, RouteMode, TimerKind,
    decide, evolve, import, open, timers,
};
use fencepost::lifecycle::permit::Setup;
use fencepost::order::MailServer;
use fencepost_checks::mx::MxVerdict;
use fencepost_checks::{Code, DomainName, Verdict};
use jiff::{SignedDuration, Timestamp};

/// What a round of MX questions can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mx {
    /// Everybody shows the gateway.
    Ours,
    /// The same, and senders may hold the old set for 30 hours more.
    OursSlow,
    /// The same, but a resolver still gives the old set.
    OursStale,
    /// Some name servers show the gateway, some the old set.
    Mixed,
    /// Nobody names the gateway.
    Old,
    /// No authoritative server names it, a resolver still does.
    OldCached,
    /// Nobody answered.
    Error,
    /// Every server says that the domain does not exist.
    Nx,
    /// As `Ours`, with a host among them that is to be retired.
    OursRetiring,
}

pub const HOUR: SignedDuration = SignedDuration::from_hours(1);

pub fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

pub fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

/// An arbitrary Wednesday.
pub fn start() -> Timestamp {
    "2026-03-04T09:00:00Z".parse().unwrap()
}

pub fn domain() -> DomainName {
    DomainName::parse("example.com").unwrap()
}

pub fn mx(kind: Mx, observed_at: Timestamp) -> Fact {
    let ours = matches!(kind, Mx::Ours | Mx::OursSlow | Mx::OursStale | Mx::OursRetiring);
    let verdict = match kind {
        Mx::Ours | Mx::OursSlow | Mx::OursStale | Mx::OursRetiring => MxVerdict::OursOnly,
        Mx::Nx => MxVerdict::None,
        Mx::Mixed => MxVerdict::OursPlusForeign,
        Mx::Old | Mx::OldCached => MxVerdict::ForeignOnly,
        Mx::Error => MxVerdict::LookupError,
    };
    Fact::Mx(MxFact {
        verdict,
        ours_published: ours || kind == Mx::Mixed,
        old_published: matches!(kind, Mx::Mixed | Mx::Old | Mx::OldCached | Mx::Nx),
        complete: kind != Mx::Error,
        clean: ours,
        gone: matches!(kind, Mx::Old | Mx::Nx),
        nxdomain: kind == Mx::Nx,
        retiring: if kind == Mx::OursRetiring { vec!["mx9.gateway.example".to_owned()] } else { Vec::new() },
        resolvers_stale: kind == Mx::OursStale,
        t_star: (kind == Mx::OursSlow).then(|| observed_at + hours(30)),
        observed_at,
        broken_by: (kind == Mx::Mixed).then(|| "ns2.example.net still gives mail.example.com".to_owned()),
        names: Vec::new(),
        retired: Vec::new(),
        ours: Vec::new(),
    })
}

pub fn gate(gate: Gate, verdict: Verdict, observed_at: Timestamp) -> Fact {
    let blocking = match (gate, verdict) {
        (_, Verdict::Pass | Verdict::Inconclusive) => Vec::new(),
        (Gate::Allowlist, Verdict::Fail) => vec![Code::FwPartial],
        (Gate::Probe, Verdict::Fail) => vec![Code::SmtpRcptRejected],
        (Gate::Gateway, Verdict::Fail) => vec![Code::GwNotAccepting],
        (Gate::Lint, Verdict::Fail) => vec![Code::StsMismatch],
    };
    let setup = Setup::default();
    Fact::Gate(GateFact {
        gate,
        verdict,
        blocking,
        observed_at,
        retry_after: None,
        evidence: String::new(),
        setup,
        egress: None,
    })
}

/// Two addresses that deliver.
pub fn active() -> Vec<IpAddr> {
    vec![[192, 0, 2, 10].into(), [192, 0, 2, 11].into()]
}

pub fn announced() -> IpAddr {
    [192, 0, 2, 40].into()
}

/// A look at the firewall while there is an announced address.
pub fn firewall(verdict: Verdict, met: Announced, observed_at: Timestamp) -> Fact {
    let Fact::Gate(fact) = gate(Gate::Allowlist, verdict, observed_at) else { unreachable!() };
    let those = |wanted: Announced| if met == wanted { vec![announced()] } else { Vec::new() };
    let egress = EgressFact {
        active: active(),
        announced: if met == Announced::Retired { Vec::new() } else { vec![announced()] },
        retired: those(Announced::Retired),
        verified: those(Announced::GetsIn),
        blocked: those(Announced::Blocked),
    };
    Fact::Gate(GateFact { egress: Some(egress), ..fact })
}

/// How the announced address was met, or what has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    GetsIn,
    Blocked,
    Unknown,
    Retired,
}

pub fn new_server(which: Gate, verdict: Verdict, observed_at: Timestamp) -> Fact {
    let Fact::Gate(fact) = gate(which, verdict, observed_at) else { unreachable!() };
    Fact::NewServer(fact)
}

pub fn other_server() -> Vec<MailServer> {
    vec![MailServer { host: "new.example.net".to_owned(), port: 25, standby: false }]
}

/// A connection with its clock and everything that came of it.
#[derive(Debug, Clone)]
pub struct Run {
    pub c: Connection,
    pub now: Timestamp,
    pub events: Vec<(Timestamp, Event)>,
    pub notices: Vec<Notice>,
    pub effects: Vec<Effect>,
}

impl Run {
    pub fn ordered(hosted: bool) -> Self {
        let (c, decision) = open(domain(), hosted, start());
        let mut run = Self { c, now: start(), events: Vec::new(), notices: Vec::new(), effects: Vec::new() };
        run.remember(&decision);
        run
    }

    /// Passed every gate, the old MX is known, the permit is there.
    pub fn permitted(hosted: bool) -> Self {
        let mut run = Self::ordered(hosted);
        run.fact(&Fact::Registered { by: "desk".to_owned() });
        run.route();
        run.mx(Mx::Old);
        run.pass(&[Gate::Allowlist, Gate::Probe]);
        run.route();
        run.pass(&[Gate::Gateway, Gate::Lint]);
        assert_eq!(run.c.phase, Phase::Ready);
        run
    }

    pub fn connected() -> Self {
        Self::connected_as(false)
    }

    /// A living connection that was there before, taken over now.
    pub fn imported(quiet: bool) -> Self {
        let (c, decision) = import(domain(), false, start() - hours(1000), quiet, start());
        let c = evolve(&c, &decision, start());
        let mut run = Self { c, now: start(), events: Vec::new(), notices: Vec::new(), effects: Vec::new() };
        run.remember(&decision);
        run
    }

    pub fn connected_as(hosted: bool) -> Self {
        let mut run = Self::permitted(hosted);
        run.watched(hours(24));
        run.prove_path();
        run.mx_after(minutes(15), Mx::Ours);
        assert_eq!(run.c.phase, Phase::Connected, "{:#?}", run.c);
        run
    }

    pub fn fact(&mut self, fact: &Fact) -> Decision {
        let decision = decide(&self.c, fact, self.now);
        self.c = evolve(&self.c, &decision, self.now);
        self.remember(&decision);
        decision
    }

    /// Every later look is made under the connection's own configuration.
    pub fn under_setup(&self, fact: Fact) -> Fact {
        match fact {
            Fact::Gate(fact) => Fact::Gate(GateFact { setup: self.c.setup, ..fact }),
            Fact::NewServer(fact) => Fact::NewServer(GateFact { setup: self.c.setup, ..fact }),
            other => other,
        }
    }

    pub fn wait(&mut self, time: SignedDuration) -> &mut Self {
        self.now += time;
        self
    }

    pub fn due(&mut self) -> Decision {
        self.fact(&Fact::Due)
    }

    pub fn mx(&mut self, kind: Mx) -> Decision {
        self.fact(&mx(kind, self.now))
    }

    pub fn mx_after(&mut self, time: SignedDuration, kind: Mx) -> Decision {
        self.wait(time).mx(kind)
    }

    pub fn gate(&mut self, which: Gate, verdict: Verdict) -> Decision {
        let fact = self.under_setup(gate(which, verdict, self.now));
        self.fact(&fact)
    }

    pub fn pass(&mut self, gates: &[Gate]) {
        for which in gates {
            self.gate(*which, Verdict::Pass);
        }
    }

    pub fn prove_path(&mut self) {
        self.pass(&[Gate::Allowlist, Gate::Probe, Gate::Gateway]);
    }

    /// The own servers that shall replace the present ones were looked at.
    pub fn new_server(&mut self, which: Gate, verdict: Verdict) -> Decision {
        let fact = self.under_setup(new_server(which, verdict, self.now));
        self.fact(&fact)
    }

    /// The gateway does what is wished.
    pub fn route(&mut self) -> Decision {
        self.fact(&Fact::RouteApplied { mode: self.c.route, at: self.now })
    }

    /// Clean rounds every quarter of an hour, beginning now.
    pub fn watched(&mut self, time: SignedDuration) {
        let until = self.now + time;
        self.mx(Mx::Ours);
        while self.now < until {
            self.mx_after(minutes(15), Mx::Ours);
        }
    }

    pub fn due_at(&self, kind: TimerKind) -> Option<Timestamp> {
        timers(&self.c, self.now).into_iter().find(|(k, _)| *k == kind).map(|(_, at)| at)
    }

    pub fn times_told(&self, notice: Notice) -> usize {
        self.notices.iter().filter(|n| **n == notice).count()
    }

    pub fn phases(&self) -> Vec<Phase> {
        self.events
            .iter()
            .filter_map(|(_, event)| if let Event::PhaseEntered { phase, .. } = event { Some(*phase) } else { None })
            .collect()
    }

    fn remember(&mut self, decision: &Decision) {
        self.events.extend(decision.events.iter().map(|event| (self.now, event.clone())));
        self.effects.extend(decision.effects.iter().cloned());
        self.notices.extend(notices(decision));
    }
}

pub fn notices(decision: &Decision) -> Vec<Notice> {
    decision
        .effects
        .iter()
        .filter_map(|effect| if let Effect::Notify { notice, .. } = effect { Some(*notice) } else { None })
        .collect()
}

/// Facts that a person causes, for models and random histories.
pub fn by_person(n: u8) -> Fact {
    use fencepost::lifecycle::connection::ReleaseCause;
    let by = "desk".to_owned();
    match n {
        0 => Fact::Registered { by },
        1 => Fact::Release { cause: ReleaseCause::Declined, by },
        2 => Fact::ReleaseWithdrawn { by },
        3 => Fact::Cancel { by, reason: "changed their mind".to_owned() },
        5 => Fact::CutOff { by, reason: "never moved".to_owned() },
        6 => Fact::Departed { by, reason: "the company is dissolved".to_owned() },
        7 => Fact::RouteChange { servers: other_server(), hosted: false, by, reason: "a new server".to_owned() },
        8 => Fact::RouteChangeWithdrawn { by },
        9 => Fact::Suspended { by, reason: "unpaid".to_owned(), defer: false },
        10 => Fact::Suspended { by, reason: "unpaid".to_owned(), defer: true },
        11 => Fact::Resumed { by },
        _ => Fact::Recheck { by },
    }
}

pub const ALL_GATES: [Gate; 4] = [Gate::Allowlist, Gate::Probe, Gate::Gateway, Gate::Lint];

pub fn is_removal(mode: RouteMode) -> bool {
    matches!(mode, RouteMode::Absent | RouteMode::Reject)
}
