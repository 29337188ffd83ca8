//! An invoice as UBL 2.1 XML in the subset of Peppol BIS Billing 3. Elements stand in the order of the
//! schema; an element without content is left out. What they say was decided before.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::{Invoice, Kind, Line, Party, Reference, Vat};
use crate::config::VatCategory;
use crate::ledger::{Currency, Money};

const CUSTOMIZATION: &str = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0";
const PROFILE: &str = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0";
const CAC: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";
const CBC: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";
/// One piece, of UN/ECE Recommendation 20.
const UNIT: &str = "C62";
/// SEPA credit transfer, and any other, of UNCL 4461.
const SEPA: &str = "58";
const CREDIT_TRANSFER: &str = "30";

/// The document, UTF-8.
///
/// # Errors
/// When the text cannot be built, which has no reason but memory.
pub fn xml(invoice: &Invoice) -> io::Result<Vec<u8>> {
    let credit = invoice.kind == Kind::CreditNote;
    let root = if credit { "CreditNote" } else { "Invoice" };
    let mut out = Xml { writer: Writer::new_with_indent(Vec::new(), b' ', 2), currency: invoice.currency };
    out.writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut start = BytesStart::new(root);
    start.push_attribute(("xmlns", format!("urn:oasis:names:specification:ubl:schema:xsd:{root}-2").as_str()));
    start.push_attribute(("xmlns:cac", CAC));
    start.push_attribute(("xmlns:cbc", CBC));
    out.writer.write_event(Event::Start(start))?;
    head(&mut out, invoice)?;
    out.within("cac:AccountingSupplierParty", |out| party(out, &invoice.seller))?;
    out.within("cac:AccountingCustomerParty", |out| party(out, &invoice.buyer))?;
    if !credit {
        payment(&mut out, invoice)?;
    }
    sums(&mut out, invoice)?;
    for (index, line) in invoice.lines.iter().enumerate() {
        self::line(&mut out, index + 1, line, invoice)?;
    }
    out.writer.write_event(Event::End(BytesEnd::new(root)))?;
    let mut bytes = out.writer.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

fn head(out: &mut Xml, invoice: &Invoice) -> io::Result<()> {
    out.text("cbc:CustomizationID", CUSTOMIZATION)?;
    out.text("cbc:ProfileID", PROFILE)?;
    out.text("cbc:ID", &invoice.number)?;
    out.text("cbc:IssueDate", &invoice.issued.to_string())?;
    match invoice.kind {
        Kind::Invoice => {
            out.text("cbc:DueDate", &invoice.due.to_string())?;
            out.text("cbc:InvoiceTypeCode", "380")?;
        }
        Kind::CreditNote => out.text("cbc:CreditNoteTypeCode", "381")?,
    }
    out.text("cbc:DocumentCurrencyCode", invoice.currency.code())?;
    match &invoice.reference {
        Reference::Buyer(text) => out.text("cbc:BuyerReference", text)?,
        Reference::Order(id) => out.within("cac:OrderReference", |out| out.text("cbc:ID", id))?,
    }
    for number in &invoice.corrects {
        out.within("cac:BillingReference", |out| {
            out.within("cac:InvoiceDocumentReference", |out| out.text("cbc:ID", number))
        })?;
    }
    Ok(())
}

fn party(out: &mut Xml, party: &Party) -> io::Result<()> {
    out.within("cac:Party", |out| {
        out.with("cbc:EndpointID", ("schemeID", &party.endpoint.scheme), &party.endpoint.id)?;
        out.within("cac:PartyName", |out| out.text("cbc:Name", &party.name))?;
        out.within("cac:PostalAddress", |out| {
            let address = &party.address;
            out.maybe("cbc:StreetName", address.street.as_deref())?;
            out.maybe("cbc:CityName", address.city.as_deref())?;
            out.maybe("cbc:PostalZone", address.postal_code.as_deref())?;
            out.within("cac:Country", |out| out.text("cbc:IdentificationCode", &address.country))
        })?;
        if let Some(id) = &party.vat_id {
            out.within("cac:PartyTaxScheme", |out| {
                out.text("cbc:CompanyID", id)?;
                out.vat_scheme()
            })?;
        }
        out.within("cac:PartyLegalEntity", |out| {
            out.text("cbc:RegistrationName", &party.name)?;
            out.maybe("cbc:CompanyID", party.business_id.as_deref())
        })
    })
}

fn payment(out: &mut Xml, invoice: &Invoice) -> io::Result<()> {
    out.within("cac:PaymentMeans", |out| {
        let code = if invoice.currency == Currency::Eur { SEPA } else { CREDIT_TRANSFER };
        out.text("cbc:PaymentMeansCode", code)?;
        out.text("cbc:PaymentID", &invoice.number)?;
        out.within("cac:PayeeFinancialAccount", |out| {
            out.text("cbc:ID", &invoice.account.iban)?;
            match &invoice.account.bic {
                Some(bic) => out.within("cac:FinancialInstitutionBranch", |out| out.text("cbc:ID", bic)),
                None => Ok(()),
            }
        })
    })
}

fn sums(out: &mut Xml, invoice: &Invoice) -> io::Result<()> {
    out.within("cac:TaxTotal", |out| {
        out.amount("cbc:TaxAmount", invoice.tax)?;
        out.within("cac:TaxSubtotal", |out| {
            out.amount("cbc:TaxableAmount", invoice.net)?;
            out.amount("cbc:TaxAmount", invoice.tax)?;
            out.within("cac:TaxCategory", |out| {
                category(out, &invoice.vat)?;
                if invoice.vat.category == VatCategory::ReverseCharge {
                    out.text("cbc:TaxExemptionReasonCode", "VATEX-EU-AE")?;
                }
                out.maybe("cbc:TaxExemptionReason", invoice.vat.exemption_reason.as_deref())?;
                out.vat_scheme()
            })
        })
    })?;
    out.within("cac:LegalMonetaryTotal", |out| {
        out.amount("cbc:LineExtensionAmount", invoice.net)?;
        out.amount("cbc:TaxExclusiveAmount", invoice.net)?;
        out.amount("cbc:TaxInclusiveAmount", invoice.payable)?;
        out.amount("cbc:PayableAmount", invoice.payable)
    })
}

/// The price is never negative (BR-27): what is given back is a negative quantity of it.
fn line(out: &mut Xml, number: usize, line: &Line, invoice: &Invoice) -> io::Result<()> {
    let (element, quantity) = match invoice.kind {
        Kind::Invoice => ("cac:InvoiceLine", "cbc:InvoicedQuantity"),
        Kind::CreditNote => ("cac:CreditNoteLine", "cbc:CreditedQuantity"),
    };
    out.within(element, |out| {
        out.text("cbc:ID", &number.to_string())?;
        out.text("cbc:Note", &format!("{}/{}", line.name.run, line.name.number))?;
        out.with(quantity, ("unitCode", UNIT), if line.net < 0 { "-1" } else { "1" })?;
        out.amount("cbc:LineExtensionAmount", line.net)?;
        out.within("cac:InvoicePeriod", |out| {
            out.text("cbc:StartDate", &line.period.from.to_string())?;
            let last = line.period.to.yesterday().unwrap_or(line.period.to);
            out.text("cbc:EndDate", &last.to_string())
        })?;
        out.within("cac:Item", |out| {
            out.text("cbc:Description", &line.description)?;
            out.text("cbc:Name", &line.item)?;
            out.within("cac:ClassifiedTaxCategory", |out| {
                category(out, &invoice.vat)?;
                out.vat_scheme()
            })
        })?;
        out.within("cac:Price", |out| out.amount("cbc:PriceAmount", line.net.abs()))
    })
}

fn category(out: &mut Xml, vat: &Vat) -> io::Result<()> {
    out.text("cbc:ID", code(vat.category))?;
    let percent = format!("{}.{:02}", vat.rate / 100, vat.rate % 100);
    out.text("cbc:Percent", percent.trim_end_matches('0').trim_end_matches('.'))
}

const fn code(category: VatCategory) -> &'static str {
    match category {
        VatCategory::Standard => "S",
        VatCategory::Zero => "Z",
        VatCategory::Exempt => "E",
        VatCategory::ReverseCharge => "AE",
    }
}

