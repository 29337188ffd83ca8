//! An order as API, CLI and form take it, and every reason to refuse it. Pure: whether a domain is
//! held elsewhere or a trial was had before is the store's to know.

pub mod base;
mod buyer;
mod field;
pub mod flat;
mod form;
pub mod sheet;
#[cfg(test)]
mod tests;

pub use crate::words::Language;
pub use buyer::{Buyer, EInvoiceAddress, Payer, PostalAddress};
pub use field::FieldError;
pub(crate) use field::{email as mail_address, plain as plain_text};
pub use form::{ContactForm, OrderForm, OrderRules, OtherPartner, ServerForm};

use fencepost_checks::DomainName;
use serde::{Deserialize, Serialize};

use crate::ledger::Money;
use crate::lifecycle::subscription::OrderKind;

/// A checked order. Made by [`OrderForm::check`] only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub partner: String,
    pub customer_name: String,
    pub business_id: Option<String>,
    pub billing_address: Option<String>,
    pub vat_id: Option<String>,
    /// `customer` or `partner`.
    pub bill_to: BillTo,
    pub contacts: Vec<Contact>,
    pub domains: Vec<DomainName>,
    pub servers: Vec<MailServer>,
    /// The own mail is with a platform that cannot be firewalled.
    pub hosted: bool,
    /// Local part or whole address that the own server accepts.
    pub test_mailbox: String,
    pub mailboxes: u32,
    pub kind: OrderKind,
    /// Monthly total.
    pub price: Money,
    pub sales_rep: Option<String>,
    pub invoicing_group: Option<u8>,
    /// `en` or `fi`.
    pub language: Language,
    /// Why the service desk allows another trial within twelve months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_override: Option<String>,
    /// The billing address in its parts, where it was given in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_address: Option<PostalAddress>,
    /// Where whoever pays wants its e-invoices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e_invoice_address: Option<EInvoiceAddress>,
    /// What whoever pays wants to read on its invoices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_reference: Option<String>,
}

impl Order {
    /// The whole address to ask a server of `domain` for: the test mailbox where it lies in that
    /// domain or names no domain, otherwise postmaster, whom every mail domain must accept
    /// (RFC 5321 §4.5.1).
    #[must_use]
    pub fn test_address(&self, domain: &DomainName) -> String {
        match self.test_mailbox.rsplit_once('@') {
            None => format!("{}@{domain}", self.test_mailbox),
            Some((_, at)) if DomainName::parse(at).is_ok_and(|d| d == *domain) => self.test_mailbox.clone(),
            Some(_) => format!("postmaster@{domain}"),
        }
    }

    /// The bytes that evidence "the order itself": JSON with fields in declared order. The ledger
    /// carries their SHA-256.
    #[must_use]
    pub fn evidence_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillTo {
    #[default]
    Customer,
    Partner,
}

/// Somebody to write to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    pub name: String,
    pub email: String,
    #[serde(default)]
    pub role: ContactRole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactRole {
    /// At the customer: mail server and firewall.
    #[default]
    Technical,
    /// At the partner: relays the MX change.
    Partner,
}

/// An own mail server of the customer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailServer {
    /// Host name or address.
    pub host: String,
    #[serde(default = "smtp_port")]
    pub port: u16,
    /// A standby server only warns.
    #[serde(default)]
    pub standby: bool,
}

fn smtp_port() -> u16 {
    25
}
