//! Invoices as their receivers see them: every rule holds, every rule can fail, sums are exact, and all forms
//! of a run say the same.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::rules::{RULES, broken};
use super::{Invoice, Kind, Missing, Terms, compose, sheets, xml};
use crate::config::{SellerConfig, VatCategory, VatConfig};
use crate::ledger::invoice::{InvoiceLine, LineKind, from_bytes, to_bytes, totals};
use crate::ledger::period::{Days, period};
use crate::ledger::{Currency, Money, export};
use crate::order::Order;

const RUN: Date = date(2026, 12, 15);

fn vat(category: VatCategory) -> VatConfig {
    let (rate, reason) = match category {
        VatCategory::Standard => (Some("25.5"), None),
        VatCategory::Zero => (None, None),
        VatCategory::Exempt => (None, Some("Exempt by Article 132")),
        VatCategory::ReverseCharge => (None, Some("Reverse charge")),
    };
    VatConfig { category, rate: rate.map(str::to_owned), exemption_reason: reason.map(str::to_owned) }
}

pub(super) fn seller() -> SellerConfig {
    SellerConfig {
        name: "Mail Gateway Oy".to_owned(),
        street: "Postikatu 1".to_owned(),
        postal_code: "00100".to_owned(),
        city: "Helsinki".to_owned(),
        country: "FI".to_owned(),
        vat_id: "FI12345671".to_owned(),
        business_id: "1234567-1".to_owned(),
        e_invoice_address: "0216:003712345671".to_owned(),
        iban: "FI2112345600000785".to_owned(),
        bic: Some("NDEAFIHH".to_owned()),
        payment_days: 14,
        vat: vat(VatCategory::Standard),
        vat_abroad: Some(vat(VatCategory::ReverseCharge)),
    }
}

fn order(more: &str) -> Order {
    let mut order: serde_json::Value = serde_json::from_str(
        r#"{ "partner": "Acme IT", "customer_name": "Customer & Sons <Oy>", "business_id": "7654321-2",
             "billing_address": null, "vat_id": "FI76543212", "bill_to": "customer", "contacts": [],
             "domains": ["a.example"], "servers": [], "hosted": true, "test_mailbox": "postmaster", "mailboxes": 40,
             "kind": "paid", "price": "120.00 EUR", "sales_rep": null, "invoicing_group": null, "language": "en",
             "postal_address": { "street": "Road 2", "postal_code": "20100", "city": "Turku", "country": "FI" },
             "e_invoice_address": { "scheme": "0216", "id": "003776543212" }, "buyer_reference": "PO 4711" }"#,
    )
    .unwrap();
    let more: serde_json::Map<String, serde_json::Value> = serde_json::from_str(more).unwrap();
    order.as_object_mut().unwrap().extend(more);
    serde_json::from_value(order).unwrap()
}

fn line(kind: LineKind, from: Date, minor: i64) -> InvoiceLine {
    InvoiceLine {
        run: RUN,
        customer_id: "c1".to_owned(),
        kind,
        bill_to: "Customer & Sons <Oy>".to_owned(),
        partner: "Acme IT".to_owned(),
        group: 15,
        period: period(from, 0),
        mailboxes: 40,
        amount: Money { minor, currency: Currency::Eur },
        entries: vec![1, 2, 3],
        evidence: vec!["order:o1".to_owned()],
        head_seq: 9,
        days: None,
    }
}

fn december(minor: i64) -> InvoiceLine {
    line(LineKind::Period, date(2026, 12, 5), minor)
}

fn correction(minor: i64) -> InvoiceLine {
    line(LineKind::Adjustment, date(2026, 11, 5), minor)
}

fn made(lines: &[InvoiceLine], seller: &SellerConfig, order: &Order) -> Result<Invoice, Vec<Missing>> {
    let sheet = &sheets(RUN, lines)[0];
    let terms = Terms { seller, service: "Mail filtering", order, order_id: "o-1" };
    let adjusted = lines.iter().any(|line| line.kind == LineKind::Adjustment);
    compose(sheet, &terms, if adjusted { vec!["20261115-0001".to_owned()] } else { Vec::new() })
}

