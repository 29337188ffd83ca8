//! What a well-formed configuration may still get wrong: ranges, addresses that are none, settings
//! that contradict each other. Every problem names its key; nothing here reads a file or the network.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use fencepost_checks::DomainName;
use ipnet::IpNet;
use lettre::message::Mailbox;
use url::{Host, Url};

use super::seller::is_iban;
use super::{
    AdapterConfig, CanaryMode, CommerceConfig, Config, Database, EgressState, EngineConfig, GatewayConfig, HostState,
    HttpConfig, LmtpAddress, MailConfig, NotifyConfig, ProbeConfig, RemoteOutsider, RemoteResolver, SellerConfig,
    Smarthost, StoreConfig, TelemetryConfig, VatCategory, VatConfig, is_agent_name,
};

/// Something wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the key: `probe.allow_targets[1]`.
    pub key: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Config {
    /// Every problem that makes this configuration unusable, for any command.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut found = Problems::default();
        store(&self.store, &mut found);
        engine(&self.engine, &self.probe, &mut found);
        http(&self.http, &mut found);
        gateway(&self.gateway, &mut found);
        adapter(&self.gateway.adapter, &mut found);
        statistics(&self.gateway, &mut found);
        probe(&self.probe, &self.gateway, &mut found);
        notify(&self.notify, &mut found);
        commerce(&self.commerce, &mut found);
        telemetry(&self.telemetry, &self.http, &mut found);
        mail(&self.intake.mail, &mut found);
        found.0
    }

    /// What `serve` needs beyond [`Config::validate`]; a one-off `check` does without.
    #[must_use]
    pub fn missing_for_serving(&self) -> Vec<Problem> {
        let mut found = Problems::default();
        if self.gateway.mx_hosts.is_empty() {
            found.add("gateway.mx_hosts", "is empty; name the gateway's MX hosts, customers' MX must point at them");
        }
        if self.gateway.egress.is_empty() {
            found.add("gateway.egress", "is empty; list the addresses from which the gateway delivers to customers");
        }
        found.0
    }

    /// What works but may surprise: shown by `config check` and logged by `serve`.
    #[must_use]
    pub fn notes(&self) -> Vec<Problem> {
        let mut found = Problems::default();
        if self.notify.smarthost.is_empty() {
            found.add("notify.smarthost", "is empty: notices are not sent, they stay in the outbox");
        }
        let loopback_url = Url::parse(&self.http.public_url).is_ok_and(|url| is_loopback(&url));
        if loopback_url && !self.http.listen.ip().is_loopback() {
            found.add("http.public_url", "names this machine alone, so links in mails lead nowhere for others");
        }
        if let Some(listen) = elsewhere(&self.http) {
            let why = format!("leads to this machine, where pages listen at {listen}: links in mails lead nowhere");
            found.add("http.public_url", why);
        }
        if self.gateway.adapter == AdapterConfig::Manual {
            found.add("gateway.adapter", "is `manual`: routes are shown, somebody has to set them");
        }
        if self.probe.canary != CanaryMode::Off && self.intake.maildir.is_none() {
            found
                .add("intake.maildir", "is not set: delivery notices of canaries come only through `fencepost intake`");
        }
        if !self.agents().is_empty() && self.probe.reference.is_empty() {
            found.add(
                "probe.reference",
                "is empty: what an agent sees counts without a proof of the address that it comes from",
            );
        }
        if self.probe.outsiders.is_empty() && self.probe.remote_outsiders.is_empty() {
            found.add("probe.outsiders", "is empty: a closed firewall cannot be told from a server that is down");
        }
        found.0
    }
}

