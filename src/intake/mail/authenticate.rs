//! DKIM (RFC 6376), SPF (RFC 7208) and DMARC of a message, with the records that were seen. The resolver
//! is an argument, so that a laboratory can be asked instead of the world.

use std::net::SocketAddr;
use std::time::Duration;

use fencepost_checks::escape::clean;
use mail_auth::common::verify::VerifySignature;
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcResult, MessageAuthenticator, SpfOutput, SpfResult,
};

use super::read::MAX_SIGNATURES;
use crate::engine::ports::Envelope;
use crate::proposal::{Authenticity, DkimVerdict, DmarcVerdict, SpfVerdict, Verdict};

/// For one message, all questions together.
const DEADLINE: Duration = Duration::from_secs(25);
/// For one question.
const PATIENCE: Duration = Duration::from_secs(4);
/// Bytes of a record that are kept.
const MAX_RECORD: usize = 4_096;

/// There is nobody to ask.
#[derive(Debug, thiserror::Error)]
#[error("no resolver for DKIM, SPF and DMARC (intake.mail.resolvers): {0}")]
pub struct ResolverError(String);

pub(super) struct Authenticator(MessageAuthenticator);

impl Authenticator {
    pub(super) fn new(resolvers: &[SocketAddr]) -> Result<Self, ResolverError> {
        let failed = |error: &dyn std::fmt::Display| ResolverError(error.to_string());
        let built = if resolvers.is_empty() {
            MessageAuthenticator::new_system_conf()
        } else {
            let servers = resolvers.iter().map(server).collect();
            let mut options = ResolverOpts::default();
            options.timeout = PATIENCE;
            options.attempts = 2;
            MessageAuthenticator::new(ResolverConfig::from_parts(None, Vec::new(), servers), options)
        };
        built.map(Self).map_err(|error| failed(&error))
    }

    pub(super) async fn authenticate(&self, raw: &[u8], envelope: &Envelope) -> Authenticity {
        tokio::time::timeout(DEADLINE, self.verify(raw, envelope)).await.unwrap_or_else(|_| Authenticity {
            dmarc: DmarcVerdict { result: Verdict::TempError, ..DmarcVerdict::default() },
            ..Authenticity::default()
        })
    }

    async fn verify(&self, raw: &[u8], envelope: &Envelope) -> Authenticity {
        let Some(message) = AuthenticatedMessage::parse(raw) else { return Authenticity::default() };
        let signatures =
            message.raw_parsed_headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"dkim-signature"));
        // Each costs questions to whomever it names.
        if signatures.count() > MAX_SIGNATURES {
            return Authenticity::default();
        }
        let signed = self.0.verify_dkim(&message).await;
        let mut dkim = Vec::with_capacity(signed.len());
        for output in &signed {
            dkim.push(self.signature(output).await);
        }
        let (spf, output) = self.sending_server(envelope).await;
        let from_envelope =
            envelope.sender.as_deref().and_then(|sender| sender.rsplit_once('@')).map_or("", |(_, domain)| domain);
        let parameters = DmarcParameters::new(&message, &signed, from_envelope, &output);
        let output = self.0.verify_dmarc(parameters).await;
        let policy = match output.policy() {
            Policy::None => "none",
            Policy::Quarantine => "quarantine",
            Policy::Reject => "reject",
            Policy::Unspecified => "unspecified",
        };
        let dmarc = DmarcVerdict {
            result: match output.result() {
                DmarcResult::Pass => Verdict::Pass,
                DmarcResult::Fail(_) => Verdict::Fail,
                DmarcResult::TempError(_) => Verdict::TempError,
                DmarcResult::PermError(_) => Verdict::PermError,
                DmarcResult::None => Verdict::None,
            },
            domain: name(output.domain()),
            policy: output.dmarc_record().map(|_| policy.to_owned()),
        };
        Authenticity { dkim, spf, dmarc }
    }

    async fn signature(&self, output: &DkimOutput<'_>) -> DkimVerdict {
        let (result, detail) = match output.result() {
            DkimResult::Pass => (Verdict::Pass, None),
            DkimResult::Fail(error) => (Verdict::Fail, Some(error)),
            DkimResult::Neutral(error) => (Verdict::Neutral, Some(error)),
            DkimResult::PermError(error) => (Verdict::PermError, Some(error)),
            DkimResult::TempError(error) => (Verdict::TempError, Some(error)),
            DkimResult::None => (Verdict::None, None),
        };
        let detail = detail.map(|error| clean(&error.to_string(), 200));
        let Some(signature) = output.signature() else {
            return DkimVerdict { result, detail, ..DkimVerdict::default() };
        };
        // Asked a moment ago: this is what the verdict rests on.
        let key = self.record(signature.domain_key()).await;
        DkimVerdict {
            result,
            domain: name(&signature.d),
            selector: clean(&signature.s, 253),
            signed: signature.h.iter().take(100).map(|header| clean(header, 80).to_lowercase()).collect(),
            key,
            detail,
        }
    }

    async fn sending_server(&self, envelope: &Envelope) -> (SpfVerdict, SpfOutput) {
        let sender = envelope.sender.as_deref().unwrap_or_default();
        let domain = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
        let (Some(client), false) = (envelope.client, domain.is_empty()) else {
            return (SpfVerdict::default(), SpfOutput::new(String::new()));
        };
        let helo = envelope.helo.as_deref().unwrap_or(domain);
        let output = self.0.verify_spf(SpfParameters::verify_mail_from(client, helo, "fencepost", sender)).await;
        let result = match output.result() {
            SpfResult::Pass => Verdict::Pass,
            SpfResult::Fail => Verdict::Fail,
            SpfResult::SoftFail => Verdict::SoftFail,
            SpfResult::Neutral => Verdict::Neutral,
            SpfResult::TempError => Verdict::TempError,
            SpfResult::PermError => Verdict::PermError,
            SpfResult::None => Verdict::None,
        };
        let record = self.record(format!("{domain}.")).await;
        (SpfVerdict { result, domain: name(domain), client: Some(client), record }, output)
    }

    async fn record(&self, name: String) -> Option<String> {
        let record = self.0.txt_raw_lookup(name).await.ok().filter(|record| !record.is_empty())?;
        Some(clean(&String::from_utf8_lossy(&record), MAX_RECORD))
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let mut udp = ConnectionConfig::udp();
    let mut tcp = ConnectionConfig::tcp();
    udp.port = address.port();
    tcp.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}

fn name(domain: &str) -> String {
    clean(domain.trim_end_matches('.'), 253).to_lowercase()
}
