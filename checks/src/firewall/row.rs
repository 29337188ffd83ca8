//! One row of the matrix: an own server as every vantage met it, and the finding that follows. The
//! order of the cases is that of the table: who got through, then what outsiders met.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;

use super::FirewallContext;
use super::cell::{Met, Outside, met, outside};
use crate::observation::VantageRole;
use crate::observation::smtp::{ConnectOutcome, SmtpDialogue, Stage};
use crate::smtp::dialogue::{connect_words, from, reply, say, server};
use crate::{Actor, Code, Finding, Severity, Verdict, escape, when};

/// A server with everything that was seen of it.
pub(super) struct Row<'a> {
    pub(super) standby: bool,
    server: String,
    port: u16,
    dialogues: Vec<&'a SmtpDialogue>,
}

/// One egress address and one address of the server: the best of its tries.
struct Cell<'a> {
    egress: Option<IpAddr>,
    met: Met,
    seen: &'a SmtpDialogue,
}

type Judged = (Verdict, Vec<Finding>);

impl<'a> Row<'a> {
    pub(super) fn all(dialogues: &'a [SmtpDialogue]) -> Vec<Self> {
        let mut rows: Vec<Self> = Vec::new();
        for d in dialogues {
            let name = server(d);
            match rows.iter_mut().find(|r| r.server == name) {
                Some(row) => {
                    row.standby &= d.standby;
                    row.dialogues.push(d);
                }
                None => rows.push(Self { standby: d.standby, server: name, port: d.port, dialogues: vec![d] }),
            }
        }
        rows
    }

    pub(super) fn judge(&self, context: &FirewallContext) -> Judged {
        if context.hosted {
            return self.hosted(context);
        }
        let cells = self.cells();
        let is = |m: Met| cells.iter().filter(move |c| c.met == m);
        if let Some(c) = is(Met::BlockedTarget).next() {
            return fail(self.finding(Code::BlockedTarget, Severity::Blocking).detail(&self.met_words(&[c])).remedy(
                Actor::Desk,
                &format!(
                    "Correct the order: {} must have an address that is reachable from the internet.",
                    self.server
                ),
            ));
        }
        if let Some(c) = is(Met::Unresolvable).next() {
            return self.unresolvable(c);
        }
        let bad: Vec<&Cell<'_>> = cells.iter().filter(|c| !matches!(c.met, Met::Banner | Met::Fault)).collect();
        let good: Vec<&Cell<'_>> = is(Met::Banner).collect();
        match (good.is_empty(), bad.is_empty()) {
            (false, false) => self.partial(&bad, &good),
            (true, false) => self.none_through(&bad, context),
            (_, true) => {
                let unseen = self.unseen(&cells, context);
                if good.is_empty() || !unseen.is_empty() { self.not_seen(&unseen) } else { self.open(&good, context) }
            }
        }
    }

