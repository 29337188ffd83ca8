//! How often one key may ask: so many in the long run and so many at once, by the generic cell rate algorithm.
//! What is remembered is bounded; when strangers fill it, those who are new share one allowance.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use tokio::time::Instant;

use super::HttpState;
use super::panel::PageError;
use super::problem::Problem;
use crate::config::HttpConfig;

/// Keys that are remembered.
const KEYS: usize = 50_000;
/// Between two looks for keys that can be forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// The peer of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// All bounds of one process.
#[derive(Debug, Clone)]
pub(super) struct Rates {
    clients: Rate<IpAddr>,
    tokens: Rate<String>,
    attempts: Rate<IpAddr>,
    trusted: Arc<[IpNet]>,
}

impl Rates {
    pub(super) fn new(config: &HttpConfig) -> Self {
        let rate = &config.rate;
        Self {
            clients: Rate::new(rate.client_per_minute, rate.client_burst),
            tokens: Rate::new(rate.token_per_minute, rate.token_burst),
            attempts: Rate::new(rate.sign_in_per_minute, rate.sign_in_burst),
            trusted: config.trusted_proxies.clone().into(),
        }
    }

    /// One request with a token, or of a person.
    pub(super) fn token(&self, id: &str) -> Result<(), Problem> {
        self.tokens.admit(&id.to_owned(), Instant::now()).map_err(Problem::too_many)
    }

    /// One attempt to be somebody.
    pub(super) fn attempt(&self, parts: &Parts) -> Result<(), Problem> {
        self.attempts.admit(&self.client(&parts.headers, &parts.extensions), Instant::now()).map_err(Problem::too_many)
    }

    fn client(&self, headers: &HeaderMap, extensions: &Extensions) -> IpAddr {
        let peer = extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        neighbourhood(client(peer, headers, &self.trusted))
    }
}

/// Bounds the requests of each client.
pub(super) async fn bound(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let client = state.rates.client(request.headers(), request.extensions());
    let Err(wait) = state.rates.clients.admit(&client, Instant::now()) else { return next.run(request).await };
    let problem = Problem::too_many(wait);
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let page = !request.uri().path().starts_with("/v1/") && accept.contains("text/html");
    if page { PageError::from(problem).into_response() } else { problem.into_response() }
}

/// Whose connection it is: the peer, or what the nearest proxy says that is not itself trusted. Whatever
/// stands further to the left anybody may have written.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address.to_canonical()));
    if !is_trusted(peer) {
        return peer;
    }
    let told = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
    let told: Vec<&str> = told.flat_map(|list| list.split(',')).map(str::trim).collect();
    let mut nearest = peer;
    for text in told.into_iter().rev() {
        let Some(address) = address(text) else { return nearest };
        nearest = address;
        if !is_trusted(address) {
            break;
        }
    }
    nearest
}

/// Some proxies write the port as well.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    plain.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

/// Whose allowance it is: who has one IPv6 address has all of its /64.
pub(super) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// One bound. Cheap to clone; clones count together.
#[derive(Debug)]
struct Rate<K> {
    /// Between two requests in the long run; `None` sets no bound.
    every: Option<Duration>,
    burst: u32,
    keys: Arc<Mutex<Keys<K>>>,
}

impl<K> Clone for Rate<K> {
    fn clone(&self) -> Self {
        Self { every: self.every, burst: self.burst, keys: self.keys.clone() }
    }
}

#[derive(Debug)]
struct Keys<K> {
    most: usize,
    /// When the allowance of each will be whole again.
    whole_at: HashMap<K, Instant>,
    /// That of everybody for whom there was no room.
    rest: Option<Instant>,
    swept: Option<Instant>,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    fn new(per_minute: u32, burst: u32) -> Self {
        Self::remembering(per_minute, burst, KEYS)
    }

    fn remembering(per_minute: u32, burst: u32, most: usize) -> Self {
        let bounded = per_minute > 0 && burst > 0;
        let every = bounded.then(|| Duration::from_secs(60) / per_minute);
        let keys = Keys { most, whole_at: HashMap::new(), rest: None, swept: None };
        Self { every, burst, keys: Arc::new(Mutex::new(keys)) }
    }