fn written(lines: &[InvoiceLine], seller: &SellerConfig, order: &Order) -> String {
    String::from_utf8(xml(&made(lines, seller, order).unwrap()).unwrap()).unwrap()
}

/// One of each kind of document.
fn samples() -> Vec<(&'static str, String)> {
    let with = |category| SellerConfig { vat: vat(category), ..seller() };
    let home = order("{}");
    let abroad = order(
        r#"{ "vat_id": "SE556677889901", "language": "fi", "bill_to": "customer",
             "postal_address": { "street": null, "postal_code": null, "city": null, "country": "SE" },
             "e_invoice_address": { "scheme": "0007", "id": "5567321707" }, "buyer_reference": null }"#,
    );
    let days = InvoiceLine { days: Some(Days { charged: 12, of: 31 }), ..december(4_645) };
    vec![
        ("invoice", written(&[december(12_000)], &seller(), &home)),
        ("with_a_correction", written(&[december(12_000), correction(-2_000)], &seller(), &home)),
        ("credit_note", written(&[december(1_000), correction(-12_000)], &seller(), &home)),
        ("reverse_charge", written(&[days], &seller(), &abroad)),
        ("zero", written(&[december(12_000)], &with(VatCategory::Zero), &home)),
        ("exempt", written(&[december(12_000)], &with(VatCategory::Exempt), &home)),
    ]
}

#[test]
fn documents_hold_every_rule() {
    for (name, xml) in samples() {
        assert_eq!(broken(&xml), [] as [&str; 0], "{name}:\n{xml}");
        insta::assert_snapshot!(name, xml);
    }
}