fn mail(config: &MailConfig, found: &mut Problems) {
    found.range("intake.mail.max_message_bytes", config.max_message_bytes, 10_000..=25 << 20);
    found.range("intake.mail.lmtp_connections", config.lmtp_connections, 1..=1_000);
    if let Some(LmtpAddress::Tcp(address)) = &config.lmtp
        && !address.ip().is_loopback()
    {
        let why =
            "is reachable from elsewhere; LMTP has neither TLS nor a password: use 127.0.0.1:2424 or a unix: socket";
        found.add("intake.mail.lmtp", why);
    }
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, key: &str, message: impl Into<String>) {
        self.0.push(Problem { key: key.to_owned(), message: message.into() });
    }

    fn range<T: Copy + PartialOrd + Display>(&mut self, key: &str, value: T, allowed: RangeInclusive<T>) {
        let (low, high) = allowed.into_inner();
        if value < low || value > high {
            self.add(key, format!("is {value}; write a number from {low} to {high}"));
        }
    }

    fn unique<T: Ord + Display>(&mut self, key: &str, values: impl Iterator<Item = T>) {
        let mut seen = BTreeSet::new();
        for (index, value) in values.enumerate() {
            if let Some(value) = seen.get(&value) {
                self.add(&format!("{key}[{index}]"), format!("{value} is listed twice; keep one"));
            }
            seen.insert(value);
        }
    }

    fn socket(&mut self, key: &str, address: SocketAddr) {
        if address.port() == 0 {
            self.add(key, "has port 0; DNS servers listen on 53");
        }
    }

    fn agent(&mut self, key: &str, name: &str) {
        if !is_agent_name(name) {
            self.add(key, "is no name of an agent; write 1 to 63 of a-z, 0-9 and -, as its token's label says");
        }
    }

    fn mailbox(&mut self, key: &str, text: &str) {
        if text.parse::<Mailbox>().is_err() {
            self.add(key, "is no mail address; write name@example.com or Name <name@example.com>");
        }
    }
}

fn store(store: &StoreConfig, found: &mut Problems) {
    if store.path.as_os_str().is_empty() {
        found.add("store.path", "is empty; write a file name such as data/fencepost.db");
    }
    match store.database() {
        Err(message) => found.add("store.url", message),
        Ok(_) if !store.url.is_empty() && store.path != StoreConfig::default().path => {
            found.add("store.url", "and store.path both name a database; keep one of them");
        }
        Ok(Database::Sqlite(_)) if store.password_file.is_some() => {
            found.add("store.password_file", "is for PostgreSQL; SQLite asks for no password");
        }
        Ok(_) => {}
    }
    found.range("store.connections", store.connections, 2..=1_000);
    found.range("store.statement_timeout_ms", store.statement_timeout_ms, 100..=600_000);
    found.range("store.lock_timeout_ms", store.lock_timeout_ms, 100..=600_000);
}

fn engine(engine: &EngineConfig, probe: &ProbeConfig, found: &mut Problems) {
    found.range("engine.concurrency", engine.concurrency, 1..=4096);
    found.range("engine.lease_seconds", engine.lease_seconds, 1..=86_400);
    found.range("engine.poll_ms", engine.poll_ms, 10..=60_000);
    found.range("engine.agent_away_seconds", engine.agent_away_seconds, 2..=3600);
    found.range("engine.max_attempts", engine.max_attempts, 1..=1000);
    if u64::from(engine.lease_seconds).saturating_mul(1000) <= probe.total_timeout_ms {
        let needed = probe.total_timeout_ms / 1000 + 1;
        found.add(
            "engine.lease_seconds",
            format!(
                "is {}, not longer than a probe may take (probe.total_timeout_ms is {}): work would be claimed twice; \
                 write at least {needed}",
                engine.lease_seconds, probe.total_timeout_ms
            ),
        );
    }
}

fn http(http: &HttpConfig, found: &mut Problems) {
    found.range("http.max_body_bytes", http.max_body_bytes, 1024..=16 << 20);
    found.range("http.max_concurrent", http.max_concurrent, 1..=65_536);
    found.range("http.max_connections", http.max_connections, 1..=65_536);
    found.range("http.max_connections_per_address", http.max_connections_per_address, 0..=65_536);
    found.range("http.header_seconds", http.header_seconds, 1..=600);
    found.range("http.body_seconds", http.body_seconds, 1..=600);
    found.range("http.max_streams", http.max_streams, 0..=10_000);
    found.range("http.max_streams_per_token", http.max_streams_per_token, 1..=10_000);
    let (sign_in, rate) = (&http.sign_in, &http.rate);
    found.range("http.sign_in.link_minutes", sign_in.link_minutes, 1..=60);
    found.range("http.sign_in.idle_minutes", sign_in.idle_minutes, 5..=10_080);
    found.range("http.sign_in.session_hours", sign_in.session_hours, 1..=720);
    for (key, bound) in [
        ("client_per_minute", rate.client_per_minute),
        ("client_burst", rate.client_burst),
        ("token_per_minute", rate.token_per_minute),
        ("token_burst", rate.token_burst),
        ("sign_in_per_minute", rate.sign_in_per_minute),
        ("sign_in_burst", rate.sign_in_burst),
    ] {
        found.range(&format!("http.rate.{key}"), bound, 0..=10_000_000);
    }
    if let Some(openid) = &http.openid {
        if let Err(why) = web_url(&openid.issuer) {
            found.add("http.openid.issuer", why);
        }
        if openid.client_id.trim().is_empty() {
            found.add("http.openid.client_id", "is empty; write the name under which the provider knows this service");
        }
    }
    if http.open_pages_on_loopback && !http.listen.ip().is_loopback() {
        found.add("http.open_pages_on_loopback", "needs `http.listen` on a loopback address such as 127.0.0.1:8080");
    }
    if let Err(why) = web_url(&http.public_url) {
        found.add("http.public_url", why);
    }
}

