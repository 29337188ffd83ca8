//! What the nodes see: customers whose servers work, a gateway that takes every route, and partners who have
//! moved the MX three hours after the beginning. It remembers nothing, so that it costs nearly nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use async_trait::async_trait;
use fencepost::clock::SharedClock;
use fencepost::engine::ports::{
    CanaryLetter, FirewallRound, Gateway, GatewayError, Letter, Notifier, NotifyError, Observer, RouteDesire,
    ServerTask,
};
use fencepost::lifecycle::connection::RouteMode;
use fencepost::order::MailServer;
use fencepost_checks::DomainName;
use fencepost_checks::observation::lint::{DnssecObservation, PolicyFetch};
use fencepost_checks::observation::smtp::StageOutcome;
use fencepost_checks::observation::{
    ConnectOutcome, DnsAnswer, DnsRound, LintObservation, MtaStsObservation, MxRecord, ServerAnswer, SmtpDialogue,
    SmtpReply, Stage, StageRecord, TextLookup, Vantage, VantageRole,
};
use jiff::Timestamp;

pub const EGRESS: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 51, 100, 10), Ipv4Addr::new(198, 51, 100, 11)];

pub struct World {
    pub clock: SharedClock,
    /// From then on every MX names the gateway.
    pub moved_at: Timestamp,
}

impl World {
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
        SmtpDialogue {
            vantage: Vantage { id: format!("at-{}", vantage.1), role: vantage.0, address: Some(vantage.1) },
            host: host.to_owned(),
            peer: Some(SocketAddr::from(([203, 0, 113, 25], port))),
            port,
            standby: false,
            started_at: self.clock.now(),
            connect: ConnectOutcome::Connected { elapsed_ms: 1 },
            stages: stages.into_iter().map(record).collect(),
            capabilities: Vec::new(),
            tls: None,
            proof: None,
            transcript: Vec::new(),
        }
    }

    fn with_servers(&self, task: &ServerTask, vantages: &[(VantageRole, IpAddr)]) -> Vec<SmtpDialogue> {
        let each = |server: &MailServer| {
            vantages.iter().map(|v| self.dialogue(*v, &server.host, server.port, 250)).collect::<Vec<_>>()
        };
        task.servers.iter().flat_map(each).collect()
    }
}

fn egress() -> Vec<(VantageRole, IpAddr)> {
    EGRESS.iter().map(|address| (VantageRole::Egress, IpAddr::from(*address))).collect()
}

fn outsider() -> (VantageRole, IpAddr) {
    (VantageRole::Outsider, IpAddr::from([192, 0, 2, 200]))
}

#[async_trait]
impl Observer for World {
    async fn mx_round(&self, domain: &DomainName) -> DnsRound {
        let now = self.clock.now();
        let exchange = if self.clock.now() >= self.moved_at { "mx1.gateway.example" } else { "mail.example.com" };
        let answer = |last: u8| ServerAnswer {
            name: format!("ns{last}.dns.example"),
            address: SocketAddr::from(([192, 0, 2, last], 53)),
            in_parent: true,
            in_child: true,
            answer: DnsAnswer::Mx {
                records: vec![MxRecord { preference: 10, exchange: exchange.to_owned() }],
                ttl: 300,
            },
            elapsed_ms: 1,
            observed_at: now,
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

    async fn firewall(&self, task: &ServerTask) -> FirewallRound {
        let mut vantages = egress();
        vantages.push(outsider());
        FirewallRound { dialogues: self.with_servers(task, &vantages), reference: Vec::new() }
    }

    async fn smtp(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        self.with_servers(task, &egress()[..1])
    }

    async fn gateway(&self, _domain: &DomainName, _test_mailbox: &str) -> Vec<SmtpDialogue> {
        vec![self.dialogue(outsider(), "mx1.gateway.example", 25, 250)]
    }

    async fn lint(&self, task: &ServerTask) -> LintObservation {
        let located = |s: &MailServer| (s.host.clone(), vec![IpAddr::from([203, 0, 113, 25])]);
        LintObservation {
            domain: task.domain.clone(),
            observed_at: self.clock.now(),
            mta_sts: MtaStsObservation { record: TextLookup::Absent, policy: PolicyFetch::NotAsked },
            spf: TextLookup::Absent,
            dmarc: TextLookup::Absent,
            own_servers: task.servers.iter().map(located).collect(),
            gateway_addresses: Vec::new(),
            tls_rpt: TextLookup::Absent,
            domain_connect: TextLookup::Absent,
            dnssec: DnssecObservation::default(),
            gateway_tlsa: Vec::new(),
            exchange_tlsa: Vec::new(),
            sender_test: None,
            helo: Vec::new(),
        }
    }

    async fn canary(&self, _letter: &CanaryLetter) -> SmtpDialogue {
        self.dialogue(outsider(), "mx1.gateway.example", 25, 250)
    }

    async fn next_destination(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        self.with_servers(task, &[outsider()])
    }
}

#[async_trait]
impl Gateway for World {
    async fn apply(&self, _desire: &RouteDesire) -> Result<(), GatewayError> {
        Ok(())
    }

    async fn observe(&self, _domain: &DomainName) -> Result<Option<RouteMode>, GatewayError> {
        Ok(Some(RouteMode::Deliver))
    }
}

#[async_trait]
impl Notifier for World {
    async fn deliver(&self, _letter: &Letter) -> Result<String, NotifyError> {
        Ok("250 taken".to_owned())
    }
}
