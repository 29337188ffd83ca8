//! How far the customers are with the gateway's places that come and go: who lets an address in, who still
//! names a host, what an operator may do next, and what must be said loudly because mail would be lost.
//! Only reads: nothing here changes a customer or the configuration.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fencepost_checks::DomainName;
use jiff::Timestamp;
use serde::Serialize;

use crate::config::{EgressState, GatewayConfig, HostState};
use crate::store::{Page, PlaceCount, PlaceStanding, PlaceStore, StoreResult};

/// Domains that a warning names; the listing has all of them.
const NAMED: u32 = 5;

/// Every place of the configuration with its counts, in domains whose mail goes through the gateway or may
/// any moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlacesReport {
    pub as_of: Timestamp,
    /// All of them.
    pub domains: u64,
    pub mx_hosts: Vec<HostReport>,
    pub egress: Vec<EgressReport>,
    /// Mail is or will be lost: what, for whom, and what to do. Empty where all is well.
    pub warnings: Vec<PlaceWarning>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostReport {
    pub name: DomainName,
    pub preference: u16,
    pub state: HostState,
    /// Domains that name it, and that were not looked at since it is on its way out; `None` for current ones.
    pub named: Option<u64>,
    pub unseen: Option<u64>,
    /// What it waits for, or what may be done.
    pub next: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EgressReport {
    pub address: IpAddr,
    pub label: String,
    pub state: EgressState,
    /// Domains that let it in, that do not, and of which that is not known.
    pub verified: u64,
    pub blocked: u64,
    pub unverified: u64,
    /// Those of a hosted platform, where nothing can be verified.
    pub hosted: u64,
    pub next: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceWarning {
    pub place: String,
    /// Whose mail it is: the domains that stand so towards the place.
    pub standing: PlaceStanding,
    pub text: String,
    /// The first few domains that it is about.
    pub domains: Vec<DomainName>,
}

/// The report as of `now`.
///
/// # Errors
/// When the store fails.
pub async fn places_report(
    store: &(impl PlaceStore + ?Sized),
    gateway: &GatewayConfig,
    now: Timestamp,
) -> StoreResult<PlacesReport> {
    let mut names: Vec<String> = gateway.egress.iter().map(|egress| egress.address.to_string()).collect();
    names.extend(gateway.mx_hosts.iter().map(|host| host.name.to_string()));
    let counts = Counts::of(store.place_counts(&names).await?);
    let mut report = assess(gateway, &counts, now);
    for warning in &mut report.warnings {
        let standing = warning.standing;
        let page = Page { after: None, limit: NAMED };
        let rows = store.place_domains(&warning.place, Some(standing), &page).await?.rows;
        warning.domains = rows.into_iter().map(|row| row.domain).collect();
        if !warning.domains.is_empty() {
            let first: Vec<&str> = warning.domains.iter().map(DomainName::as_str).collect();
            let place = &warning.place;
            warning.text.push_str(&format!(
                " Among them: {}. All of them: fencepost gateway places {place} --standing {}",
                first.join(", "),
                standing.as_str()
            ));
        }
    }
    Ok(report)
}

struct Counts(BTreeMap<(String, PlaceStanding), u64>);

impl Counts {
    fn of(rows: Vec<PlaceCount>) -> Self {
        Self(rows.into_iter().map(|row| ((row.place, row.standing), row.domains)).collect())
    }

    fn get(&self, place: &str, standing: PlaceStanding) -> u64 {
        self.0.get(&(place.to_owned(), standing)).copied().unwrap_or(0)
    }

    fn all(&self, place: &str) -> u64 {
        PlaceStanding::ALL.into_iter().map(|standing| self.get(place, standing)).sum()
    }
}

/// What the counts mean. Pure.
fn assess(gateway: &GatewayConfig, counts: &Counts, now: Timestamp) -> PlacesReport {
    let mut warnings = Vec::new();
    let any = gateway.egress.first().map(|egress| egress.address.to_string());
    let any = any.or_else(|| gateway.mx_hosts.first().map(|host| host.name.to_string()));
    // Domains that nobody has looked at from anywhere yet say nothing about one address.
    let unseen_anywhere = gateway
        .egress
        .iter()
        .map(|egress| counts.get(&egress.address.to_string(), PlaceStanding::Unseen))
        .min()
        .unwrap_or(0);
    let egress = gateway.egress.iter().map(|egress| {
        let place = egress.address.to_string();
        let get = |standing| counts.get(&place, standing);
        let unseen = get(PlaceStanding::Unseen);
        let report = EgressReport {
            address: egress.address,
            label: egress.label.clone(),
            state: egress.state,
            verified: get(PlaceStanding::Verified),
            blocked: get(PlaceStanding::Blocked),
            unverified: get(PlaceStanding::Unknown) + unseen,
            hosted: get(PlaceStanding::Hosted),
            next: String::new(),
        };
        warnings.extend(active_too_soon(&report, unseen.saturating_sub(unseen_anywhere)));
        EgressReport { next: next_for_egress(&report), ..report }
    });
    let egress = egress.collect();
    let hosts = gateway.mx_hosts.iter().map(|host| {
        let place = host.name.to_string();
        let looked = host.state != HostState::Current;
        // A hosted platform has an MX as everybody else.
        let unseen = counts.get(&place, PlaceStanding::Unseen) + counts.get(&place, PlaceStanding::Hosted);
        let report = HostReport {
            name: host.name.clone(),
            preference: host.preference,
            state: host.state,
            named: looked.then(|| counts.get(&place, PlaceStanding::Named)),
            unseen: looked.then_some(unseen),
            next: String::new(),
        };
        warnings.extend(retired_too_soon(&report));
        HostReport { next: next_for_host(&report), ..report }
    });
    let mx_hosts = hosts.collect();
    PlacesReport { as_of: now, domains: any.map_or(0, |place| counts.all(&place)), mx_hosts, egress, warnings }
}

fn active_too_soon(report: &EgressReport, never_tried: u64) -> Vec<PlaceWarning> {
    if report.state != EgressState::Active {
        return Vec::new();
    }
    let address = report.address;
    let warning =
        |standing, text: String| PlaceWarning { place: address.to_string(), standing, text, domains: Vec::new() };
    let mut found = Vec::new();
    if report.blocked > 0 {
        let n = domains(report.blocked);
        found.push(warning(
            PlaceStanding::Blocked,
            format!(
                "{address} is active, and {n} not let it in: mail that the gateway delivers from there to them is delayed, \
                 and lost in the end. Make it `announced` and deliver from other addresses until they do.",
                n = verb(&n, report.blocked, "does", "do")
            ),
        ));
    }
    if never_tried > 0 {
        let n = domains(never_tried);
        found.push(warning(
            PlaceStanding::Unseen,
            format!(
                "{address} is active, and {n} never tried from it: nobody knows whether they let it in. Make it \
                 `announced` first; it is then verified with every customer.",
                n = verb(&n, never_tried, "was", "were")
            ),
        ));
    }
    found
}

fn retired_too_soon(report: &HostReport) -> Vec<PlaceWarning> {
    if report.state != HostState::Retired {
        return Vec::new();
    }
    let name = &report.name;
    let warning =
        |standing, text: String| PlaceWarning { place: name.to_string(), standing, text, domains: Vec::new() };
    let mut found = Vec::new();
    if let Some(named) = report.named.filter(|named| *named > 0) {
        let n = domains(named);
        found.push(warning(
            PlaceStanding::Named,
            format!(
                "{name} is retired, and {n} still {it} in the MX: nobody takes mail for them there. Make it `accepted` and \
                 let it take mail until nobody names it.",
                it = if named == 1 { "names it" } else { "name it" }
            ),
        ));
    }
    if let Some(unseen) = report.unseen.filter(|unseen| *unseen > 0) {
        let n = domains(unseen);
        found.push(warning(
            PlaceStanding::Unseen,
            format!(
                "{name} is retired, and the MX of {n} was not looked at since it is on its way out: some may still name it. \
                 Make it `accepted` first.",
            ),
        ));
    }
    found
}

fn next_for_egress(report: &EgressReport) -> String {
    match (report.state, report.blocked, report.unverified) {
        (EgressState::Active, 0, 0) => "in use, and every domain lets it in".to_owned(),
        (EgressState::Active, 0, n) => format!("in use; {} not verified yet", verb(&domains(n), n, "is", "are")),
        (EgressState::Active, n, _) => format!("in use, and {} not let it in", verb(&domains(n), n, "does", "do")),
        (EgressState::Announced, 0, 0) => "every domain lets it in: it may be made `active`".to_owned(),
        (EgressState::Announced, 0, n) => {
            format!("wait: {} not verified yet", verb(&domains(n), n, "is", "are"))
        }
        (EgressState::Announced, n, 0) => format!("wait: {} asked to let it in", verb(&domains(n), n, "is", "are")),
        (EgressState::Announced, n, m) => format!(
            "wait: {} asked to let it in, {} not verified yet",
            verb(&domains(n), n, "is", "are"),
            verb(&domains(m), m, "is", "are")
        ),
        (EgressState::Retired, ..) => "no longer asked for; customers are told that they may take it out".to_owned(),
    }
}

fn next_for_host(report: &HostReport) -> String {
    match (report.state, report.named.unwrap_or(0), report.unseen.unwrap_or(0)) {
        (HostState::Current, ..) => "customers are told to name it".to_owned(),
        (HostState::Accepted, 0, 0) => "nobody names it: it may be made `retired`".to_owned(),
        (HostState::Accepted, 0, n) => {
            format!("wait: the MX of {} not looked at yet", verb(&domains(n), n, "is", "are"))
        }
        (HostState::Accepted, n, 0) => format!("wait: {} asked to leave it", verb(&domains(n), n, "is", "are")),
        (HostState::Accepted, n, m) => format!(
            "wait: {} asked to leave it, the MX of {} not looked at yet",
            verb(&domains(n), n, "is", "are"),
            verb(&domains(m), m, "is", "are")
        ),
        (HostState::Retired, 0, 0) => "nobody names it: it may be taken out of the configuration".to_owned(),
        (HostState::Retired, ..) => "still needed by some: see the warning".to_owned(),
    }
}

fn domains(n: u64) -> String {
    if n == 1 { "1 domain".to_owned() } else { format!("{n} domains") }
}

fn verb(subject: &str, n: u64, one: &str, many: &str) -> String {
    format!("{subject} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EgressAddress, MxHost};

    fn gateway() -> GatewayConfig {
        let host = |name: &str, state| MxHost { state, ..MxHost::current(name.parse().unwrap(), 10) };
        let egress = |last, state| EgressAddress { state, ..EgressAddress::here([192, 0, 2, last].into()) };
        GatewayConfig {
            mx_hosts: vec![
                host("mx1.gateway.example", HostState::Current),
                host("mx0.gateway.example", HostState::Accepted),
                host("old.gateway.example", HostState::Retired),
            ],
            egress: vec![
                egress(10, EgressState::Active),
                egress(11, EgressState::Active),
                egress(40, EgressState::Announced),
                egress(9, EgressState::Retired),
            ],
            ..GatewayConfig::default()
        }
    }

    fn report(counts: &[(&str, PlaceStanding, u64)]) -> PlacesReport {
        let rows = counts.iter().map(|(place, standing, domains)| PlaceCount {
            place: (*place).to_owned(),
            standing: *standing,
            domains: *domains,
        });
        assess(&gateway(), &Counts::of(rows.collect()), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_may_be_done_next_is_said_and_who_would_lose_mail() {
        use PlaceStanding::{Blocked, Hosted, Left, Named, Unknown, Unseen, Verified};
        insta::assert_json_snapshot!(
            "under_way",
            report(&[
                ("192.0.2.10", Verified, 90),
                ("192.0.2.10", Hosted, 10),
                ("192.0.2.11", Verified, 70),
                ("192.0.2.11", Blocked, 1),
                ("192.0.2.11", Unseen, 19),
                ("192.0.2.11", Hosted, 10),
                ("192.0.2.40", Verified, 50),
                ("192.0.2.40", Blocked, 30),
                ("192.0.2.40", Unknown, 1),
                ("192.0.2.40", Unseen, 9),
                ("192.0.2.40", Hosted, 10),
                ("mx0.gateway.example", Named, 12),
                ("mx0.gateway.example", Left, 87),
                ("mx0.gateway.example", Unseen, 1),
                ("old.gateway.example", Named, 2),
                ("old.gateway.example", Left, 98),
            ])
        );
    }

    #[test]
    fn when_everybody_is_done_the_next_step_is_free() {
        use PlaceStanding::{Left, Verified};
        let all = report(&[
            ("192.0.2.10", Verified, 3),
            ("192.0.2.11", Verified, 3),
            ("192.0.2.40", Verified, 3),
            ("mx0.gateway.example", Left, 3),
            ("old.gateway.example", Left, 3),
        ]);
        assert_eq!(all.warnings, []);
        assert_eq!(all.egress[2].next, "every domain lets it in: it may be made `active`");
        assert_eq!(all.mx_hosts[1].next, "nobody names it: it may be made `retired`");
    }

    /// A store from before there were such looks, or customers that are all new.
    #[test]
    fn what_nobody_was_looked_at_from_is_no_reason_to_cry() {
        let new = report(
            &["192.0.2.10", "192.0.2.11", "192.0.2.40", "192.0.2.9"].map(|place| (place, PlaceStanding::Unseen, 40)),
        );
        assert_eq!(new.warnings.len(), 0, "{:?}", new.warnings);
    }
}
