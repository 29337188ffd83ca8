//! The two maps as text: a function of the routes and nothing else. Every word in them is a checked
//! name, a checked next hop or a literal of this file.

use std::collections::BTreeSet;
use std::fmt::Write;

use fencepost_checks::DomainName;

use super::routes::{NextHop, Route, Routes};
use crate::lifecycle::connection::RouteMode;

const HEAD: &str = "# Written by fencepost from the routes beside it; a change made here is lost.\n";
const DEFER: &str = "retry:4.3.0 Mail for this domain is not taken here yet, try again later";
const REJECT: &str = "error:5.7.1 Mail for this domain is not taken here any more";
const BELOW: &str = "error:5.7.1 Relay access denied";

/// Contents of both map files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Maps {
    pub(super) relay_domains: String,
    pub(super) transport: String,
}

impl Maps {
    /// `leaving` are domains that Postfix may still relay by the other map: refused until that is over.
    pub(super) fn render(routes: &Routes, leaving: &[DomainName]) -> Self {
        let mut maps = Self { relay_domains: HEAD.to_owned(), transport: HEAD.to_owned() };
        for (domain, route) in routes.present() {
            line(&mut maps.relay_domains, format_args!("{domain} relay"));
            line(&mut maps.transport, format_args!("{domain} {}", destination(route)));
            line(&mut maps.transport, format_args!(".{domain} {BELOW}"));
        }
        for domain in leaving {
            line(&mut maps.transport, format_args!("{domain} {REJECT}"));
        }
        maps
    }

    /// Domains that these maps list and `others` do not.
    pub(super) fn listed_beyond(&self, others: &Self) -> Vec<DomainName> {
        let theirs = others.listed();
        self.listed().difference(&theirs).filter_map(|name| DomainName::parse(name).ok()).collect()
    }

    fn listed(&self) -> BTreeSet<&str> {
        let lines = self.relay_domains.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_whitespace().next()).collect()
    }
}

fn destination(route: &Route) -> String {
    match route.mode {
        RouteMode::Defer => DEFER.to_owned(),
        RouteMode::Reject | RouteMode::Absent => REJECT.to_owned(),
        RouteMode::Deliver => {
            let hops: Vec<&str> = route.next_hops.iter().map(NextHop::as_str).collect();
            // Without a hop the domain's own MX would be asked, which is this gateway.
            if hops.is_empty() { DEFER.to_owned() } else { format!("relay:{}", hops.join(", ")) }
        }
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
