//! What templates may show of a [`Letter`]: everything already as words, on one line, bounded and
//! free of control characters, so that no input can reach a header or fake a line.

use std::collections::BTreeSet;

use fencepost_checks::escape::clean;
use fencepost_checks::explain::in_finnish;
use fencepost_checks::firewall::{Allow, Product};
use fencepost_checks::{Actor, Finding, Severity};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::config::{NotifyConfig, OnNoDecision};
use crate::engine::ports::Letter;
use crate::order::MailServer;
use crate::status::{DomainStatus, RecordLine, RollbackCard, Spelling, Spellings};
use crate::words::{self, Language};

/// Longer pieces of input are cut.
const MAX_PIECE: usize = 600;
/// More records, findings or servers than this are not listed.
const MAX_LINES: usize = 50;
/// Servers for which a letter has rules.
const MAX_ALLOWED: usize = 4;

#[derive(Debug)]
pub(super) struct View {
    pub(super) service: String,
    pub(super) desk: String,
    pub(super) partner: String,
    pub(super) customer: String,
    pub(super) domain: String,
    pub(super) status_url: Option<String>,
    pub(super) reason: String,
    /// What happens when nobody decides.
    pub(super) without_decision: &'static str,
    pub(super) waiting: Vec<String>,
    pub(super) waiting_who: String,
    /// Blocking findings.
    pub(super) findings: Vec<FindingView>,
    pub(super) warnings: Vec<FindingView>,
    pub(super) records_to_set: Vec<String>,
    pub(super) records_to_remove: Vec<String>,
    pub(super) current_mx: Vec<String>,
    pub(super) previous_mx: Vec<String>,
    /// The records to set as a form wants them: name, preference and exchange; relative to the zone, and
    /// with whole names.
    pub(super) form_records: Vec<String>,
    pub(super) whole_records: Vec<String>,
    /// For the DNS provider, ready to forward.
    pub(super) provider_message: Vec<String>,
    /// For every firewall product.
    pub(super) rules: Vec<RulesView>,
    pub(super) dns_provider: Option<String>,
    pub(super) dns_steps: Vec<String>,
    /// Policies as they stood before the change, a line each.
    pub(super) rollback: Vec<String>,
    pub(super) fast_because: Option<String>,
    pub(super) valid_until: Option<String>,
    pub(super) fastest_change_after: Option<String>,
    pub(super) switched_by: Option<String>,
    pub(super) old_path_until: Option<String>,
    pub(super) earliest_close: Option<String>,
    /// Of a cut-off that was announced.
    pub(super) deferred_from: Option<String>,
    pub(super) refused_from: Option<String>,
    pub(super) egress: Vec<String>,
    pub(super) servers: Vec<String>,
    pub(super) servers_inline: String,
    pub(super) hosted: bool,
    pub(super) domains: String,
    pub(super) price: String,
    pub(super) mailboxes: u32,
    pub(super) group: Option<u8>,
    pub(super) connected_on: Option<String>,
    pub(super) trial_end: Option<String>,
    pub(super) negotiation_end: Option<String>,
    pub(super) charged_from: Option<String>,
    pub(super) notice_ends: Option<String>,
    pub(super) use_charged_from: Option<String>,
    /// The customer's last word is no.
    pub(super) said_no: bool,
    pub(super) vantage: Option<VantageView>,
    pub(super) sign_in: Option<SignInView>,
}

/// A link to sign in with.
#[derive(Debug)]
pub(super) struct SignInView {
    pub(super) name: String,
    pub(super) link: String,
    pub(super) minutes: u32,
}

/// A vantage that is out of use.
#[derive(Debug)]
pub(super) struct VantageView {
    pub(super) id: String,
    pub(super) since: String,
    pub(super) by: String,
    pub(super) why: String,
    /// The page that shows all of them.
    pub(super) page: String,
}

/// Firewall rules to paste.
#[derive(Debug)]
pub(super) struct RulesView {
    pub(super) product: &'static str,
    pub(super) lines: Vec<String>,
}

