//! The stages of one dialogue, in the order of RFC 5321 and RFC 3207. Each is timed and recorded, one
//! command is under way at a time, and nothing follows RCPT but RSET and QUIT:
//! a probe leaves no mail. Only a canary does, and only where its delivery can be reported.

use std::net::SocketAddr;
use std::time::Duration;

use async_smtp::commands::{MailCommand, QuitCommand, RcptCommand, RsetCommand, StarttlsCommand};
use async_smtp::extension::ClientId;
use async_smtp::{EmailAddress, SmtpClient, SmtpTransport};
use fencepost_checks::DomainName;
use fencepost_checks::observation::smtp::StageOutcome;
use fencepost_checks::observation::{ConnectOutcome, SmtpDialogue, Stage, StageRecord, Vantage};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::connect::{Source, connect};
use super::guard::{Guard, handshake};
use super::intake::Fault;
use super::letter::Letter;
use super::side::Side;
use crate::clock::SharedClock;
use crate::probe::tls::Trust;
use crate::probe::{escape, millis_since};

/// For the 221 after QUIT.
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long each part may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) connect: Duration,
    pub(crate) banner: Duration,
    pub(crate) stage: Duration,
    pub(crate) total: Duration,
}

/// How far the dialogue goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The whole banner, then QUIT.
    Banner,
    /// Everything, with these recipients.
    Recipients(Vec<(Stage, Mailbox)>),
    /// A message with a notice of its delivery, where that is offered.
    Message(Box<Letter>),
}

/// An address that may stand in RCPT: made by [`Mailbox::parse`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mailbox(EmailAddress);

/// What to do with one peer.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) vantage: Vantage,
    pub(crate) source: Source,
    /// As ordered or configured; the certificate is compared with it.
    pub(crate) host: String,
    /// Checked by the destination guard.
    pub(crate) peer: SocketAddr,
    pub(crate) standby: bool,
    pub(crate) ehlo_name: DomainName,
    pub(crate) depth: Depth,
    /// In MAIL; `None` is the empty sender `<>`, which never causes a bounce.
    pub(crate) sender: Option<Mailbox>,
    /// Whether digests of the certificates are taken, to compare TLSA records with.
    pub(crate) digests: bool,
    pub(crate) times: Times,
}

/// Carries out the plan. A handshake that fails is followed by one more connection without STARTTLS,
/// as mail servers do.
pub(crate) async fn talk(plan: &Plan, trust: &Trust, clock: &SharedClock) -> SmtpDialogue {
    let mut seen = SmtpDialogue {
        vantage: plan.vantage.clone(),
        host: plan.host.clone(),
        peer: Some(plan.peer),
        port: plan.peer.port(),
        standby: plan.standby,
        started_at: clock.now(),
        connect: ConnectOutcome::Refused,
        stages: Vec::new(),
        capabilities: Vec::new(),
        tls: None,
        proof: None,
        transcript: Vec::new(),
    };
    let overall = Instant::now() + plan.times.total;
    let wait = plan.times.connect.min(plan.times.total);
    let (outcome, socket) = reach(plan, wait, &mut seen).await;
    seen.connect = outcome;
    let Some(socket) = socket else { return seen };
    if let Next::AgainInPlain = visit(plan, Some(trust), socket, overall, &mut seen).await
        && let (_, Some(socket)) = reach(plan, wait, &mut seen).await
    {
        seen.transcript.push("* connected again, without STARTTLS".to_owned());
        visit(plan, None, socket, overall, &mut seen).await;
    }
    seen
}

/// Connects, as a stage with a time of its own.
async fn reach(plan: &Plan, wait: Duration, seen: &mut SmtpDialogue) -> (ConnectOutcome, Option<TcpStream>) {
    let begun = Instant::now();
    let (outcome, socket) = connect(plan.source, plan.peer, wait).await;
    let stage = match &outcome {
        ConnectOutcome::Connected { .. } => StageOutcome::Done,
        ConnectOutcome::TimedOut { after_ms } => StageOutcome::TimedOut { after_ms: *after_ms },
        ConnectOutcome::Refused => StageOutcome::Failed { detail: "refused".to_owned() },
        ConnectOutcome::Prohibited => StageOutcome::Failed { detail: "administratively prohibited".to_owned() },
        ConnectOutcome::Unreachable { detail }
        | ConnectOutcome::Unresolvable { detail }
        | ConnectOutcome::BlockedTarget { detail }
        | ConnectOutcome::VantageFault { detail } => StageOutcome::Failed { detail: escape::text(detail, 300) },
    };
    seen.stages.push(StageRecord { stage: Stage::Connect, elapsed_ms: millis_since(begun), outcome: stage });
    (outcome, socket)
}

