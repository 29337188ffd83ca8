//! The monthly security report: gathers what is known of a customer's domains, asks the gateway for its
//! figures, and keeps the report with the transition that sends it, so that a mail sent again says the same.
//! What stands in a report is `report`'s; on which day it is made is the lifecycle's.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::EngineParts;
use super::connections::{Loaded, With};
use super::jobs::{Kept, kept};
use super::payload::NoticeItem;
use super::ports::{FiguresTask, Gateway};
use super::subscriptions;
use super::words::{Unreadable, parse};
use super::work::chain;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::ledger::period::run_day;
use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::connection::{Phase, TimerKind};
use crate::lifecycle::permit::Setup;
use crate::lifecycle::subscription::{Phase as SubscriptionPhase, Subscription, next_report};
use crate::report::{
    DomainFacts, Facts, Figures, Look, Month, NoFigures, Report, StatisticsFacts, Tally, TrialFacts, make,
};
use crate::store::{Customer, Observation, Scope, Store, StoreError, Subject, SubjectKind};

/// The notice by which a report goes out.
pub(super) const NOTICE: &str = "security_report";
/// Events read at once, and pieces read of one history.
const PIECE: u32 = 1_000;
const PIECES: usize = 20;
/// All questions to the gateway for one report.
const PATIENCE: Duration = Duration::from_secs(60);
/// A report is compared with one that is not older than this, in days.
const COMPARABLE: i64 = 62;
/// Days for which a report may still be made.
const LATE: i64 = 6;

