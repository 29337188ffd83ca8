//! A small world for tests: a customer whose servers work, a gateway that keeps routes, a partner
//! that moves the MX when the letter says that it may, and a mailbox that remembers every delivery.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fencepost_checks::DomainName;
use fencepost_checks::observation::lint::DnssecObservation;
use fencepost_checks::observation::smtp::StageOutcome;
use fencepost_checks::observation::{
    ConnectOutcome, DnsAnswer, DnsRound, LintObservation, MtaStsObservation, MxRecord, ServerAnswer, SmtpDialogue,
    SmtpReply, Stage, StageRecord, TextLookup, TlsFacts, Vantage, VantageRole,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::ports::{
    CanaryLetter, FiguresTask, FirewallRound, Gateway, GatewayError, Letter, Notifier, NotifyError, Observer,
    RouteDesire, ServerTask,
};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::lifecycle::connection::RouteMode;
use crate::order::MailServer;
use crate::report::{Figures, Report};

const EGRESS: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 51, 100, 10), Ipv4Addr::new(198, 51, 100, 11)];

#[derive(Debug)]
pub(super) struct World {
    clock: SharedClock,
    routes: Mutex<BTreeMap<DomainName, (RouteMode, u64)>>,
    pub moved: Mutex<BTreeSet<DomainName>>,
    /// Every delivery: dedupe key and name of the notice.
    pub letters: Mutex<Vec<(String, String)>>,
    /// The same letters whole.
    pub whole: Mutex<Vec<Letter>>,
    /// The monthly reports, as they were delivered.
    pub reports: Mutex<Vec<(Vec<String>, Report)>>,
    /// What the gateway says that it has filtered, once a report has gone out; before that it does not answer.
    pub figures: Mutex<Option<Figures>>,
    /// The addresses that firewall instructions named.
    pub instructions: Mutex<Vec<Vec<IpAddr>>>,
    /// Domains whose MX was moved away again, and when.
    pub left: Mutex<BTreeMap<DomainName, Timestamp>>,
    /// Every change of a route, with its time.
    pub route_log: Mutex<Vec<(Timestamp, RouteMode)>>,
    /// From where the firewall is looked at; addresses that it does not let in; what moved domains name.
    pub egress: Mutex<Vec<IpAddr>>,
    pub shut_out: Mutex<BTreeSet<IpAddr>>,
    pub exchange: Mutex<Vec<String>>,
    /// The own servers refuse every recipient.
    pub servers_refuse: AtomicBool,
    /// The own servers take a question only when it is repeated after this long (RFC 6647).
    pub greylisting: Mutex<Option<SignedDuration>>,
    /// Every dialogue with an own server: when, and the tuple that a greylist goes by.
    pub tries: Mutex<Vec<(Timestamp, String)>>,
    /// Whole rounds of MX questions, cheap ones, and looks at the firewall with outsiders and without.
    pub rounds: AtomicUsize,
    pub glances: AtomicUsize,
    /// Whom the cheap questions went to.
    pub asked: Mutex<Vec<Option<SocketAddr>>>,
    /// This server of the zone went back to the zone from before the move.
    pub stale: Mutex<Option<SocketAddr>>,
    /// The domain was delegated to other servers, which the old ones do not know.
    pub delegated_away: AtomicBool,
    pub with_outsiders: Mutex<Vec<Timestamp>>,
    pub from_egress: Mutex<Vec<Timestamp>>,
    /// The certificate of the own servers ends then.
    pub certificate_ends: Mutex<Option<Timestamp>>,
    /// The place to which mail goes after a release refuses every recipient.
    pub next_refuses: AtomicBool,
    /// The own servers are asked for strangers, and when they were.
    pub asks_strangers: AtomicBool,
    pub strangers: Mutex<Vec<Timestamp>>,
    /// Every canary that was sent, with its time.
    pub canaries: Mutex<Vec<(Timestamp, CanaryLetter)>>,
    /// So many deliveries fail before one succeeds.
    pub deliveries_to_fail: AtomicUsize,
    calls: AtomicUsize,
    /// After so many calls of a port, `struck` is told.
    strike_at: AtomicUsize,
    pub struck: Notify,
}