#[derive(Debug)]
pub(super) struct FindingView {
    pub(super) code: &'static str,
    pub(super) subject: String,
    pub(super) detail: String,
    pub(super) remedy: String,
    pub(super) who: &'static str,
    /// The English words with every value, where the others are a translation without them.
    pub(super) original: Option<String>,
}

impl View {
    pub(super) fn new(
        letter: &Letter,
        config: &NotifyConfig,
        public_url: &str,
        zone: &TimeZone,
        no_decision: OnNoDecision,
    ) -> Self {
        let status = letter.status.as_ref();
        let commerce = letter.commerce.as_ref();
        let dates = commerce.and_then(|facts| facts.dates.as_ref());
        let language = letter.language;
        let when = |instant: Option<Timestamp>| instant.map(|at| words::moment(language, at, zone));
        let day = |date: Date| day(language, date);
        let records = |pick: fn(&DomainStatus) -> &Vec<RecordLine>| {
            status.map_or_else(Vec::new, |status| pick(status).iter().take(MAX_LINES).map(record).collect())
        };
        let findings = |severity| {
            let all = status.map(|status| status.findings.as_slice()).unwrap_or_default();
            all.iter()
                .filter(|f| f.severity == severity)
                .take(MAX_LINES)
                .map(|f| FindingView::new(f, language))
                .collect()
        };
        let waiting = status.map(|status| status.waiting_for.as_slice()).unwrap_or_default();
        let provider = status.and_then(|status| status.dns_provider.as_ref());
        let servers: Vec<String> = letter.servers.iter().take(MAX_LINES).map(|s| server(s, language)).collect();
        Self {
            service: one_line(&config.service_name),
            desk: one_line(&config.desk),
            partner: one_line(&letter.partner),
            customer: one_line(&letter.customer_name),
            domain: status.map(|status| status.domain.to_string()).unwrap_or_default(),
            status_url: status.map(|status| letter.link.clone().unwrap_or_else(|| status_url(public_url, status))),
            reason: status.map(|status| one_line(&status.reason)).filter(|reason| !reason.is_empty()).unwrap_or_else(
                || language.say("the status page tells the details", "tarkemmat tiedot ovat tilasivulla").to_owned(),
            ),
            without_decision: match no_decision {
                OnNoDecision::Invoice => language
                    .say("the customer is invoiced from that day on", "asiakasta laskutetaan tuosta päivästä alkaen"),
                OnNoDecision::Escalate => language.say("the service desk decides", "asiakaspalvelu päättää"),
                OnNoDecision::Release => language.say("the service ends on that day", "palvelu päättyy tuona päivänä"),
            },
            waiting: waiting
                .iter()
                .take(MAX_LINES)
                .map(|w| format!("{}: {}", actor(w.who, language), one_line(&w.what)))
                .collect(),
            waiting_who: actor(waiting.first().map_or(Actor::Desk, |w| w.who), language).to_owned(),
            findings: findings(Severity::Blocking),
            warnings: findings(Severity::Warning),
            records_to_set: records(|status| &status.records_to_set),
            records_to_remove: records(|status| &status.records_to_remove),
            current_mx: records(|status| &status.current_mx),
            previous_mx: records(|status| &status.previous_mx),
            form_records: status
                .map_or_else(Vec::new, |s| form_records(&s.records_to_set, language, |spelled| &spelled.relative)),
            whole_records: status
                .map_or_else(Vec::new, |s| form_records(&s.records_to_set, language, |spelled| &spelled.fqdn)),
            provider_message: status
                .and_then(|status| status.message_to_provider_in(language))
                .map_or_else(Vec::new, |text| text.lines().map(|line| clean(line, MAX_PIECE)).collect()),
            rules: rules(letter),
            dns_provider: provider.map(|provider| one_line(&provider.name)),
            dns_steps: provider
                .map_or_else(Vec::new, |provider| provider.instructions.iter().map(|step| one_line(step)).collect()),
            rollback: status
                .and_then(|status| status.rollback.as_ref())
                .map_or_else(Vec::new, |card| rollback(card, language)),
            fast_because: status.and_then(|status| status.fastest_change_because.as_deref()).map(one_line),
            valid_until: when(status.and_then(|status| status.permit.as_ref()).map(|permit| permit.valid_until)),
            fastest_change_after: when(status.and_then(|status| status.fastest_change_after)),
            switched_by: when(status.and_then(|status| status.all_senders_switched_by)),
            old_path_until: when(status.and_then(|status| status.old_path_needed_until)),
            earliest_close: when(status.and_then(|status| status.window.as_ref()).and_then(|w| w.earliest_close)),
            deferred_from: when(status.and_then(|status| status.cut_off.as_ref()).map(|c| c.deferred_from)),
            refused_from: when(status.and_then(|status| status.cut_off.as_ref()).map(|c| c.refused_from)),
            egress: letter.egress.iter().take(MAX_LINES).map(ToString::to_string).collect(),
            servers_inline: servers.join(", "),
            servers,
            hosted: letter.hosted,
            domains: commerce.map(|facts| one_line(&facts.domains.join(", "))).unwrap_or_default(),
            price: commerce.map(|facts| words::amount(language, &facts.price.to_string())).unwrap_or_default(),
            mailboxes: commerce.map_or(0, |facts| facts.mailboxes),
            group: commerce.and_then(|facts| facts.group),
            connected_on: dates.map(|dates| day(dates.connected)),
            trial_end: dates.map(|dates| day(dates.trial_end)),
            negotiation_end: dates.map(|dates| day(dates.negotiation_end)),
            charged_from: commerce.and_then(|facts| facts.charged_from).map(day),
            notice_ends: commerce.and_then(|facts| facts.notice_ends).map(day),
            use_charged_from: commerce.and_then(|facts| facts.use_charged_from).map(day),
            said_no: commerce.is_some_and(|facts| facts.decided == Some(false)),
            vantage: letter.vantage.as_ref().map(|facts| VantageView {
                id: one_line(&facts.id),
                since: words::moment(language, facts.since, zone),
                by: one_line(&facts.by),
                why: one_line(&facts.why),
                page: format!("{}/vantages", public_url.trim_end_matches('/')),
            }),
            sign_in: letter.sign_in.as_ref().map(|facts| SignInView {
                name: one_line(&facts.name),
                link: one_line(&facts.link),
                minutes: facts.minutes,
            }),
        }
    }
}

