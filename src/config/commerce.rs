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

impl Default for CommerceConfig {
    fn default() -> Self {
        Self {
            time_zone: "Europe/Helsinki".to_owned(),
            trial_days: 30,
            negotiation_months: 1,
            on_no_decision: OnNoDecision::Invoice,
            group_15_until_day: 15,
        }
    }
}