pub(super) fn config() -> Config {
    let mut config = Config::default();
    let mx_host = |name: &str| serde_json::json!({ "name": name, "preference": 10 });
    let egress = |address: Ipv4Addr| serde_json::json!({ "address": address });
    config.gateway.mx_hosts = vec![serde_json::from_value(mx_host("mx1.gateway.example")).unwrap()];
    config.gateway.egress = EGRESS.iter().map(|a| serde_json::from_value(egress(*a)).unwrap()).collect();
    config.notify.smarthost = "smtp://127.0.0.1:1".to_owned();
    config.engine.auto_register = true;
    config.engine.poll_ms = 10;
    config
}

impl World {
    pub(super) fn new(clock: SharedClock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            routes: Mutex::default(),
            moved: Mutex::default(),
            letters: Mutex::default(),
            whole: Mutex::default(),
            instructions: Mutex::default(),
            reports: Mutex::default(),
            figures: Mutex::default(),
            left: Mutex::default(),
            route_log: Mutex::default(),
            egress: Mutex::new(EGRESS.map(IpAddr::from).to_vec()),
            shut_out: Mutex::default(),
            exchange: Mutex::new(vec!["mx1.gateway.example".to_owned()]),
            servers_refuse: AtomicBool::new(false),
            greylisting: Mutex::default(),
            tries: Mutex::default(),
            rounds: AtomicUsize::new(0),
            glances: AtomicUsize::new(0),
            asked: Mutex::default(),
            stale: Mutex::default(),
            delegated_away: AtomicBool::new(false),
            with_outsiders: Mutex::default(),
            from_egress: Mutex::default(),
            certificate_ends: Mutex::default(),
            next_refuses: AtomicBool::new(false),
            asks_strangers: AtomicBool::new(false),
            strangers: Mutex::default(),
            canaries: Mutex::default(),
            deliveries_to_fail: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            strike_at: AtomicUsize::new(usize::MAX),
            struck: Notify::new(),
        })
    }

    /// Tells `struck` after so many further calls.
    pub(super) fn strike_after(&self, calls: usize) {
        self.strike_at.store(self.calls.load(Ordering::SeqCst) + calls, Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        if self.calls.fetch_add(1, Ordering::SeqCst) + 1 == self.strike_at.load(Ordering::SeqCst) {
            self.struck.notify_one();
        }
        self.clock.now()
    }

    /// The MX of the domain, wherever it was moved.
    fn exchange(&self, domain: &DomainName) -> Vec<MxRecord> {
        let left = self.left.lock().unwrap().contains_key(domain);
        let ours = !left && self.moved.lock().unwrap().contains(domain);
        let names = if ours { self.exchange.lock().unwrap().clone() } else { vec!["mail.example.com".to_owned()] };
        names.into_iter().map(|exchange| MxRecord { preference: 10, exchange }).collect()
    }

    fn egress(&self) -> Vec<(VantageRole, IpAddr)> {
        self.egress.lock().unwrap().iter().map(|address| (VantageRole::Egress, *address)).collect()
    }

    /// As a server of the zone gives it, or as the world sees it.
    fn exchange_at(&self, domain: &DomainName, server: Option<SocketAddr>) -> Vec<MxRecord> {
        let one = |exchange: &str| vec![MxRecord { preference: 10, exchange: exchange.to_owned() }];
        if server.is_some() && server == *self.stale.lock().unwrap() {
            one("mail.example.com")
        } else if server.is_none() && self.delegated_away.load(Ordering::SeqCst) {
            one("mx.elsewhere.example")
        } else {
            self.exchange(domain)
        }
    }

    fn dialogue(&self, vantage: (VantageRole, IpAddr), host: &str, port: u16, rcpt: u16) -> SmtpDialogue {
        let stages = [
            (Stage::Banner, 220),
            (Stage::Ehlo, 250),
            (Stage::MailFrom, 250),
            (Stage::RcptTest, rcpt),
            (Stage::RcptPostmaster, rcpt),
            (Stage::Rset, 250),
            (Stage::Quit, 221),
        ];
        let record = |(stage, code)| {
            let reply = SmtpReply { code, enhanced: None, lines: vec!["as it is".to_owned()] };
            StageRecord { stage, elapsed_ms: 1, outcome: StageOutcome::Reply { reply } }
        };
        let shut_out = self.shut_out.lock().unwrap().contains(&vantage.1);
        let connect = match shut_out {
            true => ConnectOutcome::TimedOut { after_ms: 15_000 },
            false => ConnectOutcome::Connected { elapsed_ms: 1 },
        };
        let stages = stages.into_iter().filter(|_| !shut_out);
        SmtpDialogue {
            vantage: Vantage { id: format!("at-{}", vantage.1), role: vantage.0, address: Some(vantage.1) },
            host: host.to_owned(),
            peer: Some(SocketAddr::from(([203, 0, 113, 25], port))),
            port,
            standby: false,
            started_at: self.now(),
            connect,
            stages: stages.map(record).collect(),
            capabilities: Vec::new(),
            tls: None,
            proof: None,
            transcript: Vec::new(),
        }
    }

    fn with_servers(
        &self,
        task: &ServerTask,
        vantages: &[(VantageRole, IpAddr)],
        refuses: &AtomicBool,
    ) -> Vec<SmtpDialogue> {
        let rcpt = if refuses.load(Ordering::SeqCst) { 550 } else { 250 };
        let each = |server: &MailServer| {
            vantages.iter().map(|v| self.dialogue(*v, &server.host, server.port, rcpt)).collect::<Vec<_>>()
        };
        task.servers.iter().flat_map(each).collect()
    }
}

