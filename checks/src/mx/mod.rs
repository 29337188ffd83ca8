//! How the MX stands: one verdict for a round of answers.

use serde::{Deserialize, Serialize};

/// The MX verdict. The names are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MxVerdict {
    OursOnly,
    AsAccepted,
    OursPlusForeign,
    OursPartial,
    ForeignOnly,
    None,
    NullMx,
    Invalid,
    LookupError,
}
