//! The rollback card: MX, MTA-STS, TLSA and SPF as they stood before the change. Made of what was kept;
//! what was not looked at in time is left out.

use fencepost_checks::observation::lint::{LintObservation, PolicyFetch, TextLookup, TlsaLookup, TlsaRecords};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::RecordLine;

/// What to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackCard {
    /// With the TTLs with which they were last served.
    pub records: Vec<RecordLine>,
    /// When the policies below were last looked at before the change; `None` where that was too late.
    pub seen_at: Option<Timestamp>,
    /// TXT at `_mta-sts`, and the policy file.
    pub mta_sts: Vec<String>,
    pub mta_sts_policy: Option<String>,
    /// TXT that begin with `v=spf1`.
    pub spf: Vec<String>,
    /// TLSA of the exchanges, as lines of a zone file. Data of matching type 0 is left out.
    pub tlsa: Vec<String>,
}

/// `None` where no earlier MX is known.
pub(super) fn card(records: &[RecordLine], before: Option<&LintObservation>) -> Option<RollbackCard> {
    if records.is_empty() {
        return None;
    }
    let texts = |lookup: Option<&TextLookup>| match lookup {
        Some(TextLookup::Found { texts, .. }) => texts.clone(),
        _ => Vec::new(),
    };
    Some(RollbackCard {
        records: records.to_vec(),
        seen_at: before.map(|seen| seen.observed_at),
        mta_sts: texts(before.map(|seen| &seen.mta_sts.record)),
        mta_sts_policy: before.and_then(|seen| match &seen.mta_sts.policy {
            PolicyFetch::Fetched { body } => Some(body.clone()),
            PolicyFetch::NotAsked | PolicyFetch::Failed { .. } => None,
        }),
        spf: texts(before.map(|seen| &seen.spf)),
        tlsa: before.iter().flat_map(|seen| &seen.exchange_tlsa).flat_map(lines).collect(),
    })
}

fn lines(lookup: &TlsaLookup) -> Vec<String> {
    let TlsaRecords::Found { records, ttl } = &lookup.records else { return Vec::new() };
    records
        .iter()
        .map(|r| {
            // A whole certificate is kept as a digest, which is not what the record says.
            let data = if r.matching == 0 { "(whole data, see the zone)" } else { &r.data };
            format!("_25._tcp.{}. {ttl} IN TLSA {} {} {} {data}", lookup.host, r.usage, r.selector, r.matching)
        })
        .collect()
}
