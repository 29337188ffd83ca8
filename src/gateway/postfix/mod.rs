//! The adapter for a Postfix on this machine. The desired routes are kept in a file of ours, both
//! maps are rendered from it as a whole, and Postfix is told to load them. Nothing else of Postfix'
//! configuration is touched, and no map is ever edited in place.
//!
//! What `main.cf` needs, with the file names of `gateway.adapter`:
//!
//! ```text
//! relay_domains = texthash:/etc/postfix/fencepost-domains
//! transport_maps = texthash:/etc/postfix/fencepost-transport
//! smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
//! ```
//!
//! Other maps may stand beside ours. `texthash` reads plain text and needs no `postmap`, but it is
//! read when a process starts, which is why the reload is not optional. With `hash` or `lmdb` let
//! `reload` be a script that runs `postmap` on both files and then reloads. Postfix 3.5 or later
//! (several next hops), with `smtpd_reject_unlisted_recipient` left at its default `yes`: by it
//! Postfix asks the transport at RCPT time, so that no mail is queued that we do not want.
//!
//! | route | `relay_domains` | `transport` | Postfix at RCPT |
//! | --- | --- | --- | --- |
//! | `deliver` | listed | `relay:[host]:port, …`, primary servers first, then standbys | 250 |
//! | `defer` | listed | `retry:4.3.0 …` | 450 4.3.0 |
//! | `reject` | listed | `error:5.7.1 …` | 550 5.7.1 |
//! | `absent` | not listed | not listed | 554 5.7.1 Relay access denied |
//!
//! By `parent_domain_matches_subdomains` Postfix would take mail for everything below a listed
//! domain; names below it are therefore refused (`error:`) unless they are listed themselves.

mod files;
mod maps;
mod reload;
mod routes;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use fencepost_checks::DomainName;
use tokio::sync::oneshot;

use self::maps::Maps;
use self::routes::{Route, Routes};
use super::GatewaySetupError;
use crate::engine::ports::{Gateway, GatewayError, RouteDesire};
use crate::failpoint::{Step, around};
use crate::lifecycle::connection::RouteMode;

/// Maps are read by Postfix' unprivileged processes; they hold nothing secret.
const MAP_MODE: u32 = 0o644;
const STATE_MODE: u32 = 0o600;