/// The servers of every zone are 1 and 2.
pub(super) fn name_server(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 53))
}

fn certificate(not_after: Timestamp) -> TlsFacts {
    let text = |text: &str| text.to_owned();
    TlsFacts {
        version: text("TLSv1.3"),
        cipher: text("TLS13_AES_128_GCM_SHA256"),
        subject: text("CN=mail.example.com"),
        names: vec![text("mail.example.com")],
        issuer: text("CN=root"),
        not_before: Timestamp::UNIX_EPOCH,
        not_after,
        name_matches: true,
        chain_error: None,
        chain: Vec::new(),
    }
}

fn outsider() -> (VantageRole, IpAddr) {
    (VantageRole::Outsider, IpAddr::from([192, 0, 2, 200]))
}

#[async_trait]
impl Observer for World {
    async fn mx_glance(&self, domain: &DomainName, server: Option<SocketAddr>) -> Option<Vec<MxRecord>> {
        self.glances.fetch_add(1, Ordering::SeqCst);
        self.asked.lock().unwrap().push(server);
        Some(self.exchange_at(domain, server))
    }

    async fn mx_round(&self, domain: &DomainName) -> DnsRound {
        self.rounds.fetch_add(1, Ordering::SeqCst);
        let now = self.now();
        tokio::task::yield_now().await;
        // Whole rounds find the servers to which the domain is delegated now.
        let away = self.delegated_away.load(Ordering::SeqCst);
        let answer = |last: u8| {
            let address = name_server(last);
            let records = self.exchange_at(domain, (!away).then_some(address));
            ServerAnswer {
                name: format!("ns{last}.dns.example"),
                address,
                in_parent: true,
                in_child: true,
                answer: DnsAnswer::Mx { records, ttl: 300 },
                elapsed_ms: 1,
                observed_at: now,
            }
        };
        DnsRound {
            domain: domain.clone(),
            started_at: now,
            finished_at: now,
            zone: Some(domain.clone()),
            servers: vec![answer(1), answer(2)],
            servers_without_address: Vec::new(),
            resolvers: Vec::new(),
            exchanges: Vec::new(),
            ns_ttl: Some(300),
            parents: Vec::new(),
            delegation_error: None,
        }
    }

