//! What the engine sees of the simulated world: true answers, and now and then a time-out, half an
//! answer, or nothing because no vantage can try.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use async_trait::async_trait;
use fencepost::engine::ports::{CanaryLetter, FirewallRound, Observer, ServerTask};
use fencepost::lifecycle::connection::RouteMode;
use fencepost_checks::DomainName;
use fencepost_checks::observation::lint::{DnssecObservation, PolicyFetch};
use fencepost_checks::observation::smtp::StageOutcome;
use fencepost_checks::observation::{
    ConnectOutcome, DnsAnswer, DnsRound, LintObservation, MtaStsObservation, MxRecord, ServerAnswer, SmtpDialogue,
    SmtpReply, Stage, StageRecord, TextLookup, Vantage, VantageRole,
};

use super::world::{Mx, SECOND, State, World};

pub const EGRESS: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 51, 100, 10), Ipv4Addr::new(198, 51, 100, 11)];
pub const GATEWAY_MX: &str = "mx1.gateway.example";

#[derive(Debug, Clone, Copy)]
pub enum Look {
    Firewall = 0,
    Server = 1,
    Gateway = 2,
    Policies = 3,
}

/// How one connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    Well,
    Refused,
    Deferred,
    Silent,
    NotTried,
}

impl World {
    /// Time that a look takes; the node may die or freeze in the middle of it.
    async fn looks(&self) {
        let took = {
            let mut state = self.state();
            let took = if state.chance("slow look", 5) { 240 } else { 2 };
            state.between(1, took) * SECOND / 2
        };
        let until = self.state().now + took;
        self.state().pass(until);
        self.may_be_struck().await;
    }
}

fn seen(state: &mut State, domain: &DomainName, look: Look, passed: bool) {
    let now = state.shown().as_microsecond();
    if passed {
        state.site(domain).passed[look as usize] = Some(now);
    }
}

fn disturbed(state: &mut State, truth: Goes) -> Goes {
    if state.now < state.storm_until {
        Goes::NotTried
    } else if state.chance("time-out", 20) {
        Goes::Silent
    } else if state.chance("greylisted", 10) {
        Goes::Deferred
    } else {
        truth
    }
}

fn dialogue(state: &State, vantage: (VantageRole, IpAddr), host: &str, port: u16, goes: Goes) -> SmtpDialogue {
    let rcpt = match goes {
        Goes::Refused => 550,
        Goes::Deferred => 451,
        Goes::Well | Goes::Silent | Goes::NotTried => 250,
    };
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
    let (connect, stages) = match goes {
        Goes::Well | Goes::Refused | Goes::Deferred => {
            (ConnectOutcome::Connected { elapsed_ms: 1 }, stages.into_iter().map(record).collect())
        }
        Goes::Silent => (ConnectOutcome::TimedOut { after_ms: 10_000 }, Vec::new()),
        Goes::NotTried => (ConnectOutcome::VantageFault { detail: "no route".to_owned() }, Vec::new()),
    };
    SmtpDialogue {
        vantage: Vantage { id: format!("at-{}", vantage.1), role: vantage.0, address: Some(vantage.1) },
        host: host.to_owned(),
        peer: Some(SocketAddr::from(([203, 0, 113, 25], port))),
        port,
        standby: false,
        started_at: state.shown(),
        connect,
        stages,
        capabilities: Vec::new(),
        tls: None,
        proof: None,
        transcript: Vec::new(),
    }
}

fn egress() -> [(VantageRole, IpAddr); 2] {
    EGRESS.map(|address| (VantageRole::Egress, IpAddr::from(address)))
}

fn outsider() -> (VantageRole, IpAddr) {
    (VantageRole::Outsider, IpAddr::from([192, 0, 2, 200]))
}

