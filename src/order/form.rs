//! An order as somebody typed it. Reading it refuses unknown fields only; everything a person can
//! get wrong is text here and is judged by [`OrderForm::check`], which reports all problems at once.

use std::fmt;

use fencepost_checks::DomainName;
use ipnet::IpNet;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use super::buyer::country;
use super::field::{FieldError, Problems, email, given, host, local_part, mail_domain, number, plain, shown};
use super::{BillTo, Contact, ContactRole, EInvoiceAddress, Language, MailServer, Order, Payer, PostalAddress};
use crate::ledger::Money;
use crate::lifecycle::subscription::OrderKind;

const MAX_DOMAINS: usize = 100;
const MAX_SERVERS: usize = 20;
const MAX_CONTACTS: usize = 20;
const MAX_MAILBOXES: u32 = 1_000_000;
const NAME_CHARS: usize = 200;
const ADDRESS_CHARS: usize = 500;
const ID_CHARS: usize = 64;

/// The order of API, CLI and web form. Numbers may be written as numbers or as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrderForm {
    #[serde(deserialize_with = "text")]
    pub partner: Option<String>,
    #[serde(deserialize_with = "text")]
    pub customer_name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub business_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub billing_address: Option<String>,
    #[serde(deserialize_with = "text")]
    pub vat_id: Option<String>,
    /// `customer` (default) or `partner`.
    #[serde(deserialize_with = "text")]
    pub bill_to: Option<String>,
    pub contacts: Vec<ContactForm>,
    pub domains: Vec<String>,
    pub servers: Vec<ServerForm>,
    pub hosted: bool,
    /// Local part or whole address; default `postmaster`.
    #[serde(deserialize_with = "text")]
    pub test_mailbox: Option<String>,
    #[serde(deserialize_with = "text")]
    pub mailboxes: Option<String>,
    /// `trial` or `paid`.
    #[serde(deserialize_with = "text")]
    pub kind: Option<String>,
    /// Monthly total, `120.00 EUR`.
    #[serde(deserialize_with = "text")]
    pub price: Option<String>,
    /// Mail address of the partner's sales rep.
    #[serde(deserialize_with = "text")]
    pub sales_rep: Option<String>,
    /// `15` or `30`; left out, the rule decides.
    #[serde(deserialize_with = "text")]
    pub invoicing_group: Option<String>,
    /// `en` (default) or `fi`.
    #[serde(deserialize_with = "text")]
    pub language: Option<String>,
    /// Only of the service desk: why another trial is allowed within twelve months.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub trial_override: Option<String>,
    /// The billing address in parts, in the place of `billing_address`; the country as FI or SE.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub billing_street: Option<String>,
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub billing_postal_code: Option<String>,
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub billing_city: Option<String>,
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub billing_country: Option<String>,
    /// `0216:003712345678`: scheme and address of whoever pays.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub e_invoice_address: Option<String>,
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub buyer_reference: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContactForm {
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub email: Option<String>,
    /// `technical` (default) or `partner`.
    #[serde(deserialize_with = "text")]
    pub role: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerForm {
    #[serde(deserialize_with = "text")]
    pub host: Option<String>,
    /// Default 25.
    #[serde(deserialize_with = "text")]
    pub port: Option<String>,
    pub standby: bool,
}

/// Domains, and own servers where they have some of their own.
pub type DomainsAndServers = (Vec<DomainName>, Option<Vec<MailServer>>);

/// A partner that takes a customer over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherPartner {
    pub partner: String,
    pub contacts: Vec<Contact>,
    pub sales_rep: Option<String>,
    pub payer: Payer,
}

/// What an order is checked against, from the configuration.
#[derive(Debug, Clone, Default)]
pub struct OrderRules {
    allow_targets: Vec<IpNet>,
    gateway_names: Vec<DomainName>,
    only_partner: Option<String>,
    no_override: bool,
}

