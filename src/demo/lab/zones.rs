//! Zone data and what an authoritative server answers from it (RFC 1034 §4.3.2): data, referral,
//! NODATA or NXDOMAIN. Each server has its own copy, so that one of them can keep an old MX.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{PoisonError, RwLock};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, CNAME, MX, NS, SOA, TXT};
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordType};

use super::error::{LabResult, While};

/// What to answer. `authoritative` is the AA bit.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub code: ResponseCode,
    pub authoritative: bool,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    pub additionals: Vec<Record>,
}

impl Answer {
    #[must_use]
    pub fn error(code: ResponseCode) -> Self {
        Self { code, authoritative: false, answers: Vec::new(), authorities: Vec::new(), additionals: Vec::new() }
    }
}

/// One zone on one server.
#[derive(Debug, Clone)]
pub struct Zone {
    origin: LowerName,
    serial: u32,
    negative_ttl: u32,
    sets: BTreeMap<(LowerName, RecordType), Vec<Record>>,
}

impl Zone {
    /// A zone with an NS set; negative answers live for `negative_ttl` seconds.
    ///
    /// # Errors
    /// When a name is no domain name.
    pub fn new(origin: &str, servers: &[&str], ttl: u32, negative_ttl: u32) -> LabResult<Self> {
        let origin = name(origin)?;
        let mut zone = Self { origin: LowerName::new(&origin), serial: 1, negative_ttl, sets: BTreeMap::new() };
        let servers = servers.iter().map(|s| Ok(RData::NS(NS(name(s)?)))).collect::<LabResult<Vec<_>>>()?;
        zone.put(&origin, RecordType::NS, ttl, servers);
        Ok(zone)
    }

    /// Replaces the MX set of an owner; empty removes it.
    ///
    /// # Errors
    /// When a name is no domain name.
    pub fn set_mx(&mut self, owner: &str, ttl: u32, exchanges: &[(u16, &str)]) -> LabResult<()> {
        let data = exchanges
            .iter()
            .map(|(preference, host)| Ok(RData::MX(MX::new(*preference, name(host)?))))
            .collect::<LabResult<Vec<_>>>()?;
        self.put(&name(owner)?, RecordType::MX, ttl, data);
        Ok(())
    }

    /// Replaces the address set of an owner.
    ///
    /// # Errors
    /// When a name is no domain name.
    pub fn set_a(&mut self, owner: &str, ttl: u32, addresses: &[Ipv4Addr]) -> LabResult<()> {
        self.put(&name(owner)?, RecordType::A, ttl, addresses.iter().map(|a| RData::A(A(*a))).collect());
        Ok(())
    }

    /// Makes the owner an alias.
    ///
    /// # Errors
    /// When a name is no domain name.
    pub fn set_cname(&mut self, owner: &str, ttl: u32, target: &str) -> LabResult<()> {
        self.put(&name(owner)?, RecordType::CNAME, ttl, vec![RData::CNAME(CNAME(name(target)?))]);
        Ok(())
    }

    /// Replaces the TXT set of an owner, one string a record.
    ///
    /// # Errors
    /// When a name is no domain name.
    pub fn set_txt(&mut self, owner: &str, ttl: u32, texts: &[&str]) -> LabResult<()> {
        let data = texts.iter().map(|t| RData::TXT(TXT::new(vec![(*t).to_owned()]))).collect();
        self.put(&name(owner)?, RecordType::TXT, ttl, data);
        Ok(())
    }

    /// Delegates a child zone to servers, with their addresses as glue.
    ///
    /// # Errors
    /// When a name is no domain name.
    pub fn delegate(&mut self, child: &str, ttl: u32, servers: &[(&str, Ipv4Addr)]) -> LabResult<()> {
        let hosts = servers.iter().map(|(s, _)| Ok(RData::NS(NS(name(s)?)))).collect::<LabResult<Vec<_>>>()?;
        self.put(&name(child)?, RecordType::NS, ttl, hosts);
        for (host, address) in servers {
            self.set_a(host, ttl, &[*address])?;
        }
        Ok(())
    }

    fn put(&mut self, owner: &Name, kind: RecordType, ttl: u32, data: Vec<RData>) {
        self.serial = self.serial.wrapping_add(1);
        let key = (LowerName::new(owner), kind);
        if data.is_empty() {
            self.sets.remove(&key);
        } else {
            let records = data.into_iter().map(|d| Record::from_rdata(owner.clone(), ttl, d)).collect();
            self.sets.insert(key, records);
        }
    }

    /// The answer to one question whose name lies in this zone.
    #[must_use]
    pub fn answer(&self, qname: &LowerName, kind: RecordType) -> Answer {
        if let Some(answer) = self.referral(qname) {
            return answer;
        }
        let found = |kind| self.sets.get(&(qname.clone(), kind)).cloned();
        let positive = |answers| Answer {
            code: ResponseCode::NoError,
            authoritative: true,
            answers,
            authorities: Vec::new(),
            additionals: Vec::new(),
        };
        if let Some(records) = found(kind) {
            return positive(records);
        }
        if *qname == self.origin && kind == RecordType::SOA {
            return positive(vec![self.soa()]);
        }
        if let Some(alias) = found(RecordType::CNAME) {
            return positive(alias);
        }
        let exists = *qname == self.origin || self.sets.keys().any(|(owner, _)| qname.zone_of(owner));
        let code = if exists { ResponseCode::NoError } else { ResponseCode::NXDomain };
        Answer { authorities: vec![self.soa()], authoritative: true, ..Answer::error(code) }
    }