#[async_trait]
impl Observer for World {
    async fn mx_round(&self, domain: &DomainName) -> DnsRound {
        self.looks().await;
        let mut state = self.state();
        let now = state.shown();
        let mx = state.site(domain).mx;
        let mut named_us = false;
        let mut answer = |last: u8| {
            let ours = mx == Mx::Ours || (mx == Mx::Half && last == 1);
            let exchange = match mx {
                _ if ours => GATEWAY_MX,
                Mx::Away => "mx.next.example",
                Mx::Old | Mx::Half | Mx::Ours => "mail.example.com",
            };
            let storm = state.now < state.storm_until;
            let silent = storm || state.chance("name server silent", 15);
            named_us |= ours && !silent;
            let records = vec![MxRecord { preference: 10, exchange: exchange.to_owned() }];
            let answer = if silent { DnsAnswer::TimedOut } else { DnsAnswer::Mx { records, ttl: 300 } };
            ServerAnswer {
                name: format!("ns{last}.dns.example"),
                address: SocketAddr::from(([192, 0, 2, last], 53)),
                in_parent: true,
                in_child: true,
                answer,
                elapsed_ms: 1,
                observed_at: now,
            }
        };
        let servers = vec![answer(1), answer(2)];
        state.site(domain).last_round_named_us = named_us;
        DnsRound {
            domain: domain.clone(),
            started_at: now,
            finished_at: now,
            zone: Some(domain.clone()),
            servers,
            servers_without_address: Vec::new(),
            resolvers: Vec::new(),
            exchanges: Vec::new(),
            ns_ttl: Some(300),
            parents: Vec::new(),
            delegation_error: None,
        }
    }

    async fn firewall(&self, task: &ServerTask) -> FirewallRound {
        self.looks().await;
        let mut state = self.state();
        let open = state.site(&task.domain).firewall_open;
        let mut dialogues = Vec::new();
        let mut passed = true;
        for server in &task.servers {
            for vantage in egress().into_iter().chain([outsider()]) {
                let ours = vantage.0 == VantageRole::Egress;
                let goes = disturbed(&mut state, if open || !ours { Goes::Well } else { Goes::Silent });
                passed &= !ours || matches!(goes, Goes::Well | Goes::Refused | Goes::Deferred);
                dialogues.push(dialogue(&state, vantage, &server.host, server.port, goes));
            }
        }
        seen(&mut state, &task.domain, Look::Firewall, passed);
        FirewallRound { dialogues, reference: Vec::new() }
    }

    async fn smtp(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        self.looks().await;
        let mut state = self.state();
        let site = state.site(&task.domain);
        let truth = match (site.firewall_open, site.server_works) {
            (false, _) => Goes::Silent,
            (true, true) => Goes::Well,
            (true, false) => Goes::Refused,
        };
        let mut dialogues = Vec::new();
        for server in &task.servers {
            let goes = disturbed(&mut state, truth);
            seen(&mut state, &task.domain, Look::Server, goes == Goes::Well);
            dialogues.push(dialogue(&state, egress()[0], &server.host, server.port, goes));
        }
        dialogues
    }

    async fn gateway(&self, domain: &DomainName, _test_mailbox: &str) -> Vec<SmtpDialogue> {
        self.looks().await;
        let mut state = self.state();
        let delivers = matches!(state.routes.get(domain), Some((RouteMode::Deliver, _)));
        let goes = disturbed(&mut state, if delivers { Goes::Well } else { Goes::Deferred });
        seen(&mut state, domain, Look::Gateway, goes == Goes::Well);
        vec![dialogue(&state, outsider(), GATEWAY_MX, 25, goes)]
    }

    async fn lint(&self, task: &ServerTask) -> LintObservation {
        self.looks().await;
        let mut state = self.state();
        seen(&mut state, &task.domain, Look::Policies, true);
        LintObservation {
            domain: task.domain.clone(),
            observed_at: state.shown(),
            mta_sts: MtaStsObservation { record: TextLookup::Absent, policy: PolicyFetch::NotAsked },
            spf: TextLookup::Absent,
            dmarc: TextLookup::Absent,
            own_servers: task.servers.iter().map(|s| (s.host.clone(), vec![[203, 0, 113, 25].into()])).collect(),
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

    /// The simulated installation sends none.
    async fn canary(&self, _letter: &CanaryLetter) -> SmtpDialogue {
        dialogue(&self.state(), outsider(), GATEWAY_MX, 25, Goes::NotTried)
    }

    async fn next_destination(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        self.looks().await;
        let mut state = self.state();
        let goes = disturbed(&mut state, Goes::Well);
        task.servers.iter().map(|server| dialogue(&state, outsider(), &server.host, server.port, goes)).collect()
    }
}
