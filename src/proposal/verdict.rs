//! What DKIM, SPF and DMARC said of a mail when it came, with the key that was seen then: records in
//! DNS change, and the verdict has to be understood years later.

use serde::{Deserialize, Serialize};

/// A result as RFC 8601 names it, with DNS failures apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    Fail,
    SoftFail,
    Neutral,
    /// Nothing to check.
    #[default]
    None,
    /// DNS could not be asked: later perhaps.
    TempError,
    PermError,
}

/// All that was found out about where a mail comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authenticity {
    pub dkim: Vec<DkimVerdict>,
    pub spf: SpfVerdict,
    pub dmarc: DmarcVerdict,
}

/// One signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DkimVerdict {
    pub result: Verdict,
    /// `d=`, in lower case.
    pub domain: String,
    /// `s=`
    pub selector: String,
    /// `h=`, in lower case.
    pub signed: Vec<String>,
    /// The record at `selector._domainkey.domain` as it was then.
    pub key: Option<String>,
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpfVerdict {
    pub result: Verdict,
    /// Of the envelope sender.
    pub domain: String,
    /// From where our mail server got it; `None` where that is not known, and then nothing was checked.
    pub client: Option<std::net::IpAddr>,
    /// The record of the domain as it was then.
    pub record: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DmarcVerdict {
    pub result: Verdict,
    /// Of the header field From.
    pub domain: String,
    /// `none`, `quarantine` or `reject`, where a record was found.
    pub policy: Option<String>,
}

impl Authenticity {
    /// DNS could not be asked about something that matters: the message should be looked at again.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        let dkim = self.dkim.iter().any(|verdict| verdict.result == Verdict::TempError);
        dkim || self.spf.result == Verdict::TempError || self.dmarc.result == Verdict::TempError
    }

    /// In one line, for people: `dkim=pass partner.example (s1); spf=none; dmarc=pass partner.example`.
    #[must_use]
    pub fn told(&self) -> String {
        let word = |result: Verdict| match result {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::SoftFail => "softfail",
            Verdict::Neutral => "neutral",
            Verdict::None => "none",
            Verdict::TempError => "temperror",
            Verdict::PermError => "permerror",
        };
        let mut parts: Vec<String> =
            self.dkim.iter().map(|v| format!("dkim={} {} ({})", word(v.result), v.domain, v.selector)).collect();
        if parts.is_empty() {
            parts.push("dkim=none".to_owned());
        }
        parts.push(format!("spf={} {}", word(self.spf.result), self.spf.domain));
        parts.push(format!("dmarc={} {}", word(self.dmarc.result), self.dmarc.domain));
        parts.iter().map(|part| part.trim_end()).collect::<Vec<_>>().join("; ")
    }
}
