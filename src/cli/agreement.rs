//! Changes to what was agreed with a customer: `fencepost order --customer C --domain D` (further domains)
//! and `fencepost transfer C --to PARTNER`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::act::{evidence, send, server};
use super::client::ApiArgs;
use super::{Exit, complain};

#[derive(Debug, clap::Args)]
pub struct TransferArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The customer: its id, its order's id, or a domain of its
    customer: String,
    /// The new partner
    #[arg(long, value_name = "PARTNER")]
    to: String,
    /// Somebody at the new partner, as `Name <mail@example.com>`; may be given several times
    #[arg(long, value_name = "CONTACT", required = true)]
    contact: Vec<String>,
    /// Mail address of the new partner's sales rep
    #[arg(long, value_name = "MAIL")]
    sales_rep: Option<String>,
    #[command(flatten)]
    payer: PayerArgs,
    /// First day on which invoices name the new partner; today, when not given
    #[arg(long, value_name = "DATE")]
    from: Option<jiff::civil::Date>,
    /// Kept in the history, and as evidence where no file is given
    #[arg(long)]
    reason: String,
    /// The mail or document that asks for it
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// When it was received; now, when not given
    #[arg(long, value_name = "TIME", requires = "evidence")]
    received: Option<jiff::Timestamp>,
}

/// What an invoice to the new partner needs, where the partner pays.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Where the partner pays")]
struct PayerArgs {
    /// VAT identifier, such as FI12345678
    #[arg(long, value_name = "ID")]
    vat_id: Option<String>,
    /// Street and number
    #[arg(long, value_name = "STREET")]
    billing_street: Option<String>,
    /// Postal code
    #[arg(long, value_name = "CODE")]
    billing_postal_code: Option<String>,
    /// City
    #[arg(long, value_name = "CITY")]
    billing_city: Option<String>,
    /// Such as FI
    #[arg(long, value_name = "COUNTRY")]
    billing_country: Option<String>,
    /// Such as 0216:003712345678
    #[arg(long, value_name = "SCHEME:ID")]
    e_invoice_address: Option<String>,
    /// What the payer wants to read on its invoices
    #[arg(long, value_name = "TEXT")]
    buyer_reference: Option<String>,
}

pub async fn transfer(args: &TransferArgs) -> Exit {
    let mut file = None;
    if let Some(path) = &args.evidence {
        match evidence(path) {
            Ok(content) => {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                file = Some(json!({ "name": name, "base64": STANDARD.encode(content) }));
            }
            Err(error) => return complain(&error),
        }
    }
    let contacts: Vec<Value> = args.contact.iter().map(|text| contact(text)).collect();
    let body = json!({
        "partner": args.to,
        "contacts": contacts,
        "sales_rep": args.sales_rep,
        "vat_id": args.payer.vat_id,
        "billing_street": args.payer.billing_street,
        "billing_postal_code": args.payer.billing_postal_code,
        "billing_city": args.payer.billing_city,
        "billing_country": args.payer.billing_country,
        "e_invoice_address": args.payer.e_invoice_address,
        "buyer_reference": args.payer.buyer_reference,
        "from": args.from,
        "reason": args.reason,
        "evidence": file,
        "received": args.received,
    });
    send(&args.api, &["v1", "customers", &args.customer, "transfer"], &body).await
}

/// Further domains of a customer.
pub async fn add_domains(api: &ApiArgs, customer: &str, domains: &[String], servers: &[String], hosted: bool) -> Exit {
    send(api, &["v1", "customers", customer, "domains"], &self::domains(domains, servers, hosted)).await
}

/// The request for them.
pub(super) fn domains(domains: &[String], servers: &[String], hosted: bool) -> Value {
    let servers: Vec<Value> = servers.iter().map(|text| server(text)).collect();
    json!({ "domains": domains, "servers": servers, "hosted": hosted })
}

/// `Name <mail@example.com>` or the address alone.
fn contact(text: &str) -> Value {
    match text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, email)) => json!({ "name": name.trim(), "email": email.trim() }),
        None => json!({ "email": text.trim() }),
    }
}