impl FindingView {
    fn new(finding: &Finding, language: Language) -> Self {
        let (detail, remedy) = (one_line(&finding.detail), one_line(&finding.remedy));
        let view = Self {
            code: finding.code.as_str(),
            subject: one_line(&finding.subject),
            detail,
            remedy,
            who: actor(finding.who, language),
            original: None,
        };
        match language {
            Language::En => view,
            Language::Fi => view.in_finnish(finding),
        }
    }

    /// What the code means and what to do about it, with the addresses that are missing. The checks write what
    /// they saw in English alone; that stands beside it and is said to be English.
    fn in_finnish(self, finding: &Finding) -> Self {
        let words = in_finnish(finding.code);
        let missing = finding.allow.as_ref().map_or_else(String::new, |allow| {
            let sources: Vec<String> = allow.sources.iter().take(MAX_LINES).map(ToString::to_string).collect();
            format!(" Puuttuvat osoitteet (TCP-portti {}): {}.", allow.port, sources.join(", "))
        });
        let original = one_line(&format!("{} {}", self.detail, self.remedy));
        let remedy = if self.remedy.is_empty() { String::new() } else { words.remedy.to_owned() };
        Self {
            detail: format!("{}{missing}", words.about),
            remedy,
            original: Some(original).filter(|text| !text.is_empty()),
            ..self
        }
    }
}

/// Where a domain's status is shown.
fn status_url(public_url: &str, status: &DomainStatus) -> String {
    format!("{}/domains/{}", public_url.trim_end_matches('/'), status.domain)
}

fn actor(who: Actor, language: Language) -> &'static str {
    match who {
        Actor::Customer => language.say("the customer", "asiakas"),
        Actor::Partner => language.say("the partner", "kumppani"),
        Actor::DnsProvider => language.say("the DNS provider", "DNS-palveluntarjoaja"),
        Actor::Desk => language.say("the service desk", "asiakaspalvelu"),
        Actor::Vendor => language.say("the filtering service", "suodatuspalvelu"),
        Actor::Time => language.say("nobody, only time has to pass", "ei kukaan, odotetaan vain"),
        Actor::Nobody => language.say("nobody", "ei kukaan"),
    }
}

