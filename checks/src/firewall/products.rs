//! The syntax of each firewall product. Every rule adds to what is there and closes nothing; a rule of
//! the host's own firewall names no destination, so that it also matches behind address translation.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::rules::{Family, Product};

pub(super) fn text(product: Product, families: &[Family], port: u16) -> String {
    match product {
        Product::Nftables => nftables(families, port),
        Product::Iptables => iptables(families, port),
        Product::Pf => pf(families, port),
        Product::Windows => windows(families, port),
        Product::Asa => asa(families, port),
        Product::Fortigate => fortigate(families, port),
    }
}

fn nftables(families: &[Family], port: u16) -> String {
    let mut out = String::from("# On the mail server itself. Table and chain as `nft list ruleset` shows them.\n");
    let rule = |f: &Family, chain: &str, to: &str| {
        let ip = if f.v6 { "ip6" } else { "ip" };
        let to = if to.is_empty() { String::new() } else { format!(" {ip} daddr {{ {to} }}") };
        format!(
            "nft 'insert rule inet filter {chain} {ip} saddr {{ {} }}{to} tcp dport {port} accept'\n",
            comma(&f.sources)
        )
    };
    for f in families {
        out.push_str(&rule(f, "input", ""));
    }
    if families.iter().any(|f| !f.servers.is_empty()) {
        out.push_str("# On a router in front of it, instead (behind NAT: the server's inside address):\n");
        for f in families.iter().filter(|f| !f.servers.is_empty()) {
            let _ = write!(out, "# {}", rule(f, "forward", &comma(&f.servers)));
        }
    }
    out.push_str("# Then save the rules, on most systems in /etc/nftables.conf.\n");
    out
}

fn iptables(families: &[Family], port: u16) -> String {
    let mut out = String::from("# On the mail server itself.\n");
    for f in families {
        for source in &f.sources {
            let _ = writeln!(out, "{} -I INPUT 1 -p tcp -s {source} --dport {port} -j ACCEPT", command(f));
        }
    }
    if families.iter().any(|f| !f.servers.is_empty()) {
        out.push_str("# On a router in front of it, instead (behind NAT: the server's inside address):\n");
        for f in families {
            for source in &f.sources {
                for server in &f.servers {
                    let _ = writeln!(
                        out,
                        "# {} -I FORWARD 1 -p tcp -s {source} -d {server} --dport {port} -j ACCEPT",
                        command(f)
                    );
                }
            }
        }
    }
    out.push_str("# Then save the rules, on most systems with netfilter-persistent save.\n");
    out
}

const fn command(family: &Family) -> &'static str {
    if family.v6 { "ip6tables" } else { "iptables" }
}

fn pf(families: &[Family], port: u16) -> String {
    let mut out =
        String::from("# In /etc/pf.conf, before the block rules (behind NAT: the server's inside address).\n");
    for f in families {
        let inet = if f.v6 { "inet6" } else { "inet" };
        let to = if f.servers.is_empty() { "any".to_owned() } else { format!("{{ {} }}", comma(&f.servers)) };
        let _ = writeln!(
            out,
            "pass in quick {inet} proto tcp from {{ {} }} to {to} port {port} keep state",
            comma(&f.sources)
        );
    }
    out.push_str("# Then: pfctl -nf /etc/pf.conf && pfctl -f /etc/pf.conf\n");
    out
}

fn windows(families: &[Family], port: u16) -> String {
    let mut out = String::from("# On the mail server itself, in PowerShell as an administrator.\n");
    let name = |f: &Family| format!("Mail gateway to TCP {port} ({})", label(f));
    for f in families {
        let list: Vec<String> = f.sources.iter().map(|a| format!("'{a}'")).collect();
        let _ = writeln!(
            out,
            "New-NetFirewallRule -DisplayName '{}' -Direction Inbound -Action Allow -Protocol TCP -LocalPort {port} \
             -RemoteAddress {}",
            name(f),
            list.join(",")
        );
    }
    out.push_str("# Or with netsh:\n");
    for f in families {
        let _ = writeln!(
            out,
            "# netsh advfirewall firewall add rule name=\"{}\" dir=in action=allow protocol=TCP localport={port} remoteip={}",
            name(f),
            joined(&f.sources, ",")
        );
    }
    out.push_str("# A rule that blocks comes before every rule that allows: see that none matches.\n");
    out
}

fn asa(families: &[Family], port: u16) -> String {
    let mut out = String::from(
        "! outside_access_in: the list that `show running-config access-group` names for the outside interface.\n\
         ! Behind NAT: the server's inside address (version 8.3 and later).\n\
         configure terminal\n",
    );
    for f in families {
        let _ = writeln!(out, "object-group network MAIL-GATEWAY-{}", label(f).to_uppercase());
        for source in &f.sources {
            out.push_str(&if f.v6 {
                format!(" network-object {source}/128\n")
            } else {
                format!(" network-object host {source}\n")
            });
        }
    }
    out.push_str(if families.is_empty() { "" } else { "exit\n" });
    for f in families {
        let group = format!("object-group MAIL-GATEWAY-{}", label(f).to_uppercase());
        let to = |server: String| {
            format!("access-list outside_access_in line 1 extended permit tcp {group} {server} eq {port}\n")
        };
        if f.servers.is_empty() {
            out.push_str(&to(if f.v6 { "any6" } else { "any4" }.to_owned()));
        }
        for server in &f.servers {
            out.push_str(&to(format!("host {server}")));
        }
    }
    out.push_str("write memory\n");
    out
}

fn fortigate(families: &[Family], port: u16) -> String {
    let mut out = String::from(
        "# wan1, internal: the outer interface and the server's. Behind NAT: dstaddr is the virtual IP of the server.\n",
    );
    for f in families {
        let (table, value) = if f.v6 { ("address6", "ip6") } else { ("address", "subnet") };
        let mask = if f.v6 { "/128" } else { " 255.255.255.255" };
        let _ = writeln!(out, "config firewall {table}");
        for (kind, list) in [("gateway", &f.sources), ("server", &f.servers)] {
            for a in list {
                let _ = writeln!(out, "    edit \"mail-{kind}-{a}\"\n        set {value} {a}{mask}\n    next");
            }
        }
        out.push_str("end\n");
    }
    let _ = writeln!(
        out,
        "config firewall service custom\n    edit \"mail-tcp-{port}\"\n        set tcp-portrange {port}\n    next\nend"
    );
    out.push_str("config firewall policy\n");
    for f in families {
        let six = if f.v6 { "6" } else { "" };
        let names = |kind: &str, list: &[IpAddr]| {
            list.iter().map(|a| format!("\"mail-{kind}-{a}\"")).collect::<Vec<_>>().join(" ")
        };
        let to = if f.servers.is_empty() { "\"all\"".to_owned() } else { names("server", &f.servers) };
        let _ = writeln!(
            out,
            "    edit 0\n        set name \"mail-gateway-{}\"\n        set srcintf \"wan1\"\n        set dstintf \"internal\"\n        \
             set srcaddr{six} {}\n        set dstaddr{six} {to}\n        set action accept\n        set schedule \"always\"\n        \
             set service \"mail-tcp-{port}\"\n    next",
            label(f),
            names("gateway", &f.sources)
        );
    }
    out.push_str("end\n# Then move the new policies above every policy that denies.\n");
    out
}

const fn label(family: &Family) -> &'static str {
    if family.v6 { "IPv6" } else { "IPv4" }
}

fn comma(addresses: &[IpAddr]) -> String {
    joined(addresses, ", ")
}

fn joined(addresses: &[IpAddr], with: &str) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(with)
}
