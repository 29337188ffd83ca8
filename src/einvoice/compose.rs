//! A sheet of lines becomes an invoice: parties, tax, sums, and the sign of the document. Money is
//! integers; each line was rounded once, when it was frozen, and the tax of the whole is rounded once.

use jiff::ToSpan;

use super::party::{self, Missing};
use super::{Account, Invoice, Kind, Line, Reference, Sheet, SheetLine, Vat};
use crate::config::{SellerConfig, VatCategory, VatConfig};
use crate::ledger::invoice::LineKind;
use crate::order::{BillTo, Language, Order};

/// What an invoice is made with beside its lines.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    pub seller: &'a SellerConfig,
    /// The service as customers know it.
    pub service: &'a str,
    pub order: &'a Order,
    pub order_id: &'a str,
}

/// The invoice. `corrects` are the numbers of earlier invoices that its adjustments are about.
///
/// # Errors
/// Everything that is missing, each at its field.
pub fn compose(sheet: &Sheet<'_>, terms: &Terms<'_>, corrects: Vec<String>) -> Result<Invoice, Vec<Missing>> {
    let mut missing = Vec::new();
    let agreed = terms.order.buyer();
    if agreed.name != sheet.bill_to {
        let why = format!(
            "the run bills {}, the agreement names {} as who pays by now: its address would be the wrong one; write this \
             invoice by hand from the CSV",
            sheet.bill_to, agreed.name
        );
        missing.push(Missing::new("bill_to", why));
    }
    let seller = party::seller(terms.seller).map_err(|one| missing.push(one)).ok();
    let buyer = party::buyer(&agreed).map_err(|several| missing.extend(several)).ok();
    let country = buyer.as_ref().map(|buyer| buyer.address.country.as_str());
    let vat = tax(terms.seller, country).map_err(|one| missing.push(one)).ok();
    if let (Some(vat), Some(buyer)) = (&vat, &buyer)
        && vat.category == VatCategory::ReverseCharge
        && buyer.vat_id.is_none()
    {
        let why = "a reverse charge needs the buyer's VAT id (BR-AE-02); give `vat_id`";
        missing.push(Missing::new("vat_id", why));
    }
    let sums = vat.as_ref().and_then(|vat| {
        let sums = Sums::of(sheet.lines.iter().map(|line| line.line.amount.minor), vat.rate);
        if sums.is_none() {
            missing.push(Missing::new("amount", "the sum is too large"));
        }
        sums
    });
    let (Some(seller), Some(buyer), Some(vat), Some(sums), true) = (seller, buyer, vat, sums, missing.is_empty())
    else {
        return Err(missing);
    };
    // A document is not about a negative sum: then all signs turn, and it is a credit note.
    let (kind, sign) = if sums.net < 0 { (Kind::CreditNote, -1) } else { (Kind::Invoice, 1) };
    Ok(Invoice {
        number: sheet.number.clone(),
        kind,
        issued: sheet.run,
        due: sheet.run.saturating_add(i64::from(terms.seller.payment_days).days()),
        currency: sheet.currency,
        customer_id: sheet.customer_id.to_owned(),
        seller,
        buyer,
        reference: match agreed.reference {
            Some(text) => Reference::Buyer(text.to_owned()),
            None => Reference::Order(terms.order_id.to_owned()),
        },
        corrects,
        lines: sheet.lines.iter().map(|at| line(at, terms, sign)).collect(),
        vat,
        account: Account { iban: terms.seller.iban.clone(), bic: terms.seller.bic.clone() },
        net: sign * sums.net,
        tax: sign * sums.tax,
        payable: sign * (sums.net + sums.tax),
    })
}

struct Sums {
    net: i64,
    tax: i64,
}

impl Sums {
    /// `None` where a sum is beyond all reason.
    fn of(lines: impl Iterator<Item = i64>, rate: u32) -> Option<Self> {
        let net: i128 = lines.map(i128::from).sum();
        let tax = round_half_up(net * i128::from(rate), 10_000);
        let most = i128::from(i64::MAX / 4);
        if net.abs() > most || tax.abs() > most {
            return None;
        }
        Some(Self { net: i64::try_from(net).ok()?, tax: i64::try_from(tax).ok()? })
    }
}

/// To the nearest whole; what is just between goes away from zero, as invoices are rounded (and the same
/// either way round, so that a credit note takes back what its invoice charged).
fn round_half_up(number: i128, parts: i128) -> i128 {
    let half = if number < 0 { -parts / 2 } else { parts / 2 };
    (number + half) / parts
}

fn tax(seller: &SellerConfig, country: Option<&str>) -> Result<Vat, Missing> {
    let abroad = country.filter(|country| *country != seller.country);
    let (key, config) = match (abroad, &seller.vat_abroad) {
        (None, _) => ("commerce.seller.vat.rate", &seller.vat),
        (Some(_), Some(config)) => ("commerce.seller.vat_abroad.rate", config),
        (Some(country), None) => {
            let why = format!(
                "the buyer is in {country}, the seller in {}; say under commerce.seller.vat_abroad how tax is charged there",
                seller.country
            );
            return Err(Missing::new("commerce.seller.vat_abroad", why));
        }
    };
    let VatConfig { category, exemption_reason, .. } = config;
    let rate = config.basis_points().map_err(|why| Missing::new(key, why))?;
    Ok(Vat { category: *category, rate, exemption_reason: exemption_reason.clone() })
}

fn line(at: &SheetLine<'_>, terms: &Terms<'_>, sign: i64) -> Line {
    let line = at.line;
    let last = line.period.to.yesterday().unwrap_or(line.period.to);
    let mut said = Vec::new();
    if terms.order.bill_to == BillTo::Partner {
        said.push(terms.order.customer_name.clone());
    }
    let finnish = terms.order.language == Language::Fi;
    said.push(match (line.kind, finnish) {
        (LineKind::Period, _) => format!("{} – {last}", line.period.from),
        (LineKind::Adjustment, false) => format!("correction of {} – {last}", line.period.from),
        (LineKind::Adjustment, true) => format!("oikaisu ajalta {} – {last}", line.period.from),
    });
    if let Some(days) = line.days {
        let word = if finnish { "pv" } else { "days" };
        said.push(format!("{}/{} {word}", days.charged, days.of));
    }
    let mailboxes = line.mailboxes;
    said.push(match (mailboxes, finnish) {
        (1, false) => "1 mailbox".to_owned(),
        (1, true) => "1 postilaatikko".to_owned(),
        (_, false) => format!("{mailboxes} mailboxes"),
        (_, true) => format!("{mailboxes} postilaatikkoa"),
    });
    Line {
        name: at.name,
        item: terms.service.to_owned(),
        description: said.join(", "),
        period: line.period,
        net: sign * line.amount.minor,
    }
}
