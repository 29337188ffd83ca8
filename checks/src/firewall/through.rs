//! The gateway gets through: whether outsiders do too, and what that means now and once the old path
//! is no longer needed. Lock-down is claimed only where a reply or a silence proves it.

use std::net::IpAddr;

use jiff::Timestamp;

use super::FirewallContext;
use super::cell::Outside;
use super::row::{Cell, Judged, Row};
use super::words::{addresses, ids, list};
use crate::observation::SmtpReply;
use crate::observation::smtp::{SmtpDialogue, Stage};
use crate::smtp::dialogue::{connect_words, from, reply, say};
use crate::smtp::meaning::{self, Meaning};
use crate::{Actor, Code, Finding, Severity, Verdict};

impl Row<'_> {
    /// Every egress address got a greeting; what outsiders met decides about the lock-down.
    pub(super) fn open(&self, good: &[&Cell<'_>], context: &FirewallContext) -> Judged {
        let through = addresses(good);
        let mut findings = vec![
            self.finding(Code::FwPass, Severity::Info)
                .detail(&format!(
                    "{} greets every gateway address that applies: {through}.{}",
                    self.server,
                    not_applicable(&self.not_applicable(context))
                ))
                .remedy(Actor::Nobody, "Nothing to do. Leave the port open for everybody else too until you are told that the old path may be closed.")
                .seen_by(ids(good)),
        ];
        findings.extend(good.iter().filter_map(|c| slow_down(c.seen, self)).next());
        let mut verdict = Verdict::Pass;
        if let Some((outside, seen)) = self.outside(context) {
            let found = self.lockdown(&outside, seen, context);
            if found.as_ref().is_some_and(|f| f.severity == Severity::Blocking) {
                verdict = Verdict::Fail;
            }
            findings.extend(found);
        }
        findings.extend(self.listed_outsider(context));
        (verdict, findings)
    }

    fn lockdown(&self, outside: &Outside<'_>, seen: &SmtpDialogue, context: &FirewallContext) -> Option<Finding> {
        let drained = context.old_path_drained;
        let id = [seen.vantage.id.as_str()];
        match outside {
            Outside::Dropped | Outside::Refused if !drained && context.own_server_in_mx => Some(
                self.finding(Code::FwClosedTooEarly, Severity::Blocking)
                    .detail(&format!(
                        "The MX of {} still names {}, but a connection from {}, which is not the gateway, {}. Other senders \
                         cannot deliver: mail is being delayed or lost now.",
                        context.domain,
                        self.server,
                        from(seen),
                        connect_words(&seen.connect)
                    ))
                    .remedy(
                        Actor::Customer,
                        &format!(
                            "Open TCP port {} of {} for everybody again at once, and keep it open until you are told that the \
                             old path may be closed.",
                            self.port,
                            self.host()
                        ),
                    )
                    .seen_by(id),
            ),
            Outside::Dropped | Outside::Refused => Some(
                self.finding(Code::FwLockdownVerified, Severity::Info)
                    .detail(&format!(
                        "A connection from {}, which is not the gateway, {}.",
                        from(seen),
                        connect_words(&seen.connect)
                    ))
                    .remedy(Actor::Nobody, "Nothing to do: only the gateway gets in.")
                    .seen_by(id),
            ),
            Outside::Rejected(r) => Some(self.application(r, seen, context)),
            Outside::Accepted => Some(
                self.finding(Code::FwOpenWorld, if drained { Severity::Warning } else { Severity::Info })
                    .detail(&format!("{} accepts mail for {} from {}, which is not the gateway.", self.server, context.domain, from(seen)))
                    .remedy(
                        if drained { Actor::Customer } else { Actor::Nobody },
                        &if drained {
                            format!(
                                "Close TCP port {} of {} for everybody but the gateway's addresses {}: otherwise spammers go past the filter.",
                                self.port,
                                self.host(),
                                list(&context.asked().collect::<Vec<_>>())
                            )
                        } else {
                            "Nothing to do yet, this is as it should be before the change. You will be told when the port may be closed.".to_owned()
                        },
                    )
                    .seen_by(id),
            ),
            Outside::Spoke | Outside::Listed => None,
        }
    }

    fn application(&self, r: &SmtpReply, seen: &SmtpDialogue, context: &FirewallContext) -> Finding {
        let too_early = context.own_server_in_mx && !context.old_path_drained;
        let proof = match meaning::of(r) {
            Some(Meaning::LockedDown(platform)) => {
                format!(" This is how {} says that only the listed gateway may deliver.", platform.name())
            }
            _ => String::new(),
        };
        self.finding(Code::FwLockdownApplication, if too_early { Severity::Warning } else { Severity::Info })
            .detail(&format!(
                "{} lets {} connect, which is not the gateway, and refuses its mail: {}.{proof}",
                self.server,
                from(seen),
                say(r)
            ))
            .remedy(
                if too_early { Actor::Customer } else { Actor::Nobody },
                if too_early {
                    "The MX still names this server. See whether it refuses other senders too, or only our test: until the MX \
                     has moved it must accept mail from everybody."
                } else {
                    "Nothing to do: only the gateway may deliver."
                },
            )
            .seen_by([seen.vantage.id.as_str()])
    }

    pub(super) fn hosted(&self, context: &FirewallContext) -> Judged {
        let proof = self.outside(context).and_then(|(o, seen)| match o {
            Outside::Rejected(r) => Some(self.application(r, seen, context)),
            _ => None,
        });
        let finding = proof.unwrap_or_else(|| unverifiable(&self.server, self.observed_at()));
        (Verdict::Pass, vec![finding])
    }

    /// Egress addresses of a family in which the server has no address.
    fn not_applicable(&self, context: &FirewallContext) -> Vec<IpAddr> {
        let peers = self.peers();
        let lacks = |a: &&IpAddr| !peers.is_empty() && peers.iter().all(|p| p.is_ipv4() != a.is_ipv4());
        context.egress.iter().filter(lacks).copied().collect()
    }

    /// An outsider on a block list is refused for what it is: that proves no lock-down.
    fn listed_outsider(&self, context: &FirewallContext) -> Option<Finding> {
        let (_, seen) = self.outsiders(context).find(|(o, _)| *o == Outside::Listed)?;
        Some(
            self.finding(Code::VantageFault, Severity::Info)
                .detail(&format!(
                    "{} refuses {}, which is not the gateway, because of a block list. That says nothing about the firewall.",
                    self.server,
                    from(seen)
                ))
                .remedy(
                    Actor::Vendor,
                    "Nothing for the customer to do: the operator of fencepost has this address of the tests taken off the block list.",
                )
                .seen_by([seen.vantage.id.as_str()]),
        )
    }
}