impl OrderRules {
    /// `allow_targets` are networks (CIDR) where an own server may be although they are special;
    /// `gateway_names` are the gateway's MX hosts, which cannot be anybody's own server.
    ///
    /// # Errors
    /// The first text that is no network.
    pub fn new(allow_targets: &[String], gateway_names: Vec<DomainName>) -> Result<Self, String> {
        let networks = allow_targets
            .iter()
            .map(|t| t.parse().map_err(|_| format!("`{}` is no network; write it like 10.0.0.0/8", shown(t))))
            .collect::<Result<_, _>>()?;
        Ok(Self { allow_targets: networks, gateway_names, ..Self::default() })
    }

    /// For whoever orders for one partner alone (`None`: for all), and is the service desk or is not.
    #[must_use]
    pub fn of_caller(self, only_partner: Option<String>, desk: bool) -> Self {
        Self { only_partner, no_override: !desk, ..self }
    }
}

impl OrderForm {
    /// The order, or every reason to refuse it.
    ///
    /// # Errors
    /// One [`FieldError`] a problem, in the order of the form.
    pub fn check(&self, rules: &OrderRules) -> Result<Order, Vec<FieldError>> {
        let mut p = Problems::default();
        let partner = self.check_partner(&mut p, rules);
        let customer_name =
            needed(&mut p, "customer_name", self.customer_name.as_ref(), "give the customer's name", NAME_CHARS);
        let business_id = optional(&mut p, "business_id", self.business_id.as_ref(), ID_CHARS, false);
        let payer = self.check_payer(&mut p);
        let bill_to = choice(
            &mut p,
            "bill_to",
            self.bill_to.as_ref(),
            &[("customer", BillTo::Customer), ("partner", BillTo::Partner)],
        );
        let domains = self.check_domains(&mut p);
        let contacts = self.check_contacts(&mut p, &domains);
        let servers = self.check_servers(&mut p, rules);
        let test_mailbox = self.check_test_mailbox(&mut p, &domains);
        let mailboxes = self
            .mailboxes
            .as_ref()
            .map_or_else(|| Err("give the number of mailboxes".to_owned()), |m| number(m.trim(), 1, MAX_MAILBOXES));
        let mailboxes = p.take("mailboxes", mailboxes);
        let kind = self.check_kind(&mut p);
        let price = p.take("price", self.check_price(kind));
        let sales_rep = self.check_sales_rep(&mut p, kind);
        let invoicing_group = given(self.invoicing_group.as_ref()).and_then(|text| match text {
            "15" => Some(15),
            "30" => Some(30),
            other => {
                p.add("invoicing_group", format!("`{}` is no invoicing group; write 15 or 30", shown(other)));
                None
            }
        });
        let language =
            choice(&mut p, "language", self.language.as_ref(), &[("en", Language::En), ("fi", Language::Fi)]);
        let trial_override = optional(&mut p, "trial_override", self.trial_override.as_ref(), ADDRESS_CHARS, false);
        if trial_override.is_some() && rules.no_override {
            p.add("trial_override", "only the service desk can allow another trial; ask it, or leave this out");
        } else if trial_override.is_some() && kind == Some(OrderKind::Paid) {
            p.add("trial_override", "goes with a trial only; leave it out of a paid order");
        }

        let problems = p.into_inner();
        match (partner, customer_name, mailboxes, kind, price) {
            (Some(partner), Some(customer_name), Some(mailboxes), Some(kind), Some(price)) if problems.is_empty() => {
                Ok(Order {
                    partner,
                    customer_name,
                    business_id,
                    billing_address: payer.billing_address,
                    vat_id: payer.vat_id,
                    bill_to,
                    contacts,
                    domains,
                    servers,
                    hosted: self.hosted,
                    test_mailbox,
                    mailboxes,
                    kind,
                    price,
                    sales_rep,
                    invoicing_group,
                    language,
                    trial_override,
                    postal_address: payer.postal_address,
                    e_invoice_address: payer.e_invoice_address,
                    buyer_reference: payer.buyer_reference,
                })
            }
            _ => Err(problems),
        }
    }

