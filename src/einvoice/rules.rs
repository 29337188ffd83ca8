//! The rules of EN 16931 and Peppol BIS Billing 3 that apply to the invoices written here, by their ids, and
//! the order of elements that the UBL schema wants. They read the XML alone and share no code with what
//! writes it. Rules about elements that are never written (allowances, charges, mandates, attachments, other
//! payees) are left out.

use roxmltree::{Document, Node};

/// The ids of all rules that a document breaks.
pub(super) fn broken(xml: &str) -> Vec<&'static str> {
    let document = Document::parse(xml).expect("it is XML");
    let root = document.root_element();
    RULES.iter().filter(|(_, holds)| !holds(root)).map(|(id, _)| *id).collect()
}

type Rule = (&'static str, fn(Node<'_, '_>) -> bool);

const LINES: &str = "InvoiceLine|CreditNoteLine";
const BREAKDOWN: &str = "TaxTotal/TaxSubtotal";
const SELLER: &str = "AccountingSupplierParty/Party";
const BUYER: &str = "AccountingCustomerParty/Party";

pub(super) const RULES: &[Rule] = &[
    ("UBL-order", in_order),
    ("PEPPOL-EN16931-R001", |r| has(r, "ProfileID")),
    ("PEPPOL-EN16931-R002", |r| all(r, "Note").len() <= 1),
    ("PEPPOL-EN16931-R003", |r| has(r, "BuyerReference") || has(r, "OrderReference/ID")),
    ("PEPPOL-EN16931-R004", |r| {
        text(r, "CustomizationID")
            .starts_with("urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0")
    }),
    ("PEPPOL-EN16931-R007", |r| text(r, "ProfileID") == "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"),
    ("PEPPOL-EN16931-R008", |r| {
        r.descendants().filter(Node::is_element).all(|n| n.children().any(|c| c.is_element()) || !own(n).is_empty())
    }),
    ("PEPPOL-EN16931-R010", |r| has(r, &format!("{BUYER}/EndpointID"))),
    ("PEPPOL-EN16931-R020", |r| has(r, &format!("{SELLER}/EndpointID"))),
    ("PEPPOL-EN16931-R051", |r| {
        let currency = text(r, "DocumentCurrencyCode");
        amounts(r).into_iter().all(|n| n.attribute("currencyID") == Some(currency.as_str()))
    }),
    ("PEPPOL-EN16931-R053", |r| all(r, "TaxTotal").iter().filter(|t| has(**t, "TaxSubtotal")).count() == 1),
    ("PEPPOL-EN16931-R120", |r| {
        each(r, LINES, |l| {
            let quantity = number(l, "InvoicedQuantity|CreditedQuantity");
            let price = number(l, "Price/PriceAmount");
            product(quantity, price) == number(l, "LineExtensionAmount")
        })
    }),
    ("PEPPOL-EN16931-F001", |r| {
        let dates = ["IssueDate", "DueDate", "StartDate", "EndDate"];
        r.descendants().filter(|n| dates.contains(&n.tag_name().name())).all(|n| {
            let form = own(n)
                .bytes()
                .enumerate()
                .all(|(at, b)| if [4, 7].contains(&at) { b == b'-' } else { b.is_ascii_digit() });
            form && own(n).parse::<jiff::civil::Date>().is_ok()
        })
    }),
    ("PEPPOL-EN16931-CL007", |r| {
        amounts(r).into_iter().all(|n| CURRENCIES.contains(&n.attribute("currencyID").unwrap_or("")))
    }),
    ("PEPPOL-EN16931-CL008", |r| {
        r.descendants()
            .filter(|n| n.tag_name().name() == "EndpointID")
            .all(|n| SCHEMES.contains(&n.attribute("schemeID").unwrap_or("")))
    }),
    ("PEPPOL-EN16931-P0100", |r| !is_invoice(r) || text(r, "InvoiceTypeCode") == "380"),
    ("PEPPOL-EN16931-P0101", |r| is_invoice(r) || text(r, "CreditNoteTypeCode") == "381"),
    ("PEPPOL-EN16931-P0107", |r| {
        each(r, &format!("{BREAKDOWN}/TaxCategory"), |c| {
            text(c, "TaxExemptionReasonCode") != "VATEX-EU-AE" || text(c, "ID") == "AE"
        })
    }),
    ("BR-01", |r| has(r, "CustomizationID")),
    ("BR-02", |r| has(r, "ID")),
    ("BR-03", |r| has(r, "IssueDate")),
    ("BR-04", |r| has(r, "InvoiceTypeCode|CreditNoteTypeCode")),
    ("BR-05", |r| has(r, "DocumentCurrencyCode")),
    ("BR-06", |r| has(r, &format!("{SELLER}/PartyLegalEntity/RegistrationName"))),
    ("BR-07", |r| has(r, &format!("{BUYER}/PartyLegalEntity/RegistrationName"))),
    ("BR-08", |r| has(r, &format!("{SELLER}/PostalAddress"))),
    ("BR-09", |r| has(r, &format!("{SELLER}/PostalAddress/Country/IdentificationCode"))),
    ("BR-10", |r| has(r, &format!("{BUYER}/PostalAddress"))),
    ("BR-11", |r| has(r, &format!("{BUYER}/PostalAddress/Country/IdentificationCode"))),
    ("BR-12", |r| has(r, "LegalMonetaryTotal/LineExtensionAmount")),
    ("BR-13", |r| has(r, "LegalMonetaryTotal/TaxExclusiveAmount")),
    ("BR-14", |r| has(r, "LegalMonetaryTotal/TaxInclusiveAmount")),
    ("BR-15", |r| has(r, "LegalMonetaryTotal/PayableAmount")),
    ("BR-16", |r| has(r, LINES)),
    ("BR-21", |r| each(r, LINES, |l| has(l, "ID"))),
    ("BR-22", |r| each(r, LINES, |l| has(l, "InvoicedQuantity|CreditedQuantity"))),
    ("BR-23", |r| each(r, LINES, |l| each(l, "InvoicedQuantity|CreditedQuantity", |q| q.has_attribute("unitCode")))),
    ("BR-24", |r| each(r, LINES, |l| has(l, "LineExtensionAmount"))),
    ("BR-25", |r| each(r, LINES, |l| has(l, "Item/Name"))),
    ("BR-26", |r| each(r, LINES, |l| has(l, "Price/PriceAmount"))),
    ("BR-27", |r| each(r, LINES, |l| number(l, "Price/PriceAmount").is_none_or(|n| n >= 0))),
    ("BR-30", |r| each(r, &format!("{LINES}/InvoicePeriod"), |p| text(p, "StartDate") <= text(p, "EndDate"))),
    ("BR-45", |r| each(r, BREAKDOWN, |b| has(b, "TaxableAmount"))),
    ("BR-46", |r| each(r, BREAKDOWN, |b| has(b, "TaxAmount"))),
    ("BR-47", |r| each(r, BREAKDOWN, |b| has(b, "TaxCategory/ID"))),
    ("BR-48", |r| each(r, BREAKDOWN, |b| has(b, "TaxCategory/Percent"))),
    ("BR-49", |r| each(r, "PaymentMeans", |p| has(p, "PaymentMeansCode"))),
    ("BR-50", |r| each(r, "PaymentMeans", |p| has(p, "PayeeFinancialAccount/ID"))),
    ("BR-55", |r| each(r, "BillingReference", |b| has(b, "InvoiceDocumentReference/ID"))),
    ("BR-61", |r| {
        each(r, "PaymentMeans", |p| {
            !["30", "58"].contains(&text(p, "PaymentMeansCode").as_str()) || has(p, "PayeeFinancialAccount/ID")
        })
    }),
    ("BR-62", |r| each(r, &format!("{SELLER}/EndpointID"), |e| e.has_attribute("schemeID"))),
    ("BR-63", |r| each(r, &format!("{BUYER}/EndpointID"), |e| e.has_attribute("schemeID"))),
    ("BR-CO-04", |r| each(r, LINES, |l| has(l, "Item/ClassifiedTaxCategory/ID"))),
    ("BR-CO-09", |r| {
        r.descendants()
            .filter(|n| n.tag_name().name() == "PartyTaxScheme")
            .all(|n| COUNTRIES.contains(&text(n, "CompanyID").chars().take(2).collect::<String>().as_str()))
    }),
    ("BR-CO-10", |r| {
        number(r, "LegalMonetaryTotal/LineExtensionAmount") == sum(r, &format!("{LINES}/LineExtensionAmount"))
    }),
    ("BR-CO-13", |r| {
        number(r, "LegalMonetaryTotal/TaxExclusiveAmount") == sum(r, &format!("{LINES}/LineExtensionAmount"))
    }),
    ("BR-CO-14", |r| number(r, "TaxTotal/TaxAmount") == sum(r, &format!("{BREAKDOWN}/TaxAmount"))),
    ("BR-CO-15", |r| {
        let with = add(number(r, "LegalMonetaryTotal/TaxExclusiveAmount"), number(r, "TaxTotal/TaxAmount"));
        number(r, "LegalMonetaryTotal/TaxInclusiveAmount") == with
    }),
    ("BR-CO-16", |r| {
        number(r, "LegalMonetaryTotal/PayableAmount") == number(r, "LegalMonetaryTotal/TaxInclusiveAmount")
    }),
    ("BR-CO-17", |r| {
        each(r, BREAKDOWN, |b| {
            number(b, "TaxAmount") == percent_of(number(b, "TaxableAmount"), number(b, "TaxCategory/Percent"))
        })
    }),
    ("BR-CO-18", |r| has(r, BREAKDOWN)),
    ("BR-CO-25", |r| {
        !is_invoice(r)
            || number(r, "LegalMonetaryTotal/PayableAmount").is_some_and(|n| n <= 0)
            || has(r, "DueDate")
            || has(r, "PaymentTerms/Note")
    }),
    ("BR-CO-26", |r| {
        has(r, &format!("{SELLER}/PartyTaxScheme/CompanyID")) || has(r, &format!("{SELLER}/PartyLegalEntity/CompanyID"))
    }),
    ("BR-DEC-09", |r| decimals(r, "LegalMonetaryTotal/LineExtensionAmount")),
    ("BR-DEC-12", |r| decimals(r, "LegalMonetaryTotal/TaxExclusiveAmount")),
    ("BR-DEC-13", |r| decimals(r, "TaxTotal/TaxAmount")),
    ("BR-DEC-14", |r| decimals(r, "LegalMonetaryTotal/TaxInclusiveAmount")),
    ("BR-DEC-18", |r| decimals(r, "LegalMonetaryTotal/PayableAmount")),
    ("BR-DEC-19", |r| decimals(r, &format!("{BREAKDOWN}/TaxableAmount"))),
    ("BR-DEC-20", |r| decimals(r, &format!("{BREAKDOWN}/TaxAmount"))),
    ("BR-DEC-23", |r| decimals(r, &format!("{LINES}/LineExtensionAmount"))),
    ("BR-CL-01", |r| ["380", "381"].contains(&text(r, "InvoiceTypeCode|CreditNoteTypeCode").as_str())),
    ("BR-CL-04", |r| CURRENCIES.contains(&text(r, "DocumentCurrencyCode").as_str())),
    ("BR-CL-14", |r| {
        r.descendants()
            .filter(|n| n.tag_name().name() == "IdentificationCode")
            .all(|n| COUNTRIES.contains(&own(n).as_str()))
    }),
    ("BR-CL-16", |r| each(r, "PaymentMeans", |p| ["30", "58"].contains(&text(p, "PaymentMeansCode").as_str()))),
    ("BR-CL-17", |r| each(r, &format!("{BREAKDOWN}/TaxCategory"), |c| CATEGORIES.contains(&text(c, "ID").as_str()))),
    ("BR-CL-18", |r| {
        each(r, &format!("{LINES}/Item/ClassifiedTaxCategory"), |c| CATEGORIES.contains(&text(c, "ID").as_str()))
    }),
    ("BR-CL-23", |r| {
        each(r, &format!("{LINES}/InvoicedQuantity|CreditedQuantity"), |q| q.attribute("unitCode") == Some("C62"))
    }),
    ("BR-S-01", |r| one_breakdown(r, "S")),
    ("BR-S-02", |r| !uses(r, "S") || has(r, &format!("{SELLER}/PartyTaxScheme/CompanyID"))),
    ("BR-S-05", |r| rates(r, "S", |rate| rate > 0)),
    ("BR-S-08", |r| taxable(r, "S")),
    ("BR-S-10", |r| reason(r, "S", false)),
    ("BR-Z-01", |r| one_breakdown(r, "Z")),
    ("BR-Z-05", |r| rates(r, "Z", |rate| rate == 0)),
    ("BR-Z-08", |r| taxable(r, "Z")),
    ("BR-Z-09", |r| untaxed(r, "Z")),
    ("BR-Z-10", |r| reason(r, "Z", false)),
    ("BR-E-01", |r| one_breakdown(r, "E")),
    ("BR-E-05", |r| rates(r, "E", |rate| rate == 0)),
    ("BR-E-08", |r| taxable(r, "E")),
    ("BR-E-09", |r| untaxed(r, "E")),
    ("BR-E-10", |r| reason(r, "E", true)),
    ("BR-AE-01", |r| one_breakdown(r, "AE")),
    ("BR-AE-02", |r| {
        let ids = has(r, &format!("{BUYER}/PartyTaxScheme/CompanyID"))
            || has(r, &format!("{BUYER}/PartyLegalEntity/CompanyID"));
        !uses(r, "AE") || (has(r, &format!("{SELLER}/PartyTaxScheme/CompanyID")) && ids)
    }),
    ("BR-AE-05", |r| rates(r, "AE", |rate| rate == 0)),
    ("BR-AE-08", |r| taxable(r, "AE")),
    ("BR-AE-09", |r| untaxed(r, "AE")),
    ("BR-AE-10", |r| reason(r, "AE", true)),
];

const CATEGORIES: [&str; 4] = ["S", "Z", "E", "AE"];
const CURRENCIES: [&str; 9] = ["EUR", "SEK", "NOK", "DKK", "GBP", "USD", "CHF", "PLN", "JPY"];
const COUNTRIES: [&str; 12] = ["FI", "SE", "NO", "DK", "EE", "DE", "GB", "PL", "CH", "NL", "US", "JP"];
const SCHEMES: [&str; 6] = ["0216", "0088", "0007", "0192", "0184", "0208"];

/// The elements that are written, in the order of the schema's sequences.
const ORDER: &[(&str, &str)] = &[
    (
        "Invoice",
        "CustomizationID ProfileID ID IssueDate DueDate InvoiceTypeCode Note DocumentCurrencyCode BuyerReference \
         InvoicePeriod OrderReference BillingReference AccountingSupplierParty AccountingCustomerParty PaymentMeans \
         PaymentTerms TaxTotal LegalMonetaryTotal InvoiceLine",
    ),
    (
        "CreditNote",
        "CustomizationID ProfileID ID IssueDate CreditNoteTypeCode Note DocumentCurrencyCode BuyerReference \
         InvoicePeriod OrderReference BillingReference AccountingSupplierParty AccountingCustomerParty PaymentMeans \
         PaymentTerms TaxTotal LegalMonetaryTotal CreditNoteLine",
    ),
    ("Party", "EndpointID PartyIdentification PartyName PostalAddress PartyTaxScheme PartyLegalEntity Contact"),
    ("PostalAddress", "StreetName AdditionalStreetName CityName PostalZone Country"),
    ("PartyTaxScheme", "CompanyID TaxScheme"),
    ("PartyLegalEntity", "RegistrationName CompanyID"),
    ("PaymentMeans", "PaymentMeansCode PaymentID PayeeFinancialAccount"),
    ("PayeeFinancialAccount", "ID Name FinancialInstitutionBranch"),
    ("TaxTotal", "TaxAmount TaxSubtotal"),
    ("TaxSubtotal", "TaxableAmount TaxAmount TaxCategory"),
    ("TaxCategory", "ID Percent TaxExemptionReasonCode TaxExemptionReason TaxScheme"),
    ("ClassifiedTaxCategory", "ID Percent TaxScheme"),
    ("LegalMonetaryTotal", "LineExtensionAmount TaxExclusiveAmount TaxInclusiveAmount PayableAmount"),
    ("InvoiceLine", "ID Note InvoicedQuantity LineExtensionAmount InvoicePeriod Item Price"),
    ("CreditNoteLine", "ID Note CreditedQuantity LineExtensionAmount InvoicePeriod Item Price"),
    ("InvoicePeriod", "StartDate EndDate"),
    ("Item", "Description Name ClassifiedTaxCategory"),
    ("Price", "PriceAmount"),
];

fn in_order(root: Node<'_, '_>) -> bool {
    root.descendants().filter(Node::is_element).all(|node| {
        let Some((_, order)) = ORDER.iter().find(|(name, _)| *name == node.tag_name().name()) else { return true };
        let place = |child: Node<'_, '_>| order.split_whitespace().position(|name| name == child.tag_name().name());
        let places: Option<Vec<usize>> = node.children().filter(Node::is_element).map(place).collect();
        places.is_some_and(|places| places.is_sorted())
    })
}

/// Elements by a path of local names; `a|b` is either.
fn all<'a, 'i>(node: Node<'a, 'i>, path: &str) -> Vec<Node<'a, 'i>> {
    path.split('/').fold(vec![node], |found, name| {
        let named = |child: &Node<'a, 'i>| child.is_element() && name.split('|').any(|n| n == child.tag_name().name());
        found.into_iter().flat_map(|node| node.children().filter(named).collect::<Vec<_>>()).collect()
    })
}

fn own(node: Node<'_, '_>) -> String {
    node.text().unwrap_or_default().trim().to_owned()
}

fn has(node: Node<'_, '_>, path: &str) -> bool {
    !all(node, path).is_empty()
}

fn each(node: Node<'_, '_>, path: &str, holds: impl Fn(Node<'_, '_>) -> bool) -> bool {
    all(node, path).into_iter().all(holds)
}

fn text(node: Node<'_, '_>, path: &str) -> String {
    all(node, path).first().map(|node| own(*node)).unwrap_or_default()
}

fn amounts<'a, 'i>(root: Node<'a, 'i>) -> Vec<Node<'a, 'i>> {
    root.descendants().filter(|node| node.is_element() && node.tag_name().name().ends_with("Amount")).collect()
}

/// A decimal in ten thousandths.
fn decimal(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    Some(sign * format!("{whole}{fraction:0<4}").parse::<i128>().ok()?)
}

fn number(node: Node<'_, '_>, path: &str) -> Option<i128> {
    decimal(&text(node, path))
}

fn sum(node: Node<'_, '_>, path: &str) -> Option<i128> {
    all(node, path).into_iter().map(|node| decimal(&own(node))).sum()
}

fn add(one: Option<i128>, other: Option<i128>) -> Option<i128> {
    Some(one? + other?)
}

fn product(one: Option<i128>, other: Option<i128>) -> Option<i128> {
    Some(one? * other? / 10_000)
}

/// Rounded to hundredths, halves away from zero.
fn percent_of(amount: Option<i128>, percent: Option<i128>) -> Option<i128> {
    let exact = amount? * percent?;
    let unit = 100_000_000;
    let half = if exact < 0 { -unit / 2 } else { unit / 2 };
    Some((exact + half) / unit * 100)
}

fn decimals(root: Node<'_, '_>, path: &str) -> bool {
    each(root, path, |n| own(n).split_once('.').is_none_or(|(_, fraction)| fraction.len() <= 2))
}

fn is_invoice(root: Node<'_, '_>) -> bool {
    root.tag_name().name() == "Invoice"
}

fn lines_of<'a, 'i>(root: Node<'a, 'i>, category: &str) -> Vec<Node<'a, 'i>> {
    all(root, LINES).into_iter().filter(|line| text(*line, "Item/ClassifiedTaxCategory/ID") == category).collect()
}

fn uses(root: Node<'_, '_>, category: &str) -> bool {
    !lines_of(root, category).is_empty()
}

fn breakdowns<'a, 'i>(root: Node<'a, 'i>, category: &str) -> Vec<Node<'a, 'i>> {
    all(root, BREAKDOWN).into_iter().filter(|b| text(*b, "TaxCategory/ID") == category).collect()
}

fn one_breakdown(root: Node<'_, '_>, category: &str) -> bool {
    breakdowns(root, category).len() == usize::from(uses(root, category))
}

fn rates(root: Node<'_, '_>, category: &str, fits: fn(i128) -> bool) -> bool {
    lines_of(root, category).into_iter().all(|l| number(l, "Item/ClassifiedTaxCategory/Percent").is_some_and(fits))
}

fn taxable(root: Node<'_, '_>, category: &str) -> bool {
    let lines = lines_of(root, category).into_iter().map(|line| number(line, "LineExtensionAmount")).sum();
    breakdowns(root, category).into_iter().all(|b| number(b, "TaxableAmount") == lines)
}

fn untaxed(root: Node<'_, '_>, category: &str) -> bool {
    breakdowns(root, category).into_iter().all(|b| number(b, "TaxAmount") == Some(0))
}

fn reason(root: Node<'_, '_>, category: &str, wanted: bool) -> bool {
    let said = |b| has(b, "TaxCategory/TaxExemptionReason|TaxExemptionReasonCode");
    breakdowns(root, category).into_iter().all(|b| said(b) == wanted)
}
