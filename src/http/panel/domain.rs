//! `/domains/{domain}`: what to do now, who has to act, and the evidence below it.

use askama::Template;
use axum::extract::{Path, State};
use fencepost_checks::firewall::{Allow, Snippet};
use fencepost_checks::{Finding, Severity};

use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::story::{self, Line};
use super::subscription::SubscriptionView;
use super::words::{self, Times, When};
use crate::config::{AdapterConfig, Config};
use crate::http::HttpState;
use crate::http::api::{READERS, name};
use crate::http::problem::Problem;
use crate::http::view;
use crate::lifecycle::connection::Phase;
use crate::status::{AnswerKind, DnsProviderStatus, DomainStatus, RecordLine, RollbackCard, Spellings, Waiting};
use crate::store::{DomainRow, OutboxRow, Role};

/// Newest events and notices on the page.
const EVENTS: u64 = 200;
const NOTICES: u32 = 100;

/// The straight way from order to connection.
const STEPS: [Phase; 7] = [
    Phase::Ordered,
    Phase::Allowlisting,
    Phase::Probing,
    Phase::Provisioning,
    Phase::Ready,
    Phase::Confirming,
    Phase::Connected,
];

struct Step {
    title: &'static str,
    /// `past`, `here` or `ahead`.
    place: &'static str,
}

struct WaitLine {
    who: &'static str,
    what: String,
    since: When,
}

struct FindingLine {
    tone: &'static str,
    code: &'static str,
    about: &'static str,
    subject: String,
    detail: String,
    remedy: String,
    who: &'static str,
    rules: Vec<Rules>,
    vantages: String,
    observed: When,
}

/// Firewall rules to paste.
struct Rules {
    product: &'static str,
    text: String,
}

/// For the DNS provider.
struct Message {
    text: String,
    /// Opens a mail program (RFC 6068).
    mailto: String,
}

struct NoticeLine {
    at: When,
    what: String,
    status: String,
    detail: String,
}

struct Records {
    title: &'static str,
    note: &'static str,
    tone: &'static str,
    lines: Vec<RecordLine>,
}