    /// The own servers alone, as a change of them asks.
    ///
    /// # Errors
    /// One [`FieldError`] a problem.
    pub fn own_servers(&self, rules: &OrderRules) -> Result<Vec<MailServer>, Vec<FieldError>> {
        let mut p = Problems::default();
        let servers = self.check_servers(&mut p, rules);
        let problems = p.into_inner();
        if problems.is_empty() { Ok(servers) } else { Err(problems) }
    }

    /// Further domains of a customer, with own servers of their own where some are named.
    ///
    /// # Errors
    /// One [`FieldError`] a problem.
    pub fn further_domains(&self, rules: &OrderRules) -> Result<DomainsAndServers, Vec<FieldError>> {
        let mut p = Problems::default();
        let domains = self.check_domains(&mut p);
        let servers = (!self.servers.is_empty()).then(|| self.check_servers(&mut p, rules));
        if servers.is_none() && self.hosted {
            p.add("hosted", "goes with `servers`: name the host of the platform that takes the mail");
        }
        let problems = p.into_inner();
        if problems.is_empty() { Ok((domains, servers)) } else { Err(problems) }
    }

    /// Another partner: its name, its contacts outside of the customer's `domains`, its sales rep, and what an
    /// invoice to it needs.
    ///
    /// # Errors
    /// One [`FieldError`] a problem.
    pub fn other_partner(&self, domains: &[DomainName]) -> Result<OtherPartner, Vec<FieldError>> {
        let mut p = Problems::default();
        let partner = needed(&mut p, "partner", self.partner.as_ref(), "name the partner", NAME_CHARS);
        let contacts = self.check_contacts(&mut p, domains);
        let sales_rep = given(self.sales_rep.as_ref()).and_then(|typed| p.take("sales_rep", email(typed)));
        let payer = self.check_payer(&mut p);
        let problems = p.into_inner();
        match partner {
            Some(partner) if problems.is_empty() => Ok(OtherPartner { partner, contacts, sales_rep, payer }),
            _ => Err(problems),
        }
    }

    fn check_partner(&self, p: &mut Problems, rules: &OrderRules) -> Option<String> {
        let typed = self.partner.as_ref().or(rules.only_partner.as_ref());
        let partner = needed(p, "partner", typed, "name the partner", NAME_CHARS)?;
        match &rules.only_partner {
            Some(own) if *own != partner => {
                p.add("partner", format!("this token orders for the partner `{own}` only"));
                None
            }
            _ => Some(partner),
        }
    }

    fn check_payer(&self, p: &mut Problems) -> Payer {
        Payer {
            billing_address: optional(p, "billing_address", self.billing_address.as_ref(), ADDRESS_CHARS, true),
            vat_id: optional(p, "vat_id", self.vat_id.as_ref(), ID_CHARS, false),
            postal_address: self.check_postal_address(p),
            e_invoice_address: given(self.e_invoice_address.as_ref())
                .and_then(|typed| p.take("e_invoice_address", EInvoiceAddress::parse(typed))),
            buyer_reference: optional(p, "buyer_reference", self.buyer_reference.as_ref(), NAME_CHARS, false),
        }
    }

    fn check_postal_address(&self, p: &mut Problems) -> Option<PostalAddress> {
        let street = optional(p, "billing_street", self.billing_street.as_ref(), NAME_CHARS, false);
        let postal_code = optional(p, "billing_postal_code", self.billing_postal_code.as_ref(), ID_CHARS, false);
        let city = optional(p, "billing_city", self.billing_city.as_ref(), NAME_CHARS, false);
        let code = given(self.billing_country.as_ref());
        if code.is_none() && street.is_none() && postal_code.is_none() && city.is_none() {
            return None;
        }
        if given(self.billing_address.as_ref()).is_some() {
            p.add("billing_address", "is given in parts, too (`billing_street` …); give it in one of the two ways");
        }
        let code = code.ok_or_else(|| "a billing address in parts needs its country, such as FI".to_owned());
        let country = p.take("billing_country", code.and_then(country))?;
        Some(PostalAddress { street, postal_code, city, country })
    }