fn gateway(gateway: &GatewayConfig, found: &mut Problems) {
    found.range("gateway.smtp_port", gateway.smtp_port, 1..=u16::MAX);
    // RFC 2181 §8: a TTL has 31 bits. Longer than a week makes no change ever fast.
    found.range("gateway.mx_ttl", gateway.mx_ttl, 1..=604_800);
    found.unique("gateway.mx_hosts", gateway.mx_hosts.iter().map(|host| &host.name));
    found.unique("gateway.egress", gateway.egress.iter().map(|egress| egress.address));
    if !gateway.mx_hosts.is_empty() && gateway.hosts(HostState::Current).next().is_none() {
        let why = "has no host that is `current`: customers could be told nothing to set; leave one so, whatever else retires";
        found.add("gateway.mx_hosts", why);
    }
    if !gateway.egress.is_empty() && gateway.egress_in(EgressState::Active).next().is_none() {
        let why = "has no address that is `active`: mail has to come from somewhere; make one active once its customers let it in";
        found.add("gateway.egress", why);
    }
    for (index, egress) in gateway.egress.iter().enumerate() {
        if egress.state != EgressState::Retired && !egress.covered() {
            let key = format!("gateway.egress[{index}].local");
            let why = format!(
                "is false and no `agent` is named: nobody can probe from {}, so no customer could ever be verified with \
                 it; name an agent there, or make it `retired`",
                egress.address
            );
            found.add(&key, why);
        }
        if egress.address.is_unspecified() || egress.address.is_multicast() {
            found.add(&format!("gateway.egress[{index}].address"), "is no address that mail can come from");
        }
        if let Some(agent) = &egress.agent {
            found.agent(&format!("gateway.egress[{index}].agent"), agent);
            if egress.bind.is_some() {
                let key = format!("gateway.egress[{index}].bind");
                found.add(&key, "is for the host that has the address; write it into the agent's own configuration");
            }
        }
        if egress.bind.is_some_and(|bind| bind.is_ipv4() != egress.address.is_ipv4()) {
            found.add(&format!("gateway.egress[{index}].bind"), "is of the other family than `address`");
        }
    }
    for (index, host) in gateway.mx_hosts.iter().enumerate() {
        if host.name.is_at_or_below(&gateway.foreign_domain) {
            let key = format!("gateway.mx_hosts[{index}].name");
            found.add(&key, "lies in gateway.foreign_domain, which the gateway must not serve");
        }
    }
}

fn adapter(adapter: &AdapterConfig, found: &mut Problems) {
    match adapter {
        AdapterConfig::Manual => {}
        AdapterConfig::Agents { agents } => {
            if agents.is_empty() {
                found.add("gateway.adapter.agents", "is empty; name the agents on the gateways");
            }
            for (index, agent) in agents.iter().enumerate() {
                found.agent(&format!("gateway.adapter.agents[{index}]"), agent);
            }
            found.unique("gateway.adapter.agents", agents.iter());
        }
        AdapterConfig::Postfix { relay_domains, transport, reload } => {
            if relay_domains == transport {
                found.add("gateway.adapter.transport", "is the same file as relay_domains; each map needs its own");
            }
            for (key, path) in [("relay_domains", relay_domains), ("transport", transport)] {
                if path.file_name().is_none() {
                    found.add(&format!("gateway.adapter.{key}"), "names no file");
                }
            }
            if reload.first().is_none_or(String::is_empty) {
                let why = "names no command; Postfix loads its maps only when told: write [postfix, reload]";
                found.add("gateway.adapter.reload", why);
            }
        }
        AdapterConfig::Http { url, token_file } => match web_url(url) {
            Err(why) => found.add("gateway.adapter.url", why),
            Ok(url) if url.scheme() == "http" && token_file.is_some() && !is_loopback(&url) => {
                found.add("gateway.adapter.url", "would carry the token unencrypted; write an https URL");
            }
            Ok(_) => {}
        },
    }
}

