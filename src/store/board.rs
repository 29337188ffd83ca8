//! What the service desk works through: runs under way, the one that has stood longest in its phase first,
//! counts that end early, and customers by their name. Nothing here walks the many domains that are connected.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Customer, DomainRow, Listing, Page, Scope, StoreResult};

/// Phases in which something is still to be done.
pub const UNDER_WAY: [&str; 8] =
    ["ordered", "allowlisting", "probing", "provisioning", "ready", "confirming", "drifted", "releasing"];

/// Which runs are wanted; what is empty does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// One of [`UNDER_WAY`].
    pub phase: Option<String>,
    pub partner: Option<String>,
    /// The beginning of the domain's or of the customer's name; letters of ASCII in either case.
    pub begins: Option<String>,
}

/// So many domains are in a phase, as far as they were counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseCount {
    pub phase: String,
    pub domains: u32,
}

#[async_trait]
pub trait BoardStore {
    /// Runs under way, in the order of the time since which they are in their phase.
    async fn runs(&self, scope: &Scope, filter: &RunFilter, page: &Page) -> StoreResult<Listing<DomainRow>>;

    /// For each of the phases how many domains are in it; nobody counts further than `most`.
    async fn phase_counts(&self, scope: &Scope, phases: &[&str], most: u32) -> StoreResult<Vec<PhaseCount>>;

    /// Customers whose name begins so (letters of ASCII in either case), by name.
    async fn customers_named(&self, scope: &Scope, begins: &str, page: &Page) -> StoreResult<Listing<Customer>>;
}

/// A key of a listing that goes by a number and a name.
pub(super) fn numbered_key(after: Option<&str>) -> (i64, String) {
    let text = after.unwrap_or_default();
    let (number, id) = text.split_once(' ').unwrap_or((text, ""));
    number.parse().map_or((i64::MIN, String::new()), |number| (number, id.to_owned()))
}

/// The key of a listing by name: the id stands behind the last space.
pub(super) fn named_key(after: Option<&str>) -> (String, String) {
    let (name, id) = after.unwrap_or_default().rsplit_once(' ').unwrap_or_default();
    (name.to_owned(), id.to_owned())
}

/// Everything that begins so lies from the first to before the second.
pub(super) fn range(begins: &str) -> (String, String) {
    let begins = begins.to_ascii_lowercase();
    let beyond = format!("{begins}\u{10ffff}");
    (begins, beyond)
}
