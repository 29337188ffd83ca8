//! `fencepost check DOMAIN`: a one-off look at a domain and its mail servers, without a database.
//! Observes through the prober, lets `fencepost-checks` judge, prints the findings.

mod gather;
mod report;
mod text;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use fencepost_checks::firewall::{self, FirewallContext, Product};
use fencepost_checks::lint::{self, LintContext};
use fencepost_checks::mx;
use fencepost_checks::observation::DnsRound;
use fencepost_checks::smtp::{self, SmtpContext};
use fencepost_checks::{DomainName, Judgement, vantage};

use self::report::{Part, Report};
use self::text::Layout;
use super::{Exit, Global, Output, complain, print};
use crate::clock::{Clock, SharedClock, SystemClock};
use crate::config::{self, Config};
use crate::engine::ports::{FirewallRound, Observer, ServerTask};
use crate::order::MailServer;
use crate::probe::Prober;
use crate::status::DnsProviderStatus;

/// Servers that one check talks to.
const MAX_SERVERS: usize = 16;
/// Resolvers that one check asks.
const MAX_RESOLVERS: usize = 16;
/// Where the configuration lies unless `--config` names another file.
const DEFAULT_CONFIG: &str = "config/fencepost.yaml";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Domain to look at
    #[arg(value_parser = DomainName::parse)]
    domain: DomainName,
    /// Own mail server, repeatable: a name or an address, [ADDRESS]:PORT for IPv6; port 25 unless given
    #[arg(long = "server", value_name = "HOST[:PORT]", value_parser = server)]
    servers: Vec<MailServer>,
    /// Resolver to use instead of the configured ones, repeatable; port 53 unless given
    #[arg(long = "resolver", value_name = "IP[:PORT]", value_parser = resolver)]
    resolvers: Vec<SocketAddr>,
    /// Firewall whose rules are shown where the gateway does not get through; nftables unless given
    #[arg(long, visible_alias = "firewall", value_enum, value_name = "PRODUCT")]
    rules: Option<Rules>,
    /// Also ask the own servers, from an outsider, for a mailbox that cannot exist and for a foreign domain;
    /// it can get the address that asks onto block lists, so no gateway address does it
    #[arg(long)]
    strangers: bool,
    /// The source address for that; without it, probe.strangers_from or the outsiders of the configuration
    #[arg(long, value_name = "IP", requires = "strangers")]
    strangers_from: Option<IpAddr>,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// A firewall product, as people type it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Rules {
    Nftables,
    Iptables,
    Pf,
    Windows,
    Asa,
    Fortigate,
    All,
}

impl From<Option<Rules>> for text::Rules {
    fn from(rules: Option<Rules>) -> Self {
        match rules {
            None => Self::Example,
            Some(Rules::Nftables) => Self::Of(Product::Nftables),
            Some(Rules::Iptables) => Self::Of(Product::Iptables),
            Some(Rules::Pf) => Self::Of(Product::Pf),
            Some(Rules::Windows) => Self::Of(Product::Windows),
            Some(Rules::Asa) => Self::Of(Product::Asa),
            Some(Rules::Fortigate) => Self::Of(Product::Fortigate),
            Some(Rules::All) => Self::All,
        }
    }
}

/// Runs the checks that are possible with what is given and configured. Exit status: 0 pass, 1 a check
/// failed, 2 usage or configuration, 3 inconclusive.
pub async fn run(args: &Args, global: &Global) -> Exit {
    let mut config = match load(global) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if args.servers.len() > MAX_SERVERS || args.resolvers.len() > MAX_RESOLVERS {
        eprintln!("fencepost: at most {MAX_SERVERS} servers and {MAX_RESOLVERS} resolvers can be given at once");
        return Exit::Usage;
    }
    if !args.resolvers.is_empty() {
        config.probe.resolvers.clone_from(&args.resolvers);
    }
    config.probe.strangers |= args.strangers;
    config.probe.strangers_from = args.strangers_from.or(config.probe.strangers_from);
    if let Some(problem) = config.validate().into_iter().find(|problem| problem.key.starts_with("probe.strangers")) {
        eprintln!("fencepost: {} {}", problem.key, problem.message);
        return Exit::Usage;
    }
    let clock: SharedClock = Arc::new(SystemClock);
    let prober = match Prober::new(&config.probe, &config.gateway, clock.clone()) {
        Ok(prober) => prober,
        Err(error) => return complain(&error),
    };
    let report = check(&args.domain, &args.servers, &config, &prober, &*clock).await;
    match args.output {
        Output::Json => print::json(&report),
        Output::Table => {
            let layout =
                Layout { rules: args.rules.into(), paint: print::Paint::of_stdout(), width: print::text_width() };
            print::lines(&text::render(&report, layout));
        }
    }
    report.exit()
}