struct Xml {
    writer: Writer<Vec<u8>>,
    currency: Currency,
}

impl Xml {
    fn within(&mut self, name: &str, inside: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        self.writer.write_event(Event::Start(BytesStart::new(name)))?;
        inside(self)?;
        self.writer.write_event(Event::End(BytesEnd::new(name)))
    }

    fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.element(BytesStart::new(name), text)
    }

    fn maybe(&mut self, name: &str, text: Option<&str>) -> io::Result<()> {
        match text.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => self.text(name, text),
            None => Ok(()),
        }
    }

    fn with(&mut self, name: &str, attribute: (&str, &str), text: &str) -> io::Result<()> {
        let mut start = BytesStart::new(name);
        start.push_attribute(attribute);
        self.element(start, text)
    }

    fn amount(&mut self, name: &str, minor: i64) -> io::Result<()> {
        let money = Money { minor, currency: self.currency };
        self.with(name, ("currencyID", money.currency.code()), &money.decimal())
    }

    fn vat_scheme(&mut self) -> io::Result<()> {
        self.within("cac:TaxScheme", |out| out.text("cbc:ID", "VAT"))
    }

    fn element(&mut self, start: BytesStart<'_>, text: &str) -> io::Result<()> {
        let end = start.to_end().into_owned();
        self.writer.write_event(Event::Start(start))?;
        self.writer.write_event(Event::Text(BytesText::new(&allowed(text))))?;
        self.writer.write_event(Event::End(end))
    }
}

/// Characters that XML 1.0 has (§2.2); another one would make the whole document unreadable.
fn allowed(text: &str) -> String {
    let fine = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if fine(c) { c } else { '\u{fffd}' }).collect()
}
