//! The destination guard: which addresses this host may be made to connect to. Everything that a
//! customer, a zone or a policy names is resolved once, checked here, and connected to by the address
//! that was checked. Nothing here resolves or connects.

use std::net::IpAddr;

use fencepost_checks::target::refusal;
use ipnet::IpNet;

/// Refuses special addresses, except inside the networks that `probe.allow_targets` names.
#[derive(Debug, Clone, Default)]
pub struct TargetGuard {
    allowed: Vec<IpNet>,
}

/// A text that is no network in CIDR notation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    #[error("`{0}` is no network; write an address and a prefix length, such as 192.0.2.0/24 or 2001:db8::/32")]
    Syntax(String),
    #[error("`{given}` has bits beyond its prefix; write {meant}")]
    HostBits { given: String, meant: IpNet },
}

/// Why an address may not be probed. The text names the address and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {why}; it is probed only if `probe.allow_targets` names its network")]
pub struct Refused {
    pub address: IpAddr,
    pub why: &'static str,
}

impl TargetGuard {
    /// Reads the exceptions strictly: a network with bits beyond its prefix is most likely a typing
    /// error, and this list opens private networks.
    ///
    /// # Errors
    /// [`CidrError`] names the entry and what to write instead.
    pub fn new(allow_targets: &[String]) -> Result<Self, CidrError> {
        allow_targets.iter().map(|text| network(text)).collect::<Result<_, _>>().map(|allowed| Self { allowed })
    }

    /// Whether the address may be connected to.
    ///
    /// # Errors
    /// [`Refused`] with the reason.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        // An IPv4-mapped address reaches the IPv4 host, so an exception for that host covers it.
        let plain = address.to_canonical();
        match refusal(address) {
            Some(why) if !self.allowed.iter().any(|n| n.contains(&plain)) => Err(Refused { address, why }),
            _ => Ok(()),
        }
    }

    /// Splits addresses into those that may be probed and the reasons against the others.
    #[must_use]
    pub fn sift(&self, addresses: &[IpAddr]) -> (Vec<IpAddr>, Vec<Refused>) {
        let mut open = Vec::new();
        let mut refused = Vec::new();
        for &address in addresses {
            match self.check(address) {
                Ok(()) => open.push(address),
                Err(reason) => refused.push(reason),
            }
        }
        (open, refused)
    }
}

fn network(text: &str) -> Result<IpNet, CidrError> {
    let shown = || text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>();
    let net: IpNet = text.parse().map_err(|_| CidrError::Syntax(shown()))?;
    if net.addr() == net.network() { Ok(net) } else { Err(CidrError::HostBits { given: shown(), meant: net.trunc() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(nets: &[&str]) -> Result<TargetGuard, CidrError> {
        TargetGuard::new(&nets.iter().map(|&n| n.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn special_addresses_need_an_exception() {
        let closed = guard(&[]).unwrap();
        assert!(closed.check("127.0.0.1".parse().unwrap()).is_err());
        assert!(closed.check("8.8.8.8".parse().unwrap()).is_ok());
        let open = guard(&["127.0.1.0/24", "::1/128"]).unwrap();
        assert!(open.check("127.0.1.9".parse().unwrap()).is_ok());
        assert!(open.check("::ffff:127.0.1.9".parse().unwrap()).is_ok());
        assert!(open.check("127.0.2.9".parse().unwrap()).is_err());
        assert!(open.check("::1".parse().unwrap()).is_ok());
        assert!(open.check("10.0.0.1".parse().unwrap()).is_err());
    }

    #[test]
    fn an_exception_is_read_strictly() {
        for bad in ["127.0.0.1", "127.0.0.0/33", "loopback", "", "127.0.0.0/8 ", "10.0.0.0-10.0.0.9", "1/8"] {
            assert!(matches!(guard(&[bad]), Err(CidrError::Syntax(_))), "{bad}");
        }
        assert_eq!(
            guard(&["10.1.2.3/8"]).unwrap_err().to_string(),
            "`10.1.2.3/8` has bits beyond its prefix; write 10.0.0.0/8"
        );
    }
}
