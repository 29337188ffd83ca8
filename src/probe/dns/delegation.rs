//! Finds the zone that holds a name and every server that is named for it, by the parent's delegation
//! and by the zone itself. Follows referrals down from the configured roots or, without them, from the
//! closest zone above that the resolvers know. Looks only at NS, SOA and addresses; MX is asked elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use fencepost_checks::DomainName;
use fencepost_checks::observation::ParentAnswer;
use futures_util::StreamExt;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use super::Dns;
use super::ask::Patience;
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
    /// What each server of the zone above says.
    pub(super) parents: Vec<ParentAnswer>,
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
pub(super) type Servers = BTreeMap<Name, BTreeSet<IpAddr>>;

/// A set of name servers as one side gives it, with the glue that came along.
#[derive(Clone, Default)]
pub(super) struct NsSet {
    pub(super) servers: Servers,
    /// Seconds; the largest where answers differ, `None` where it only came through a resolver.
    pub(super) ttl: Option<u32>,
}

impl NsSet {
    pub(super) fn extend(&mut self, other: Self) {
        self.ttl = self.ttl.max(other.ttl);
        for (name, addresses) in other.servers {
            if self.servers.len() < MAX_SERVERS || self.servers.contains_key(&name) {
                self.servers.entry(name).or_default().extend(addresses);
            }
        }
    }
}

/// A zone cut seen from above, and whom to ask below it.
#[derive(Clone)]
pub(super) struct Cut {
    pub(super) zone: Name,
    /// Addresses for the next step, tried one after the other.
    pub(super) asked: Vec<SocketAddr>,
    /// Every server of the zone, with glue; empty for the configured roots.
    pub(super) servers: Servers,
}

/// Where following the referrals ended.
struct Descent {
    apex: Name,
    /// The referral to the apex, where one was seen.
    parent: Option<NsSet>,
    /// The zone that the referral came from.
    above: Option<Cut>,
}

