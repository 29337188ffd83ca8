//! Finds the zone that holds a name and every server that is named for it, by the parent's delegation
//! and by the zone itself. Follows referrals down from the configured roots or, without them, from the
//! closest zone above that the resolvers know. Looks only at NS, SOA and addresses; MX is asked elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use fencepost_checks::DomainName;
use futures_util::StreamExt;
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, RecordType};

use super::Dns;
use super::ask::{Patience, ask};
use super::classify;
use super::name::{render, wire};

/// Steps down from the root; real names need four or five.
const MAX_REFERRALS: usize = 12;
/// Servers of one zone tried for a referral.
const MAX_TRIES: usize = 4;
/// Names in an NS set that are looked at; the largest real sets have 13.
const MAX_SERVERS: usize = 16;
/// Addresses asked for one zone.
const MAX_ADDRESSES: usize = 48;
/// Levels looked at for an enclosing zone.
const MAX_LEVELS: usize = 8;

/// The servers of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delegation {
    pub(super) zone: Name,
    pub(super) servers: Vec<Server>,
    pub(super) without_address: Vec<String>,
    /// The larger TTL of the parent's and the zone's own NS set, seconds.
    pub(super) ns_ttl: Option<u32>,
}

/// One address of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) in_parent: bool,
    pub(super) in_child: bool,
    /// Why the destination guard keeps us from asking.
    pub(super) refused: Option<String>,
}

/// Names of servers with the addresses known so far.
type Servers = BTreeMap<Name, BTreeSet<IpAddr>>;

/// A set of name servers as one side gives it, with the glue that came along.
#[derive(Clone, Default)]
struct NsSet {
    servers: Servers,
    /// Seconds; the largest where answers differ, `None` where it only came through a resolver.
    ttl: Option<u32>,
}

impl NsSet {
    fn extend(&mut self, other: Self) {
        self.ttl = self.ttl.max(other.ttl);
        for (name, addresses) in other.servers {
            if self.servers.len() < MAX_SERVERS || self.servers.contains_key(&name) {
                self.servers.entry(name).or_default().extend(addresses);
            }
        }
    }
}

/// A zone cut seen from above, and whom to ask below it.
struct Cut {
    zone: Name,
    asked: Vec<SocketAddr>,
}

/// Where following the referrals ended.
struct Descent {
    apex: Name,
    /// The referral to the apex, where one was seen.
    parent: Option<NsSet>,
}

enum Step {
    Down(Name, NsSet),
    /// The apex of the zone, where the answer tells.
    Here(Option<Name>),
    Useless(String),
}

impl Dns {
    /// Finds zone and servers.
    ///
    /// # Errors
    /// A sentence that says at which step nobody could be asked.
    pub(super) async fn delegation(&self, domain: &DomainName) -> Result<Delegation, String> {
        let target = wire(domain).ok_or_else(|| "the name does not fit in a DNS message".to_owned())?;
        let descent = match self.start(&target).await {
            Some(cut) => self.descend_to_cut(cut, &target).await?,
            None => self.as_resolvers_see(&target).await?,
        };
        let Descent { apex, parent } = descent;
        let parent = parent.unwrap_or_default();
        // Glue says whom to ask while the resolvers are asked for what it leaves out.
        let glued = self.sift(parent.servers.values().flatten().copied());
        let (parent_addresses, first) =
            tokio::join!(self.complete(parent.servers.clone()), self.child_side(&apex, glued.clone()));
        let mut rest = self.sift(parent_addresses.values().flatten().copied());
        if rest.is_empty() {
            let names = self.resolvers.name_servers(&apex).await.unwrap_or_default();
            rest = self.addresses_to_ask(names.into_iter().map(|n| (n, BTreeSet::new())).collect()).await;
        }
        rest.retain(|server| !glued.contains(server));
        let mut child = first;
        child.extend(self.child_side(&apex, rest).await);
        let child = (!child.servers.is_empty()).then_some(child);
        Ok(self.merge(apex, &parent, parent_addresses, child).await)
    }

    /// The roots, or the closest zone strictly above the name that the resolvers know.
    async fn start(&self, target: &Name) -> Option<Cut> {
        if !self.roots.is_empty() {
            return Some(Cut { zone: Name::root(), asked: self.roots.clone() });
        }
        let mut zone = target.clone();
        for _ in 0..MAX_LEVELS {
            if zone.is_root() {
                return None;
            }
            zone = zone.base_name();
            let servers = self.resolvers.name_servers(&zone).await.unwrap_or_default();
            let asked = self.addresses_to_ask(servers.into_iter().map(|name| (name, BTreeSet::new())).collect()).await;
            if !asked.is_empty() {
                return Some(Cut { zone, asked });
            }
        }
        None
    }