    fn cells(&self) -> Vec<Cell<'a>> {
        let mut best: BTreeMap<(String, Option<IpAddr>), Cell<'a>> = BTreeMap::new();
        for seen in self.dialogues.iter().copied().filter(|d| d.vantage.role == VantageRole::Egress) {
            let met = met(seen);
            let cell = Cell { egress: seen.vantage.address, met, seen };
            let key = (from(seen), seen.peer.map(|p| p.ip()));
            match best.get_mut(&key) {
                Some(known) if known.met <= met => {}
                Some(known) => *known = cell,
                None => {
                    best.insert(key, cell);
                }
            }
        }
        best.into_values().collect()
    }

    /// Egress addresses from which nothing was learnt, among those that share a family with the server.
    fn unseen(&self, cells: &[Cell<'_>], context: &FirewallContext) -> Vec<IpAddr> {
        let peers: Vec<IpAddr> = self.dialogues.iter().filter_map(|d| d.peer).map(|p| p.ip()).collect();
        let applies = |a: &&IpAddr| peers.is_empty() || peers.iter().any(|p| p.is_ipv4() == a.is_ipv4());
        let seen = |a: &&IpAddr| cells.iter().any(|c| c.met != Met::Fault && c.egress == Some(**a));
        context.egress.iter().filter(applies).filter(|a| !seen(a)).copied().collect()
    }

    /// What the outsiders that count met: the most open of it.
    fn outside(&self, context: &FirewallContext) -> Option<(Outside<'a>, &'a SmtpDialogue)> {
        self.dialogues
            .iter()
            .copied()
            .filter(|d| d.vantage.role == VantageRole::Outsider && !context.unsound.contains(&d.vantage.id))
            .filter_map(|d| Some((outside(d)?, d)))
            .min_by_key(|(o, _)| o.rank())
    }

    /// Every egress address got a greeting; what outsiders met decides about the lock-down.
    fn open(&self, good: &[&Cell<'_>], context: &FirewallContext) -> Judged {
        let through = addresses(good);
        let mut findings = vec![
            self.finding(Code::FwPass, Severity::Info)
                .detail(&format!("{} greets every gateway address that applies: {through}.", self.server))
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
                            self.port, self.server
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
                                self.server,
                                list(&context.egress)
                            )
                        } else {
                            "Nothing to do yet, this is as it should be before the change. You will be told when the port may be closed.".to_owned()
                        },
                    )
                    .seen_by(id),
            ),
            Outside::Spoke => None,
        }
    }

    fn application(
        &self,
        r: &crate::observation::SmtpReply,
        seen: &SmtpDialogue,
        context: &FirewallContext,
    ) -> Finding {
        let too_early = context.own_server_in_mx && !context.old_path_drained;
        self.finding(Code::FwLockdownApplication, if too_early { Severity::Warning } else { Severity::Info })
            .detail(&format!(
                "{} lets {} connect, which is not the gateway, and refuses its mail: {}.",
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

    fn partial(&self, bad: &[&Cell<'_>], good: &[&Cell<'_>]) -> Judged {
        if bad.iter().all(|c| c.met == Met::PolicyReject) {
            return self.policy(bad);
        }
        let missing = addresses(bad);
        fail(
            self.finding(Code::FwPartial, Severity::Blocking)
                .detail(&format!("{} lets {} in. {}", self.server, addresses(good), self.met_words(bad)))
                .remedy(Actor::Customer, &self.allow(&missing))
                .seen_by(ids(bad)),
        )
    }

    /// No egress address got a greeting.
    fn none_through(&self, bad: &[&Cell<'_>], context: &FirewallContext) -> Judged {
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
            return self.shut(if refused { Code::FwRejected } else { Code::FwInverted }, bad, outside.as_ref());
        }
        match (refused, &outside) {
            (true, Some((Outside::Dropped, _))) => self.down(Code::FwServiceDown, bad, outside.as_ref()),
            (true, _) => self.down(Code::FwRejectOrDown, bad, outside.as_ref()),
            (false, _) => self.indeterminate(bad, outside.as_ref()),
        }
    }

    /// A rule keeps the gateway out.
    fn shut(&self, code: Code, bad: &[&Cell<'_>], outside: Option<&(Outside<'_>, &SmtpDialogue)>) -> Judged {
        let hint = match code {
            Code::FwInverted => {
                " Look also into block lists, country filters and intrusion prevention: others get through."
            }
            _ => "",
        };
        fail(
            self.finding(code, Severity::Blocking)
                .detail(&format!("{}{}", self.met_words(bad), outside_words(outside)))
                .remedy(Actor::Customer, &format!("{}{hint}", self.allow(&addresses(bad))))
                .seen_by(ids(bad)),
        )
    }

    fn down(&self, code: Code, bad: &[&Cell<'_>], outside: Option<&(Outside<'_>, &SmtpDialogue)>) -> Judged {
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
                self.allow(&addresses(bad))
            )
        };
        fail(
            self.finding(code, Severity::Blocking)
                .detail(&format!("{}{}", self.met_words(bad), outside_words(outside)))
                .remedy(Actor::Customer, &remedy)
                .seen_by(ids(bad)),
        )
    }

    fn indeterminate(&self, bad: &[&Cell<'_>], outside: Option<&(Outside<'_>, &SmtpDialogue)>) -> Judged {
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
                            self.allow(&addresses(bad))
                        ),
                    )
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
        fail(
            self.finding(Code::SmtpPolicyReject, Severity::Blocking)
                .detail(&self.met_words(bad))
                .remedy(
                    Actor::Customer,
                    &format!(
                        "The firewall is open, but the mail server refuses to talk. Allow {} in the mail server's own access \
                         rules, and take these addresses out of every block-list check.",
                        addresses(bad)
                    ),
                )
                .seen_by(ids(bad)),
        )
    }

    fn unresolvable(&self, cell: &Cell<'_>) -> Judged {
        let sure = matches!(&cell.seen.connect, ConnectOutcome::Unresolvable { detail } if !crate::smtp::looks_temporary(detail));
        let finding = self
            .finding(Code::SmtpUnresolvable, if sure { Severity::Blocking } else { Severity::Warning })
            .detail(&self.met_words(&[cell]))
            .remedy(
                Actor::Customer,
                &format!("Give {} an A or AAAA record, or correct the name of the server in the order.", self.server),
            );
        (if sure { Verdict::Fail } else { Verdict::Inconclusive }, vec![finding])
    }

    fn not_seen(&self, unseen: &[IpAddr]) -> Judged {
        let which = if unseen.is_empty() { "any gateway address".to_owned() } else { list(unseen) };
        (
            Verdict::Inconclusive,
            vec![
                self.finding(Code::VantageFault, Severity::Warning)
                    .detail(&format!("{} could not be tested from {which}, for a reason on our side.", self.server))
                    .remedy(Actor::Vendor, "Nothing for the customer to do: the operator of fencepost makes these source addresses usable for probes."),
            ],
        )
    }

    fn hosted(&self, context: &FirewallContext) -> Judged {
        let proof = self.outside(context).and_then(|(o, seen)| match o {
            Outside::Rejected(r) => Some(self.application(r, seen, context)),
            _ => None,
        });
        let finding = proof.unwrap_or_else(|| unverifiable(&self.server, self.observed_at()));
        (Verdict::Pass, vec![finding])
    }

    fn finding(&self, code: Code, severity: Severity) -> Finding {
        Finding::new(code, severity, &self.server, self.observed_at())
    }

    fn observed_at(&self) -> Timestamp {
        self.dialogues.iter().map(|d| d.started_at).min().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn allow(&self, missing: &str) -> String {
        let mut peers: Vec<String> = self.dialogues.iter().filter_map(|d| d.peer).map(|p| p.ip().to_string()).collect();
        peers.sort();
        peers.dedup();
        peers.truncate(6);
        let at = if peers.is_empty() || peers.iter().any(|p| self.server.starts_with(p)) {
            String::new()
        } else {
            format!(" ({})", peers.join(", "))
        };
        format!(
            "Allow incoming TCP port {} from {missing} to {}{at}. Add the addresses and change nothing else: the port stays \
             open for everybody until you are told that the old path may be closed.",
            self.port,
            escape::clean(self.server.trim_end_matches(&format!(":{}", self.port)), 255)
        )
    }

    /// What each cell met, one sentence each.
    fn met_words(&self, cells: &[&Cell<'_>]) -> String {
        let say_cell = |c: &&Cell<'_>| {
            let what = match c.met {
                Met::PolicyReject => reply(c.seen, Stage::Banner).map_or_else(
                    || "was refused by policy".to_owned(),
                    |r| format!("was greeted with a refusal: {}", say(r)),
                ),
                Met::NoBanner => "was accepted, but no SMTP greeting followed".to_owned(),
                _ => connect_words(&c.seen.connect),
            };
            let to = c.seen.peer.map_or_else(|| self.server.clone(), |p| p.to_string());
            format!("A connection from {} to {to} {what}.", from(c.seen))
        };
        let mut text = cells.iter().take(6).map(say_cell).collect::<Vec<_>>().join(" ");
        if cells.len() > 6 {
            text.push_str(&format!(" So did {} more.", cells.len() - 6));
        }
        text
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

fn outside_words(outside: Option<&(Outside<'_>, &SmtpDialogue)>) -> String {
    match outside {
        Some((o, d)) if o.got_banner() => {
            format!(" {}, which is not the gateway, is greeted at {}.", from(d), when(d.started_at))
        }
        Some((_, d)) => {
            format!(" A connection from {}, which is not the gateway, {}.", from(d), connect_words(&d.connect))
        }
        None => " There was no sound outsider to compare with.".to_owned(),
    }
}

/// The egress addresses of some cells, each once.
fn addresses(cells: &[&Cell<'_>]) -> String {
    let names: BTreeSet<String> = cells.iter().map(|c| from(c.seen)).collect();
    let names: Vec<String> = names.into_iter().take(40).collect();
    names.join(", ")
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().take(40).map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn ids<'c>(cells: &'c [&Cell<'_>]) -> impl Iterator<Item = &'c str> {
    cells.iter().map(|c| c.seen.vantage.id.as_str())
}

fn fail(finding: Finding) -> Judged {
    (Verdict::Fail, vec![finding])
}
