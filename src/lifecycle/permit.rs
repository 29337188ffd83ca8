//! The permit: the evidence-backed statement that the MX change may be relayed now. When it is
//! issued and withdrawn is the connection's to decide; here is what it is.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A permit expires this long after its oldest evidence.
pub const VALIDITY: SignedDuration = SignedDuration::from_hours(6);

/// A permit that was issued and neither revoked nor expired by event. Whether it is valid *now* is
/// a question with a time in it: `lifecycle::connection::mx_change_permitted` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Permit {
    /// Counts within the connection; `id` in interfaces is `<connection id>/<number>`.
    pub number: u32,
    pub issued_at: Timestamp,
    /// Oldest evidence + [`VALIDITY`], as known when the permit was issued. Renewals by passing
    /// re-probes move the instant without an event: ask
    /// `lifecycle::connection::permit_valid_until`, not this field.
    pub valid_until: Timestamp,
    pub evidence: Vec<String>,
}
