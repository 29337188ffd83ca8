//! The commercial calendar. Every length is configuration; it never moves a date already promised.

use serde::{Deserialize, Serialize};

use super::{SellerConfig, WebhookConfig};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommerceConfig {
    /// IANA name of the business time zone.
    pub time_zone: String,
    pub trial_days: u16,
    /// Calendar months to negotiate after the trial.
    pub negotiation_months: u8,
    pub on_no_decision: OnNoDecision,
    /// What follows when the MX still names the gateway although the service has ended.
    pub on_use_after_end: OnUseAfterEnd,
    /// Days of the connection that fall to group 15: 1 to this; later ones to group 30.
    pub group_15_until_day: i8,
    /// What a period costs that is not charged on all of its days.
    pub pro_rating: ProRating,
    /// Who sends the invoices; without it there are no e-invoices.
    pub seller: Option<SellerConfig>,
    /// Where closed runs are told to the accounting system.
    pub webhook: Option<WebhookConfig>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProRating {
    /// A period that has begun is charged whole.
    #[default]
    None,
    /// The days on which the customer is charged, of the days of the period.
    Daily,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNoDecision {
    Invoice,
    Escalate,
    Release,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUseAfterEnd {
    /// It is charged, a week after it was said.
    Invoice,
    /// The service desk is told.
    Escalate,
    /// It is announced 30 days ahead, then mail is deferred for three days, then refused.
    CutOff,
}

impl Default for CommerceConfig {
    fn default() -> Self {
        Self {
            time_zone: "Europe/Helsinki".to_owned(),
            trial_days: 30,
            negotiation_months: 1,
            on_no_decision: OnNoDecision::Invoice,
            on_use_after_end: OnUseAfterEnd::Invoice,
            group_15_until_day: 15,
            pro_rating: ProRating::None,
            seller: None,
            webhook: None,
        }
    }
}