    /// Follows referrals; where the walk began inside the very zone, begins again above it, because
    /// only the parent tells the delegation.
    async fn descend_to_cut(&self, cut: Cut, target: &Name) -> Result<Descent, String> {
        let began = cut.zone.clone();
        let descent = self.descend(cut, target).await?;
        if descent.parent.is_some() || !self.roots.is_empty() || descent.apex != began || began.is_root() {
            return Ok(descent);
        }
        match self.start(&began).await {
            Some(above) => self.descend(above, target).await,
            None => Ok(descent),
        }
    }

    async fn descend(&self, mut cut: Cut, target: &Name) -> Result<Descent, String> {
        let mut parent: Option<NsSet> = None;
        for _ in 0..MAX_REFERRALS {
            match self.step(&cut, target).await {
                // A cut at the very name: nothing below can hold it, and its servers are asked anyhow.
                Step::Down(zone, set) if zone == *target => return Ok(Descent { apex: zone, parent: Some(set) }),
                Step::Down(zone, set) => {
                    let asked = self.addresses_to_ask(set.servers.clone()).await;
                    cut = Cut { zone, asked };
                    parent = Some(set);
                }
                Step::Here(apex) => {
                    let apex = apex.unwrap_or_else(|| cut.zone.clone());
                    let parent = if apex == cut.zone { parent } else { None };
                    return Ok(Descent { apex, parent });
                }
                // The delegation stands, its servers do not answer: that is for the round to show.
                Step::Useless(_) if parent.is_some() => return Ok(Descent { apex: cut.zone, parent }),
                Step::Useless(detail) => {
                    return Err(format!("no server of the zone `{}` could be asked: {detail}", render(&cut.zone)));
                }
            }
        }
        Err(format!("more than {MAX_REFERRALS} referrals"))
    }

    async fn step(&self, cut: &Cut, target: &Name) -> Step {
        let mut last = "it has no address that may be asked".to_owned();
        for &server in cut.asked.iter().take(MAX_TRIES) {
            let once = Patience { attempts: 1, ..self.patience };
            match ask(server, target, RecordType::NS, false, once).await {
                Ok(message) => match read_step(&message, &cut.zone, target) {
                    Step::Useless(detail) => last = format!("{server}: {detail}"),
                    step => return step,
                },
                Err(silence) => last = format!("{server}: {silence:?}"),
            }
        }
        Step::Useless(last)
    }

    /// Without any way from above: the NS set as the resolvers see it stands for both sides.
    async fn as_resolvers_see(&self, target: &Name) -> Result<Descent, String> {
        let mut zone = target.clone();
        let mut last = String::from("no resolver knows the zone");
        for _ in 0..MAX_LEVELS {
            match self.resolvers.name_servers(&zone).await {
                Ok(names) if !names.is_empty() => {
                    let servers = names.into_iter().take(MAX_SERVERS).map(|n| (n, BTreeSet::new())).collect();
                    return Ok(Descent { apex: zone, parent: Some(NsSet { servers, ttl: None }) });
                }
                Ok(_) => {}
                Err(error) => last = error,
            }
            if zone.is_root() {
                break;
            }
            zone = zone.base_name();
        }
        Err(format!("the zone's name servers could not be found: {last}"))
    }

    /// What the zone itself says about its servers, from all that are asked together; empty when none
    /// answered with authority.
    async fn child_side(&self, apex: &Name, asked: Vec<SocketAddr>) -> NsSet {
        let once = Patience { attempts: 1, ..self.patience };
        let answers: Vec<Option<NsSet>> = futures_util::stream::iter(asked.into_iter().take(MAX_ADDRESSES))
            .map(|server| async move {
                let message = ask(server, apex, RecordType::NS, false, once).await.ok()?;
                let set = ns_set(&message, &message.answers, apex, apex);
                (message.metadata.authoritative && !set.servers.is_empty()).then_some(set)
            })
            .buffer_unordered(self.concurrency)
            .collect()
            .await;
        let mut union = NsSet::default();
        for set in answers.into_iter().flatten() {
            union.extend(set);
        }
        union
    }