fn statistics(gateway: &GatewayConfig, found: &mut Problems) {
    match gateway.statistics_url.as_deref().map(web_url) {
        None if gateway.statistics_token_file.is_some() => {
            found.add("gateway.statistics_token_file", "is of no use without gateway.statistics_url");
        }
        None => {}
        Some(Err(why)) => found.add("gateway.statistics_url", why),
        Some(Ok(url)) if url.scheme() == "http" && gateway.statistics_token_file.is_some() && !is_loopback(&url) => {
            found.add("gateway.statistics_url", "would carry the token unencrypted; write an https URL");
        }
        Some(Ok(_)) => {}
    }
}

/// Resolvers at agents.
const MAX_RESOLVERS: usize = 16;

fn probe(probe: &ProbeConfig, gateway: &GatewayConfig, found: &mut Problems) {
    found.range("probe.dns_port", probe.dns_port, 1..=u16::MAX);
    found.range("probe.https_port", probe.https_port, 1..=u16::MAX);
    found.range("probe.dns_timeout_ms", probe.dns_timeout_ms, 1..=60_000);
    found.range("probe.dns_attempts", probe.dns_attempts, 1..=10);
    found.range("probe.dns_concurrency", probe.dns_concurrency, 1..=1024);
    found.range("probe.total_timeout_ms", probe.total_timeout_ms, 1..=3_600_000);
    found.range("probe.connect_timeout_ms", probe.connect_timeout_ms, 1..=probe.total_timeout_ms);
    found.range("probe.banner_timeout_ms", probe.banner_timeout_ms, 1..=probe.total_timeout_ms);
    found.range("probe.stage_timeout_ms", probe.stage_timeout_ms, 1..=probe.total_timeout_ms);
    found.range("probe.pause_ms", probe.pause_ms, 0..=600_000);
    for (index, resolver) in probe.resolvers.iter().enumerate() {
        found.socket(&format!("probe.resolvers[{index}]"), *resolver);
    }
    for (index, root) in probe.roots.iter().enumerate() {
        found.socket(&format!("probe.roots[{index}]"), *root);
    }
    found.unique("probe.resolvers", probe.resolvers.iter());
    found.unique("probe.outsiders", probe.outsiders.iter());
    for (index, outsider) in probe.outsiders.iter().enumerate() {
        if gateway.sends_from(*outsider) {
            let key = format!("probe.outsiders[{index}]");
            found.add(&key, format!("{outsider} is a gateway address (gateway.egress), so it is no control"));
        }
    }
    for (index, outsider) in probe.remote_outsiders.iter().enumerate() {
        let key = format!("probe.remote_outsiders[{index}]");
        found.agent(&format!("{key}.agent"), &outsider.agent);
        if let Some(address) = outsider.address
            && gateway.sends_from(address)
        {
            let why = format!("{address} is a gateway address (gateway.egress), so it is no control");
            found.add(&format!("{key}.address"), why);
        }
    }
    found.unique("probe.remote_outsiders", probe.remote_outsiders.iter().map(RemoteOutsider::vantage_id));
    for (index, resolver) in probe.remote_resolvers.iter().enumerate() {
        let key = format!("probe.remote_resolvers[{index}]");
        found.agent(&format!("{key}.agent"), &resolver.agent);
        if let Some(address) = resolver.address {
            found.socket(&format!("{key}.address"), address);
        }
    }
    if probe.remote_resolvers.len() > MAX_RESOLVERS {
        found.add("probe.remote_resolvers", format!("has more than {MAX_RESOLVERS}; each is asked in every round"));
    }
    found.unique("probe.remote_resolvers", probe.remote_resolvers.iter().map(RemoteResolver::vantage_id));
    for (index, reference) in probe.reference.iter().enumerate() {
        if reference.port() == 0 || reference.ip().is_unspecified() {
            let key = format!("probe.reference[{index}]");
            found.add(&key, "is no address that a vantage can connect to; write address:port");
        }
    }
    found.unique("probe.reference", probe.reference.iter());
    if let Some(sender) = &probe.spf_test_sender
        && !is_plain_address(sender)
    {
        found.add("probe.spf_test_sender", "is no plain address; write one such as probe@spf-test.gateway.example");
    }
    strangers(probe, gateway, found);
    match &probe.canary_sender {
        Some(sender) if !is_plain_address(sender) => {
            found.add("probe.canary_sender", "is no plain address; write one such as canary@intake.gateway.example");
        }
        None if probe.canary != CanaryMode::Off => {
            found.add("probe.canary", "needs probe.canary_sender, an address of yours to which delivery notices go");
        }
        _ => {}
    }
    for (index, target) in probe.allow_targets.iter().enumerate() {
        if target.parse::<IpNet>().is_err() && target.parse::<IpAddr>().is_err() {
            let key = format!("probe.allow_targets[{index}]");
            found.add(&key, "is no network; write CIDR such as 10.1.0.0/16 or fd00::/8");
        }
    }
}