fn not_applicable(which: &[IpAddr]) -> String {
    match which.first() {
        None => String::new(),
        Some(one) => {
            let family = if one.is_ipv4() { "IPv4" } else { "IPv6" };
            format!(
                " The server has no {family} address, so {} {} not apply.",
                list(which),
                if which.len() == 1 { "does" } else { "do" }
            )
        }
    }
}

/// A hosted platform: honestly nothing to verify.
pub(super) fn unverifiable(subject: &str, at: Timestamp) -> Finding {
    Finding::new(Code::FwUnverifiable, Severity::Info, subject, at)
        .detail("The mailboxes are with a hosted platform: there is no firewall of the customer's that could be tested.")
        .remedy(
            Actor::Nobody,
            "Nothing to do now. After the change, a rule of the platform can be set that accepts mail from the gateway only.",
        )
}

fn slow_down(d: &SmtpDialogue, row: &Row<'_>) -> Option<Finding> {
    let r = reply(d, Stage::Banner).filter(|r| r.code == 421)?;
    Some(
        row.finding(Code::SmtpRateLimited, Severity::Warning)
            .detail(&format!("{} greeted {} with {}.", row.server, from(d), say(r)))
            .remedy(Actor::Customer, "The firewall is open. Raise the server's limit of connections for the gateway's addresses if this stays.")
            .seen_by([d.vantage.id.as_str()]),
    )
}