/// Observes and judges. Questions that do not depend on each other run side by side.
async fn check(
    domain: &DomainName,
    servers: &[MailServer],
    config: &Config,
    observer: &dyn Observer,
    clock: &dyn Clock,
) -> Report {
    let task = ServerTask {
        domain: domain.clone(),
        servers: servers.to_vec(),
        test_mailbox: format!("postmaster@{domain}"),
        hosted: false,
    };
    let (egress, ours) = (config.gateway.delivering(), config.gateway.every_egress());
    let with_firewall = !servers.is_empty() && !egress.is_empty();
    let dialogues = async {
        // One after the other: they visit the same addresses.
        let whole = if servers.is_empty() { Vec::new() } else { observer.smtp(&task).await };
        let mut knocks = if with_firewall { observer.firewall(&task).await } else { FirewallRound::default() };
        // Last: whoever asks for strangers may be shut out afterwards.
        let strangers = observer.strangers(&task).await;
        let sound = |seen| vantage::discount(seen, &ours, &BTreeMap::new());
        knocks.dialogues = sound(knocks.dialogues);
        (sound(whole), knocks, sound(strangers))
    };
    let (round, policies, (whole, knocks, strangers)) =
        tokio::join!(observer.mx_round(domain), observer.lint(&task), dialogues);

    let now = clock.now();
    let expected = config.gateway.expected_mx();
    let with_gateway = !expected.gateway_hosts.is_empty() || !expected.suffixes.is_empty();
    let judged = mx::judge(&round, &expected);
    let own_server_in_mx = names_one_of(&round, servers, &policies.own_servers);
    let mut parts: Vec<(Part, Judgement)> = Vec::new();
    if !servers.is_empty() {
        let context = SmtpContext { domain: domain.clone(), now };
        let mut judged = smtp::judge(&whole, &context);
        judged.findings.extend(smtp::strangers::judge(&strangers, &context).findings);
        parts.push((Part::Smtp, judged));
    }
    if with_firewall {
        let context = FirewallContext {
            domain: domain.clone(),
            egress,
            announced: config.gateway.announced(),
            hosted: false,
            own_server_in_mx,
            old_path_drained: false,
            unsound: firewall::unsound(&knocks.reference),
            now,
        };
        parts.push((Part::Firewall, firewall::judge(&knocks.dialogues, &context)));
    }
    if with_gateway {
        let context = LintContext {
            gateway_hosts: expected.gateway_hosts,
            suffixes: expected.suffixes,
            gateway_egress: config.gateway.asked(),
            dialogues: whole.clone(),
            now,
            ..LintContext::default()
        };
        parts.push((Part::Lint, lint::judge(&policies, Some(&round), &context)));
    }
    let mut report = Report::new(domain.clone(), now, &round, judged, &config.gateway, parts);
    report.dns_provider = DnsProviderStatus::of(&round, Some(&policies));
    report.dialogues = whole.into_iter().chain(knocks.dialogues).chain(strangers).collect();
    report
}

/// Whether the MX names one of the servers, by its name or by an address of its.
fn names_one_of(round: &DnsRound, servers: &[MailServer], resolved: &[(String, Vec<IpAddr>)]) -> bool {
    let own: Vec<IpAddr> = resolved.iter().flat_map(|(_, addresses)| addresses.iter().copied()).collect();
    round.exchanges.iter().any(|exchange| {
        servers.iter().any(|s| s.host.trim_end_matches('.').eq_ignore_ascii_case(&exchange.exchange))
            || exchange.addresses.iter().any(|a| own.contains(a))
    })
}

/// A check needs no configuration; a file that was asked for, or is wrong, is told.
pub(super) fn load(global: &Global) -> Result<Config, Exit> {
    match config::load(&global.config) {
        Ok(config) => Ok(config),
        Err(error) if error.is_missing_file() && global.config.as_os_str() == DEFAULT_CONFIG => Ok(Config::default()),
        Err(error) => Err(complain(&error)),
    }
}

fn server(text: &str) -> Result<MailServer, String> {
    let (host, port) = split(text)?;
    let host = match host.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => DomainName::parse(host).map_err(|e| e.to_string())?.to_string(),
    };
    Ok(MailServer { host, port: port.unwrap_or(25), standby: false })
}

pub(super) fn resolver(text: &str) -> Result<SocketAddr, String> {
    let (host, port) = split(text)?;
    let address = host.parse::<IpAddr>().map_err(|_| "a resolver is given by its IP address, such as 9.9.9.9:53")?;
    Ok(SocketAddr::new(address, port.unwrap_or(53)))
}

/// Host and port; an IPv6 address with a port stands in brackets.
fn split(text: &str) -> Result<(&str, Option<u16>), String> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok((text, None));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("the bracket is not closed: write [2001:db8::1]:25")?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or("write [ADDRESS]:PORT")?) })
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None => None,
        Some(port) => match port.parse::<u16>() {
            Ok(number @ 1..) if port.bytes().all(|b| b.is_ascii_digit()) => Some(number),
            _ => return Err("the port is a number from 1 to 65535".to_owned()),
        },
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests;