#[derive(PartialEq, Eq)]
enum Next {
    Over,
    AgainInPlain,
}

/// One connection; `trust` is `None` when STARTTLS shall not be used.
async fn visit(
    plan: &Plan,
    trust: Option<&Trust>,
    socket: TcpStream,
    overall: Instant,
    seen: &mut SmtpDialogue,
) -> Next {
    let side = Side::new(Guard::new(socket, overall));
    let mut visit = Visit { plan, side, seen };
    let next = match visit.run(trust).await {
        Ok(()) => Next::Over,
        Err(Broken::Here) => Next::Over,
        Err(Broken::Handshake) => Next::AgainInPlain,
    };
    let transcript = visit.side.guard().transcript.take();
    seen.transcript.extend(transcript);
    next
}

/// The connection cannot be used any more.
enum Broken {
    Here,
    Handshake,
}

type Transport = SmtpTransport<Side>;

struct Visit<'a> {
    plan: &'a Plan,
    side: Side,
    seen: &'a mut SmtpDialogue,
}

impl Visit<'_> {
    async fn run(&mut self, trust: Option<&Trust>) -> Result<(), Broken> {
        let greeted = self.banner().await? == 220;
        if !greeted || self.plan.depth == Depth::Banner {
            return self.quit_bare().await;
        }
        let Some(mut transport) = self.hello(Stage::Ehlo).await? else { return self.quit_bare().await };
        if let Some(trust) = trust
            && self.seen.capabilities.iter().any(|c| c == "STARTTLS")
            && self.starttls(&mut transport, trust).await?
        {
            match self.hello(Stage::EhloTls).await? {
                Some(encrypted) => transport = encrypted,
                None => return self.quit_bare().await,
            }
        }
        match &self.plan.depth {
            Depth::Banner => {}
            Depth::Recipients(recipients) => self.ask_for(&mut transport, recipients).await?,
            Depth::Message(letter) => self.hand_over(&mut transport, letter).await?,
        }
        self.begin(QUIT_TIMEOUT.min(self.plan.times.stage));
        let _ = transport.get_mut().command(QuitCommand).await;
        self.replied(Stage::Quit).map(drop)
    }

    /// One transaction for one test, and RSET after each: a mailbox that cannot exist is a test of its own.
    async fn ask_for(&mut self, transport: &mut Transport, recipients: &[(Stage, Mailbox)]) -> Result<(), Broken> {
        for test in recipients.chunk_by(|(stage, _), _| *stage != Stage::RcptRandom) {
            self.begin(self.plan.times.stage);
            let sender = self.plan.sender.as_ref().map(|mailbox| mailbox.0.clone());
            let _ = transport.get_mut().command(MailCommand::new(sender, Vec::new())).await;
            if !is_positive(self.replied(Stage::MailFrom)?) {
                return Ok(());
            }
            for (stage, mailbox) in test {
                self.begin(self.plan.times.stage);
                let _ = transport.get_mut().command(RcptCommand::new(mailbox.0.clone(), Vec::new())).await;
                self.replied(*stage)?;
            }
            self.begin(self.plan.times.stage);
            let _ = transport.get_mut().command(RsetCommand).await;
            self.replied(Stage::Rset)?;
        }
        Ok(())
    }

    /// Sends nothing where no notice would come back.
    async fn hand_over(&mut self, transport: &mut Transport, letter: &Letter) -> Result<(), Broken> {
        let offers = self.seen.capabilities.iter().any(|c| c == "DSN" || c.starts_with("DSN "));
        let Some(sender) = self.plan.sender.as_ref().filter(|_| offers) else { return Ok(()) };
        for (stage, command) in
            [(Stage::MailFrom, letter.mail(sender)), (Stage::RcptTest, letter.rcpt()), (Stage::Data, "DATA".to_owned())]
        {
            self.begin(self.plan.times.stage);
            let _ = transport.get_mut().command(format!("{command}\r\n")).await;
            let code = self.replied(stage)?;
            if stage == Stage::Data && code != 354 || stage != Stage::Data && !is_positive(code) {
                return Ok(());
            }
        }
        self.begin(self.plan.times.stage);
        self.side.guard().load(letter);
        if self.side.flush().await.is_ok() {
            let length = self.side.fill_buf().await.map(<[u8]>::len).unwrap_or_default();
            self.side.consume(length);
        }
        self.replied(Stage::Message).map(drop)
    }

    /// Silent until the last line of the banner.
    async fn banner(&mut self) -> Result<u16, Broken> {
        self.begin(self.plan.times.banner);
        let length = self.side.fill_buf().await.map(<[u8]>::len).unwrap_or_default();
        self.side.consume(length);
        self.replied(Stage::Banner)
    }

    /// EHLO, and HELO for a server that does not know it; `None` when it takes neither.
    async fn hello(&mut self, stage: Stage) -> Result<Option<Transport>, Broken> {
        for helo in [false, true] {
            self.begin(self.plan.times.stage);
            self.side.guard().helo = helo;
            // A name, not an address, so the parser's own formatting never comes into play.
            let client = SmtpClient::new()
                .hello_name(ClientId::new(self.plan.ehlo_name.as_str().to_owned()))
                .pipelining(false)
                .without_greeting();
            let transport = SmtpTransport::new(client, self.side.clone()).await;
            let code = self.replied(stage)?;
            self.seen.capabilities = if helo { Vec::new() } else { self.announced() };
            match transport {
                Ok(transport) if is_positive(code) => return Ok(Some(transport)),
                // Only "not implemented" and its like mean an old server; 550 and 4xx are decisions.
                _ if matches!(code, 500..=504) => {}
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Whether the session is encrypted now.
    async fn starttls(&mut self, transport: &mut Transport, trust: &Trust) -> Result<bool, Broken> {
        self.begin(self.plan.times.stage);
        let _ = transport.get_mut().command(StarttlsCommand).await;
        if self.replied(Stage::Starttls)? != 220 {
            return Ok(false);
        }
        if self.side.guard().has_plain_text() {
            self.record(Stage::Starttls, StageOutcome::TlsInjection);
            self.side.guard().transcript.remark("plain text after the reply to STARTTLS: stopped");
            return Err(Broken::Here);
        }
        self.begin(self.plan.times.stage);
        match self.encrypt(trust).await {
            Ok(()) => {
                self.record(Stage::Certificate, StageOutcome::Done);
                Ok(true)
            }
            Err(detail) => {
                self.side.guard().transcript.remark(&format!("TLS handshake failed: {detail}"));
                self.record(Stage::Certificate, StageOutcome::TlsFailed { detail: escape::text(&detail, 300) });
                Err(Broken::Handshake)
            }
        }
    }

    async fn encrypt(&mut self, trust: &Trust) -> Result<(), String> {
        let name = ServerName::try_from(self.plan.host.trim_end_matches('.').to_owned())
            .unwrap_or_else(|_| ServerName::IpAddress(self.plan.peer.ip().into()));
        let (config, recorder) = trust.recording();
        let taken = self.side.guard().take_socket();
        let (socket, deadline) = taken.ok_or_else(|| "the connection is gone".to_owned())?;
        let stream = handshake(socket, deadline, config, name).await?;
        self.seen.tls = recorder.facts(stream.get_ref().1, self.plan.digests);
        if let Some(tls) = &self.seen.tls {
            self.side.guard().transcript.remark(&format!("TLS: {} {}, {}", tls.version, tls.cipher, tls.subject));
        }
        self.side.guard().put_tls(stream);
        Ok(())
    }

    /// QUIT where the parser has no session, because it takes only those with a good EHLO.
    async fn quit_bare(&mut self) -> Result<(), Broken> {
        self.begin(QUIT_TIMEOUT.min(self.plan.times.stage));
        if self.side.write_all(b"QUIT\r\n").await.is_ok() && self.side.flush().await.is_ok() {
            let length = self.side.fill_buf().await.map(<[u8]>::len).unwrap_or_default();
            self.side.consume(length);
        }
        self.replied(Stage::Quit).map(drop)
    }

    fn begin(&mut self, limit: Duration) {
        self.side.guard().begin(limit);
    }

    /// Records what the stage came to; the code of the reply, if the connection can still be used.
    fn replied(&mut self, stage: Stage) -> Result<u16, Broken> {
        let (reply, fault) = {
            let mut guard = self.side.guard();
            (guard.take_reply(), guard.fault())
        };
        match (reply, fault) {
            (Some(reply), _) => {
                let code = reply.code;
                self.record(stage, StageOutcome::Reply { reply });
                // The server is leaving (RFC 5321 §3.8); anything more would only annoy it.
                if code == 421 { Err(Broken::Here) } else { Ok(code) }
            }
            // Only the first reading shows what became of the handshake at the other side: a demand for
            // a client certificate, for example. Mail servers then try without TLS, too.
            (None, Some(Fault::Tls(detail))) if stage == Stage::EhloTls => {
                self.record(stage, StageOutcome::TlsFailed { detail: escape::text(&detail, 300) });
                Err(Broken::Handshake)
            }
            (None, fault) => {
                self.record(stage, outcome(fault));
                Err(Broken::Here)
            }
        }
    }

    fn record(&mut self, stage: Stage, outcome: StageOutcome) {
        let elapsed_ms = millis_since(self.side.guard().begun());
        self.seen.stages.push(StageRecord { stage, elapsed_ms, outcome });
    }

    /// EHLO keywords of the reply recorded last; its first line is the server's name.
    fn announced(&self) -> Vec<String> {
        match self.seen.stages.last() {
            Some(StageRecord { outcome: StageOutcome::Reply { reply }, .. }) if is_positive(reply.code) => {
                reply.lines.iter().skip(1).map(|line| line.trim().to_ascii_uppercase()).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn is_positive(code: u16) -> bool {
    (200..300).contains(&code)
}

fn outcome(fault: Option<Fault>) -> StageOutcome {
    match fault {
        Some(Fault::Closed) => StageOutcome::Closed,
        Some(Fault::TimedOut { after }) => {
            StageOutcome::TimedOut { after_ms: u32::try_from(after.as_millis()).unwrap_or(u32::MAX) }
        }
        Some(Fault::Protocol { detail, smtp }) => StageOutcome::Protocol { detail, smtp },
        Some(Fault::Tls(detail)) => StageOutcome::Protocol {
            detail: format!("the encrypted session was broken ({})", escape::text(&detail, 200)),
            smtp: true,
        },
        None => StageOutcome::Protocol { detail: "the reply could not be read".to_owned(), smtp: true },
    }
}

impl Mailbox {
    /// A local part of plain atoms (RFC 5321 §4.1.2 dot-string) and a domain.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let domain = DomainName::parse(domain).ok()?;
        let atom = |a: &str| {
            !a.is_empty() && a.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
        };
        if local.len() > 64 || !local.split('.').all(atom) {
            return None;
        }
        EmailAddress::new(format!("{local}@{domain}")).ok().map(Self)
    }

    /// `postmaster` of a domain, which every mail domain has (RFC 5321 §4.5.1).
    pub(crate) fn postmaster(domain: &DomainName) -> Option<Self> {
        Self::parse(&format!("postmaster@{domain}"))
    }
}

impl std::fmt::Display for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_mailboxes_reach_the_wire() {
        for bad in [
            "",
            "a",
            "@b.example",
            "a@",
            "a b@c.example",
            "a\r\nDATA@c.example",
            "a>@c.example",
            "\"a\"@c.example",
            "a..b@c.example",
            "ä@c.example",
            "a@c.example\r\nX",
        ] {
            assert!(Mailbox::parse(bad).is_none(), "{bad:?}");
        }
        assert!(
            Mailbox::parse("first.last+tag@Bücher.example")
                .is_some_and(|m| m.0.to_string() == "first.last+tag@xn--bcher-kva.example")
        );
    }
}
