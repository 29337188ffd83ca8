//! An order in cells of text: a line of a table, or the fields of a form in a browser. Lists stand in one
//! cell, contacts and servers as people write them. What is wrong with a value is said by the order itself.

use super::ContactRole;
use super::field::{FieldError, shown};
use super::form::{ContactForm, OrderForm, ServerForm};

/// The columns of an order, as tables and forms name them.
pub const ORDER_COLUMNS: &[&str] = &[
    "partner",
    "customer_name",
    "business_id",
    "vat_id",
    "billing_address",
    "billing_street",
    "billing_postal_code",
    "billing_city",
    "billing_country",
    "bill_to",
    "e_invoice_address",
    "buyer_reference",
    "contacts",
    "partner_contacts",
    "domains",
    "servers",
    "hosted",
    "test_mailbox",
    "mailboxes",
    "kind",
    "price",
    "sales_rep",
    "invoicing_group",
    "language",
    "trial_override",
];

/// Without these a table of orders says nothing.
pub const ORDER_NEEDED: &[&str] = &["customer_name", "domains", "servers", "mailboxes", "kind", "price"];

/// Cells by the name of their column.
pub trait Cells {
    /// The text; `None` where it is empty or there is no such cell.
    fn cell(&self, column: &str) -> Option<String>;
    /// A cell that holds several values.
    fn list(&self, column: &str) -> Vec<String>;
}

/// The order as its cells have it. What cannot be read at all goes to `errors`.
pub fn form(cells: &impl Cells, errors: &mut Vec<FieldError>) -> OrderForm {
    let mut contacts: Vec<ContactForm> =
        cells.list("contacts").iter().map(|text| contact(text, ContactRole::Technical)).collect();
    contacts.extend(cells.list("partner_contacts").iter().map(|text| contact(text, ContactRole::Partner)));
    let hosted = match cells.cell("hosted").unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "no" | "false" | "0" => false,
        "yes" | "true" | "1" => true,
        other => {
            let message = format!("`{}` is neither `yes` nor `no`", shown(other));
            errors.push(FieldError { field: "hosted".to_owned(), message });
            false
        }
    };
    OrderForm {
        partner: cells.cell("partner"),
        customer_name: cells.cell("customer_name"),
        business_id: cells.cell("business_id"),
        billing_address: cells.cell("billing_address"),
        vat_id: cells.cell("vat_id"),
        bill_to: cells.cell("bill_to"),
        contacts,
        domains: cells.list("domains"),
        servers: cells.list("servers").iter().map(|text| server(text)).collect(),
        hosted,
        test_mailbox: cells.cell("test_mailbox"),
        mailboxes: cells.cell("mailboxes"),
        kind: cells.cell("kind"),
        price: cells.cell("price").map(|text| decimal_point(&text)),
        sales_rep: cells.cell("sales_rep"),
        invoicing_group: cells.cell("invoicing_group"),
        language: cells.cell("language"),
        trial_override: cells.cell("trial_override"),
        billing_street: cells.cell("billing_street"),
        billing_postal_code: cells.cell("billing_postal_code"),
        billing_city: cells.cell("billing_city"),
        billing_country: cells.cell("billing_country"),
        e_invoice_address: cells.cell("e_invoice_address"),
        buyer_reference: cells.cell("buyer_reference"),
    }
}

/// `Name <mail@example.com>` or the address alone.
fn contact(text: &str, role: ContactRole) -> ContactForm {
    let role = match role {
        ContactRole::Technical => "technical",
        ContactRole::Partner => "partner",
    };
    let (name, email) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, email)) => (Some(name.trim().to_owned()), email.trim().to_owned()),
        None => (None, text.to_owned()),
    };
    ContactForm { name, email: Some(email), role: Some(role.to_owned()) }
}

/// `host`, `host:port`, `[v6]:port` or a bare IPv6 address; one in brackets `(…)` is a standby.
fn server(text: &str) -> ServerForm {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let plain = inner.unwrap_or(text).trim();
    let bare = plain.parse::<std::net::Ipv6Addr>().is_ok();
    let (host, port) = match plain.rsplit_once(':').filter(|_| !bare && !plain.ends_with(']')) {
        Some((host, port)) => (host, Some(port.to_owned())),
        None => (plain, None),
    };
    ServerForm { host: Some(host.trim_matches(['[', ']']).to_owned()), port, standby: inner.is_some() }
}

/// Spreadsheets of many countries write `120,00`: a single comma before two digits is a decimal point.
fn decimal_point(text: &str) -> String {
    let digits = text.split_whitespace().next().unwrap_or_default();
    match digits.split_once(',') {
        Some((whole, cents))
            if cents.len() == 2 && (whole.to_owned() + cents).bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            text.replacen(',', ".", 1)
        }
        _ => text.to_owned(),
    }
}