#[derive(Template)]
#[template(path = "pages/domain.html")]
struct DomainPage {
    domain: String,
    connection_id: String,
    customer_id: String,
    customer: String,
    partner: String,
    phase: &'static str,
    phase_about: &'static str,
    phase_since: When,
    as_of: When,
    tone: &'static str,
    headline: &'static str,
    reason: String,
    steps: Vec<Step>,
    waits: Vec<WaitLine>,
    permit: Option<(String, When, When)>,
    window: Option<Window>,
    facts: Vec<(&'static str, When)>,
    mx_verdict: Option<String>,
    records: Vec<Records>,
    findings: Vec<FindingLine>,
    /// Something has to be mended before any record is entered.
    findings_first: bool,
    remarks: Vec<FindingLine>,
    timeline: Vec<Line>,
    notices: Vec<NoticeLine>,
    /// Of the records to set.
    spellings: Vec<Spellings>,
    provider: Option<DnsProviderStatus>,
    message: Option<Message>,
    subscription: Option<SubscriptionView>,
    /// Where the desk enters a decision.
    decide: Option<String>,
    /// Why the change is fast from then on.
    fast_because: Option<String>,
    /// The bounds of the instant at which every sender has switched.
    terms: Vec<(When, String)>,
    rollback: Option<(RollbackCard, Option<When>)>,
    held: Option<String>,
    /// A route that people have to set: what, in words and as it is sent, and the form's word.
    by_hand: Option<ByHand>,
    frame: Frame,
}

struct ByHand {
    what: &'static str,
    mode: String,
    form: String,
}

struct Window {
    opened: When,
    rounds: u32,
    closes: Option<When>,
    escalates: When,
    broken_by: Option<String>,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader, Path(domain): Path<String>) -> Page {
    let identity = &reader.identity;
    identity.require(READERS)?;
    let row = state.store.domain(&name(&domain)?, &identity.scope()).await?.ok_or_else(Problem::not_found)?;
    let id = &row.connection.id;
    let observations = state.store.observations(id).await?;
    let now = state.clock.now();
    let times = Times::new(&state.config.commerce.time_zone, now);
    let status = view::status(&row, &observations, &state.config, now)?;
    let first = row.connection.last_seq.saturating_sub(EVENTS);
    let events = state.store.events(id, first, u32::try_from(EVENTS).unwrap_or(u32::MAX)).await?;
    let notices = state.store.notices(id, NOTICES).await?;
    let customer = state.store.customer(&row.customer_id, &identity.scope()).await?;
    let customer = customer.as_ref().map(view::customer).transpose()?;
    let order = &row.connection.order;
    let (findings, remarks) = findings(&status, &times);
    let done = matches!(status.phase, Phase::Released | Phase::Cancelled);
    html(&DomainPage {
        customer_id: row.customer_id.clone(),
        customer: order.customer_name.clone(),
        partner: order.partner.clone(),
        phase: words::phase(status.phase),
        phase_about: words::phase_about(status.phase),
        phase_since: times.show(status.phase_since),
        as_of: times.show(now),
        tone: words::tone(status.answer),
        headline: words::answer(status.answer),
        steps: steps(status.phase),
        waits: status.waiting_for.iter().map(|wait| wait_line(wait, &times)).collect(),
        permit: status
            .permit
            .as_ref()
            .map(|permit| (permit.id.clone(), times.show(permit.issued_at), times.show(permit.valid_until))),
        window: status.window.as_ref().map(|window| Window {
            opened: times.show(window.opened_at),
            rounds: window.clean_rounds,
            closes: window.earliest_close.map(|at| times.show(at)),
            escalates: times.show(window.escalates_at),
            broken_by: window.broken_by.clone(),
        }),
        facts: facts(&status, &times),
        mx_verdict: status.mx_verdict.map(|verdict| {
            serde_json::to_value(verdict)
                .ok()
                .and_then(|value| value.as_str().map(|word| word.replace('_', " ")))
                .unwrap_or_default()
        }),
        findings_first: !status.mx_change_permitted && findings.iter().any(|finding| finding.tone == "blocking"),
        findings,
        remarks,
        timeline: story::timeline(&events, &times),
        notices: notices.iter().rev().map(|row| notice_line(row, &times)).collect(),
        spellings: spellings(&status),
        provider: status.dns_provider.clone(),
        message: status.message_to_provider().map(message),
        decide: reader
            .desk_form()
            .and(customer.as_ref())
            .filter(|customer| !customer.phase.is_final())
            .map(|customer| format!("/customers/{}/decide", customer.id)),
        subscription: customer.as_ref().map(SubscriptionView::new),
        fast_because: status.fastest_change_because.clone(),
        terms: status.switch_terms.iter().map(|term| (times.show(term.at), term.because.clone())).collect(),
        rollback: status.rollback.clone().map(|card| {
            let seen = card.seen_at.map(|at| times.show(at));
            (card, seen)
        }),
        held: row.held_by.clone().filter(|_| identity.role == Role::Desk),
        by_hand: by_hand(&row, &state.config, &reader)?,
        frame: Frame { refresh: (!done).then_some(30), ..Frame::of(&reader, "/") },
        domain: status.domain.to_string(),
        connection_id: status.connection_id.clone(),
        reason: status.reason.clone(),
        records: records(status),
    })
}

/// Only where nobody but the desk can say that it was done.
fn by_hand(row: &DomainRow, config: &Config, reader: &Reader) -> Result<Option<ByHand>, Problem> {
    let wished = view::unconfirmed_route(row)?.filter(|_| config.gateway.adapter == AdapterConfig::Manual);
    let (Some(mode), Some(form), None) = (wished, reader.desk_form(), &row.held_by) else { return Ok(None) };
    let word = serde_json::to_value(mode).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
    Ok(Some(ByHand { what: story::route_word(mode), mode: word, form }))
}

fn steps(phase: Phase) -> Vec<Step> {
    let Some(here) = STEPS.iter().position(|step| *step == phase) else { return Vec::new() };
    let place = |index: usize| match index.cmp(&here) {
        std::cmp::Ordering::Less => "past",
        std::cmp::Ordering::Equal => "here",
        std::cmp::Ordering::Greater => "ahead",
    };
    STEPS.iter().enumerate().map(|(index, step)| Step { title: words::phase(*step), place: place(index) }).collect()
}

fn wait_line(wait: &Waiting, times: &Times) -> WaitLine {
    WaitLine { who: words::actor(wait.who), what: wait.what.clone(), since: times.show(wait.since) }
}

fn facts(status: &DomainStatus, times: &Times) -> Vec<(&'static str, When)> {
    [
        ("Next check", status.next_check_at),
        ("A change is fast after", status.fastest_change_after),
        ("Every sender uses the new MX by", status.all_senders_switched_by),
        ("The old path is needed until", status.old_path_needed_until),
    ]
    .into_iter()
    .filter_map(|(what, at)| at.map(|at| (what, times.show(at))))
    .collect()
}

fn records(status: DomainStatus) -> Vec<Records> {
    let go = status.mx_change_permitted || matches!(status.phase, Phase::Confirming | Phase::Connected);
    let set =
        if go || status.answer == AnswerKind::RollBack { "the MX as it shall be" } else { "not before the go-ahead" };
    let all = [
        Records { title: "Set", note: set, tone: "set", lines: status.records_to_set },
        Records { title: "Remove", note: "in the same change", tone: "remove", lines: status.records_to_remove },
        Records { title: "Published now", note: "as last seen", tone: "now", lines: status.current_mx },
        Records {
            title: "To go back to",
            note: "the last MX before the gateway",
            tone: "back",
            lines: status.previous_mx,
        },
    ];
    all.into_iter().filter(|records| !records.lines.is_empty()).collect()
}

/// What has to be done, and what is only worth knowing.
fn findings(status: &DomainStatus, times: &Times) -> (Vec<FindingLine>, Vec<FindingLine>) {
    let (info, grave): (Vec<&Finding>, Vec<&Finding>) =
        status.findings.iter().partition(|finding| finding.severity == Severity::Info);
    let lines = |findings: Vec<&Finding>| findings.into_iter().map(|finding| finding_line(finding, times)).collect();
    (lines(grave), lines(info))
}

/// How to enter the records, as long as they are not published as they shall be.
fn spellings(status: &DomainStatus) -> Vec<Spellings> {
    let published = |record: &RecordLine| {
        status.current_mx.iter().any(|now| now.preference == record.preference && now.exchange == record.exchange)
    };
    if status.records_to_remove.is_empty() && status.records_to_set.iter().all(published) {
        return Vec::new();
    }
    status.records_to_set.iter().filter_map(|record| record.spellings.clone()).collect()
}

fn message(text: String) -> Message {
    let (subject, body) = text.split_once("\n\n").unwrap_or(("", &text));
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("subject", subject.trim_start_matches("Subject: "));
    query.append_pair("body", &body.replace('\n', "\r\n"));
    // A form writes blanks as `+`, which a mail program would show (RFC 6068 §5).
    let mailto = format!("mailto:?{}", query.finish().replace('+', "%20"));
    Message { text, mailto }
}

fn finding_line(finding: &Finding, times: &Times) -> FindingLine {
    FindingLine {
        tone: words::severity(finding.severity),
        code: finding.code.as_str(),
        about: finding.code.about(),
        subject: finding.subject.clone(),
        detail: finding.detail.clone(),
        remedy: finding.remedy.clone(),
        who: words::actor(finding.who),
        rules: finding.allow.iter().flat_map(Allow::rules).map(rules).collect(),
        vantages: finding.vantages.join(", "),
        observed: times.show(finding.observed_at),
    }
}

fn rules(snippet: Snippet) -> Rules {
    Rules { product: snippet.product.name(), text: snippet.text }
}

fn notice_line(row: &OutboxRow, times: &Times) -> NoticeLine {
    let payload: Option<serde_json::Value> = serde_json::from_str(&row.payload).ok();
    let notice = payload.as_ref().and_then(|value| value.get("notice")).and_then(serde_json::Value::as_str);
    NoticeLine {
        at: times.show(row.sent_at.unwrap_or(row.created_at)),
        what: notice.unwrap_or(&row.dedupe_key).replace('_', " "),
        status: row.status.clone(),
        detail: row.detail.clone(),
    }
}
