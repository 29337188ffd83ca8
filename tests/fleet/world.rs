//! What the nodes see and touch, kept in a database of its own so that it outlives each of them:
//! customers whose servers work, a gateway that remembers generations, partners who move the MX when
//! the letter says so, and a mailbox that keeps every delivery.

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
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

pub const EGRESS: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 51, 100, 10), Ipv4Addr::new(198, 51, 100, 11)];

pub const TABLES: &str = "CREATE TABLE letter (key text, notice text, customer text);
    CREATE TABLE route (domain text PRIMARY KEY, mode text, generation bigint);
    CREATE TABLE moved (domain text PRIMARY KEY);";

pub struct World {
    clock: SharedClock,
    db: PgPool,
}

impl World {
    pub async fn open(url: &str, clock: SharedClock) -> Self {
        let db = PgPoolOptions::new().max_connections(6).connect(url).await.unwrap();
        Self { clock, db }
    }

    /// Every delivery: its key, what it says, and to whose customer.
    pub async fn letters(&self) -> Vec<(String, String, String)> {
        sqlx::query_as("SELECT key, notice, customer FROM letter").fetch_all(&self.db).await.unwrap()
    }

    async fn moved(&self, domain: &DomainName) -> bool {
        let sql = "SELECT EXISTS (SELECT 1 FROM moved WHERE domain = $1)";
        sqlx::query_scalar(sql).bind(domain.as_str()).fetch_one(&self.db).await.unwrap()
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
        let exchange = if self.moved(domain).await { "mx1.gateway.example" } else { "mail.example.com" };
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

    async fn gateway(&self, domain: &DomainName, _test_mailbox: &str) -> Vec<SmtpDialogue> {
        let mode = self.observe(domain).await.unwrap();
        let rcpt = if mode == Some(RouteMode::Deliver) { 250 } else { 451 };
        vec![self.dialogue(outsider(), "mx1.gateway.example", 25, rcpt)]
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
            helo: Vec::new(),
            sender_test: None,
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
    async fn apply(&self, desire: &RouteDesire) -> Result<(), GatewayError> {
        let taken = sqlx::query(
            "INSERT INTO route AS r VALUES ($1, $2, $3) ON CONFLICT (domain) DO UPDATE SET mode = excluded.mode, \
             generation = excluded.generation WHERE r.generation <= excluded.generation",
        )
        .bind(desire.domain.as_str())
        .bind(serde_json::to_string(&desire.mode).unwrap())
        .bind(i64::try_from(desire.generation).unwrap())
        .execute(&self.db)
        .await
        .unwrap();
        if taken.rows_affected() == 0 {
            let (domain, ours) = (desire.domain.clone(), desire.generation);
            return Err(GatewayError::Stale { domain, ours, seen: ours + 1 });
        }
        Ok(())
    }

    async fn observe(&self, domain: &DomainName) -> Result<Option<RouteMode>, GatewayError> {
        let mode: Option<String> = sqlx::query_scalar("SELECT mode FROM route WHERE domain = $1")
            .bind(domain.as_str())
            .fetch_optional(&self.db)
            .await
            .unwrap();
        Ok(mode.map(|mode| serde_json::from_str(&mode).unwrap()))
    }
}

#[async_trait]
impl Notifier for World {
    async fn deliver(&self, letter: &Letter) -> Result<String, NotifyError> {
        let mut transaction = self.db.begin().await.unwrap();
        sqlx::query("INSERT INTO letter VALUES ($1, $2, $3)")
            .bind(&letter.dedupe_key)
            .bind(&letter.notice)
            .bind(&letter.customer_name)
            .execute(&mut *transaction)
            .await
            .unwrap();
        if letter.notice == "mx_change_may_be_relayed" {
            let status = letter.status.as_ref().unwrap();
            assert!(status.mx_change_permitted, "the letter is only sent while it is true");
            sqlx::query("INSERT INTO moved VALUES ($1) ON CONFLICT DO NOTHING")
                .bind(status.domain.as_str())
                .execute(&mut *transaction)
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
        Ok("250 taken".to_owned())
    }
}
