//! The commercial calendar. Every length is configuration; it never moves a date already promised.

use serde::{Deserialize, Serialize};

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
        }
    }
}