pub(super) enum Step {
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
        let Descent { apex, parent, above } = descent;
        let mut parent = parent.unwrap_or_default();
        // Glue says whom to ask while the resolvers are asked for what it leaves out.
        let glued = self.sift(parent.servers.values().flatten().copied());
        let (mut parent_addresses, first, parents) = tokio::join!(
            self.complete(parent.servers.clone()),
            self.child_side(&apex, glued.clone()),
            self.parents(above.as_ref(), &apex)
        );
        // Servers that only another server of the zone above names.
        let mut more = parents.union.clone().servers;
        more.retain(|name, _| !parent.servers.contains_key(name));
        parent_addresses.extend(self.complete(more).await);
        parent.extend(parents.union);
        let mut rest = self.sift(parent_addresses.values().flatten().copied());
        if rest.is_empty() {
            let names = self.resolvers.name_servers(&apex).await.unwrap_or_default();
            rest = self.cut(apex.clone(), names.into_iter().map(|n| (n, BTreeSet::new())).collect()).await.asked;
        }
        rest.retain(|server| !glued.contains(server));
        let mut child = first;
        child.extend(self.child_side(&apex, rest).await);
        let child = (!child.servers.is_empty()).then_some(child);
        let mut found = self.merge(apex, &parent, parent_addresses, child).await;
        found.parents = parents.answers;
        Ok(found)
    }

    /// The roots, or the closest zone strictly above the name that the resolvers know.
    async fn start(&self, target: &Name) -> Option<Cut> {
        if !self.roots.is_empty() {
            return Some(Cut { zone: Name::root(), asked: self.roots.clone(), servers: Servers::new() });
        }
        let mut zone = target.clone();
        for _ in 0..MAX_LEVELS {
            if zone.is_root() {
                return None;
            }
            zone = zone.base_name();
            let names = self.resolvers.name_servers(&zone).await.unwrap_or_default();
            let servers: Servers = names.into_iter().take(MAX_SERVERS).map(|name| (name, BTreeSet::new())).collect();
            let cut = self.cut(zone.clone(), servers).await;
            if !cut.asked.is_empty() {
                return Some(cut);
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
        let mut above: Option<Cut> = None;
        for _ in 0..MAX_REFERRALS {
            match self.step(&cut, target).await {
                // A cut at the very name: nothing below can hold it, and its servers are asked anyhow.
                Step::Down(zone, set) if zone == *target => {
                    return Ok(Descent { apex: zone, parent: Some(set), above: Some(cut) });
                }
                Step::Down(zone, set) => {
                    let below = self.cut(zone, set.servers.clone()).await;
                    above = Some(std::mem::replace(&mut cut, below));
                    parent = Some(set);
                }
                Step::Here(apex) => {
                    let apex = apex.unwrap_or_else(|| cut.zone.clone());
                    let (parent, above) = if apex == cut.zone { (parent, above) } else { (None, None) };
                    return Ok(Descent { apex, parent, above });
                }
                // The delegation stands, its servers do not answer: that is for the round to show.
                Step::Useless(_) if parent.is_some() => return Ok(Descent { apex: cut.zone, parent, above }),
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
            match self.ask_direct(server, target, RecordType::NS, once).await {
                Ok(message) => match read_step(&message, &cut.zone, target) {
                    Step::Useless(detail) => last = format!("{server}: {detail}"),
                    Step::Here(apex) if message.metadata.response_code == ResponseCode::NXDomain => {
                        return self.denied(cut, target, server).await.unwrap_or(Step::Here(apex));
                    }
                    step => return step,
                },
                Err(silence) => last = format!("{server}: {}", silence.in_words()),
            }
        }
        Step::Useless(last)
    }

    /// One server does not know the name: the others may, because a registry's servers are not always of
    /// one mind. The way down that any of them shows.
    async fn denied(&self, cut: &Cut, target: &Name, by: SocketAddr) -> Option<Step> {
        let once = Patience { attempts: 1, ..self.patience };
        let others = self.parent_servers(cut).await.into_iter().filter(|server| *server != by);
        let steps: Vec<Option<Step>> = futures_util::stream::iter(others)
            .map(|server| async move {
                let message = self.ask_direct(server, target, RecordType::NS, once).await.ok()?;
                Some(read_step(&message, &cut.zone, target)).filter(|step| matches!(step, Step::Down(..)))
            })
            .buffered(self.concurrency)
            .collect()
            .await;
        steps.into_iter().flatten().next()
    }

    /// Without any way from above: the NS set as the resolvers see it stands for both sides.
    async fn as_resolvers_see(&self, target: &Name) -> Result<Descent, String> {
        let mut zone = target.clone();
        let mut last = String::from("no resolver knows the zone");
        for _ in 0..MAX_LEVELS {
            match self.resolvers.name_servers(&zone).await {
                Ok(names) if !names.is_empty() => {
                    let servers = names.into_iter().take(MAX_SERVERS).map(|n| (n, BTreeSet::new())).collect();
                    return Ok(Descent { apex: zone, parent: Some(NsSet { servers, ttl: None }), above: None });
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
                let message = self.ask_direct(server, apex, RecordType::NS, once).await.ok()?;
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
        let (servers, without_address, parents) = (Vec::new(), Vec::new(), Vec::new());
        let mut delegation = Delegation { zone, servers, without_address, ns_ttl, parents };
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

    /// Whom to ask next: glue, and look-ups only where there is none at all.
    async fn cut(&self, zone: Name, mut servers: Servers) -> Cut {
        if self.sift(servers.values().flatten().copied()).is_empty() {
            servers = self.complete(servers).await;
        }
        let asked = self.sift(servers.values().flatten().copied());
        Cut { zone, asked, servers }
    }

    pub(super) fn sift(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Vec<SocketAddr> {
        let open = addresses.into_iter().filter(|a| self.guard.check(*a).is_ok());
        let unique: BTreeSet<SocketAddr> = open.map(|a| SocketAddr::new(a, self.port)).collect();
        unique.into_iter().collect()
    }
}

/// What one answer to "NS of the name?" means for somebody who walks down from `zone`.
pub(super) fn read_step(message: &Message, zone: &Name, target: &Name) -> Step {
    let rcode = message.metadata.response_code;
    if rcode != ResponseCode::NoError && rcode != ResponseCode::NXDomain {
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
pub(super) fn ns_set(
    message: &Message,
    section: &[hickory_proto::rr::Record],
    owner: &Name,
    bailiwick: &Name,
) -> NsSet {
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