/// Ways to spoil a document: the sample, what is written there, what it becomes, and the rules that this breaks.
const SPOILED: &[(usize, &str, &str, &[&str])] = &[
    (0, "<cbc:DueDate>2026-12-29</cbc:DueDate>", "", &["BR-CO-25"]),
    (0, "<cbc:IssueDate>2026-12-15</cbc:IssueDate>", "", &["BR-03"]),
    (0, ">2026-12-15</cbc:IssueDate>", ">15.12.2026</cbc:IssueDate>", &["PEPPOL-EN16931-F001"]),
    (0, "<cbc:ID>20261215-0001</cbc:ID>", "", &["BR-02"]),
    (0, "<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>", "", &["BR-04", "BR-CL-01", "PEPPOL-EN16931-P0100"]),
    (2, ">381<", ">380<", &["PEPPOL-EN16931-P0101"]),
    (0, "<cbc:BuyerReference>PO 4711</cbc:BuyerReference>", "", &["PEPPOL-EN16931-R003"]),
    (0, "PO 4711", "", &["PEPPOL-EN16931-R008"]),
    (0, "urn:cen.eu:en16931:2017#", "urn:cen.eu:en16931:2018#", &["PEPPOL-EN16931-R004"]),
    (0, "billing:01:1.0<", "billing:99:1.0<", &["PEPPOL-EN16931-R007"]),
    (0, "<cbc:DocumentCurrencyCode>EUR<", "<cbc:DocumentCurrencyCode>SEK<", &["PEPPOL-EN16931-R051"]),
    (0, "<cbc:DocumentCurrencyCode>EUR<", "<cbc:DocumentCurrencyCode>EURO<", &["BR-CL-04"]),
    (0, "currencyID=\"EUR\"", "currencyID=\"XXX\"", &["PEPPOL-EN16931-CL007"]),
    (0, "schemeID=\"0216\"", "schemeID=\"EM\"", &["PEPPOL-EN16931-CL008"]),
    (0, " schemeID=\"0216\">003712345671", ">003712345671", &["BR-62"]),
    (0, " schemeID=\"0216\">003776543212", ">003776543212", &["BR-63"]),
    (0, ">FI</cbc:IdentificationCode>", ">Finland</cbc:IdentificationCode>", &["BR-CL-14"]),
    (0, "<cbc:CompanyID>FI12345671", "<cbc:CompanyID>12345671", &["BR-CO-09"]),
    (0, ">58<", ">1<", &["BR-CL-16"]),
    (0, "unitCode=\"C62\"", "unitCode=\"month\"", &["BR-CL-23"]),
    (0, " unitCode=\"C62\"", "", &["BR-23"]),
    (0, "<cbc:StartDate>2026-12-05", "<cbc:StartDate>2027-12-05", &["BR-30"]),
    (
        1,
        "<cbc:PriceAmount currencyID=\"EUR\">20.00",
        "<cbc:PriceAmount currencyID=\"EUR\">-20.00",
        &["BR-27", "PEPPOL-EN16931-R120"],
    ),
    (
        0,
        "<cbc:PriceAmount currencyID=\"EUR\">120.00",
        "<cbc:PriceAmount currencyID=\"EUR\">120.01",
        &["PEPPOL-EN16931-R120"],
    ),
    (0, "<cbc:PayableAmount currencyID=\"EUR\">150.60", "<cbc:PayableAmount currencyID=\"EUR\">150.61", &["BR-CO-16"]),
    (
        0,
        "<cbc:PayableAmount currencyID=\"EUR\">150.60",
        "<cbc:PayableAmount currencyID=\"EUR\">150.600",
        &["BR-DEC-18"],
    ),
    (
        0,
        "<cbc:TaxInclusiveAmount currencyID=\"EUR\">150.60",
        "<cbc:TaxInclusiveAmount currencyID=\"EUR\">150.601",
        &["BR-CO-15", "BR-DEC-14"],
    ),
    (
        0,
        "<cbc:TaxExclusiveAmount currencyID=\"EUR\">120.00",
        "<cbc:TaxExclusiveAmount currencyID=\"EUR\">120.001",
        &["BR-CO-13", "BR-DEC-12"],
    ),
    (
        0,
        "<cbc:TaxableAmount currencyID=\"EUR\">120.00",
        "<cbc:TaxableAmount currencyID=\"EUR\">119.999",
        &["BR-S-08", "BR-DEC-19"],
    ),
    (3, "<cbc:TaxableAmount currencyID=\"EUR\">46.45", "<cbc:TaxableAmount currencyID=\"EUR\">46.46", &["BR-AE-08"]),
    (4, "<cbc:TaxableAmount currencyID=\"EUR\">120.00", "<cbc:TaxableAmount currencyID=\"EUR\">119.00", &["BR-Z-08"]),
    (5, "<cbc:TaxableAmount currencyID=\"EUR\">120.00", "<cbc:TaxableAmount currencyID=\"EUR\">119.00", &["BR-E-08"]),
    (
        0,
        "<cbc:TaxAmount currencyID=\"EUR\">30.60",
        "<cbc:TaxAmount currencyID=\"EUR\">30.599",
        &["BR-CO-17", "BR-DEC-13", "BR-DEC-20"],
    ),
    (3, "<cbc:TaxAmount currencyID=\"EUR\">0.00", "<cbc:TaxAmount currencyID=\"EUR\">1.00", &["BR-AE-09"]),
    (4, "<cbc:TaxAmount currencyID=\"EUR\">0.00", "<cbc:TaxAmount currencyID=\"EUR\">1.00", &["BR-Z-09"]),
    (5, "<cbc:TaxAmount currencyID=\"EUR\">0.00", "<cbc:TaxAmount currencyID=\"EUR\">1.00", &["BR-E-09"]),
    (
        1,
        "<cbc:LineExtensionAmount currencyID=\"EUR\">-20.00",
        "<cbc:LineExtensionAmount currencyID=\"EUR\">-20.001",
        &["BR-CO-10", "BR-DEC-23"],
    ),
    (
        0,
        "<cbc:LineExtensionAmount currencyID=\"EUR\">120.00",
        "<cbc:LineExtensionAmount currencyID=\"EUR\">120.001",
        &["BR-DEC-09"],
    ),
    (0, "<cbc:Percent>25.5</cbc:Percent>", "<cbc:Percent>0</cbc:Percent>", &["BR-S-05"]),
    (3, "<cbc:Percent>0</cbc:Percent>", "<cbc:Percent>24</cbc:Percent>", &["BR-AE-05"]),
    (4, "<cbc:Percent>0</cbc:Percent>", "<cbc:Percent>24</cbc:Percent>", &["BR-Z-05"]),
    (5, "<cbc:Percent>0</cbc:Percent>", "<cbc:Percent>24</cbc:Percent>", &["BR-E-05"]),
    (0, "<cbc:ID>S</cbc:ID>", "<cbc:ID>X</cbc:ID>", &["BR-CL-17", "BR-CL-18"]),
    (3, "<cbc:TaxExemptionReason>Reverse charge</cbc:TaxExemptionReason>", "", &[]),
    (5, "<cbc:TaxExemptionReason>Exempt by Article 132</cbc:TaxExemptionReason>", "", &["BR-E-10"]),
    (3, "<cbc:ID>AE</cbc:ID>", "<cbc:ID>E</cbc:ID>", &["PEPPOL-EN16931-P0107"]),
];

