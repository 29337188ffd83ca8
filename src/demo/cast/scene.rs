//! One customer's stage: what the people around it can do and see. Everything goes through the mail
//! that they get, the pages and the API of fencepost, and their own zones and servers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use fencepost_checks::Code;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use serde_json::{Value, json};

use super::profile::Profile;
use crate::clock::Clock;
use crate::demo::agenda::{Agenda, Busy};
use crate::demo::api::Api;
use crate::demo::lab::{Copies, Lab, Mail, MailServer};
use crate::demo::notice::notice_of;
use crate::demo::story::Story;
use crate::demo::trouble::{Doing, Outcome, Trouble};
use crate::lifecycle::connection::Phase;
use crate::status::DomainStatus;

/// What all customers share.
pub struct Stage {
    pub lab: Lab,
    pub agenda: Agenda,
    /// Of the business: when people are at work.
    pub zone: TimeZone,
    pub desk: Api,
    /// Tokens of the partners, by the partner's name.
    pub partners: Vec<(String, Api)>,
    pub accounting: Api,
}

impl Stage {
    /// The token of a partner.
    ///
    /// # Errors
    /// When no such partner was invited.
    pub fn partner(&self, name: &str) -> Outcome<&Api> {
        let found = self.partners.iter().find(|(partner, _)| partner == name);
        found.map(|(_, api)| api).ok_or_else(|| Trouble(format!("there is no partner {name}")))
    }
}

/// What is remembered about a customer for the final account.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    pub customer_id: String,
    /// Every finding that somebody saw on the status page.
    pub seen: BTreeSet<Code>,
    /// Before this a permit would have been wrong.
    pub no_permit_before: Option<Timestamp>,
}

/// One customer with its people.
pub struct Scene {
    pub stage: Arc<Stage>,
    pub profile: &'static Profile,
    pub server: Arc<MailServer>,
    pub story: Story,
    pub notes: Arc<Mutex<Notes>>,
    held: Option<Busy>,
    read: usize,
}

impl Scene {
    #[must_use]
    pub fn new(stage: Arc<Stage>, profile: &'static Profile, server: Arc<MailServer>) -> Self {
        let held = Some(stage.agenda.busy());
        Self { stage, profile, server, story: Story::default(), notes: Arc::default(), held, read: 0 }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.stage.agenda.now()
    }

    pub fn say(&self, who: &str, text: impl Into<String>) {
        self.story.add(self.now(), who, text);
    }

    /// Lets time pass.
    pub async fn pause(&mut self, pause: SignedDuration) {
        let held = self.held.take();
        self.held = Some(self.stage.agenda.after(pause, held).await);
    }

    /// Lets at least this much time pass, until somebody is at work who reads and acts.
    ///
    /// # Errors
    /// When the calendar has no such day.
    pub async fn office(&mut self, pause: SignedDuration) -> Outcome<()> {
        let earliest = (self.now() + pause).to_zoned(self.stage.zone.clone());
        let at = at_work(&earliest, i64::from(self.profile.number)).doing("finding office hours")?;
        let held = self.held.take();
        self.held = Some(self.stage.agenda.until(at.timestamp(), held).await);
        Ok(())
    }

    /// Waits for a notice about this customer that was not read before.
    pub async fn mail(&mut self, notice: &'static str) -> Arc<Mail> {
        let (domain, name) = (self.profile.domain, self.profile.name);
        let about = move |mail: &Mail| mail.text.contains(domain) || mail.text.contains(name);
        let wanted = move |mail: &Mail| notice_of(mail) == notice && about(mail);
        let (position, mail, busy) = self.stage.lab.mailbox.wait(self.read, self.held.take(), wanted).await;
        self.read = position + 1;
        self.held = Some(busy);
        mail
    }

