//! What a row says to people: who met what, and what exactly has to be allowed. Judges nothing.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::cell::Met;
use super::row::{Cell, Outsider, Row};
use super::rules::Allow;
use crate::observation::smtp::Stage;
use crate::smtp::dialogue::{connect_words, from, reply, say};
use crate::{escape, when};

impl Row<'_> {
    /// The sentence that asks for what is missing, with the addresses of the server that lack it.
    pub(super) fn allow(&self, bad: &[&Cell<'_>]) -> String {
        let to: BTreeSet<IpAddr> = bad.iter().filter_map(|c| c.to()).collect();
        let to: Vec<String> = to.into_iter().take(6).map(|p| p.to_string()).collect();
        let at = if to.is_empty() || to.iter().any(|p| self.server.starts_with(p.as_str())) {
            String::new()
        } else {
            format!(" ({})", to.join(", "))
        };
        format!(
            "Allow incoming TCP port {} from {} to {}{at}. Add the addresses and change nothing else: the port stays \
             open for everybody until you are told that the old path may be closed.",
            self.port,
            addresses(bad),
            self.host()
        )
    }

    /// The server without its port.
    pub(super) fn host(&self) -> String {
        escape::clean(self.server.trim_end_matches(&format!(":{}", self.port)), 255)
    }

    /// The same as values, from which rules to paste are made.
    pub(super) fn missing(&self, bad: &[&Cell<'_>]) -> Option<Allow> {
        Allow::new(bad.iter().filter_map(|c| c.egress), bad.iter().filter_map(|c| c.to()), self.port)
    }

    /// What each cell met, one sentence each.
    pub(super) fn met_words(&self, cells: &[&Cell<'_>]) -> String {
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

pub(super) fn outside_words(outside: Option<&Outsider<'_>>) -> String {
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
pub(super) fn addresses(cells: &[&Cell<'_>]) -> String {
    let names: BTreeSet<String> = cells.iter().map(|c| from(c.seen)).collect();
    let names: Vec<String> = names.into_iter().take(40).collect();
    names.join(", ")
}

pub(super) fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().take(40).map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub(super) fn ids<'c>(cells: &'c [&Cell<'_>]) -> impl Iterator<Item = &'c str> {
    cells.iter().map(|c| c.seen.vantage.id.as_str())
}