    /// A delegation at or above the name, with the glue that this zone has for it.
    fn referral(&self, qname: &LowerName) -> Option<Answer> {
        let mut at = qname.clone();
        while at != self.origin && !at.is_root() {
            if let Some(servers) = self.sets.get(&(at.clone(), RecordType::NS)) {
                let additionals = servers.iter().flat_map(|record| self.glue(record)).collect();
                let empty = Answer::error(ResponseCode::NoError);
                return Some(Answer { authorities: servers.clone(), additionals, ..empty });
            }
            at = at.base_name();
        }
        None
    }

    fn glue(&self, server: &Record) -> Vec<Record> {
        let RData::NS(NS(host)) = &server.data else { return Vec::new() };
        self.sets.get(&(LowerName::new(host), RecordType::A)).cloned().unwrap_or_default()
    }

    fn soa(&self) -> Record {
        let origin = Name::from(&self.origin);
        let host = |label: &str| Name::from_ascii(label).and_then(|l| l.append_domain(&origin)).unwrap_or_default();
        let minimum = self.negative_ttl;
        let soa = SOA::new(host("ns1"), host("hostmaster"), self.serial, 3_600, 600, 86_400, minimum);
        Record::from_rdata(origin, minimum, RData::SOA(soa))
    }
}

/// The zones of one server, changed while it answers.
#[derive(Debug, Default)]
pub struct ZoneSet(RwLock<Vec<Zone>>);

impl ZoneSet {
    #[must_use]
    pub fn new(zones: Vec<Zone>) -> Self {
        Self(RwLock::new(zones))
    }

    pub fn add(&self, zone: Zone) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(zone);
    }

    /// Changes the zone with this origin; nothing happens when the server does not have it.
    ///
    /// # Errors
    /// Those of `change`, and a name that is no domain name.
    pub fn edit(&self, origin: &str, change: impl FnOnce(&mut Zone) -> LabResult<()>) -> LabResult<()> {
        let origin = LowerName::new(&name(origin)?);
        let mut zones = self.0.write().unwrap_or_else(PoisonError::into_inner);
        zones.iter_mut().find(|z| z.origin == origin).map_or(Ok(()), change)
    }

    /// The answer from the closest zone at or above the name; REFUSED where there is none.
    #[must_use]
    pub fn answer(&self, qname: &LowerName, kind: RecordType) -> Answer {
        let zones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let closest = zones.iter().filter(|z| z.origin.zone_of(qname)).max_by_key(|z| z.origin.num_labels());
        closest.map_or_else(|| Answer::error(ResponseCode::Refused), |zone| zone.answer(qname, kind))
    }
}

/// A name, taken as fully qualified.
///
/// # Errors
/// When it is no domain name.
pub fn name(text: &str) -> LabResult<Name> {
    let mut name = Name::from_ascii(text).during(&format!("reading the name `{text}`"))?;
    name.set_fqdn(true);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lower(text: &str) -> LowerName {
        LowerName::new(&name(text).unwrap())
    }

    #[test]
    fn data_referral_nodata_and_nxdomain_are_told_apart() {
        let mut parent = Zone::new("example", &["a.root.example"], 3_600, 60).unwrap();
        parent.delegate("shop.example", 600, &[("ns1.dns.example", Ipv4Addr::new(127, 0, 53, 1))]).unwrap();
        let mut child = Zone::new("shop.example", &["ns1.dns.example"], 600, 60).unwrap();
        child.set_mx("shop.example", 300, &[(10, "mail.shop.example")]).unwrap();
        child.set_a("mail.shop.example", 300, &[Ipv4Addr::new(127, 0, 10, 1)]).unwrap();

        let referral = parent.answer(&lower("Shop.example"), RecordType::MX);
        assert!(!referral.authoritative && referral.answers.is_empty());
        assert_eq!((referral.authorities.len(), referral.additionals.len()), (1, 1));

        let mx = child.answer(&lower("SHOP.example"), RecordType::MX);
        assert!(mx.authoritative);
        assert_eq!(mx.answers[0].ttl, 300);

        let nodata = child.answer(&lower("mail.shop.example"), RecordType::MX);
        assert_eq!((nodata.code, nodata.authorities.len()), (ResponseCode::NoError, 1));
        let nothing = child.answer(&lower("www.shop.example"), RecordType::A);
        assert_eq!(nothing.code, ResponseCode::NXDomain);

        child.set_mx("shop.example", 300, &[]).unwrap();
        assert!(child.answer(&lower("shop.example"), RecordType::MX).answers.is_empty());
    }

    #[test]
    fn the_closest_zone_answers_and_strangers_are_refused() {
        let parent = Zone::new("example", &["a.root.example"], 3_600, 60).unwrap();
        let mut child = Zone::new("shop.example", &["ns1.dns.example"], 600, 60).unwrap();
        child.set_txt("shop.example", 60, &["v=spf1 mx -all"]).unwrap();
        let set = ZoneSet::new(vec![parent, child]);
        assert_eq!(set.answer(&lower("shop.example"), RecordType::TXT).answers.len(), 1);
        assert_eq!(set.answer(&lower("shop.test"), RecordType::TXT).code, ResponseCode::Refused);
        set.edit("shop.example", |zone| zone.set_txt("shop.example", 60, &[])).unwrap();
        assert_eq!(set.answer(&lower("shop.example"), RecordType::TXT).answers.len(), 0);
    }
}
