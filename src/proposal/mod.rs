//! What a mail asks for, and whether it may ask: from the words of a mail to a proposal that a person
//! approves. Plain functions. A proposal is never an entry by itself, and whatever is not understood
//! is said.

mod admit;
mod number;
mod own_words;
mod plan;
mod ready;
mod sentence;
mod token;
mod understand;
mod verdict;

pub use admit::{Admission, Sender, address, admit};
pub use own_words::own_words;
pub use plan::{Plan, Refusal, Standing, TermEntry, plan};
pub use ready::{ReadyMail, Wish, ready_mail};
pub use token::{find, subject_token};
pub use understand::understand;
pub use verdict::{Authenticity, DkimVerdict, DmarcVerdict, SpfVerdict, Verdict};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ledger::{Money, PriceMode};

/// What a mail says of itself, read with bounds. Nothing of it is proven.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadMail {
    /// Addresses of the header field From, in lower case.
    pub from: Vec<String>,
    pub subject: String,
    pub message_id: Option<String>,
    /// The plain text, or the text of the HTML part where there is no other.
    pub text: String,
    /// There was no plain text.
    pub html_only: bool,
    /// Why no person wrote it: `Auto-Submitted`, a delivery notice, a mailing list.
    pub automatic: Option<String>,
    /// What makes it doubtful: a second From, a nesting too deep.
    pub oddities: Vec<String>,
    /// SHA-256 (hex) over what the sender wrote, without what servers put on top: the same message
    /// delivered again has the same.
    pub fingerprint: String,
}

/// One change that a mail asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    Mailboxes {
        count: u32,
    },
    Price {
        mode: PriceMode,
        amount: Money,
    },
    Group {
        group: u8,
    },
    /// `true`: the customer stays.
    Decision {
        customer: bool,
    },
    /// Notice. The day is what the mail wishes for; the notice runs as agreed.
    End {
        wished: Option<Date>,
    },
}

/// What was understood of a mail, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Understood {
    pub changes: Vec<Change>,
    /// From which day the changes shall hold, where the mail says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Sentences that nothing was made of, each with the reason.
    pub not_understood: Vec<Doubt>,
}

/// A piece of the mail that needs a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    pub text: String,
    pub why: String,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mailboxes { count } => write!(f, "{count} mailboxes"),
            Self::Price { mode: PriceMode::Total, amount } => write!(f, "{amount} a month in total"),
            Self::Price { mode: PriceMode::PerMailbox, amount } => write!(f, "{amount} a month for each mailbox"),
            Self::Group { group } => write!(f, "invoicing group {group}"),
            Self::Decision { customer: true } => f.write_str("the customer stays"),
            Self::Decision { customer: false } => f.write_str("no customer"),
            Self::End { wished: None } => f.write_str("notice"),
            Self::End { wished: Some(day) } => write!(f, "notice, with an end on {day} wished for"),
        }
    }
}