    fn check_domains(&self, p: &mut Problems) -> Vec<DomainName> {
        bounded(p, "domains", self.domains.len(), MAX_DOMAINS);
        if self.domains.is_empty() {
            p.add("domains", "name at least one domain to move");
        }
        let mut domains: Vec<DomainName> = Vec::new();
        for (i, typed) in self.domains.iter().enumerate().take(MAX_DOMAINS) {
            let field = format!("domains[{i}]");
            let Some(name) = p.take(field.clone(), mail_domain(typed.trim())) else { continue };
            if domains.contains(&name) {
                p.add(field, format!("{name} is in this order already"));
            } else {
                domains.push(name);
            }
        }
        domains
    }

    fn check_contacts(&self, p: &mut Problems, domains: &[DomainName]) -> Vec<Contact> {
        bounded(p, "contacts", self.contacts.len(), MAX_CONTACTS);
        if self.contacts.is_empty() {
            p.add("contacts", "name at least one contact outside the domains being moved");
        }
        let mut contacts: Vec<Contact> = Vec::new();
        for (i, c) in self.contacts.iter().enumerate().take(MAX_CONTACTS) {
            let at = |part: &str| format!("contacts[{i}].{part}");
            let name = optional(p, &at("name"), c.name.as_ref(), NAME_CHARS, false).unwrap_or_default();
            let roles = [("technical", ContactRole::Technical), ("partner", ContactRole::Partner)];
            let role = choice(p, &at("role"), c.role.as_ref(), &roles);
            let typed = given(c.email.as_ref()).ok_or_else(|| "give an e-mail address".to_owned());
            if let Some(email) = p.take(at("email"), typed.and_then(email)) {
                contacts.push(Contact { name, email, role });
            }
        }
        // Mail about a broken cut-over must not depend on the domains that it is about.
        let inside = |c: &Contact| {
            c.email
                .rsplit_once('@')
                .and_then(|(_, d)| DomainName::parse(d).ok())
                .is_some_and(|name| domains.iter().any(|d| name.is_at_or_below(d)))
        };
        if !contacts.is_empty() && contacts.len() == self.contacts.len() && contacts.iter().all(inside) {
            p.add(
                "contacts",
                "every contact is in the domains being moved; give at least one address elsewhere, so that we can \
                 write while their mail does not work",
            );
        }
        contacts
    }

    fn check_servers(&self, p: &mut Problems, rules: &OrderRules) -> Vec<MailServer> {
        bounded(p, "servers", self.servers.len(), MAX_SERVERS);
        // Without a server there is nothing to prove and nowhere to deliver to.
        if self.servers.is_empty() && self.hosted {
            p.add("servers", "name the host of the hosted platform that takes the mail; the present MX shows it");
        } else if self.servers.is_empty() {
            p.add("servers", "name at least one own mail server (host and port)");
        } else if !self.servers.is_empty() && self.servers.iter().all(|s| s.standby) {
            p.add("servers", "every server is a standby; at least one must take mail all the time");
        }
        let mut servers: Vec<MailServer> = Vec::new();
        for (i, s) in self.servers.iter().enumerate().take(MAX_SERVERS) {
            let typed = given(s.host.as_ref()).ok_or_else(|| "give the server's host name or address".to_owned());
            let host = p.take(format!("servers[{i}].host"), typed.and_then(|t| host(t, &rules.allow_targets)));
            let port = match given(s.port.as_ref()) {
                None => Some(super::smtp_port()),
                Some(typed) => p.take(
                    format!("servers[{i}].port"),
                    number(typed, 1, u32::from(u16::MAX)).map(|n| u16::try_from(n).unwrap_or(u16::MAX)),
                ),
            };
            let (Some(host), Some(port)) = (host, port) else { continue };
            if rules.gateway_names.iter().any(|g| g.as_str() == host) {
                let message = format!("{host} is the gateway's own MX host: mail would go round in a circle");
                p.add(format!("servers[{i}].host"), message);
            } else if servers.iter().any(|s| s.host == host && s.port == port) {
                p.add(format!("servers[{i}].host"), format!("{host}:{port} is in this order already"));
            } else {
                servers.push(MailServer { host, port, standby: s.standby });
            }
        }
        servers
    }

