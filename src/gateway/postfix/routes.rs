//! What each domain's route shall be, with its generation, in one JSON file. A removed route leaves
//! its generation behind, so that a late writer cannot bring it back. Nothing here knows Postfix' syntax
//! but the next hops, which are checked before they are kept.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use fencepost_checks::DomainName;
use serde::{Deserialize, Serialize};

use super::{STATE_MODE, files};
use crate::engine::ports::RouteDesire;
use crate::lifecycle::connection::RouteMode;
use crate::order::MailServer;

const FORMAT: u32 = 1;

/// Every route that was ever set.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Routes {
    format: u32,
    /// The maps may be newer than what Postfix has loaded.
    pub(super) reload_pending: bool,
    routes: BTreeMap<DomainName, Route>,
}

/// The route of one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    pub(super) mode: RouteMode,
    pub(super) generation: u64,
    /// `[host]:port`, in the order in which they are tried; only of `deliver`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) next_hops: Vec<NextHop>,
}

/// A destination in Postfix' syntax, with MX look-ups off. Can be made of a host and a port alone, so
/// that no blank, comma or line break ever reaches a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct NextHop(String);

impl Routes {
    /// Reads the file; without one there are no routes.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let Some(text) = files::read(path)? else {
            return Ok(Self { format: FORMAT, reload_pending: false, routes: BTreeMap::new() });
        };
        let unusable = |why: &dyn std::fmt::Display| {
            format!(
                "{} cannot be used ({why}); restore it from a backup, or move it away and set every route again",
                path.display()
            )
        };
        let routes: Self = serde_json::from_str(&text).map_err(|error| unusable(&error))?;
        if routes.format != FORMAT {
            return Err(unusable(&format_args!("format {}, this program knows {FORMAT}", routes.format)));
        }
        Ok(routes)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string(self).map_err(|error| error.to_string())?;
        files::replace(path, text.as_bytes(), STATE_MODE)
    }

    /// `Ok(true)` when something changes by it.
    ///
    /// # Errors
    /// The generation of a newer desire, which stays.
    pub(super) fn take(&mut self, domain: DomainName, route: Route) -> Result<bool, u64> {
        match self.routes.get(&domain) {
            Some(kept) if kept.generation > route.generation => Err(kept.generation),
            Some(kept) if *kept == route => Ok(false),
            _ => {
                self.routes.insert(domain, route);
                Ok(true)
            }
        }
    }

    /// `None` where Postfix does not know the domain.
    pub(super) fn mode(&self, domain: &DomainName) -> Option<RouteMode> {
        self.routes.get(domain).map(|route| route.mode).filter(|mode| *mode != RouteMode::Absent)
    }

    /// What Postfix shall know, in name order.
    pub(super) fn present(&self) -> impl Iterator<Item = (&DomainName, &Route)> {
        self.routes.iter().filter(|(_, route)| route.mode != RouteMode::Absent)
    }
}

impl Route {
    /// # Errors
    /// Why Postfix cannot be told that.
    pub(super) fn new(desire: &RouteDesire) -> Result<Self, String> {
        let RouteDesire { domain, mode, servers, generation } = desire;
        let mut next_hops = Vec::new();
        if *mode == RouteMode::Deliver {
            let standbys_last = servers.iter().filter(|s| !s.standby).chain(servers.iter().filter(|s| s.standby));
            next_hops = standbys_last.map(NextHop::new).collect::<Result<_, _>>()?;
            if next_hops.is_empty() {
                return Err(format!(
                    "{domain} has no own mail server to deliver to; without one its route would be a loop"
                ));
            }
        }
        Ok(Self { mode: *mode, generation: *generation, next_hops })
    }
}

impl NextHop {
    fn new(server: &MailServer) -> Result<Self, String> {
        let MailServer { host, port, .. } = server;
        if *port == 0 {
            return Err(format!("{host:?} has port 0"));
        }
        match host.parse::<IpAddr>() {
            Ok(address) => Ok(Self(format!("[{address}]:{port}"))),
            Err(_) => match DomainName::parse(host) {
                Ok(name) => Ok(Self(format!("[{name}]:{port}"))),
                Err(error) => Err(format!("no mail server to deliver to: {error}")),
            },
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for NextHop {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.strip_prefix('[').and_then(|rest| rest.rsplit_once("]:"));
        let (host, port) = parts.ok_or_else(|| format!("{text:?} is no next hop"))?;
        let port = port.parse().map_err(|_| format!("{text:?} has no port"))?;
        Self::new(&MailServer { host: host.to_owned(), port, standby: false })
    }
}

impl From<NextHop> for String {
    fn from(hop: NextHop) -> Self {
        hop.0
    }
}