/// Elements without which a rule is broken: the sample, the element, and the rule. Their first occurrence below
/// the named parent goes.
const TAKEN: &[(usize, &str, &str, &[&str])] = &[
    (0, "Invoice", "CustomizationID", &["BR-01", "PEPPOL-EN16931-R004"]),
    (0, "Invoice", "ProfileID", &["PEPPOL-EN16931-R001", "PEPPOL-EN16931-R007"]),
    (0, "Invoice", "DocumentCurrencyCode", &["BR-05"]),
    (0, "Invoice", "InvoiceLine", &["BR-16", "BR-CO-10"]),
    (0, "Invoice", "TaxTotal", &["PEPPOL-EN16931-R053", "BR-CO-18", "BR-S-01"]),
    (3, "Invoice", "TaxTotal", &["BR-AE-01"]),
    (4, "Invoice", "TaxTotal", &["BR-Z-01"]),
    (5, "Invoice", "TaxTotal", &["BR-E-01"]),
    (0, "AccountingSupplierParty", "EndpointID", &["PEPPOL-EN16931-R020"]),
    (0, "AccountingSupplierParty", "PostalAddress", &["BR-08"]),
    (0, "AccountingSupplierParty", "IdentificationCode", &["BR-09"]),
    (0, "AccountingSupplierParty", "RegistrationName", &["BR-06"]),
    (0, "AccountingSupplierParty", "PartyTaxScheme", &["BR-S-02"]),
    (3, "AccountingSupplierParty", "PartyTaxScheme", &["BR-AE-02"]),
    (0, "AccountingCustomerParty", "EndpointID", &["PEPPOL-EN16931-R010"]),
    (0, "AccountingCustomerParty", "PostalAddress", &["BR-10"]),
    (0, "AccountingCustomerParty", "IdentificationCode", &["BR-11"]),
    (0, "AccountingCustomerParty", "RegistrationName", &["BR-07"]),
    (0, "PaymentMeans", "PaymentMeansCode", &["BR-49"]),
    (0, "PaymentMeans", "PayeeFinancialAccount", &["BR-50", "BR-61"]),
    (1, "BillingReference", "ID", &["BR-55"]),
    (0, "TaxSubtotal", "TaxableAmount", &["BR-45"]),
    (0, "TaxSubtotal", "TaxAmount", &["BR-46", "BR-CO-14"]),
    (0, "TaxCategory", "ID", &["BR-47"]),
    (0, "TaxCategory", "Percent", &["BR-48"]),
    (0, "LegalMonetaryTotal", "LineExtensionAmount", &["BR-12"]),
    (0, "LegalMonetaryTotal", "TaxExclusiveAmount", &["BR-13"]),
    (0, "LegalMonetaryTotal", "TaxInclusiveAmount", &["BR-14"]),
    (0, "LegalMonetaryTotal", "PayableAmount", &["BR-15"]),
    (0, "InvoiceLine", "ID", &["BR-21"]),
    (0, "InvoiceLine", "InvoicedQuantity", &["BR-22"]),
    (0, "InvoiceLine", "LineExtensionAmount", &["BR-24"]),
    (0, "InvoiceLine", "Name", &["BR-25"]),
    (0, "InvoiceLine", "PriceAmount", &["BR-26"]),
    (0, "ClassifiedTaxCategory", "ID", &["BR-CO-04"]),
];