    async fn firewall_from_egress(&self, task: &ServerTask) -> FirewallRound {
        self.from_egress.lock().unwrap().push(self.clock.now());
        FirewallRound {
            dialogues: self.with_servers(task, &self.egress(), &self.servers_refuse),
            reference: Vec::new(),
        }
    }

    async fn firewall(&self, task: &ServerTask) -> FirewallRound {
        self.with_outsiders.lock().unwrap().push(self.clock.now());
        tokio::task::yield_now().await;
        let mut vantages = self.egress();
        vantages.push(outsider());
        FirewallRound { dialogues: self.with_servers(task, &vantages, &self.servers_refuse), reference: Vec::new() }
    }

    async fn smtp(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        let mut dialogues = self.with_servers(task, &self.egress()[..1], &self.servers_refuse);
        for dialogue in &mut dialogues {
            dialogue.tls = self.certificate_ends.lock().unwrap().map(certificate);
            let tuple = format!("{} {} <> {}", dialogue.vantage.id, dialogue.host, task.test_mailbox);
            let mut tries = self.tries.lock().unwrap();
            tries.push((dialogue.started_at, tuple.clone()));
            let first = tries.iter().find(|(_, known)| *known == tuple).map_or(dialogue.started_at, |(at, _)| *at);
            let Some(delay) = *self.greylisting.lock().unwrap() else { continue };
            if dialogue.started_at.duration_since(first) < delay {
                for record in &mut dialogue.stages {
                    if matches!(record.stage, Stage::RcptTest | Stage::RcptPostmaster)
                        && let StageOutcome::Reply { reply } = &mut record.outcome
                    {
                        (reply.code, reply.lines) = (451, vec!["4.7.1 Greylisted, try again later".to_owned()]);
                    }
                }
            }
        }
        dialogues
    }

    async fn gateway(&self, domain: &DomainName, _test_mailbox: &str) -> Vec<SmtpDialogue> {
        let delivers = matches!(self.routes.lock().unwrap().get(domain), Some((RouteMode::Deliver, _)));
        vec![self.dialogue(outsider(), "mx1.gateway.example", 25, if delivers { 250 } else { 451 })]
    }

    async fn lint(&self, task: &ServerTask) -> LintObservation {
        let located = |s: &MailServer| (s.host.clone(), vec![IpAddr::from([203, 0, 113, 25])]);
        LintObservation {
            domain: task.domain.clone(),
            observed_at: self.now(),
            mta_sts: MtaStsObservation {
                record: TextLookup::Absent,
                policy: fencepost_checks::observation::lint::PolicyFetch::NotAsked,
            },
            spf: TextLookup::Absent,
            dmarc: TextLookup::Absent,
            own_servers: task.servers.iter().map(located).collect(),
            gateway_addresses: Vec::new(),
            tls_rpt: TextLookup::Absent,
            domain_connect: TextLookup::Absent,
            dnssec: DnssecObservation::default(),
            gateway_tlsa: Vec::new(),
            exchange_tlsa: Vec::new(),
            helo: Vec::new(),
            sender_test: None,
        }
    }

    async fn strangers(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        if !self.asks_strangers.load(Ordering::SeqCst) {
            return Vec::new();
        }
        self.strangers.lock().unwrap().push(self.clock.now());
        let mut seen = self.with_servers(task, &[outsider()], &self.servers_refuse);
        for dialogue in &mut seen {
            dialogue.stages.retain(|record| record.stage != Stage::RcptPostmaster);
            for record in dialogue.stages.iter_mut().filter(|record| record.stage == Stage::RcptTest) {
                record.stage = Stage::RcptForeign;
            }
        }
        seen
    }