/// The test can get an address onto block lists, so where it comes from has to be said.
fn strangers(probe: &ProbeConfig, gateway: &GatewayConfig, found: &mut Problems) {
    match probe.strangers_from {
        Some(from) if gateway.sends_from(from) => {
            let why = format!("{from} is a gateway address (gateway.egress), which could get onto block lists by it");
            found.add("probe.strangers_from", why);
        }
        None if probe.strangers && probe.outsiders.is_empty() && probe.remote_outsiders.is_empty() => {
            let why =
                "needs an address that is none of the gateway's: name it in probe.strangers_from or probe.outsiders";
            found.add("probe.strangers", why);
        }
        _ => {}
    }
}

/// An address that needs no quoting.
fn is_plain_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        (1..=64).contains(&local.len())
            && local.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
            && local.split('.').all(|atom| !atom.is_empty())
            && fencepost_checks::DomainName::parse(domain).is_ok()
    })
}

fn notify(notify: &NotifyConfig, found: &mut Problems) {
    if !notify.smarthost.is_empty()
        && let Err(why) = notify.smarthost.parse::<Smarthost>()
    {
        found.add("notify.smarthost", why);
    }
    match (&notify.username, &notify.password_file) {
        (Some(_), None) => found.add("notify.username", "is given without password_file; a log-in needs both"),
        (None, Some(_)) => found.add("notify.password_file", "is given without username; a log-in needs both"),
        _ => {}
    }
    found.mailbox("notify.from", &notify.from);
    found.mailbox("notify.desk", &notify.desk);
    found.mailbox("notify.accounting", &notify.accounting);
    if let Err(error) = DomainName::parse(&notify.message_id_domain) {
        found.add("notify.message_id_domain", error.to_string());
    }
    if notify.service_name.trim().is_empty() || notify.service_name.chars().any(char::is_control) {
        found.add("notify.service_name", "must be one line of text: the name under which customers know the service");
    }
}

fn commerce(commerce: &CommerceConfig, found: &mut Problems) {
    if jiff::tz::TimeZone::get(&commerce.time_zone).is_err() {
        found.add("commerce.time_zone", "is not known; write an IANA name such as Europe/Helsinki");
    }
    found.range("commerce.trial_days", commerce.trial_days, 1..=366);
    found.range("commerce.negotiation_months", commerce.negotiation_months, 0..=24);
    found.range("commerce.group_15_until_day", commerce.group_15_until_day, 1..=30);
    if let Some(seller) = &commerce.seller {
        self::seller(seller, found);
    }
    if let Some(webhook) = &commerce.webhook {
        match Url::parse(&webhook.url) {
            Ok(url) if url.host().is_none() || !matches!(url.scheme(), "http" | "https") => {
                found.add("commerce.webhook.url", "must begin with https:// and a host");
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                found.add("commerce.webhook.url", "must not hold a log-in: messages are signed instead");
            }
            Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
                found.add("commerce.webhook.url", "would carry invoices unencrypted; write an https URL");
            }
            Ok(_) => {}
            Err(error) => found.add("commerce.webhook.url", format!("is no URL ({error})")),
        }
    }
}