/// Elements that have no place: the sample, after what, and the rule.
const ADDED: &[(usize, &str, &str, &[&str])] = &[
    (0, "</cbc:InvoiceTypeCode>", "<cbc:Note>a</cbc:Note><cbc:Note>b</cbc:Note>", &["PEPPOL-EN16931-R002"]),
    (0, "</cbc:Percent>", "<cbc:TaxExemptionReason>x</cbc:TaxExemptionReason>", &["BR-S-10"]),
    (4, "</cbc:Percent>", "<cbc:TaxExemptionReason>x</cbc:TaxExemptionReason>", &["BR-Z-10"]),
    (
        0,
        "</cbc:PayableAmount>",
        "<cbc:TaxExclusiveAmount currencyID=\"EUR\">120.00</cbc:TaxExclusiveAmount>",
        &["UBL-order"],
    ),
];

fn without(xml: &str, parent: &str, element: &str) -> String {
    let document = roxmltree::Document::parse(xml).unwrap();
    let inside = document.descendants().find(|node| node.tag_name().name() == parent).unwrap();
    let gone = inside.descendants().skip(1).find(|node| node.tag_name().name() == element).unwrap().range();
    format!("{}{}", &xml[..gone.start], &xml[gone.end..])
}

#[test]
fn every_rule_is_broken_by_some_document() {
    let samples = samples();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut told = |xml: &str, what: &str, wanted: &[&'static str]| {
        let found = broken(xml);
        for rule in wanted {
            assert!(found.contains(rule), "{what}: {rule} is not among {found:?}");
        }
        for rule in found {
            *seen.entry(rule).or_default() += 1;
        }
    };
    for (sample, from, to, rules) in SPOILED {
        let xml = &samples[*sample].1;
        assert!(xml.contains(from), "{from} is not in:\n{xml}");
        told(&xml.replace(from, to), from, rules);
    }
    for (sample, parent, element, rules) in TAKEN {
        told(&without(&samples[*sample].1, parent, element), element, rules);
    }
    for (sample, after, new, rules) in ADDED {
        assert!(samples[*sample].1.contains(after), "{after}");
        told(&samples[*sample].1.replacen(after, &format!("{after}{new}"), 1), new, rules);
    }
    let bare = without(
        &without(&samples[0].1, "AccountingSupplierParty", "PartyTaxScheme"),
        "AccountingSupplierParty",
        "PartyLegalEntity",
    );
    told(&bare, "no id of the seller", &["BR-CO-26"]);
    let reasonless =
        without(&without(&samples[3].1, "TaxCategory", "TaxExemptionReason"), "TaxCategory", "TaxExemptionReasonCode");
    told(&reasonless, "no reason", &["BR-AE-10"]);
    let unbroken: Vec<&str> = RULES.iter().map(|(id, _)| *id).filter(|id| !seen.contains_key(id)).collect();
    assert_eq!(unbroken, [] as [&str; 0], "no document here breaks these rules");
}

