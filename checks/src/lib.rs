//! Observation → finding → verdict: what a mail cut-over looks like, and what it means.
//!
//! Everything here is a plain function of its arguments. There is no socket, no runtime, no database
//! and no clock in this crate: whoever observes passes the observation and the time in.
//!
//! | module | answers |
//! | --- | --- |
//! | [`observation`] | what was seen, word for word, before anybody judged it |
//! | [`finding`] | what a judgement looks like: code, severity, remedy, who must act |
//! | [`code`] | the catalogue of codes, each with its explanation |
//! | [`mx`] | how the MX stands, and when the last copy of the old one has expired |
//! | [`firewall`] | whether the gateway's addresses, and nobody else's, reach the own server |
//! | [`smtp`] | whether the own server takes mail for the domain |
//! | [`gateway`] | whether the gateway itself is ready for the domain |
//! | [`canary`] | whether a message through the gateway arrives |
//! | [`lint`] | what else would lose mail once the MX has moved |
//! | [`explain`] | what each code means, who acts and what to do |
//! | [`escape`] | text from outside, made harmless for terminals, logs and pages |
//! | [`name`] | domain names compared as names, never as strings |
//! | [`target`] | which addresses a probe may never connect to |
//! | [`vantage`] | whether the place that a probe was sent from can be believed |

pub mod canary;
pub mod code;
pub mod escape;
pub mod explain;
pub mod finding;
pub mod firewall;
pub mod gateway;
pub mod lint;
pub mod mx;
pub mod name;
pub mod observation;
pub mod smtp;
pub mod target;
pub mod vantage;

pub use code::Code;
pub use finding::{Actor, Finding, Judgement, Severity, Verdict};
pub use name::DomainName;

/// An instant for people, to the minute and in UTC.
#[must_use]
pub(crate) fn when(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