    /// Takes one from the allowance, or says how long to wait for one.
    fn admit(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let Some(every) = self.every else { return Ok(()) };
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match keys.whole_at.get(key).copied() {
            Some(at) => Some(at),
            None if keys.has_room(now) => None,
            None => {
                let rest = taken(keys.rest, every, self.burst, now)?;
                keys.rest = Some(rest);
                return Ok(());
            }
        };
        let whole_at = taken(known, every, self.burst, now)?;
        keys.whole_at.insert(key.clone(), whole_at);
        Ok(())
    }
}

impl<K: Hash + Eq> Keys<K> {
    fn has_room(&mut self, now: Instant) -> bool {
        if self.whole_at.len() < self.most {
            return true;
        }
        if self.swept.is_none_or(|at| now.duration_since(at) >= SWEEP) {
            self.swept = Some(now);
            self.whole_at.retain(|_, at| *at > now);
        }
        self.whole_at.len() < self.most
    }
}

/// When the allowance will be whole once one more is taken, or how long there is none to take.
fn taken(whole_at: Option<Instant>, every: Duration, burst: u32, now: Instant) -> Result<Instant, Duration> {
    let next = whole_at.map_or(now, |at| at.max(now)) + every;
    let ahead = next.duration_since(now);
    let most = every * burst;
    if ahead > most { Err(ahead - most) } else { Ok(next) }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let rate = Rate::new(60, 3);
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(rate.admit(&1, now), Ok(()));
        }
        assert_eq!(rate.admit(&1, now), Err(Duration::from_secs(1)));
        assert_eq!(rate.admit(&2, now), Ok(()), "another has its own");
        let later = now + Duration::from_millis(1_000);
        assert_eq!(rate.admit(&1, later), Ok(()));
        assert_eq!(rate.admit(&1, later), Err(Duration::from_secs(1)));
        let much_later = now + Duration::from_secs(3_600);
        assert_eq!((0..10).filter(|_| rate.admit(&1, much_later).is_ok()).count(), 3, "never more than the burst");
        let none = Rate::new(0, 5);
        assert!((0..100).all(|_| none.admit(&1, now).is_ok()));
    }

    #[test]
    fn strangers_fill_nothing_and_hinder_nobody_who_was_there() {
        let rate = Rate::remembering(60, 2, 100);
        let now = Instant::now();
        assert!(rate.admit(&0, now).is_ok());
        let admitted = (1..10_000).filter(|key| rate.admit(key, now).is_ok()).count();
        assert_eq!(admitted, 99 + 2, "those for whom there is room, and one allowance for the rest");
        assert!(rate.admit(&0, now).is_ok(), "who was there has its own");
        assert_eq!(rate.keys.lock().unwrap().whole_at.len(), 100);
        let later = now + Duration::from_secs(5);
        assert!(rate.admit(&77_777, later).is_ok());
        assert_eq!(rate.keys.lock().unwrap().whole_at.len(), 1, "whole allowances are forgotten");
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate_allow(pauses in prop::collection::vec(0_u64..3_000, 1..200), burst in 1_u32..20) {
            let rate = Rate::new(60, burst);
            let begin = Instant::now();
            let (mut now, mut admitted) = (begin, 0_u64);
            for pause in pauses {
                now += Duration::from_millis(pause);
                match rate.admit(&(), now) {
                    Ok(()) => admitted += 1,
                    Err(wait) => prop_assert!(rate.admit(&(), now + wait).is_ok(), "who waits as long as told gets one"),
                }
                if rate.admit(&(), now).is_ok() { admitted += 1; }
            }
            // The one that was tried ahead of its time counts for a second more.
            prop_assert!(admitted <= u64::from(burst) + (now - begin).as_secs() + 1);
        }
    }

    #[test]
    fn a_client_is_the_peer_unless_a_trusted_proxy_says_otherwise() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:5::/48".parse().unwrap()];
        let of = |peer: &str, told: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in told {
                headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
            }
            client(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(of("192.0.2.1", &["198.51.100.7"]), "192.0.2.1", "a stranger says what it likes");
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(of("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(of("10.0.0.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7", "what the client wrote itself");
        assert_eq!(of("10.0.0.1", &["203.0.113.9", "198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(of("10.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(of("10.0.0.1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(of("10.0.0.1", &["198.51.100.7, unknown"]), "10.0.0.1");
        assert_eq!(of("2001:db8:5::1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(of("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3", "all of them ours");
        assert_eq!(of("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn neighbours_in_one_ipv6_network_share_their_places() {
        let of = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
