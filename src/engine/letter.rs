//! A notice at the moment of sending: to whom it goes, and the truth as of now. A notice that rests
//! on a permit is not sent once the permit is gone. Layout is the notifier's.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::EngineParts;
use super::connections::Loaded;
use super::desk::{new_secret, secret_hash};
use super::payload::{NoticeItem, VantageItem, WishItem};
use super::ports::{CommerceFacts, Letter, SignInFacts, VantageFacts};
use super::recipients::{Readers, recipients};
use super::reports;
use super::vantages;
use super::words::{Unreadable, parse};
use crate::config::{Config, EgressState};
use crate::lifecycle::connection::mx_change_permitted;
use crate::lifecycle::subscription::Subscription;
use crate::status::{DomainStatus, ProjectInput, project_in};
use crate::store::{Customer, NewSignInLink, Observation, Scope, StoreError, Subject, SubjectKind};
use crate::words::Language;

pub(super) enum Written {
    /// One for each language that is read.
    Letters(Vec<Letter>),
    NoLongerTrue(String),
}

#[derive(Debug)]
pub(super) enum WriteError {
    Unreadable(Unreadable),
    Gone(String),
    Store(StoreError),
}

impl From<Unreadable> for WriteError {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub(super) async fn write(parts: &EngineParts, about: &NoticeItem, key: &str) -> Result<Written, WriteError> {
    let gone = || WriteError::Gone(about.subject.clone());
    let subject = parts.store.subject(&about.subject).await?.ok_or_else(gone)?;
    let customer = parts.store.customer(&subject.customer_id, &Scope::All).await?.ok_or_else(gone)?;
    let config = &parts.config;
    let mut places = None;
    let (mut servers, mut hosted) = (customer.order.servers.clone(), customer.order.hosted);
    let connection = match about.machine {
        SubjectKind::Subscription => None,
        SubjectKind::Connection => {
            let loaded = Loaded::read(subject, parts.setup())?;
            if let Some(number) = about.valid_if
                && !permitted(parts, &loaded, number)
            {
                return Ok(Written::NoLongerTrue(format!("permit {number} is no longer valid")));
            }
            let new_servers = (about.notice == "new_server_instructions").then_some(&loaded.connection.route_change);
            places = about_places(&about.notice, &loaded, config);
            (servers, hosted) = match new_servers.and_then(Option::as_ref) {
                Some(change) => (change.servers.clone(), change.hosted),
                None => (loaded.servers().to_vec(), loaded.connection.hosted),
            };
            Some(Shown::read(parts, loaded).await?)
        }
    };
    let order = &customer.order;
    let report = match about.month {
        None => None,
        Some(month) => {
            let report = reports::sent(parts.store.as_ref(), &customer.id, month).await?;
            Some(Box::new(report.ok_or_else(|| WriteError::Gone(format!("the report of {month}")))?))
        }
    };
    let in_trial = report.as_ref().is_some_and(|report| report.trial.is_some());
    let to_whom = if in_trial { "security_report_in_trial" } else { about.notice.as_str() };
    let egress = places.unwrap_or_else(|| config.gateway.asked());
    let commerce = commerce(&customer)?;
    let mut letters: Vec<Letter> = Vec::new();
    for Readers { language, to } in recipients(to_whom, order, &config.notify) {
        letters.push(Letter {
            notice: about.notice.clone(),
            // Another text is another message. The first keeps the key, so that a repetition is recognised
            // although the language of the others was changed meanwhile.
            dedupe_key: if letters.is_empty() { key.to_owned() } else { format!("{key}/{}", language.tag()) },
            language,
            to,
            at: parts.clock.now(),
            customer_name: order.customer_name.clone(),
            partner: order.partner.clone(),
            status: connection.as_ref().map(|shown| shown.status(parts, language)),
            link: None,
            egress: egress.clone(),
            servers: servers.clone(),
            hosted,
            commerce: Some(commerce.clone()),
            vantage: None,
            report: report.clone(),
            sign_in: None,
        });
    }
    Ok(Written::Letters(letters))
}

/// For the desk: a vantage is out of use.
pub(super) async fn about_vantage(parts: &EngineParts, about: &VantageItem, key: &str) -> Result<Written, WriteError> {
    let now = parts.clock.now();
    let mark = vantages::mark(parts.store.as_ref(), &about.vantage, now).await?;
    let Some(mark) = mark.filter(|mark| mark.at == about.since) else {
        return Ok(Written::NoLongerTrue("the vantage is in use again".to_owned()));
    };
    Ok(Written::Letters(vec![Letter {
        notice: "vantage_quarantined".to_owned(),
        dedupe_key: key.to_owned(),
        language: parts.config.notify.language,
        to: vec![parts.config.notify.desk.clone()],
        at: now,
        customer_name: String::new(),
        partner: String::new(),
        status: None,
        link: None,
        egress: Vec::new(),
        servers: Vec::new(),
        hosted: false,
        commerce: None,
        vantage: Some(VantageFacts { id: about.vantage.clone(), since: mark.at, by: mark.by, why: mark.why }),
        report: None,
        sign_in: None,
    }]))
}

/// For whoever asked to sign in, if there is an account: a link that is made here and now. The secret stands
/// in the mail alone; each attempt at sending has one of its own.
pub(super) async fn about_sign_in(parts: &EngineParts, wish: &WishItem, key: &str) -> Result<Written, WriteError> {
    let http = &parts.config.http;
    let now = parts.clock.now();
    let minutes = http.sign_in.link_minutes;
    let life = SignedDuration::from_mins(minutes.into());
    if now >= wish.asked_at + life {
        return Ok(Written::NoLongerTrue("the link was asked for too long ago".to_owned()));
    }
    let nobody = || Ok(Written::NoLongerTrue("the address has no account in force".to_owned()));
    let Some(person) = parts.store.person_by_email(&wish.email).await? else { return nobody() };
    let secret = new_secret();
    let link = NewSignInLink {
        hash: secret_hash(&secret),
        person_id: person.id.clone(),
        next: wish.next.clone(),
        created_at: now,
        ends_at: now + life,
    };
    if !parts.store.keep_sign_in_link(link).await? {
        return nobody();
    }
    Ok(Written::Letters(vec![Letter {
        notice: "sign_in_link".to_owned(),
        dedupe_key: key.to_owned(),
        language: person.language,
        to: vec![person.email.clone()],
        at: now,
        customer_name: String::new(),
        partner: String::new(),
        status: None,
        link: None,
        egress: Vec::new(),
        servers: Vec::new(),
        hosted: false,
        commerce: None,
        vantage: None,
        report: None,
        sign_in: Some(SignInFacts {
            name: person.name,
            link: format!("{}/sign-in/link/{secret}", http.public_url.trim_end_matches('/')),
            minutes,
        }),
    }]))
}

/// The addresses that a notice about some of them is about; `None` where it is about all that are asked for.
fn about_places(notice: &str, loaded: &Loaded, config: &Config) -> Option<Vec<IpAddr>> {
    match notice {
        "address_announced" => Some(loaded.connection.asked_to_allow.clone()),
        "address_retired" => Some(config.gateway.egress_in(EgressState::Retired).map(|e| e.address).collect()),
        _ => None,
    }
}

fn permitted(parts: &EngineParts, loaded: &Loaded, number: u32) -> bool {
    let connection = &loaded.connection;
    connection.permit.as_ref().is_some_and(|permit| permit.number == number)
        && mx_change_permitted(connection, parts.clock.now())
}

/// A connection with everything that its status is made of.
struct Shown {
    loaded: Loaded,
    observations: Vec<Observation>,
    next_check_at: Option<Timestamp>,
}

impl Shown {
    async fn read(parts: &EngineParts, loaded: Loaded) -> Result<Self, WriteError> {
        let Subject { id, partner_id, .. } = &loaded.subject;
        let observations = parts.store.observations(id).await?;
        let row = parts.store.domain(&loaded.connection.domain, &Scope::Partner(partner_id.clone())).await?;
        let next_check_at = row.filter(|row| row.connection.id == *id).and_then(|row| row.next_check_at);
        Ok(Self { loaded, observations, next_check_at })
    }

    fn status(&self, parts: &EngineParts, language: Language) -> DomainStatus {
        let input = ProjectInput {
            connection: &self.loaded.connection,
            connection_id: &self.loaded.subject.id,
            observations: &self.observations,
            gateway: &parts.config.gateway,
            now: parts.clock.now(),
            next_check_at: self.next_check_at,
        };
        project_in(&input, language)
    }
}

fn commerce(customer: &Customer) -> Result<CommerceFacts, Unreadable> {
    let subscription: Subscription = parse(&customer.subscription.state)?;
    let order = &customer.order;
    let domains: BTreeSet<String> = order.domains.iter().map(ToString::to_string).collect();
    Ok(CommerceFacts {
        customer_id: customer.id.clone(),
        domains: domains.into_iter().collect(),
        price: order.price,
        mailboxes: order.mailboxes,
        kind: order.kind,
        group: subscription.group,
        dates: subscription.dates,
        charged_from: subscription.charged_from,
        notice_ends: subscription.notice_ends,
        decided: subscription.decided,
        use_charged_from: subscription.after_end.and_then(|after_end| after_end.charge_from),
    })
}