#[test]
fn what_is_missing_is_said_with_its_field_and_the_way_out() {
    let mut told = Vec::new();
    let mut refused = |what: &str, seller: &SellerConfig, order: &Order, lines: &[InvoiceLine]| {
        let missing = made(lines, seller, order).unwrap_err();
        told.push(format!("{what}\n{}", missing.iter().map(|m| format!("  {m}\n")).collect::<String>()));
    };
    let lines = [december(12_000)];
    let bare = order(r#"{ "postal_address": null, "billing_address": "Road 2, Turku", "e_invoice_address": null }"#);
    refused("an order as they were written before", &seller(), &bare, &lines);
    refused("a VAT id without its country", &seller(), &order(r#"{ "vat_id": "7654321-2" }"#), &lines);
    let swedish = r#"{ "street": null, "postal_code": null, "city": null, "country": "SE" }"#;
    let abroad = order(&format!(r#"{{ "postal_address": {swedish}, "vat_id": null }}"#));
    refused("abroad, without a VAT id", &seller(), &abroad, &lines);
    refused("abroad, and nothing said about that", &SellerConfig { vat_abroad: None, ..seller() }, &abroad, &lines);
    let typed = order(r#"{ "e_invoice_address": { "scheme": "0088", "id": "7300010000002" } }"#);
    refused("a GLN with a typing error", &seller(), &typed, &lines);
    let scheme = order(r#"{ "e_invoice_address": { "scheme": "EM", "id": "a@b.example" } }"#);
    refused("a mail address", &seller(), &scheme, &lines);
    refused("another one pays by now", &seller(), &order(r#"{ "bill_to": "partner" }"#), &lines);
    let own = SellerConfig { e_invoice_address: "0216".to_owned(), ..seller() };
    refused("the seller's own address", &own, &order("{}"), &lines);
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_partner_that_pays_reads_whose_mailboxes_they_are() {
    let line = InvoiceLine { bill_to: "Acme IT".to_owned(), ..december(12_000) };
    let invoice = made(&[line], &seller(), &order(r#"{ "bill_to": "partner" }"#)).unwrap();
    assert_eq!((invoice.buyer.name.as_str(), invoice.buyer.business_id), ("Acme IT", None));
    assert_eq!(invoice.lines[0].description, "Customer & Sons <Oy>, 2026-12-05 – 2027-01-04, 40 mailboxes");
}

#[test]
fn invoices_of_a_run_are_numbered_by_their_first_lines() {
    let of = |customer: &str, minor| InvoiceLine { customer_id: customer.to_owned(), ..december(minor) };
    let crowns = |line: InvoiceLine| InvoiceLine { amount: Money { currency: Currency::Sek, ..line.amount }, ..line };
    let lines = [of("b", 1), of("a", 2), of("b", 3), crowns(of("b", 4)), of("a", 5)];
    let shown: Vec<String> = sheets(RUN, &lines)
        .iter()
        .map(|sheet| {
            format!(
                "{} {} {:?}",
                sheet.number,
                sheet.customer_id,
                sheet.lines.iter().map(|l| l.name.number).collect::<Vec<_>>()
            )
        })
        .collect();
    assert_eq!(shown, ["20261215-0001 b [1, 3]", "20261215-0002 a [2, 5]", "20261215-0003 b [4]"]);
}

proptest! {
    /// Whatever a run holds: its CSV, its JSON and its invoices have the same lines and sums, the sum of the lines
    /// and the tax is what is to pay, every rule holds, and a credit note takes back what an invoice charged.
    #[test]
    fn all_forms_of_a_run_say_the_same(
        amounts in proptest::collection::vec((0..3_u8, -90_000_000..90_000_000_i64, any::<bool>()), 1..20),
        rate in 1..9_999_u32,
    ) {
        let lines: Vec<InvoiceLine> = amounts.iter().map(|(customer, minor, adjusts)| {
            let line = if *adjusts { correction(*minor) } else { december(minor.abs()) };
            InvoiceLine { customer_id: format!("c{customer}"), ..line }
        }).collect();
        let rate = format!("{}.{:02}", rate / 100, rate % 100);
        let standard = VatConfig { rate: Some(rate.clone()), ..vat(VatCategory::Standard) };
        let (seller, order) = (SellerConfig { vat: standard, ..seller() }, order("{}"));
        let terms = Terms { seller: &seller, service: "Mail filtering", order: &order, order_id: "o" };

        let json = from_bytes(&to_bytes(&lines)).unwrap();
        prop_assert_eq!(&json, &lines);
        let table = export::csv(&lines).unwrap();
        let mut rows: Vec<(String, i64)> = Vec::new();
        for row in csv::Reader::from_reader(table.as_slice()).into_deserialize() {
            let row: BTreeMap<String, String> = row.unwrap();
            let money: Money = format!("{} {}", row["amount"], row["currency"]).parse().unwrap();
            rows.push((row["customer"].clone(), money.minor));
        }
        let mut in_documents: Vec<(usize, String, i64)> = Vec::new();
        let mut sum = 0;
        for sheet in sheets(RUN, &lines) {
            let invoice = compose(&sheet, &terms, Vec::new()).unwrap();
            let sign = if invoice.kind == Kind::CreditNote { -1 } else { 1 };
            prop_assert!(invoice.net >= 0 && invoice.tax >= 0);
            prop_assert_eq!(invoice.net, invoice.lines.iter().map(|l| l.net).sum::<i64>());
            prop_assert_eq!(invoice.payable, invoice.net + invoice.tax);
            // Half a cent away at the most, in whole numbers.
            let exact = i128::from(invoice.net) * i128::from(seller.vat.basis_points().unwrap());
            prop_assert!((exact - i128::from(invoice.tax) * 10_000).abs() * 2 <= 10_000);
            let bytes = xml(&invoice).unwrap();
            prop_assert_eq!(&bytes, &xml(&compose(&sheet, &terms, Vec::new()).unwrap()).unwrap());
            let text = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(broken(&text), [] as [&str; 0], "{}", text);
            let document = roxmltree::Document::parse(&text).unwrap();
            for node in document.descendants().filter(|n| ["InvoiceLine", "CreditNoteLine"].contains(&n.tag_name().name())) {
                let of = |name: &str| node.descendants().find(|n| n.tag_name().name() == name).unwrap().text().unwrap();
                let money: Money = format!("{} EUR", of("LineExtensionAmount")).parse().unwrap();
                let number: usize = of("Note").split_once('/').unwrap().1.parse().unwrap();
                in_documents.push((number, sheet.customer_id.to_owned(), sign * money.minor));
            }
            sum += sign * invoice.net;

            let back: Vec<InvoiceLine> = sheet.lines.iter()
                .map(|at| InvoiceLine { amount: Money { minor: -at.line.amount.minor, ..at.line.amount }, ..at.line.clone() })
                .collect();
            let given_back = compose(&sheets(RUN, &back)[0], &terms, Vec::new()).unwrap();
            prop_assert_eq!((given_back.net, given_back.tax), (invoice.net, invoice.tax));
            prop_assert!(given_back.kind != invoice.kind || invoice.net == 0);
        }
        in_documents.sort_by_key(|(number, ..)| *number);
        let in_documents: Vec<(String, i64)> = in_documents.into_iter().map(|(_, id, minor)| (id, minor)).collect();
        let in_json: Vec<(String, i64)> = json.iter().map(|line| (line.customer_id.clone(), line.amount.minor)).collect();
        prop_assert_eq!(&rows, &in_json);
        prop_assert_eq!(&in_documents, &in_json);
        prop_assert_eq!(totals(&lines).unwrap()[0].minor, sum);
    }
}
