//! A caching resolver that honours TTLs in the time of the shared clock: it walks down from the
//! root, keeps what it learnt (also that there is nothing, RFC 2308), and counts TTLs down. It does
//! not follow aliases; the laboratory's zones have none.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hickory_net::runtime::Time;
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordType};
use hickory_server::Server;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use jiff::Timestamp;

use super::authority::{listen, respond};
use super::error::LabResult;
use super::stub::ask;
use super::zones::Answer;
use crate::clock::SharedClock;

/// Referrals followed for one question.
const DEPTH: usize = 8;
/// Sets kept; beyond that the cache is emptied, which a resolver may do at any time.
const CACHE: usize = 10_000;

/// A running resolver; it stops when dropped.
pub struct Resolver {
    pub address: SocketAddr,
    _server: Server<Recursor>,
}

impl Resolver {
    /// Starts a resolver that begins at `root`. Of several name servers it asks the one at position
    /// `favourite` first, so that two resolvers may see two servers that disagree.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, root: SocketAddr, favourite: usize, clock: SharedClock) -> LabResult<Self> {
        let recursor = Recursor { own: address.ip(), root, favourite, clock, cache: Arc::default() };
        Ok(Self { address, _server: listen(address, recursor).await? })
    }
}

struct Recursor {
    own: IpAddr,
    root: SocketAddr,
    favourite: usize,
    clock: SharedClock,
    cache: Arc<Mutex<HashMap<(LowerName, RecordType), Kept>>>,
}

#[derive(Clone)]
struct Kept {
    answer: Answer,
    since: Timestamp,
    ttl: u32,
}

#[async_trait]
impl RequestHandler for Recursor {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, response: R) -> ResponseInfo {
        let answer = match (request.metadata.op_code, request.request_info()) {
            (OpCode::Query, Ok(info)) => self.resolve(info.query.name(), info.query.query_type()).await,
            (OpCode::Query, Err(_)) => Answer::error(ResponseCode::FormErr),
            _ => Answer::error(ResponseCode::NotImp),
        };
        respond(request, response, &answer, true).await
    }
}

impl Recursor {
    async fn resolve(&self, qname: &LowerName, kind: RecordType) -> Answer {
        let key = (qname.clone(), kind);
        if let Some(answer) = self.cached(&key) {
            return answer;
        }
        let Some(answer) = self.walk(&Name::from(qname), kind).await else {
            return Answer::error(ResponseCode::ServFail);
        };
        let kept = Kept { ttl: ttl_of(&answer), answer: answer.clone(), since: self.clock.now() };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHE {
            cache.clear();
        }
        cache.insert(key, kept);
        answer
    }

    fn cached(&self, key: &(LowerName, RecordType)) -> Option<Answer> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = cache.get(key)?;
        let age = u32::try_from(self.clock.now().duration_since(kept.since).as_secs().max(0)).unwrap_or(u32::MAX);
        if age >= kept.ttl {
            cache.remove(key);
            return None;
        }
        let mut answer = kept.answer.clone();
        for record in answer.answers.iter_mut().chain(&mut answer.authorities) {
            record.ttl = record.ttl.saturating_sub(age);
        }
        Some(answer)
    }

    /// Follows referrals from the root until a server answers with authority.
    async fn walk(&self, qname: &Name, kind: RecordType) -> Option<Answer> {
        let mut servers = vec![self.root];
        for _ in 0..DEPTH {
            let message = self.first_answer(&servers, qname, kind).await?;
            if message.metadata.authoritative {
                return Some(Answer {
                    code: message.metadata.response_code,
                    authoritative: false,
                    answers: message.answers,
                    authorities: message.authorities,
                    additionals: Vec::new(),
                });
            }
            servers = self.glue(&message);
            if servers.is_empty() {
                return None;
            }
        }
        None
    }

    async fn first_answer(&self, servers: &[SocketAddr], qname: &Name, kind: RecordType) -> Option<Message> {
        for turn in 0..servers.len() {
            let server = servers.get((turn + self.favourite) % servers.len())?;
            match ask(*server, Some(self.own), qname, kind, false).await {
                Ok(message)
                    if matches!(message.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain) =>
                {
                    return Some(message);
                }
                Ok(_) | Err(_) => {}
            }
        }
        None
    }

    fn glue(&self, message: &Message) -> Vec<SocketAddr> {
        let address = |record: &Record| match &record.data {
            RData::A(a) => Some(SocketAddr::new(IpAddr::V4(a.0), self.root.port())),
            _ => None,
        };
        message.additionals.iter().filter_map(address).collect()
    }
}

/// How long an answer may be kept; a negative one for min(SOA TTL, MINIMUM) (RFC 2308 §5).
fn ttl_of(answer: &Answer) -> u32 {
    let positive = answer.answers.iter().map(|record| record.ttl).min();
    let negative = answer.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    });
    positive.or(negative).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use jiff::SignedDuration;

    use super::*;
    use crate::clock::{Clock, SteppingClock};
    use crate::demo::lab::authority::NameServer;
    use crate::demo::lab::zones::{Zone, ZoneSet, name};

    async fn mx_of(resolver: &Resolver) -> (u32, String) {
        let message = ask(resolver.address, None, &name("shop.example").unwrap(), RecordType::MX, true).await.unwrap();
        assert!(message.metadata.recursion_available && !message.metadata.authoritative);
        let record = &message.answers[0];
        (record.ttl, record.data.to_string())
    }

    #[tokio::test]
    async fn an_old_set_is_kept_until_its_ttl_has_passed_in_virtual_time() {
        let local = |last| IpAddr::V4(Ipv4Addr::new(127, 1, 53, last));
        let mut shop = Zone::new("shop.example", &["ns1.dns.example"], 3_600, 60).unwrap();
        shop.set_mx("shop.example", 600, &[(10, "old.shop.example")]).unwrap();
        let port = std::net::TcpListener::bind((local(1), 0)).unwrap().local_addr().unwrap().port();
        let mut parent = Zone::new("example", &["a.root.example"], 3_600, 60).unwrap();
        parent.delegate("shop.example", 3_600, &[("ns1.dns.example", Ipv4Addr::new(127, 1, 53, 1))]).unwrap();
        let root = NameServer::start(local(3), port, Arc::new(ZoneSet::new(vec![parent]))).await.unwrap();
        let ns1 = NameServer::start(local(1), port, Arc::new(ZoneSet::new(vec![shop]))).await.unwrap();
        let clock = Arc::new(SteppingClock::starting_at("2027-01-04T06:00:00Z".parse().unwrap()));
        let resolver =
            Resolver::start(SocketAddr::new(local(11), port), root.address, 0, Arc::<SteppingClock>::clone(&clock))
                .await
                .unwrap();

        assert_eq!(mx_of(&resolver).await, (600, "10 old.shop.example.".to_owned()));
        ns1.zones.edit("shop.example", |zone| zone.set_mx("shop.example", 300, &[(10, "new.shop.example")])).unwrap();
        clock.skip_to(clock.now() + SignedDuration::from_secs(400));
        let (ttl, exchange) = mx_of(&resolver).await;
        assert!(ttl <= 200, "the TTL is counted down, it was {ttl}");
        assert_eq!(exchange, "10 old.shop.example.");
        clock.skip_to(clock.now() + SignedDuration::from_secs(201));
        assert_eq!(mx_of(&resolver).await, (300, "10 new.shop.example.".to_owned()));
    }
}
