//! One SMTP dialogue from one vantage with one address, stage by stage, with its transcript.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Vantage;

/// How far a dialogue goes, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Resolve,
    Connect,
    Banner,
    Ehlo,
    Starttls,
    Certificate,
    EhloTls,
    MailFrom,
    /// RCPT of the order's test mailbox.
    RcptTest,
    /// RCPT of `postmaster@domain`.
    RcptPostmaster,
    /// RCPT of a mailbox of the domain that cannot exist (where somebody asked for that test only).
    RcptRandom,
    /// RCPT of a mailbox in a foreign domain: of the gateway's hosts, and of own servers where somebody
    /// asked for that test.
    RcptForeign,
    Rset,
    /// DATA, of a canary only.
    Data,
    /// The message of a canary, up to the reply to its end.
    Message,
    Quit,
}

/// A dialogue as it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpDialogue {
    pub vantage: Vantage,
    /// The host as the order or the configuration names it.
    pub host: String,
    /// The pinned address that was connected to, where it got that far.
    pub peer: Option<SocketAddr>,
    pub port: u16,
    /// A standby server: its failures only warn.
    #[serde(default)]
    pub standby: bool,
    pub started_at: Timestamp,
    pub connect: ConnectOutcome,
    /// Stages in the order they were reached, the last one being where it ended.
    pub stages: Vec<StageRecord>,
    /// EHLO keywords in upper case as last announced, for example `STARTTLS`, `SIZE 10240000`.
    #[serde(default)]
    pub capabilities: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFacts>,
    /// What our own reference server said of the vantage around that time; `None` where there is no
    /// reference server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Wire lines, control bytes escaped, bounded: `C: ` ours, `S: ` theirs, `* ` remarks.
    pub transcript: Vec<String>,
}

/// A vantage at our own reference server, which says from where it sees the connection come. Behind
/// NAT that is not the address that the vantage has itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub at: Timestamp,
    /// `None`: the reference server was not reached, or said nothing of the kind.
    pub outside: Option<IpAddr>,
    /// Why there is no address; empty where there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What became of the TCP connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ConnectOutcome {
    Connected {
        elapsed_ms: u32,
    },
    TimedOut {
        after_ms: u32,
    },
    Refused,
    /// ICMP administratively prohibited (a rule says no).
    Prohibited,
    /// ICMP host or network unreachable.
    Unreachable {
        detail: String,
    },
    /// The host has no address, or the name does not exist.
    Unresolvable {
        detail: String,
    },
    /// The destination guard refused the address (private, loopback, …).
    BlockedTarget {
        detail: String,
    },
    /// Our own side could not even try.
    VantageFault {
        detail: String,
    },
}

/// One stage: what came back, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRecord {
    pub stage: Stage,
    pub elapsed_ms: u32,
    pub outcome: StageOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StageOutcome {
    Reply {
        reply: SmtpReply,
    },
    /// The stage was passed without a reply of its own (certificate seen, for example).
    Done,
    /// Resolving or connecting came to nothing; [`SmtpDialogue::connect`] says what kind of nothing.
    Failed {
        detail: String,
    },
    /// The other side closed or reset the connection.
    Closed,
    TimedOut {
        after_ms: u32,
    },
    /// Bytes that are no SMTP reply, or more of them than is allowed.
    Protocol {
        detail: String,
        /// Whether it began like an SMTP reply all the same.
        #[serde(default)]
        smtp: bool,
    },
    /// The TLS handshake failed.
    TlsFailed {
        detail: String,
    },
    /// Plain text followed the 220 of STARTTLS: command injection, the dialogue was aborted.
    TlsInjection,
}

/// An SMTP reply (RFC 5321 §4.2), bounded and with control bytes escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpReply {
    pub code: u16,
    /// Enhanced status code (RFC 3463) where one stands at the beginning, such as `5.7.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enhanced: Option<String>,
    pub lines: Vec<String>,
}

/// What the TLS session showed. Certificates are judged, never trusted silently: the handshake
/// itself accepts any certificate, so that a bad one can be described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    pub cipher: String,
    pub subject: String,
    /// DNS names of the subject alternative names.
    pub names: Vec<String>,
    pub issuer: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// Whether a name matches the host that was asked for (RFC 6125).
    pub name_matches: bool,
    /// Why the chain does not lead to a trusted root, `None` where it does.
    pub chain_error: Option<String>,
    /// Digests of the certificates as presented, the server's first; taken where TLSA records are to
    /// be compared with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<CertificateDigests>,
}

/// What TLSA records are compared with (RFC 6698 §2.1), in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateDigests {
    pub certificate_sha256: String,
    pub certificate_sha512: String,
    /// Of the SubjectPublicKeyInfo.
    pub key_sha256: String,
    pub key_sha512: String,
}
