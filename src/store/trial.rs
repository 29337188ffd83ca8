//! What may have one trial in a while, and what is said of a second one. The same for every store.

use super::NewOrder;
use crate::order::FieldError;

/// Field and key of everything that may have one trial. Signs in a business id mean nothing.
pub(super) fn keys(new: &NewOrder) -> Vec<(String, String)> {
    let id = new.order.business_id.iter().map(|id| {
        let plain: String = id.chars().filter(|c| c.is_alphanumeric()).collect();
        ("business_id".to_owned(), format!("business:{}", plain.to_uppercase()))
    });
    let domains = new.order.domains.iter().enumerate();
    id.chain(domains.map(|(i, domain)| (format!("domains[{i}]"), format!("domain:{domain}")))).collect()
}

pub(super) fn refusal(field: String) -> FieldError {
    let what = if field == "business_id" { "this business id" } else { "this domain" };
    let message = format!(
        "{what} had a trial within the last 12 months; order it as `paid`, or ask the service desk, who can allow \
         another trial and say why (`trial_override`)"
    );
    FieldError { field, message }
}
