//! Whether a mail becomes a proposal or goes to quarantine, and why. Authenticity proves a domain and
//! nothing more: who may speak for a customer is on that customer's list, and a person approves.

use super::ReadMail;
use super::verdict::{Authenticity, DkimVerdict, Verdict};

/// What becomes of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    Allowed {
        customer_id: String,
        /// The domain that was proven.
        domain: String,
    },
    Quarantined {
        /// Found by the token or the sender, where one was.
        customer_id: Option<String>,
        reason: String,
    },
}

/// Customers that the mail may be about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sender {
    /// Those that the subject's tokens name and that exist.
    pub by_token: Vec<String>,
    /// Those on whose list the sender is.
    pub on_list_of: Vec<String>,
}

/// The one address that the mail says it is from.
///
/// # Errors
/// Why there is not exactly one that can be compared.
pub fn address(mail: &ReadMail) -> Result<(&str, &str), String> {
    let from = match mail.from.as_slice() {
        [one] => one,
        [] => return Err("it says from nobody".to_owned()),
        several => return Err(format!("it says from {} people at once", several.len())),
    };
    match from.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() && domain.contains('.') && from.is_ascii() => Ok((from, domain)),
        Some(_) if !from.is_ascii() => {
            Err("its sender's address has letters beyond ASCII, which can look like others".to_owned())
        }
        _ => Err("its sender is no mail address".to_owned()),
    }
}

/// Decides.
#[must_use]
pub fn admit(mail: &ReadMail, authenticity: &Authenticity, sender: &Sender) -> Admission {
    let found = match (sender.by_token.as_slice(), sender.on_list_of.as_slice()) {
        ([one], _) | ([], [one]) => Some(one.clone()),
        _ => None,
    };
    let domain = match proven(mail, authenticity) {
        Ok(domain) => domain,
        Err(reason) => return Admission::Quarantined { customer_id: found, reason },
    };
    let from = mail.from.first().map_or("", String::as_str);
    let reason = match (sender.by_token.as_slice(), sender.on_list_of.as_slice()) {
        ([customer], list) if list.contains(customer) => {
            return Admission::Allowed { customer_id: customer.clone(), domain };
        }
        ([_], _) => format!("{from} is not on the list of senders of the customer that the subject names"),
        ([], [customer]) => return Admission::Allowed { customer_id: customer.clone(), domain },
        ([], []) => format!("{from} is on no customer's list of senders, and the subject has no token"),
        ([], several) => {
            format!("{from} may speak for {} customers, and the subject has no token that says which", several.len())
        }
        (several, _) => format!("its subject names {} customers", several.len()),
    };
    Admission::Quarantined { customer_id: found, reason }
}

/// The domain that the mail is proven to come from.
fn proven(mail: &ReadMail, authenticity: &Authenticity) -> Result<String, String> {
    if let Some(oddity) = mail.oddities.first() {
        return Err(oddity.clone());
    }
    if let Some(why) = &mail.automatic {
        return Err(format!("no person wrote it: {why}"));
    }
    let (_, domain) = address(mail)?;
    if authenticity.dmarc.result == Verdict::Fail {
        return Err(format!("DMARC of {domain} fails: neither a signature nor the sending server is that domain's"));
    }
    let passed: Vec<&DkimVerdict> = authenticity.dkim.iter().filter(|v| v.result == Verdict::Pass).collect();
    let by_dmarc = authenticity.dmarc.result == Verdict::Pass && authenticity.dmarc.domain == domain;
    let aligned: Vec<&&DkimVerdict> =
        passed.iter().filter(|v| within(domain, &v.domain) || (by_dmarc && within(&v.domain, domain))).collect();
    if aligned.iter().any(|v| covers(v)) {
        return Ok(domain.to_owned());
    }
    let spf = &authenticity.spf;
    if spf.result == Verdict::Pass
        && (spf.domain == domain || (by_dmarc && (within(domain, &spf.domain) || within(&spf.domain, domain))))
    {
        return Ok(domain.to_owned());
    }
    if !aligned.is_empty() {
        return Err(format!("the signature of {domain} covers neither From nor Subject: either may have been changed"));
    }
    if let Some(other) = passed.first() {
        return Err(format!("it is signed by {}, which is not {domain}", other.domain));
    }
    if let Some(broken) = authenticity.dkim.iter().find(|v| within(domain, &v.domain)) {
        let why = broken.detail.as_deref().unwrap_or("it does not verify");
        return Err(format!("the signature of {} does not hold: {why}", broken.domain));
    }
    Err(format!("nothing proves that it comes from {domain}: no signature, and SPF says {}", spf_words(spf.result)))
}

/// `name` is `above` or lies below it.
fn within(name: &str, above: &str) -> bool {
    name == above || (above.contains('.') && name.strip_suffix(above).is_some_and(|rest| rest.ends_with('.')))
}

/// What is read of a header has to be signed.
fn covers(verdict: &DkimVerdict) -> bool {
    ["from", "subject"].iter().all(|name| verdict.signed.iter().any(|signed| signed == name))
}

