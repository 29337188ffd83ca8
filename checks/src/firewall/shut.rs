//! The gateway does not get through, or not from everywhere: which of the table's findings it is, and
//! exactly which addresses are missing where. A time-out alone never becomes a definite finding.

use std::net::IpAddr;

use super::FirewallContext;
use super::cell::{Met, Outside};
use super::row::{Cell, Judged, Outsider, Row};
use super::words::{addresses, ids, list, outside_words};
use crate::observation::smtp::{ConnectOutcome, Stage};
use crate::smtp::dialogue::{from, reply};
use crate::smtp::meaning::{self, Meaning};
use crate::{Actor, Code, Finding, Severity, Verdict};

/// Reasons of vantages that are told.
const MAX_FAULTS: usize = 3;

impl Row<'_> {
    /// The server has addresses only of a family in which the gateway has none: no mail can go there.
    pub(super) fn no_common_family(&self, context: &FirewallContext) -> Option<Judged> {
        let peers = self.peers();
        let first = peers.first()?;
        let apart = |a: &IpAddr| peers.iter().all(|p| p.is_ipv4() != a.is_ipv4());
        if context.egress.is_empty() || !context.egress.iter().all(apart) {
            return None;
        }
        let (theirs, ours) = if first.is_ipv4() { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
        Some(fail(
            self.finding(Code::FwNoCommonFamily, Severity::Blocking)
                .detail(&format!(
                    "{} has only {theirs} addresses ({}), the gateway delivers only over {ours} ({}).",
                    self.server,
                    list(&peers.iter().copied().collect::<Vec<_>>()),
                    list(&context.egress)
                ))
                .remedy(
                    Actor::Customer,
                    &format!(
                        "Give the server an {ours} address too: set an {} record for its name.",
                        if first.is_ipv4() { "AAAA" } else { "A" }
                    ),
                ),
        ))
    }

    pub(super) fn blocked_target(&self, cell: &Cell<'_>) -> Judged {
        fail(self.finding(Code::BlockedTarget, Severity::Blocking).detail(&self.met_words(&[cell])).remedy(
            Actor::Desk,
            &format!("Give another server or address: {} must be reachable from the internet.", self.server),
        ))
    }

    /// One address of several is never probed: told, because mail servers try it too.
    pub(super) fn blocked_beside(&self, cell: &Cell<'_>) -> Finding {
        let address = cell.to().map_or_else(|| "the address".to_owned(), |a| a.to_string());
        self.finding(Code::BlockedTarget, Severity::Warning).detail(&self.met_words(&[cell])).remedy(
            Actor::Customer,
            &format!(
                "Take {address} out of the DNS name of {}: the gateway may try it and waits in vain.",
                self.server
            ),
        )
    }

    pub(super) fn partial(&self, bad: &[&Cell<'_>], good: &[&Cell<'_>]) -> Judged {
        if bad.iter().all(|c| c.met == Met::PolicyReject) {
            return self.policy(bad);
        }
        fail(
            self.finding(Code::FwPartial, Severity::Blocking)
                .detail(&format!("{} lets {} in. {}", self.server, addresses(good), self.met_words(bad)))
                .remedy(Actor::Customer, &format!("{}{}", self.allow(bad), unused(bad, good)))
                .allow(self.missing(bad))
                .seen_by(ids(bad)),
        )
    }

    /// No egress address got a greeting.
    pub(super) fn none_through(&self, bad: &[&Cell<'_>], context: &FirewallContext) -> Judged {
        let any = |m: Met| bad.iter().any(|c| c.met == m);
        let outside = self.outside(context);
        let others_in = outside.as_ref().is_some_and(|(o, _)| o.got_banner());
        if any(Met::PolicyReject) {
            return self.policy(bad);
        }
        if any(Met::Prohibited) {
            return self.shut(Code::FwProhibited, bad, outside.as_ref());
        }
        if any(Met::NoBanner) {
            return self.no_banner(bad, others_in);
        }
        let refused = any(Met::Refused);
        if others_in {
            // Linux tells "prohibited" of IPv4 as "unreachable"; where others reach the same host at the
            // same time, whoever answered so has a rule against us.
            let answered = bad.iter().any(|c| matches!(c.seen.connect, ConnectOutcome::Unreachable { .. }));
            let code = match (refused, answered) {
                (true, _) => Code::FwRejected,
                (false, true) => Code::FwProhibited,
                (false, false) => Code::FwInverted,
            };
            return self.shut(code, bad, outside.as_ref());
        }
        match (refused, &outside) {
            (true, Some((Outside::Dropped, _))) => self.down(Code::FwServiceDown, bad, outside.as_ref()),
            (true, _) => self.down(Code::FwRejectOrDown, bad, outside.as_ref()),
            (false, _) => self.indeterminate(bad, outside.as_ref()),
        }
    }

    /// A rule keeps the gateway out.
    fn shut(&self, code: Code, bad: &[&Cell<'_>], outside: Option<&Outsider<'_>>) -> Judged {
        let hint = match code {
            Code::FwInverted => {
                " Look also into block lists, country filters and intrusion prevention: others get through."
            }
            _ => "",
        };
        fail(
            self.finding(code, Severity::Blocking)
                .detail(&format!("{}{}", self.met_words(bad), outside_words(outside)))
                .remedy(Actor::Customer, &format!("{}{hint}", self.allow(bad)))
                .allow(self.missing(bad))
                .seen_by(ids(bad)),
        )
    }

    fn down(&self, code: Code, bad: &[&Cell<'_>], outside: Option<&Outsider<'_>>) -> Judged {
        let remedy = if code == Code::FwServiceDown {
            format!(
                "Start the mail service on {}: the firewall is open for the gateway, but nothing listens on TCP port {}.",
                self.server, self.port
            )
        } else {
            format!(
                "See whether the mail service on {} runs and listens on TCP port {}. If it does, a rule refuses everybody: {}",
                self.server,
                self.port,
                self.allow(bad)
            )
        };
        let allow = if code == Code::FwServiceDown { None } else { self.missing(bad) };
        fail(
            self.finding(code, Severity::Blocking)
                .detail(&format!("{}{}", self.met_words(bad), outside_words(outside)))
                .remedy(Actor::Customer, &remedy)
                .allow(allow)
                .seen_by(ids(bad)),
        )
    }

    fn indeterminate(&self, bad: &[&Cell<'_>], outside: Option<&Outsider<'_>>) -> Judged {
        let tries: Vec<String> = bad
            .iter()
            .take(8)
            .map(|c| {
                let to = c.seen.peer.map_or_else(|| self.server.clone(), |p| p.to_string());
                format!("{} to {to} at {}", from(c.seen), c.seen.started_at.strftime("%Y-%m-%d %H:%M:%S UTC"))
            })
            .collect();
        (
            Verdict::Inconclusive,
            vec![
                self.finding(Code::FwIndeterminate, Severity::Warning)
                    .detail(&format!("{}{}", self.met_words(bad), outside_words(outside)))
                    .remedy(
                        Actor::Customer,
                        &format!(
                            "See whether the server runs, and look in the firewall's log for these connections to TCP port {}: {}. \
                             If they are dropped there: {}",
                            self.port,
                            tries.join("; "),
                            self.allow(bad)
                        ),
                    )
                    .allow(self.missing(bad))
                    .seen_by(ids(bad)),
            ],
        )
    }

    fn no_banner(&self, bad: &[&Cell<'_>], others_in: bool) -> Judged {
        // Compared with an outsider that is greeted it is a fact; alone it may be a slow server.
        let (verdict, severity) =
            if others_in { (Verdict::Fail, Severity::Blocking) } else { (Verdict::Inconclusive, Severity::Warning) };
        let compared = if others_in { " Others are greeted." } else { "" };
        (
            verdict,
            vec![
                self.finding(Code::SmtpNoBanner, severity)
                    .detail(&format!("{}{compared}", self.met_words(bad)))
                    .remedy(
                        Actor::Customer,
                        &format!(
                            "The port is open, but no SMTP greeting (220) comes. See whether the mail service on {} hangs, and \
                             whether a proxy or an intrusion prevention in front of it holds back connections from {}.",
                            self.server,
                            addresses(bad)
                        ),
                    )
                    .seen_by(ids(bad)),
            ],
        )
    }

    fn policy(&self, bad: &[&Cell<'_>]) -> Judged {
        let from = addresses(bad);
        let listed = bad
            .iter()
            .filter_map(|c| reply(c.seen, Stage::Banner))
            .any(|r| meaning::of(r) == Some(Meaning::Blocklisted));
        let (who, alarm) = if listed { (Actor::Vendor, meaning::ALARM) } else { (Actor::Customer, "") };
        fail(
            self.finding(Code::SmtpPolicyReject, Severity::Blocking)
                .detail(&self.met_words(bad))
                .remedy(
                    who,
                    &format!(
                        "The firewall is open, but the mail server refuses to talk. Allow {from} in the mail server's own access \
                         rules, and take these addresses out of every block-list check.{alarm}"
                    ),
                )
                .seen_by(ids(bad)),
        )
    }

    pub(super) fn unresolvable(&self, cell: &Cell<'_>) -> Judged {
        let sure = matches!(&cell.seen.connect, ConnectOutcome::Unresolvable { detail } if !crate::smtp::looks_temporary(detail));
        let finding = self
            .finding(Code::SmtpUnresolvable, if sure { Severity::Blocking } else { Severity::Warning })
            .detail(&self.met_words(&[cell]))
            .remedy(
                Actor::Customer,
                &format!(
                    "Give {} an A or AAAA record, or correct the name of the server where it was given to us.",
                    self.host()
                ),
            );
        (if sure { Verdict::Fail } else { Verdict::Inconclusive }, vec![finding])
    }

    pub(super) fn not_seen(&self, unseen: &[IpAddr]) -> Judged {
        let which = if unseen.is_empty() { "any gateway address".to_owned() } else { list(unseen) };
        (
            Verdict::Inconclusive,
            vec![
                self.finding(Code::VantageFault, Severity::Warning)
                    .detail(&format!("{} could not be tested from {which}, for a reason on our side{}.", self.server, self.faults()))
                    .remedy(Actor::Vendor, "Nothing for the customer to do: the operator of fencepost makes these source addresses usable for probes."),
            ],
        )
    }

    /// What was wrong with the vantages themselves, for the operator.
    fn faults(&self) -> String {
        let mut reasons: Vec<&str> = Vec::new();
        for dialogue in self.by_egress() {
            if let ConnectOutcome::VantageFault { detail } = &dialogue.connect
                && !reasons.contains(&detail.as_str())
            {
                reasons.push(detail);
            }
        }
        reasons.truncate(MAX_FAULTS);
        if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) }
    }
}

/// Where nobody of the gateway gets in at one address of the server, that address may be left over.
fn unused(bad: &[&Cell<'_>], good: &[&Cell<'_>]) -> String {
    let mut shut: Vec<IpAddr> = bad.iter().filter_map(|c| c.to()).collect();
    shut.retain(|p| !good.iter().any(|c| c.to() == Some(*p)));
    shut.sort_unstable();
    shut.dedup();
    if shut.is_empty() {
        return String::new();
    }
    format!(" If the mail server does not use {}, take it out of the DNS name of the server instead.", list(&shut))
}

fn fail(finding: Finding) -> Judged {
    (Verdict::Fail, vec![finding])
}