    /// Both sides as one list, every address once a name.
    async fn merge(&self, zone: Name, parent: &NsSet, parent_addresses: Servers, child: Option<NsSet>) -> Delegation {
        let child_names: Option<BTreeSet<Name>> = child.as_ref().map(|set| set.servers.keys().cloned().collect());
        let child = child.unwrap_or_default();
        let ns_ttl = parent.ttl.max(child.ttl);
        let mut all = parent_addresses;
        let new: Servers = child
            .servers
            .into_iter()
            .filter_map(|(name, glue)| match all.get_mut(&name) {
                Some(known) => {
                    known.extend(glue);
                    None
                }
                None => Some((name, glue)),
            })
            .collect();
        all.extend(self.complete(new).await);
        let mut delegation = Delegation { zone, servers: Vec::new(), without_address: Vec::new(), ns_ttl };
        for (name, addresses) in all {
            let (up, down) = (parent.servers.contains_key(&name), child_names.as_ref().map(|c| c.contains(&name)));
            // A side that could not be seen is not said to differ.
            let (in_parent, in_child) =
                (if parent.servers.is_empty() { down.unwrap_or(false) } else { up }, down.unwrap_or(up));
            if addresses.is_empty() {
                delegation.without_address.push(render(&name));
            }
            for address in addresses {
                let refused = self.guard.check(address).err().map(|r| r.to_string());
                let address = SocketAddr::new(address, self.port);
                delegation.servers.push(Server { name: render(&name), address, in_parent, in_child, refused });
            }
        }
        delegation.servers.truncate(MAX_ADDRESSES);
        delegation
    }

    /// Adds the addresses that the resolvers know to the glue of each server.
    async fn complete(&self, set: Servers) -> Servers {
        futures_util::stream::iter(set.into_iter().take(MAX_SERVERS))
            .map(|(name, mut glue)| async move {
                glue.extend(self.resolvers.host_by_wire(&name).await.addresses);
                (name, glue)
            })
            .buffer_unordered(self.concurrency)
            .collect()
            .await
    }

    /// A few addresses for the next step down: glue first, look-ups only where there is none.
    async fn addresses_to_ask(&self, set: Servers) -> Vec<SocketAddr> {
        let glued = self.sift(set.values().flatten().copied());
        if !glued.is_empty() {
            return glued;
        }
        for name in set.keys().take(MAX_TRIES) {
            let found = self.sift(self.resolvers.host_by_wire(name).await.addresses);
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    fn sift(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Vec<SocketAddr> {
        let open = addresses.into_iter().filter(|a| self.guard.check(*a).is_ok());
        let unique: BTreeSet<SocketAddr> = open.map(|a| SocketAddr::new(a, self.port)).collect();
        unique.into_iter().collect()
    }
}

/// What one answer to "NS of the name?" means for somebody who walks down from `zone`.
fn read_step(message: &Message, zone: &Name, target: &Name) -> Step {
    use hickory_proto::op::ResponseCode::{NXDomain, NoError};
    let rcode = message.metadata.response_code;
    if rcode != NoError && rcode != NXDomain {
        return Step::Useless(format!("rcode {}", u16::from(rcode)));
    }
    if message.metadata.authoritative {
        let at_target = classify::at(&message.answers, target, RecordType::NS).next().is_some();
        let soa = message.authorities.iter().find(|r| r.record_type() == RecordType::SOA && r.name.zone_of(target));
        return Step::Here(if at_target { Some(target.clone()) } else { soa.map(|r| r.name.clone()) });
    }
    // A referral goes down, towards the name; anything else comes from a server that does not know.
    let below = message.authorities.iter().filter(|r| r.record_type() == RecordType::NS);
    let deeper = below.map(|r| &r.name).find(|n| n.zone_of(target) && zone.zone_of(n) && *n != zone);
    match deeper {
        Some(next) => Step::Down(next.clone(), ns_set(message, &message.authorities, next, zone)),
        None => Step::Useless("lame: neither an authoritative answer nor a referral".to_owned()),
    }
}

/// The NS set at `owner`, with the glue that lies in the `bailiwick` of whoever sent it.
fn ns_set(message: &Message, section: &[hickory_proto::rr::Record], owner: &Name, bailiwick: &Name) -> NsSet {
    let mut set = NsSet::default();
    for record in classify::at(section, owner, RecordType::NS) {
        let RData::NS(ns) = &record.data else { continue };
        if set.servers.len() >= MAX_SERVERS {
            break;
        }
        let glue = message.additionals.iter().filter(|r| r.name == ns.0 && bailiwick.zone_of(&r.name));
        let addresses = glue.filter_map(|r| match &r.data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(a) => Some(IpAddr::V6(a.0)),
            _ => None,
        });
        set.ttl = set.ttl.max(Some(classify::sane(record.ttl)));
        set.servers.entry(ns.0.clone()).or_default().extend(addresses.take(super::resolve::MAX_ADDRESSES));
    }
    set
}