/// As a line of a zone file, which every DNS provider's form has the fields of.
fn record(record: &RecordLine) -> String {
    let ttl = record.ttl.map(|ttl| format!("{ttl} ")).unwrap_or_default();
    one_line(&format!("{} {ttl}IN MX {} {}", record.name, record.preference, record.exchange))
}

/// For a form that adds the zone by itself, or for one that wants whole names.
fn form_records(records: &[RecordLine], language: Language, pick: fn(&Spellings) -> &Spelling) -> Vec<String> {
    let [name, kind, priority, server] = match language {
        Language::En => ["name", "type", "priority", "server"],
        Language::Fi => ["nimi", "tyyppi", "prioriteetti", "palvelin"],
    };
    let spelled = records.iter().take(MAX_LINES).filter_map(|record| record.spellings.as_ref());
    spelled
        .map(|spelled| {
            let s = pick(spelled);
            one_line(&format!("{name} {}, {kind} MX, {priority} {}, {server} {}", s.name, s.preference, s.exchange))
        })
        .collect()
}

/// For exactly what is missing, or, while nothing was tested, for every gateway address.
fn rules(letter: &Letter) -> Vec<RulesView> {
    let findings = letter.status.as_ref().map(|status| status.findings.as_slice()).unwrap_or_default();
    let mut all: Vec<Allow> = Vec::new();
    for allow in findings.iter().filter_map(|finding| finding.allow.clone()) {
        if !all.contains(&allow) && all.len() < MAX_ALLOWED {
            all.push(allow);
        }
    }
    if all.is_empty() {
        let ports: BTreeSet<u16> = letter.servers.iter().map(|server| server.port).take(MAX_ALLOWED).collect();
        all.extend(ports.into_iter().filter_map(|port| Allow::new(letter.egress.iter().copied(), [], port)));
    }
    let lines = |product| {
        let text: Vec<String> = all.iter().map(|allow| allow.rule(product).text).collect();
        text.join("\n").lines().map(|line| clean(line, MAX_PIECE)).collect()
    };
    if all.is_empty() {
        return Vec::new();
    }
    Product::ALL.into_iter().map(|product| RulesView { product: product.name(), lines: lines(product) }).collect()
}

/// MX excepted, which stands beside it.
fn rollback(card: &RollbackCard, language: Language) -> Vec<String> {
    let record = language.say("MTA-STS record", "MTA-STS-tietue");
    let policy = language.say("MTA-STS policy", "MTA-STS-käytäntö");
    let texts = |what: &str, texts: &[String]| -> Vec<String> {
        texts.iter().map(|text| one_line(&format!("{what}: {text}"))).collect()
    };
    let mut lines = texts(record, &card.mta_sts);
    lines.extend(card.mta_sts_policy.iter().map(|body| one_line(&format!("{policy}: {}", body.replace('\n', "; ")))));
    lines.extend(texts("SPF", &card.spf));
    lines.extend(texts("TLSA", &card.tlsa));
    lines.truncate(MAX_LINES);
    lines
}

fn server(server: &MailServer, language: Language) -> String {
    let standby = if server.standby { language.say(" (standby)", " (varapalvelin)") } else { "" };
    let port = language.say("port", "portti");
    one_line(&format!("{} {port} {}{standby}", server.host, server.port))
}

/// English has the weekday too.
fn day(language: Language, date: Date) -> String {
    match language {
        Language::En => date.strftime("%A %-d %B %Y").to_string(),
        Language::Fi => words::day(language, date),
    }
}

/// Input on one line: control characters and line separators become spaces, runs of space one.
pub(super) fn one_line(text: &str) -> String {
    let flat: String = text
        .chars()
        .take(MAX_PIECE)
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect();
    flat.split_whitespace().collect::<Vec<_>>().join(" ")
}