    /// The desk types the order in.
    ///
    /// # Errors
    /// When the order is refused.
    pub async fn order(&mut self) -> Outcome<()> {
        let p = self.profile;
        let order = json!({
            "partner": p.partner,
            "customer_name": p.name,
            "business_id": format!("2000{:03}-{}", p.number, p.number),
            "contacts": [
                { "name": "IT", "email": p.contact(), "role": "technical" },
                { "name": "Onboarding", "email": p.partner_mail(), "role": "partner" },
            ],
            "domains": [p.domain],
            "servers": [{ "host": p.host(), "port": self.stage.lab.ports.smtp }],
            "hosted": p.hosted,
            "test_mailbox": "info",
            "mailboxes": p.mailboxes,
            "kind": p.kind,
            "price": p.price,
            "sales_rep": p.sales_rep(),
            "invoicing_group": p.group.map(|group| group.to_string()),
            "language": p.language,
        });
        let what = if p.kind == "trial" { "a trial" } else { "the service" };
        self.say("desk", format!("orders {what} for {}: {} mailboxes, {} a month", p.domain, p.mailboxes, p.price));
        let placed = self.stage.desk.post("/v1/orders", &order).await?.success("placing the order")?;
        let id = placed.get("customer_id").and_then(Value::as_str).unwrap_or_default();
        self.notes().customer_id = id.to_owned();
        Ok(())
    }

    /// The desk registers the customer with the service.
    ///
    /// # Errors
    /// When that is refused.
    pub async fn register(&mut self) -> Outcome<()> {
        let path = format!("/v1/customers/{}/register", self.notes().customer_id);
        self.say("desk", "registers the customer");
        self.stage.desk.post(&path, &json!({})).await?.success("registering")?;
        Ok(())
    }

    /// The customer's decision reaches the desk by mail, which enters it with the mail as evidence.
    ///
    /// # Errors
    /// When that is refused.
    pub async fn decide(&mut self, customer: bool, group: Option<u8>) -> Outcome<()> {
        let word = if customer { "customer" } else { "no-customer" };
        let text = if customer {
            format!("From: {}\r\nSubject: Our decision\r\n\r\nWe stay.\r\n", self.profile.contact())
        } else {
            format!("From: {}\r\nSubject: Our decision\r\n\r\nThank you, but no.\r\n", self.profile.contact())
        };
        let mut body = json!({ "decision": word, "evidence": { "name": "decision.eml", "text": text } });
        if let (Some(group), Some(map)) = (group, body.as_object_mut()) {
            map.insert("group".to_owned(), json!(group));
        }
        let path = format!("/v1/customers/{}/decide", self.notes().customer_id);
        let said = if customer { "\"we stay\"" } else { "\"thank you, but no\"" };
        self.say("customer", format!("writes {said}; the desk enters `{word}` with the mail as evidence"));
        self.stage.desk.post(&path, &body).await?.success("entering the decision")?;
        Ok(())
    }

