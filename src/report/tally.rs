//! How often a domain was looked at, counted up for ever, and on which days. A few numbers beside the
//! connection: an unchanged look leaves no other trace, and a report must not guess how many there were.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

/// Days that are remembered.
const DAYS: i64 = 64;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The MX: a whole round, or one question.
    Mx,
    Firewall,
    MailServer,
    /// The gateway, asked from outside.
    Gateway,
    Policies,
}

/// Looks so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks {
    pub mx: u64,
    pub firewall: u64,
    pub mail_server: u64,
    pub gateway: u64,
    pub policies: u64,
}

/// The counter of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Since when it counts.
    pub since: Timestamp,
    pub looks: Looks,
    /// The newest day on which the MX was looked at, in the business time zone.
    day: Date,
    /// That day is bit 0, the day before it bit 1, and so on.
    days: u64,
}

impl Looks {
    /// All together.
    #[must_use]
    pub fn sum(&self) -> u64 {
        [self.mx, self.firewall, self.mail_server, self.gateway, self.policies].into_iter().fold(0, u64::saturating_add)
    }

    /// What came since `before`. A counter that was begun anew counts from its beginning.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        if before.sum() > self.sum() {
            return *self;
        }
        Self {
            mx: self.mx.saturating_sub(before.mx),
            firewall: self.firewall.saturating_sub(before.firewall),
            mail_server: self.mail_server.saturating_sub(before.mail_server),
            gateway: self.gateway.saturating_sub(before.gateway),
            policies: self.policies.saturating_sub(before.policies),
        }
    }
}

impl Tally {
    /// Nothing was counted yet.
    #[must_use]
    pub fn begin(at: Timestamp) -> Self {
        Self { since: at, looks: Looks::default(), day: date(1970, 1, 1), days: 0 }
    }

    /// One look more, on that day.
    pub fn count(&mut self, look: Look, day: Date) {
        let of = match look {
            Look::Mx => &mut self.looks.mx,
            Look::Firewall => &mut self.looks.firewall,
            Look::MailServer => &mut self.looks.mail_server,
            Look::Gateway => &mut self.looks.gateway,
            Look::Policies => &mut self.looks.policies,
        };
        *of = of.saturating_add(1);
        if look != Look::Mx {
            return;
        }
        let ahead = distance(self.day, day);
        if ahead > 0 {
            self.days = if ahead < DAYS { self.days << ahead } else { 0 };
            self.day = day;
        }
        // A clock that was set back marks the day that it says.
        let behind = distance(day, self.day);
        if (0..DAYS).contains(&behind) {
            self.days |= 1 << behind;
        }
    }

    /// Whether the MX was looked at on a day; `None` for a day too long ago to know.
    #[must_use]
    pub fn looked_on(&self, day: Date) -> Option<bool> {
        let behind = distance(day, self.day);
        if behind < 0 {
            return Some(false);
        }
        (behind < DAYS).then(|| self.days >> behind & 1 == 1)
    }
}

/// Days from `from` to `to`.
fn distance(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}