/// What an e-invoice would be refused for later.
fn seller(seller: &SellerConfig, found: &mut Problems) {
    let texts = [
        ("name", &seller.name),
        ("street", &seller.street),
        ("postal_code", &seller.postal_code),
        ("city", &seller.city),
        ("business_id", &seller.business_id),
    ];
    for (key, text) in texts {
        if text.trim().is_empty() || text.chars().any(char::is_control) || text.chars().count() > 200 {
            found.add(&format!("commerce.seller.{key}"), "must be one line of text of 1 to 200 characters");
        }
    }
    let letters = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
    if !letters(&seller.country) {
        found.add("commerce.seller.country", "is no country code; write two capital letters such as FI");
    }
    let vat_id = seller.vat_id.as_bytes();
    if !seller.vat_id.get(..2).is_some_and(letters)
        || !(4..=20).contains(&vat_id.len())
        || !vat_id.iter().all(u8::is_ascii_alphanumeric)
    {
        found.add("commerce.seller.vat_id", "is no VAT id; write it with its country and without blanks: FI12345678");
    }
    let address = seller.e_invoice_address.split_once(':');
    if address
        .is_none_or(|(scheme, id)| scheme.is_empty() || id.is_empty() || !id.bytes().all(|b| b.is_ascii_graphic()))
    {
        found.add("commerce.seller.e_invoice_address", "has no scheme; write it like 0216:003712345678");
    }
    if !is_iban(&seller.iban) {
        found.add("commerce.seller.iban", "is no IBAN: its check digits do not fit; write it without blanks");
    }
    let bic =
        |bic: &String| matches!(bic.len(), 8 | 11) && bic.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if seller.bic.as_ref().is_some_and(|text| !bic(text)) {
        found.add("commerce.seller.bic", "is no BIC; write its 8 or 11 capital letters and digits, or leave it out");
    }
    found.range("commerce.seller.payment_days", seller.payment_days, 0..=365);
    vat("commerce.seller.vat", &seller.vat, found);
    if let Some(abroad) = &seller.vat_abroad {
        vat("commerce.seller.vat_abroad", abroad, found);
    }
}

fn vat(key: &str, vat: &VatConfig, found: &mut Problems) {
    if let Err(why) = vat.basis_points() {
        found.add(&format!("{key}.rate"), why);
    }
    let reason = vat.exemption_reason.as_deref().map(str::trim).filter(|text| !text.is_empty());
    match vat.category {
        VatCategory::Exempt if reason.is_none() => {
            found.add(&format!("{key}.exemption_reason"), "is missing; an exempt invoice has to say why (BR-E-10)");
        }
        VatCategory::Standard | VatCategory::Zero if reason.is_some() => {
            found.add(&format!("{key}.exemption_reason"), "goes with `exempt` or `reverse_charge` alone; leave it out");
        }
        _ => {}
    }
}

fn telemetry(telemetry: &TelemetryConfig, http: &HttpConfig, found: &mut Problems) {
    if telemetry.metrics_listen == Some(http.listen) {
        found.add("telemetry.metrics_listen", "is the address of `http.listen`; write another one, or leave it out");
    }
    if let Some(endpoint) = &telemetry.otlp.endpoint
        && let Err(why) = web_url(endpoint.as_str())
    {
        found.add("telemetry.otlp.endpoint", why);
    }
}

fn web_url(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|error| format!("is no URL ({error}); write it like https://onboarding.example"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("must begin with https:// or http:// and a host".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a user, a `?` or a `#`: paths are added to its end".to_owned());
    }
    Ok(url)
}

/// Where the pages listen, if the public URL names this machine by a loopback address and another port or
/// address. A name or another address may be that of a proxy.
fn elsewhere(http: &HttpConfig) -> Option<SocketAddr> {
    let url = Url::parse(&http.public_url).ok().filter(is_loopback)?;
    let listen = http.listen;
    let same_port = url.port_or_known_default() == Some(listen.port());
    let same_address = match url.host() {
        Some(Host::Ipv4(address)) => listen.ip() == IpAddr::V4(address),
        Some(Host::Ipv6(address)) => listen.ip() == IpAddr::V6(address),
        _ => listen.ip().is_loopback(),
    };
    // Every address is told of already: then others are meant to come.
    let reached = listen.ip().is_unspecified() || (same_port && same_address);
    (!reached).then_some(listen)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}