/// The use case for people, and for the engine. Cheap to clone.
#[derive(Clone)]
pub struct Reports {
    store: Arc<dyn Store>,
    clock: SharedClock,
    config: Arc<Config>,
    /// Whom to ask for figures; nobody where no engine runs.
    gateway: Option<Arc<dyn Gateway>>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportsError {
    #[error("not found")]
    NotFound,
    /// There is none of that month. The text says why.
    #[error("{0}")]
    None(String),
    #[error("what is stored cannot be read: {0}")]
    Unreadable(String),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<Unreadable> for ReportsError {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl Reports {
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: SharedClock,
        config: Arc<Config>,
        gateway: Option<Arc<dyn Gateway>>,
    ) -> Self {
        Self { store, clock, config, gateway }
    }

    pub(super) fn of(parts: &EngineParts) -> Self {
        Self::new(parts.store.clone(), parts.clock.clone(), parts.config.clone(), Some(parts.gateway.clone()))
    }

    /// The report of a month as it was sent; else, of the month that has not ended, as it would be now.
    /// Without a month: the next one.
    ///
    /// # Errors
    /// [`ReportsError::None`] with the reason, [`ReportsError::NotFound`] outside of the scope.
    pub async fn show(&self, customer_id: &str, month: Option<Month>, scope: &Scope) -> Result<Report, ReportsError> {
        let customer = self.store.customer(customer_id, scope).await?.ok_or(ReportsError::NotFound)?;
        let kept = self.store.observations(&customer.id).await?;
        if let Some(stored) = month.and_then(|month| stored(&kept, month)) {
            return Ok(stored);
        }
        let calendar =
            Calendar::from_config(&self.config.commerce).map_err(|e| ReportsError::Unreadable(e.to_string()))?;
        let subscription: Subscription = parse(&customer.subscription.state)?;
        let none = |why: String| Err(ReportsError::None(why));
        let (Some(group), Some(dates)) = (subscription.group, &subscription.dates) else {
            return none("Reports begin when the first domain is connected.".to_owned());
        };
        let now = self.clock.now();
        let today = calendar.day_of(now);
        let on = match (month, next_report(&subscription, &calendar, now)) {
            (Some(month), _) => run_day(group, month.first_day()),
            (None, Some(next)) => next,
            (None, None) => return none("No report is to come: the service has ended.".to_owned()),
        };
        if on <= dates.connected {
            return none(format!(
                "The first domain was connected on {}; the first report comes after that.",
                dates.connected
            ));
        }
        if on < today.saturating_sub(LATE.days()) {
            return none(format!(
                "No report of {} was made, and what was seen then is not known any more.",
                Month::of(on)
            ));
        }
        let from = self.begins(&subscription, &kept, on);
        if from > today {
            return none(format!("The month of that report begins on {from}."));
        }
        self.made(&customer, &subscription, &kept, on).await
    }

    /// The report of that day.
    async fn made(
        &self,
        customer: &Customer,
        subscription: &Subscription,
        kept: &[Observation],
        on: Date,
    ) -> Result<Report, ReportsError> {
        let now = self.clock.now();
        let zone = TimeZone::get(&self.config.commerce.time_zone).unwrap_or(TimeZone::UTC);
        let mut domains = Vec::new();
        for subject in &customer.connections {
            domains.extend(self.domain(subject).await?);
        }
        domains.sort_by(|a: &DomainFacts, b| a.connection.domain.cmp(&b.connection.domain));
        let from = self.begins(subscription, kept, on);
        let statistics = self.figures(&domains, from, on).await;
        let trial = trial(customer, subscription);
        Ok(make(&Facts {
            customer_id: &customer.id,
            customer_name: &customer.order.customer_name,
            partner: &customer.order.partner,
            on,
            from,
            now,
            zone: &zone,
            trial: trial.as_ref(),
            domains: &domains,
            statistics: &statistics,
            before: earlier(kept, on).as_ref(),
            language: customer.order.language,
        }))
    }

    /// The first day of a report: where the one before it ended.
    fn begins(&self, subscription: &Subscription, kept: &[Observation], on: Date) -> Date {
        let connected = subscription.dates.as_ref().map_or(on, |dates| dates.connected);
        let a_month = run_day(subscription.group.unwrap_or(30), Month::of(on).before().first_day());
        earlier(kept, on).map_or(a_month, |before| before.until).max(connected)
    }

    /// What is known of a domain; nothing of one that was never connected, or is no more.
    async fn domain(&self, subject: &Subject) -> Result<Option<DomainFacts>, ReportsError> {
        let connection = Loaded::read(subject.clone(), Setup::of(&self.config))?.connection;
        let serves =
            matches!(connection.phase, Phase::Connected | Phase::Drifted | Phase::Confirming | Phase::Releasing);
        if !serves || connection.connected_at.is_none() {
            return Ok(None);
        }
        let (mut events, mut after, mut cut) = (Vec::new(), 0, true);
        for _ in 0..PIECES {
            let rows = self.store.events(&subject.id, after, PIECE).await?;
            let Some(last) = rows.last() else {
                cut = false;
                break;
            };
            after = last.seq;
            // One that this program does not know changes nothing that a report tells.
            events.extend(rows.iter().filter_map(|row| Some((row.at, serde_json::from_str(&row.body).ok()?))));
        }
        let kept = Kept(self.store.observations(&subject.id).await?);
        let mut findings = Vec::new();
        for seen in kept.0.iter().filter(|o| o.kind.starts_with("findings:") && !o.kind.starts_with("findings:next_")) {
            let of_gate: Vec<fencepost_checks::Finding> = kept.body(&seen.kind).unwrap_or_default();
            findings.extend(of_gate.into_iter().map(|finding| (seen.last_at, finding)));
        }
        let last = |kind: &str| kept.0.iter().find(|o| o.kind == kind).map(|o| o.last_at);
        Ok(Some(DomainFacts {
            events,
            history_cut: cut,
            tally: kept.body(TALLY),
            mx: last("mx").zip(kept.body("mx")),
            smtp: last("smtp").zip(kept.body("smtp")),
            lint: last("lint").zip(kept.body("lint")),
            findings,
            outsiders_at: last("outsiders"),
            connection,
        }))
    }

    /// The gateway's figures of all domains together, or why there are none.
    async fn figures(&self, domains: &[DomainFacts], from: Date, until: Date) -> StatisticsFacts {
        let missing = |why| StatisticsFacts::Missing { why };
        let Some(gateway) = self.gateway.as_ref().filter(|_| self.config.gateway.statistics_url.is_some()) else {
            return missing(NoFigures::NotConfigured);
        };
        let all = async {
            let (mut sum, mut without): (Option<Figures>, Vec<_>) = (None, Vec::new());
            for of in domains {
                let task = FiguresTask { domain: of.connection.domain.clone(), from, until };
                match gateway.figures(&task).await? {
                    Some(figures) => sum = Some(sum.map_or_else(|| figures.clone(), |sum: Figures| sum.and(&figures))),
                    None => without.push(task.domain),
                }
            }
            Ok::<_, super::ports::GatewayError>((sum, without))
        };
        match tokio::time::timeout(PATIENCE, all).await {
            Ok(Ok((Some(figures), without))) => {
                StatisticsFacts::Known { figures: figures.within(from, until), without }
            }
            Ok(Ok((None, _))) => missing(NoFigures::NotCounted),
            Ok(Err(error)) => {
                tracing::warn!("the gateway gives no figures: {}", chain(&error));
                missing(NoFigures::NotAnswered)
            }
            Err(_) => {
                tracing::warn!("the gateway gave no figures within {} s", PATIENCE.as_secs());
                missing(NoFigures::NotAnswered)
            }
        }
    }
}

/// Of a customer that has not decided yet.
fn trial(customer: &Customer, s: &Subscription) -> Option<TrialFacts> {
    let dates =
        s.dates.as_ref().filter(|_| matches!(s.phase, SubscriptionPhase::Trial | SubscriptionPhase::Negotiation))?;
    Some(TrialFacts {
        ends: dates.trial_end,
        decide_before: dates.negotiation_end,
        price: customer.order.price.to_string(),
    })
}

fn kind(month: Month) -> String {
    format!("report:{month}")
}

fn stored(kept: &[Observation], month: Month) -> Option<Report> {
    Kept(kept.to_vec()).body(&kind(month))
}

/// The report that one of that day is compared with.
fn earlier(kept: &[Observation], on: Date) -> Option<Report> {
    let month = Month::of(on);
    let known = kept.iter().filter_map(|o| o.kind.strip_prefix("report:")?.parse::<Month>().ok());
    let last = known.filter(|known| *known < month).max()?;
    stored(kept, last).filter(|report| report.until >= on.saturating_sub(COMPARABLE.days()))
}

/// The report of a customer as it was kept.
pub(super) async fn sent(store: &dyn Store, customer_id: &str, month: Month) -> Result<Option<Report>, StoreError> {
    Ok(stored(&store.observations(customer_id).await?, month))
}

/// The report that is due, to be kept with the transition that sends it.
pub(super) async fn due(
    parts: &EngineParts,
    loaded: &subscriptions::Loaded,
    on: Date,
) -> Result<Observation, ReportsError> {
    let reports = Reports::of(parts);
    let kept_before = parts.store.observations(&loaded.customer.id).await?;
    let report = reports.made(&loaded.customer, &loaded.subscription, &kept_before, on).await?;
    Ok(kept(&kind(report.month), &on, &report, parts.clock.now()))
}

/// The mail of a report. Its key is the same however often the report is made.
pub(super) fn mail(customer_id: &str, on: Date, seq: u64) -> (String, NoticeItem) {
    let month = Month::of(on);
    let item = NoticeItem {
        notice: NOTICE.to_owned(),
        machine: SubjectKind::Subscription,
        subject: customer_id.to_owned(),
        seq,
        valid_if: None,
        month: Some(month),
    };
    (format!("{customer_id}/report/{month}"), item)
}

/// Where looks at a connection are counted.
const TALLY: &str = "tally";

/// One look more at a connection.
pub(super) fn count(parts: &EngineParts, timer: TimerKind, known: &Kept, with: &mut With, now: Timestamp) {
    let look = match timer {
        TimerKind::Mx => Look::Mx,
        TimerKind::Allowlist => Look::Firewall,
        TimerKind::Probe => Look::MailServer,
        TimerKind::Gateway => Look::Gateway,
        TimerKind::Lint => Look::Policies,
        TimerKind::Route
        | TimerKind::NextAllowlist
        | TimerKind::NextProbe
        | TimerKind::NextDestination
        | TimerKind::Deadline => return,
    };
    let zone = TimeZone::get(&parts.config.commerce.time_zone).unwrap_or(TimeZone::UTC);
    let mut tally: Tally = known.body(TALLY).unwrap_or_else(|| Tally::begin(now));
    tally.count(look, now.to_zoned(zone).date());
    with.observations.push(kept(TALLY, &(), &tally, now));
}
