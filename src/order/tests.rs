//! What an order may contain, field by field.

use fencepost_checks::DomainName;
use proptest::prelude::*;

use super::{OrderForm, OrderRules};

const GOOD: &str = r#"{
  "partner": "Acme IT", "customer_name": "Customer Ltd", "business_id": "1234567-8",
  "billing_address": "Street 1\r\n00100 Helsinki", "bill_to": "partner",
  "contacts": [ { "name": "Ann", "email": "ann@customer.example" },
                { "name": "Bo", "email": "bo@acme-it.example", "role": "partner" } ],
  "domains": [ "Customer.example.", "second.example" ],
  "servers": [ { "host": "mail.customer.example" }, { "host": "11.1.2.3", "port": 2525, "standby": true } ],
  "mailboxes": 25, "kind": "trial", "price": "120.00 EUR", "sales_rep": "rep@acme-it.example",
  "invoicing_group": 15, "language": "fi"
}"#;

fn rules() -> OrderRules {
    OrderRules::new(&["127.0.1.0/24".to_owned()], vec![DomainName::parse("mx1.gateway.example").unwrap()]).unwrap()
}

fn good() -> OrderForm {
    serde_json::from_str(GOOD).unwrap()
}

/// The problems after a change, one a line.
fn problems(change: impl FnOnce(&mut OrderForm)) -> String {
    let mut form = good();
    change(&mut form);
    let errors = form.check(&rules()).expect_err("must be refused");
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_good_order_is_taken_and_normalised() {
    let order = good().check(&rules()).unwrap();
    insta::assert_json_snapshot!(order);
    let at = |d: &str| order.test_address(&DomainName::parse(d).unwrap());
    assert_eq!(at("second.example"), "postmaster@second.example");
}

#[test]
fn yaml_with_numbers_as_numbers_is_the_same_order() {
    let yaml = "partner: Acme IT\ncustomer_name: Customer Ltd\ncontacts: [{email: bo@acme-it.example}]\n\
                domains: [customer.example]\nservers: [{host: mail.customer.example, port: 25}]\nmailboxes: 25\n\
                kind: paid\nprice: 120.00 EUR\ninvoicing_group: 30\n";
    let order = serde_yaml::from_str::<OrderForm>(yaml).unwrap().check(&rules()).unwrap();
    assert_eq!((order.mailboxes, order.invoicing_group, order.price.minor), (25, Some(30), 12_000));
    assert_eq!(order.test_mailbox, "postmaster");
}

#[test]
fn every_problem_is_reported_at_once() {
    let form: OrderForm = serde_json::from_str(
        r#"{ "domains": ["a..b", "x.example", "X.example"], "kind": "trial", "mailboxes": 0,
             "contacts": [{ "email": "a@x.example" }, { "email": "a@mail.x.example\r\nRCPT TO:<b@c.example>" }],
             "servers": [{ "host": "127.0.0.1", "port": 0 }, { "host": "10.0.0.1" }], "invoicing_group": 20,
             "language": "sv", "bill_to": "me", "test_mailbox": "x@other.example" }"#,
    )
    .unwrap();
    let errors = form.check(&rules()).unwrap_err();
    insta::assert_snapshot!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn an_empty_form_says_what_is_needed() {
    let errors = OrderForm::default().check(&rules()).unwrap_err();
    insta::assert_snapshot!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_trial_needs_a_price_and_a_sales_rep() {
    let both = problems(|f| (f.price, f.sales_rep) = (None, Some("  ".to_owned())));
    assert!(both.starts_with("price: a trial needs"), "{both}");
    assert!(both.contains("\nsales_rep: a trial needs"), "{both}");
    let mut paid = good();
    (paid.kind, paid.sales_rep) = (Some("paid".to_owned()), None);
    assert!(paid.check(&rules()).is_ok(), "a paid order needs no sales rep");
    paid.price = None;
    assert_eq!(paid.check(&rules()).unwrap_err()[0].field, "price");
}

#[test]
fn prices_are_decimal_and_not_negative() {
    for bad in ["-1.00 EUR", "120", "120,00 EUR", "1.234 EUR", "10 XYZ"] {
        assert!(problems(|f| f.price = Some(bad.to_owned())).starts_with("price: "), "{bad}");
    }
}

#[test]
fn servers_are_public_unless_excepted() {
    let one = |host: &str| {
        let mut form = good();
        form.servers.truncate(1);
        form.servers[0].host = Some(host.to_owned());
        form.check(&rules())
    };
    for bad in [
        "127.0.0.1",
        "[::1]",
        "::ffff:10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "localhost",
        "mail.localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "mail",
        "mail.customer.example\r\nQUIT",
        "mx1.gateway.example",
        "",
    ] {
        let errors = one(bad).expect_err(bad);
        assert_eq!(errors[0].field, "servers[0].host", "{bad}: {errors:?}");
    }
    for fine in ["127.0.1.9", "::ffff:127.0.1.9", "9.9.9.9", "2a00::1", "MAIL.customer.example."] {
        one(fine).expect(fine);
    }
    assert!(OrderRules::new(&["loopback".to_owned()], Vec::new()).is_err());
}

#[test]
fn nobody_may_leave_the_server_out() {
    assert!(problems(|f| f.servers.clear()).starts_with("servers: name at least one"));
    let hosted = problems(|f| {
        f.servers.clear();
        f.hosted = true;
    });
    assert!(hosted.starts_with("servers: name the host of the hosted platform"), "{hosted}");
    assert!(problems(|f| f.servers.remove(0).standby = true).contains("every server is a standby"));
}

#[test]
fn somebody_outside_must_be_reachable() {
    let inside = problems(|f| {
        f.contacts.truncate(1);
        f.contacts[0].email = Some("ann@mail.customer.example".to_owned());
    });
    assert!(inside.starts_with("contacts: every contact is in the domains"), "{inside}");
    let mut beside = good();
    beside.contacts[1].email = Some("bo@notcustomer.example".to_owned());
    assert!(beside.check(&rules()).is_ok(), "compared by label, not by ending");
}

#[test]
fn the_test_mailbox_belongs_to_the_domains() {
    let mut form = good();
    form.test_mailbox = Some("probe@second.example".to_owned());
    let order = form.check(&rules()).unwrap();
    let at = |d: &str| order.test_address(&DomainName::parse(d).unwrap());
    assert_eq!(at("second.example"), "probe@second.example");
    assert_eq!(at("customer.example"), "postmaster@customer.example");
    assert!(problems(|f| f.test_mailbox = Some("a b".to_owned())).starts_with("test_mailbox: "));
}

#[test]
fn everything_has_a_bound() {
    assert!(problems(|f| f.customer_name = Some("x".repeat(201))).contains("at most 200"));
    assert!(problems(|f| f.customer_name = Some("a\r\nBcc: b@c.example".to_owned())).contains("control character"));
    for hidden in ['\u{200b}', '\u{2028}', '\u{202e}', '\u{2066}', '\u{feff}'] {
        assert!(problems(|f| f.customer_name = Some(format!("a{hidden}b"))).contains("invisible"), "{hidden:?}");
    }
    let many = problems(|f| f.domains = (0..101).map(|i| format!("d{i}.example")).collect());
    assert!(many.starts_with("domains: has 101 entries, at most 100"), "{many}");
    assert!(problems(|f| f.servers = vec![f.servers[0].clone(); 21]).contains("servers: has 21 entries"));
    assert!(problems(|f| f.contacts = vec![f.contacts[1].clone(); 21]).contains("contacts: has 21 entries"));
    assert!(problems(|f| f.mailboxes = Some("1000001".to_owned())).starts_with("mailboxes: "));
    assert!(problems(|f| f.servers[0].port = Some("65536".to_owned())).starts_with("servers[0].port: "));
}

#[test]
fn whoever_pays_is_known_as_an_e_invoice_needs_it() {
    let mut form = good();
    form.billing_address = None;
    form.billing_street = Some("Street 1".to_owned());
    form.billing_postal_code = Some("00100".to_owned());
    form.billing_city = Some("Helsinki".to_owned());
    form.billing_country = Some("fi".to_owned());
    form.e_invoice_address = Some("0216:003712345678".to_owned());
    form.buyer_reference = Some("PO 4711".to_owned());
    let mut order = form.check(&rules()).unwrap();
    assert_eq!(order.postal_address.as_ref().unwrap().to_string(), "Street 1, 00100 Helsinki, FI");
    let partner = order.buyer();
    assert_eq!((partner.name, partner.business_id, partner.reference), ("Acme IT", None, Some("PO 4711")));
    order.bill_to = super::BillTo::Customer;
    let customer = order.buyer();
    assert_eq!((customer.name, customer.business_id), ("Customer Ltd", Some("1234567-8")));
    assert_eq!(customer.e_invoice.unwrap().to_string(), "0216:003712345678");
}

#[test]
fn what_is_wrong_with_whoever_pays_is_said_at_its_field() {
    let both = problems(|f| f.billing_country = Some("FI".to_owned()));
    assert!(both.starts_with("billing_address: is given in parts, too"), "{both}");
    let without = problems(|f| (f.billing_address, f.billing_city) = (None, Some("Helsinki".to_owned())));
    assert!(without.starts_with("billing_country: a billing address in parts needs"), "{without}");
    assert!(
        problems(|f| (f.billing_address, f.billing_country) = (None, Some("ZZ".to_owned()))).contains("no country")
    );
    assert!(problems(|f| f.e_invoice_address = Some("003712345678".to_owned())).starts_with("e_invoice_address: "));
    assert!(problems(|f| f.buyer_reference = Some("x".repeat(201))).starts_with("buyer_reference: "));
}

#[test]
fn an_order_from_before_these_fields_has_the_same_evidence() {
    let order = good().check(&rules()).unwrap();
    let bytes = String::from_utf8(order.evidence_bytes()).unwrap();
    assert!(
        !bytes.contains("postal_address") && !bytes.contains("e_invoice") && !bytes.contains("buyer_ref"),
        "{bytes}"
    );
}

#[test]
fn unknown_fields_are_refused_when_read() {
    let error = serde_json::from_str::<OrderForm>(r#"{ "partner": "x", "prise": "1 EUR" }"#).unwrap_err();
    assert!(error.to_string().contains("unknown field `prise`"), "{error}");
    assert!(serde_json::from_str::<OrderForm>(r#"{ "servers": [{ "hots": "x" }] }"#).is_err());
}

proptest! {
    /// Whatever is typed: no panic, and nothing with a control byte is ever taken.
    #[test]
    fn nothing_harmful_passes(text in "\\PC{0,20}[\r\n\0\t]?\\PC{0,20}", which in 0..7_u8) {
        let mut form = good();
        match which {
            0 => form.customer_name = Some(text),
            1 => form.contacts[0].email = Some(text),
            2 => form.servers[0].host = Some(text),
            3 => form.domains[0] = text,
            4 => form.test_mailbox = Some(text),
            5 => form.sales_rep = Some(text),
            _ => form.contacts[0].name = Some(text),
        }
        if let Ok(mut order) = form.check(&rules()) {
            order.billing_address = None;
            let json = serde_json::to_value(&order).unwrap();
            let mut open = vec![&json];
            while let Some(value) = open.pop() {
                match value {
                    serde_json::Value::String(s) => prop_assert!(!s.chars().any(char::is_control), "{s:?}"),
                    serde_json::Value::Array(all) => open.extend(all),
                    serde_json::Value::Object(all) => open.extend(all.values()),
                    _ => {}
                }
            }
        }
    }
}