    /// The status page, as the partner's token shows it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn status(&self) -> Outcome<DomainStatus> {
        let path = format!("/v1/domains/{}/status", self.profile.domain);
        let status: DomainStatus = self.stage.partner(self.profile.partner)?.read(&path).await?;
        self.notes().seen.extend(status.findings.iter().map(|finding| finding.code));
        Ok(status)
    }

    /// Whether the partner's script would be told to go ahead.
    ///
    /// # Errors
    /// When the answer is neither yes nor no.
    pub async fn permitted(&self) -> Outcome<bool> {
        let path = format!("/v1/domains/{}/mx-change", self.profile.domain);
        let reply = self.stage.partner(self.profile.partner)?.get(&path).await?;
        match reply.status.as_u16() {
            200 => Ok(true),
            409 => Ok(false),
            other => Err(Trouble(format!("{path} was answered with {other}: {}", reply.body))),
        }
    }

    /// # Errors
    /// When the answer is another one than it has to be.
    pub async fn must_be_permitted(&self, permitted: bool) -> Outcome<()> {
        if self.permitted().await? == permitted {
            return Ok(());
        }
        let status = self.status().await?;
        let wrong = if permitted { "is not permitted although it should be" } else { "is permitted too early" };
        Err(Trouble(format!("the MX change {wrong} ({:?}): {}", status.phase, status.reason)))
    }

    /// The finding with this code, which somebody expects to see on the status page: looks every
    /// `every`, at most `times`.
    ///
    /// # Errors
    /// When it never shows up.
    pub async fn look_for(&mut self, code: Code, every: SignedDuration, times: u32) -> Outcome<String> {
        for _ in 0..times {
            let status = self.status().await?;
            if let Some(finding) = status.findings.iter().find(|finding| finding.code == code) {
                return Ok(format!("{} {}", finding.detail, finding.remedy));
            }
            self.pause(every).await;
        }
        Err(Trouble(format!("{code} was never shown on the status page")))
    }

    /// Looks every `every`, at most `times`, until the domain is in this phase.
    ///
    /// # Errors
    /// When it never is.
    pub async fn wait_for(&mut self, phase: Phase, every: SignedDuration, times: u32) -> Outcome<()> {
        let mut last = None;
        for _ in 0..times {
            let status = self.status().await?;
            if status.phase == phase {
                return Ok(());
            }
            last = Some((status.phase, status.reason));
            self.pause(every).await;
        }
        Err(Trouble(format!("the domain never became {phase:?}; it stands at {last:?}")))
    }

    /// Asks fencepost to look again.
    ///
    /// # Errors
    /// When that is refused.
    pub async fn recheck(&self) -> Outcome<()> {
        let path = format!("/v1/domains/{}/recheck", self.profile.domain);
        self.stage.partner(self.profile.partner)?.post(&path, &json!({})).await?.success("asking for a recheck")?;
        Ok(())
    }

    /// Sets the records that the status page says to set.
    ///
    /// # Errors
    /// When the page names none.
    pub async fn change_mx(&self, copies: Copies) -> Outcome<()> {
        let status = self.status().await?;
        let records: Vec<(u16, &str)> =
            status.records_to_set.iter().map(|r| (r.preference, r.exchange.trim_end_matches('.'))).collect();
        let Some(first) = status.records_to_set.first() else {
            return Err(Trouble("the status page names no records to set".to_owned()));
        };
        self.stage.lab.set_mx(copies, self.profile.domain, first.ttl.unwrap_or(300), &records)?;
        Ok(())
    }

    /// Sets the MX to the customer's own server, as before.
    ///
    /// # Errors
    /// When a name is none.
    pub fn restore_mx(&self, copies: Copies) -> Outcome<()> {
        let host = self.profile.host();
        Ok(self.stage.lab.set_mx(copies, self.profile.domain, self.profile.ttl, &[(10, &host)])?)
    }

    pub fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a permit is right; one that was issued earlier was wrong.
    pub fn permit_is_right_from_now_on(&self) {
        self.notes().no_permit_before = Some(self.now());
    }
}

const OPENS: i8 = 9;
const CLOSES: i8 = 16;

/// The same time if somebody is at work then, else the next morning of a working day; `stagger`
/// minutes keep people apart.
fn at_work(earliest: &Zoned, stagger: i64) -> Result<Zoned, jiff::Error> {
    let weekend = |day: &Zoned| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    if (OPENS..CLOSES).contains(&earliest.hour()) && !weekend(earliest) {
        return Ok(earliest.clone());
    }
    let mut day = if earliest.hour() >= CLOSES { earliest.tomorrow()? } else { earliest.clone() };
    while weekend(&day) {
        day = day.tomorrow()?;
    }
    day.date().at(OPENS, 0, 0, 0).to_zoned(day.time_zone().clone())?.checked_add(stagger.minutes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_work_on_weekdays_from_nine_to_four() {
        let work = |text: &str| at_work(&text.parse().unwrap(), 3).unwrap().to_string();
        assert_eq!(work("2027-01-05T10:20[Europe/Helsinki]"), "2027-01-05T10:20:00+02:00[Europe/Helsinki]");
        assert_eq!(work("2027-01-05T01:20[Europe/Helsinki]"), "2027-01-05T09:03:00+02:00[Europe/Helsinki]");
        assert_eq!(work("2027-01-08T16:00[Europe/Helsinki]"), "2027-01-11T09:03:00+02:00[Europe/Helsinki]");
        assert_eq!(work("2027-03-27T12:00[Europe/Helsinki]"), "2027-03-29T09:03:00+03:00[Europe/Helsinki]");
    }
}