const fn spf_words(result: Verdict) -> &'static str {
    match result {
        Verdict::Pass => "that another domain sent it",
        Verdict::Fail => "that this server may not send for it",
        Verdict::SoftFail => "that this server should not send for it",
        Verdict::Neutral => "nothing about this server",
        Verdict::None => "nothing",
        Verdict::TempError => "nothing, because DNS did not answer",
        Verdict::PermError => "nothing, because its record is faulty",
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::{DmarcVerdict, SpfVerdict};
    use super::*;

    fn mail(from: &str) -> ReadMail {
        ReadMail { from: vec![from.to_owned()], subject: "x".to_owned(), ..ReadMail::default() }
    }

    fn signed(domain: &str) -> Authenticity {
        let dkim = DkimVerdict {
            result: Verdict::Pass,
            domain: domain.to_owned(),
            signed: ["from", "subject", "date"].map(str::to_owned).to_vec(),
            ..DkimVerdict::default()
        };
        Authenticity { dkim: vec![dkim], ..Authenticity::default() }
    }

    fn known(token: &[&str], list: &[&str]) -> Sender {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Sender { by_token: owned(token), on_list_of: owned(list) }
    }

    fn why(mail: &ReadMail, authenticity: &Authenticity, sender: &Sender) -> String {
        match admit(mail, authenticity, sender) {
            Admission::Allowed { customer_id, .. } => format!("allowed {customer_id}"),
            Admission::Quarantined { reason, .. } => reason,
        }
    }

    #[test]
    fn signed_by_its_domain_and_on_the_list() {
        let (mail, auth) = (mail("anna@partner.example"), signed("partner.example"));
        assert_eq!(why(&mail, &auth, &known(&["k1"], &["k1", "k2"])), "allowed k1");
        assert_eq!(why(&mail, &auth, &known(&[], &["k1"])), "allowed k1");
        assert!(why(&mail, &auth, &known(&[], &["k1", "k2"])).contains("2 customers"));
        assert!(why(&mail, &auth, &known(&["k1"], &["k2"])).contains("not on the list"));
        assert!(why(&mail, &auth, &known(&["k1", "k2"], &["k1"])).contains("names 2 customers"));
        assert!(why(&mail, &auth, &known(&[], &[])).contains("no customer's list"));
    }

    /// Domains that look aligned and are not.
    #[test]
    fn a_domain_that_only_looks_alike_proves_nothing() {
        let sender = known(&["k1"], &["k1"]);
        for signer in [
            "artner.example",
            "partner.example.evil.example",
            "evil.example",
            "xpartner.example",
            "example",
            "sub.partner.example",
        ] {
            let reason = why(&mail("anna@partner.example"), &signed(signer), &sender);
            assert!(reason.contains("signed by"), "{signer}: {reason}");
        }
        assert_eq!(why(&mail("anna@sales.partner.example"), &signed("partner.example"), &sender), "allowed k1");
        let cyrillic = mail("anna@p\u{430}rtner.example");
        assert!(why(&cyrillic, &signed("partner.example"), &sender).contains("beyond ASCII"));
    }

    #[test]
    fn what_is_not_signed_may_have_been_changed() {
        let mut auth = signed("partner.example");
        auth.dkim[0].signed = vec!["from".to_owned(), "date".to_owned()];
        assert!(why(&mail("a@partner.example"), &auth, &known(&["k1"], &["k1"])).contains("covers neither"));
    }

    #[test]
    fn spf_counts_for_the_same_domain_alone() {
        let spf = |domain: &str, result| Authenticity {
            spf: SpfVerdict { result, domain: domain.to_owned(), ..SpfVerdict::default() },
            ..Authenticity::default()
        };
        let sender = known(&["k1"], &["k1"]);
        let mail = mail("a@partner.example");
        assert_eq!(why(&mail, &spf("partner.example", Verdict::Pass), &sender), "allowed k1");
        assert!(why(&mail, &spf("evil.example", Verdict::Pass), &sender).contains("another domain"));
        assert!(why(&mail, &spf("partner.example", Verdict::SoftFail), &sender).contains("should not"));
        let mut failing = spf("partner.example", Verdict::Pass);
        failing.dmarc = DmarcVerdict { result: Verdict::Fail, domain: "partner.example".to_owned(), policy: None };
        assert!(why(&mail, &failing, &sender).contains("DMARC"));
    }

    #[test]
    fn nobody_several_and_machines_are_quarantined() {
        let (auth, sender) = (signed("partner.example"), known(&["k1"], &["k1"]));
        let two =
            ReadMail { from: vec!["a@partner.example".to_owned(), "b@evil.example".to_owned()], ..ReadMail::default() };
        assert!(why(&two, &auth, &sender).contains("2 people"));
        assert!(why(&ReadMail::default(), &auth, &sender).contains("nobody"));
        assert!(why(&mail("a@localhost"), &auth, &sender).contains("no mail address"));
        let machine =
            ReadMail { automatic: Some("Auto-Submitted: auto-replied".to_owned()), ..mail("a@partner.example") };
        assert!(why(&machine, &auth, &sender).contains("no person wrote it"));
        let odd = ReadMail { oddities: vec!["it has two header fields From".to_owned()], ..mail("a@partner.example") };
        assert!(why(&odd, &auth, &sender).contains("two header fields"));
    }
}