    fn check_test_mailbox(&self, p: &mut Problems, domains: &[DomainName]) -> String {
        let fallback = || "postmaster".to_owned();
        let Some(typed) = given(self.test_mailbox.as_ref()) else { return fallback() };
        if !typed.contains('@') {
            return p.take("test_mailbox", local_part(typed)).map_or_else(fallback, |()| typed.to_owned());
        }
        let Some(address) = p.take("test_mailbox", email(typed)) else { return fallback() };
        let ours = address.rsplit_once('@').is_some_and(|(_, at)| domains.iter().any(|d| d.as_str() == at));
        if !ours && !domains.is_empty() {
            p.add("test_mailbox", format!("{address} is in none of the domains being moved"));
        }
        address
    }

    fn check_kind(&self, p: &mut Problems) -> Option<OrderKind> {
        let read = match given(self.kind.as_ref()) {
            Some("trial") => Ok(OrderKind::Trial),
            Some("paid") => Ok(OrderKind::Paid),
            Some(other) => Err(format!("`{}` is neither `trial` nor `paid`", shown(other))),
            None => Err("say whether this is a `trial` or a `paid` order".to_owned()),
        };
        p.take("kind", read)
    }

    fn check_price(&self, kind: Option<OrderKind>) -> Result<Money, String> {
        let typed = given(self.price.as_ref()).ok_or_else(|| match kind {
            Some(OrderKind::Trial) => {
                "a trial needs the monthly total price too, such as `120.00 EUR`: an offer known at once speeds the decision"
                    .to_owned()
            }
            Some(OrderKind::Paid) | None => "give the monthly total price, such as `120.00 EUR`".to_owned(),
        })?;
        let price: Money = typed.parse().map_err(|e: crate::ledger::MoneyError| e.to_string())?;
        if price.minor < 0 { Err(format!("{price} is negative; a price is zero or more")) } else { Ok(price) }
    }

    fn check_sales_rep(&self, p: &mut Problems, kind: Option<OrderKind>) -> Option<String> {
        match given(self.sales_rep.as_ref()) {
            Some(typed) => p.take("sales_rep", email(typed)),
            None if kind == Some(OrderKind::Trial) => {
                p.add(
                    "sales_rep",
                    "a trial needs the sales rep's e-mail address: reminders and the monthly report go there",
                );
                None
            }
            None => None,
        }
    }
}

fn bounded(p: &mut Problems, field: &str, count: usize, most: usize) {
    if count > most {
        p.add(field, format!("has {count} entries, at most {most} are allowed in one order"));
    }
}

fn needed(p: &mut Problems, field: &str, text: Option<&String>, ask: &str, max: usize) -> Option<String> {
    let typed = given(text).ok_or_else(|| ask.to_owned());
    p.take(field, typed.and_then(|t| plain(t, max, false)))
}

fn optional(p: &mut Problems, field: &str, text: Option<&String>, max: usize, lines: bool) -> Option<String> {
    let unified = given(text)?.replace("\r\n", "\n");
    p.take(field, plain(&unified, max, lines))
}

fn choice<T: Copy + Default>(p: &mut Problems, field: &str, text: Option<&String>, of: &[(&str, T)]) -> T {
    let Some(typed) = given(text) else { return T::default() };
    if let Some((_, value)) = of.iter().find(|(name, _)| *name == typed) {
        return *value;
    }
    let names: Vec<String> = of.iter().map(|(name, _)| format!("`{name}`")).collect();
    p.add(field, format!("`{}` is not known here; write {}", shown(typed), names.join(" or ")));
    T::default()
}

/// Takes text, a number or a truth value as text; null as not given.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct AsText;
    impl<'de> Visitor<'de> for AsText {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text or a number")
        }
        fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
            Ok(Some(v.to_owned()))
        }
        fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
            Ok(Some(v.to_string()))
        }
        fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
            Ok(Some(v.to_string()))
        }
        fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
            Ok(Some(v.to_string()))
        }
        fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
            Ok(Some(v.to_string()))
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
            d.deserialize_any(self)
        }
    }
    deserializer.deserialize_any(AsText)
}
