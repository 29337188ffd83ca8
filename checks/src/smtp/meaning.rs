//! What a refusal means beyond its digits: replies of large platforms and of block lists that say why.
//! Known wordings only; what is not recognised keeps the meaning of its code.

use crate::observation::SmtpReply;

/// Why a server refuses, where its reply says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The platform takes mail for this domain from its gateway only.
    LockedDown(Platform),
    /// The address that asked is on a block list.
    Blocklisted,
    /// Too much at once; also the 4.7.5xx and 4.7.6xx of Microsoft 365.
    Throttled,
    /// The mailbox or the domain is not known there: says nothing about who may send.
    UnknownMailbox,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    Microsoft365,
    Google,
}

/// What a remedy adds where a reply quotes a block list.
pub(crate) const ALARM: &str = " Alarm: the reply speaks of a block list. The operator of fencepost has to look into that, \
    too: an address of the gateway that is listed is refused by others as well.";

impl Platform {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Microsoft365 => "Microsoft 365",
            Self::Google => "Google Workspace",
        }
    }

    /// Where the platform keeps the list of addresses that may deliver.
    pub(crate) const fn setting(self) -> &'static str {
        match self {
            Self::Microsoft365 => {
                "in the Exchange admin center under Mail flow, Connectors, in the partner connector for incoming mail"
            }
            Self::Google => "in the Google Admin console under Apps, Google Workspace, Gmail, Spam, Inbound gateway",
        }
    }
}

/// Words of block lists, whole words only: "unlisted" and "marble" are none.
const LISTS: &[&str] = &[
    "spamhaus",
    "spamcop",
    "barracudacentral",
    "sorbs",
    "dnsbl",
    "rbl",
    "blocklist",
    "blocklisted",
    "blacklist",
    "blacklisted",
    "denylist",
    "listed",
];

/// Phrases that say the same.
const LIST_PHRASES: &[&str] =
    &["block list", "black list", "banned sending ip", "not authorized to send email directly to our servers"];

const UNKNOWN: &[&str] = &[
    "user unknown",
    "unknown user",
    "no such user",
    "no such recipient",
    "unknown recipient",
    "recipient unknown",
    "unknown mailbox",
    "mailbox not found",
    "does not exist",
    "no mailbox here",
    "recipient not found",
];

/// The meaning of a reply, `None` where its code says all.
pub(crate) fn of(reply: &SmtpReply) -> Option<Meaning> {
    let text = reply.lines.join(" ").to_ascii_lowercase();
    let status = enhanced(reply, &text);
    let status = status.as_deref().unwrap_or_default();
    let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
    if status == "5.7.51" || has(&["tenantinboundattribution"]) {
        return Some(Meaning::LockedDown(Platform::Microsoft365));
    }
    if has(&["ip not in whitelist for rcpt domain", "ip not in allowlist for rcpt domain"]) {
        return Some(Meaning::LockedDown(Platform::Google));
    }
    // A positive reply is free to greet with any words.
    if reply.code < 400 {
        return None;
    }
    let banned = detail(status, "5.7.").is_some_and(|n| (606..=649).contains(&n));
    if banned || has(LIST_PHRASES) || text.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| LISTS.contains(&w)) {
        return Some(Meaning::Blocklisted);
    }
    if status.starts_with("5.1.") || status == "5.4.1" || (reply.code >= 500 && has(UNKNOWN)) {
        return Some(Meaning::UnknownMailbox);
    }
    let busy = detail(status, "4.7.").is_some_and(|n| (500..=699).contains(&n));
    let throttled = reply.code == 421 || busy || has(&["too many", "rate limit", "server busy"]);
    (reply.code < 500 && throttled).then_some(Meaning::Throttled)
}

/// The enhanced code, also where it stands in the first line only.
fn enhanced(reply: &SmtpReply, text: &str) -> Option<String> {
    reply.enhanced.clone().or_else(|| {
        let code = reply.code.to_string();
        let bare = text.strip_prefix(code.as_str()).map_or(text, |rest| rest.trim_start_matches(['-', ' ']));
        let first = bare.split_whitespace().next()?;
        let parts: Vec<&str> = first.split('.').collect();
        let numeric = parts.len() == 3 && parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
        numeric.then(|| first.to_owned())
    })
}

fn detail(status: &str, subject: &str) -> Option<u16> {
    status.strip_prefix(subject)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: u16, line: &str) -> Option<Meaning> {
        of(&SmtpReply { code, enhanced: None, lines: vec![line.to_owned()] })
    }

    #[test]
    fn platforms_and_lists_are_known_by_their_words() {
        let locked = |p| Some(Meaning::LockedDown(p));
        assert_eq!(said(550, "5.7.51 TenantInboundAttribution; There is a partner"), locked(Platform::Microsoft365));
        assert_eq!(said(421, "4.7.0 IP not in whitelist for RCPT domain, closing"), locked(Platform::Google));
        assert_eq!(said(550, "5.7.606 Access denied, banned sending IP [192.0.2.1]"), Some(Meaning::Blocklisted));
        assert_eq!(said(554, "Your host is listed at bl.example"), Some(Meaning::Blocklisted));
        assert_eq!(said(550, "5.4.1 Recipient address rejected: Access denied"), Some(Meaning::UnknownMailbox));
        assert_eq!(said(451, "4.7.500 Server busy. Please try again later"), Some(Meaning::Throttled));
    }

    #[test]
    fn other_words_mean_nothing() {
        assert_eq!(said(550, "5.7.1 an unlisted marble was unlisted"), None);
        assert_eq!(said(220, "mail.example.com, spamhaus protected"), None);
        assert_eq!(said(550, "5.7.64 TenantAttribution; Relay Access Denied"), None);
        assert_eq!(said(250, ""), None);
    }
}