    async fn canary(&self, letter: &CanaryLetter) -> SmtpDialogue {
        let mut sent = self.dialogue(outsider(), "mx1.gateway.example", 25, 250);
        self.canaries.lock().unwrap().push((sent.started_at, letter.clone()));
        sent.capabilities.push("DSN".to_owned());
        sent.stages.retain(|record| !matches!(record.stage, Stage::RcptPostmaster | Stage::Rset));
        let quit = sent.stages.pop();
        for (stage, code) in [(Stage::Data, 354), (Stage::Message, 250)] {
            let reply = SmtpReply { code, enhanced: None, lines: vec!["as it is".to_owned()] };
            sent.stages.push(StageRecord { stage, elapsed_ms: 1, outcome: StageOutcome::Reply { reply } });
        }
        sent.stages.extend(quit);
        sent
    }

    async fn next_destination(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        self.with_servers(task, &[outsider()], &self.next_refuses)
    }
}

#[async_trait]
impl Gateway for World {
    async fn apply(&self, desire: &RouteDesire) -> Result<(), GatewayError> {
        self.now();
        let mut routes = self.routes.lock().unwrap();
        let (mode, seen) = routes.entry(desire.domain.clone()).or_insert((desire.mode, desire.generation));
        if *seen > desire.generation {
            let (domain, ours, seen) = (desire.domain.clone(), desire.generation, *seen);
            return Err(GatewayError::Stale { domain, ours, seen });
        }
        self.route_log.lock().unwrap().push((self.clock.now(), desire.mode));
        (*mode, *seen) = (desire.mode, desire.generation);
        Ok(())
    }

    async fn observe(&self, domain: &DomainName) -> Result<Option<RouteMode>, GatewayError> {
        Ok(self.routes.lock().unwrap().get(domain).map(|(mode, _)| *mode))
    }

    async fn figures(&self, _task: &FiguresTask) -> Result<Option<Figures>, GatewayError> {
        // The first time it is asked for them, nobody has told it that there are any.
        let figures = self.figures.lock().unwrap().clone().filter(|_| !self.reports.lock().unwrap().is_empty());
        figures.map(Some).ok_or_else(|| GatewayError::Failed("out of order".to_owned()))
    }
}

#[async_trait]
impl Notifier for World {
    async fn deliver(&self, letter: &Letter) -> Result<String, NotifyError> {
        let now = self.now();
        tokio::task::yield_now().await;
        if now.as_microsecond() % 7 == 0 {
            return Err(NotifyError::Transient("451 try later".to_owned()));
        }
        let failing = self.deliveries_to_fail.load(Ordering::SeqCst);
        if failing > 0 {
            self.deliveries_to_fail.store(failing - 1, Ordering::SeqCst);
            return Err(NotifyError::Transient("451 try later".to_owned()));
        }
        self.letters.lock().unwrap().push((letter.dedupe_key.clone(), letter.notice.clone()));
        self.whole.lock().unwrap().push(letter.clone());
        if let Some(report) = &letter.report {
            self.reports.lock().unwrap().push((letter.to.clone(), Report::clone(report)));
        }
        if letter.notice == "firewall_instructions" {
            self.instructions.lock().unwrap().push(letter.egress.clone());
        }
        if letter.notice == "mx_change_may_be_relayed" {
            let status = letter.status.as_ref().unwrap();
            assert!(status.mx_change_permitted, "the letter is only sent while it is true");
            self.moved.lock().unwrap().insert(status.domain.clone());
        }
        if letter.notice == "move_away" {
            self.left.lock().unwrap().insert(letter.status.as_ref().unwrap().domain.clone(), now);
        }
        Ok("250 taken".to_owned())
    }
}