/// Routes kept in the maps of a Postfix on this machine.
#[derive(Debug, Clone)]
pub struct PostfixGateway(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    relay_domains: PathBuf,
    transport: PathBuf,
    /// Desired routes with generations, beside `relay_domains`.
    state: PathBuf,
    lock: PathBuf,
    reload: Vec<String>,
    /// Desires that one write and one reload will carry out together.
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Waiting {
    domain: DomainName,
    route: Route,
    done: oneshot::Sender<Result<(), GatewayError>>,
}

/// What became of one desire: `Some(generation)` of the newer one that stands instead.
type Superseded = Option<u64>;

impl PostfixGateway {
    /// Makes both maps, empty, where they do not exist: Postfix does not start without them.
    ///
    /// # Errors
    /// [`GatewaySetupError`] when a folder is missing or cannot be written.
    pub fn new(relay_domains: &Path, transport: &Path, reload: &[String]) -> Result<Self, GatewaySetupError> {
        for (key, path) in [("relay_domains", relay_domains), ("transport", transport)] {
            files::create_if_missing(path, MAP_MODE)
                .map_err(|error| GatewaySetupError(format!("gateway.adapter.{key}: {}: {error}", path.display())))?;
        }
        if reload.first().is_none_or(String::is_empty) {
            return Err(GatewaySetupError("gateway.adapter.reload: is empty; write [postfix, reload]".to_owned()));
        }
        Ok(Self(Arc::new(Inner {
            relay_domains: relay_domains.to_owned(),
            transport: transport.to_owned(),
            state: files::beside(relay_domains, "state"),
            lock: files::beside(relay_domains, "lock"),
            reload: reload.to_vec(),
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })))
    }
}

#[async_trait]
impl Gateway for PostfixGateway {
    async fn apply(&self, desire: &RouteDesire) -> Result<(), GatewayError> {
        let route = Route::new(desire).map_err(GatewayError::Failed)?;
        let (done, outcome) = oneshot::channel();
        let waiting = Waiting { domain: desire.domain.clone(), route, done };
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(waiting);
        // In a task of its own, so that a caller who gives up does not take others' desires along.
        tokio::spawn(Arc::clone(&self.0).carry_out_waiting());
        outcome.await.unwrap_or_else(|_| Err(failed("the write of the maps broke off")))
    }

    async fn observe(&self, domain: &DomainName) -> Result<Option<RouteMode>, GatewayError> {
        let _lock = files::lock(&self.0.lock).await.map_err(failed)?;
        let (inner, domain) = (Arc::clone(&self.0), domain.clone());
        blocking(move || inner.loaded(&domain)).await.map_err(failed)
    }
}

impl Inner {
    /// Carries out together whatever has gathered while the previous batch was under way.
    async fn carry_out_waiting(self: Arc<Self>) {
        let _turn = self.turn.lock().await;
        let batch = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if batch.is_empty() {
            return;
        }
        let wishes: Vec<_> = batch.iter().map(|w| (w.domain.clone(), w.route.clone())).collect();
        let outcome = self.carry_out(wishes).await;
        for (index, Waiting { domain, route, done }) in batch.into_iter().enumerate() {
            let answer = match &outcome {
                Err(why) => Err(failed(why)),
                Ok(superseded) => match superseded.get(index).copied().flatten() {
                    Some(seen) => Err(GatewayError::Stale { domain, ours: route.generation, seen }),
                    None => Ok(()),
                },
            };
            // Whoever does not wait any more asks again.
            drop(done.send(answer));
        }
    }

    async fn carry_out(self: &Arc<Self>, wishes: Vec<(DomainName, Route)>) -> Result<Vec<Superseded>, String> {
        let _lock = files::lock(&self.lock).await?;
        let inner = Arc::clone(self);
        let (superseded, to_load) = blocking(move || inner.write(wishes)).await?;
        if to_load {
            around(Step::PostfixReload, reload::run(&self.reload, reload::TIME_LIMIT)).await?;
            let inner = Arc::clone(self);
            blocking(move || inner.mark_loaded()).await?;
        }
        Ok(superseded)
    }

    /// Writes what has changed; `true` when Postfix has to load it.
    fn write(&self, wishes: Vec<(DomainName, Route)>) -> Result<(Vec<Superseded>, bool), String> {
        let mut routes = Routes::read(&self.state)?;
        let mut superseded = Vec::with_capacity(wishes.len());
        let mut changed = false;
        for (domain, route) in wishes {
            let taken = routes.take(domain, route);
            changed |= taken == Ok(true);
            superseded.push(taken.err());
        }
        let (wanted, present) = (Maps::render(&routes, &[]), self.present()?);
        if !routes.reload_pending && wanted == present {
            // A new generation of the same route is written down; Postfix need not hear of it.
            if changed {
                routes.write(&self.state)?;
            }
            return Ok((superseded, false));
        }
        // First of all: from here on nothing is confirmed before a reload has gone well.
        routes.reload_pending = true;
        routes.write(&self.state)?;
        // A domain that is relayed without a transport of its own would be queued and sent by its MX:
        // into the transport map before it is listed, out of it only afterwards.
        let leaving = present.listed_beyond(&wanted);
        let meanwhile = if leaving.is_empty() { None } else { Some(Maps::render(&routes, &leaving).transport) };
        let first = meanwhile.as_ref().unwrap_or(&wanted.transport);
        self.replace(&self.transport, first, &present.transport)?;
        self.replace(&self.relay_domains, &wanted.relay_domains, &present.relay_domains)?;
        self.replace(&self.transport, &wanted.transport, first)?;
        Ok((superseded, true))
    }

    fn mark_loaded(&self) -> Result<(), String> {
        let mut routes = Routes::read(&self.state)?;
        routes.reload_pending = false;
        routes.write(&self.state)
    }

    fn loaded(&self, domain: &DomainName) -> Result<Option<RouteMode>, String> {
        let routes = Routes::read(&self.state)?;
        if routes.reload_pending {
            return Err("Postfix has not loaded the newest maps: its last reload failed or was cut off".to_owned());
        }
        if Maps::render(&routes, &[]) != self.present()? {
            let (one, other) = (self.relay_domains.display(), self.transport.display());
            return Err(format!("{one} or {other} was changed by other hands; the next route that is set mends it"));
        }
        Ok(routes.mode(domain))
    }

    fn present(&self) -> Result<Maps, String> {
        let read = |path: &Path| files::read(path).map(Option::unwrap_or_default);
        Ok(Maps { relay_domains: read(&self.relay_domains)?, transport: read(&self.transport)? })
    }

    /// A map that says the same already is left as it is.
    fn replace(&self, path: &Path, text: &str, present: &str) -> Result<(), String> {
        if text == present { Ok(()) } else { files::replace(path, text.as_bytes(), MAP_MODE) }
    }
}

fn failed(why: impl Into<String>) -> GatewayError {
    GatewayError::Failed(why.into())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("the maps could not be handled: {error}"))?
}
