//! `/order`: the order as a form in a browser, for the service desk and for partners. It is read into the
//! very form that the API and the command line send; what is wrong is said at its field, and what was
//! typed stays.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::action::caller;
use super::frame::Frame;
use super::page::{Page, html};
use super::precheck::{Checked, look};
use super::session::Reader;
use crate::engine::DeskError;
use crate::http::HttpState;
use crate::http::api::rules_of;
use crate::http::problem::{Kind, Problem};
use crate::order::FieldError;
use crate::order::flat::{Cells, ORDER_COLUMNS, form};
use crate::store::Role;

/// Who may order.
const BUYERS: &[Role] = &[Role::Desk, Role::Partner];

/// What somebody typed, by the name of the field.
type Typed = BTreeMap<String, String>;

struct Field {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
    errors: Vec<String>,
    /// `line`, `lines` or `choice`.
    kind: &'static str,
    choices: Vec<(&'static str, &'static str)>,
}

struct Group {
    title: &'static str,
    fields: Vec<Field>,
}

#[derive(Template)]
#[template(path = "pages/order.html")]
struct OrderPage {
    form: String,
    groups: Vec<Group>,
    /// What is wrong, and has no field of its own here.
    wrong: Vec<String>,
    refused: bool,
    /// What a look at the domains showed, and why there was none.
    checked: Vec<Checked>,
    check_refused: Option<String>,
    frame: Frame,
}

impl Cells for Typed {
    fn cell(&self, column: &str) -> Option<String> {
        self.get(column).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// One a line.
    fn list(&self, column: &str) -> Vec<String> {
        let text = self.cell(column).unwrap_or_default();
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

pub(super) async fn show(reader: Reader) -> Page {
    reader.identity.require(BUYERS)?;
    let typed =
        Typed::from([("kind".to_owned(), "trial".to_owned()), ("test_mailbox".to_owned(), "postmaster".to_owned())]);
    html(&page(&reader, &typed, &[])?)
}

pub(super) async fn place(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Page {
    reader.sent_by(BUYERS, &headers, typed.get("form").map_or("", String::as_str))?;
    let mut errors = unknown(&typed);
    let read = form(&typed, &mut errors);
    let order = match read.check(&rules_of(&state, &reader.identity)?) {
        Ok(order) if errors.is_empty() => order,
        checked => {
            errors.extend(checked.err().unwrap_or_default());
            return again(&reader, &typed, &errors);
        }
    };
    match state.desk.place_order(order, &caller(&reader)).await {
        Ok(placed) => Ok(Redirect::to(&format!("/customers/{}", placed.customer_id)).into_response()),
        Err(DeskError::Invalid(errors)) => again(&reader, &typed, &errors),
        Err(DeskError::Conflict(message)) => {
            again(&reader, &typed, &[FieldError { field: "domains".to_owned(), message }])
        }
        Err(error) => Err(error.into()),
    }
}

/// Looks at the domains of the form, and shows it again as it was typed.
pub(super) async fn check(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Page {
    reader.sent_by(BUYERS, &headers, typed.get("form").map_or("", String::as_str))?;
    let mut errors = unknown(&typed);
    let read = form(&typed, &mut errors);
    // Servers that are not written yet, or not well, are no reason to look at nothing.
    let servers = read.own_servers(&rules_of(&state, &reader.identity)?).unwrap_or_default();
    let mut shown = page(&reader, &typed, &[])?;
    match look(&state, &reader, &read, &servers).await {
        Ok(checked) => shown.checked = checked,
        Err(problem) => {
            let said = problem.errors().first().map_or_else(|| problem.detail().to_owned(), ToString::to_string);
            shown.check_refused = Some(said);
        }
    }
    html(&shown)
}

fn unknown(typed: &Typed) -> Vec<FieldError> {
    let known = |name: &str| name == "form" || ORDER_COLUMNS.contains(&name);
    let strange = typed.keys().filter(|name| !known(name));
    let error = |_| FieldError { field: "form".to_owned(), message: "has a field that is not known here".to_owned() };
    strange.take(1).map(error).collect()
}

fn again(reader: &Reader, typed: &Typed, errors: &[FieldError]) -> Page {
    let page = page(reader, typed, errors)?;
    let text = page.render().map_err(|_| Problem::new(Kind::Internal, "The page could not be made."))?;
    let response: Response = (StatusCode::UNPROCESSABLE_ENTITY, Html(text)).into_response();
    Ok(response)
}

fn page(reader: &Reader, typed: &Typed, errors: &[FieldError]) -> Result<OrderPage, Problem> {
    let own = reader.identity.partner.as_deref();
    let technical = typed.list("contacts").len();
    let mut groups = groups(own.is_some(), reader.identity.role == Role::Desk);
    let mut wrong = Vec::new();
    for field in groups.iter_mut().flat_map(|group| &mut group.fields) {
        field.value = typed.get(field.name).cloned().unwrap_or_default();
    }
    for error in errors {
        let name = name_of(&error.field, technical);
        let place = groups.iter_mut().flat_map(|group| &mut group.fields).find(|field| field.name == name);
        match place {
            Some(field) => field.errors.push(said(error, &field.value)),
            None => wrong.push(error.to_string()),
        }
    }
    let form = reader
        .form_for(BUYERS)
        .ok_or_else(|| Problem::new(Kind::NotAllowed, "Sign in to place an order; open pages only show."))?;
    let refused = !errors.is_empty();
    Ok(OrderPage {
        form,
        groups,
        wrong,
        refused,
        checked: Vec::new(),
        check_refused: None,
        frame: Frame::of(reader, "/order"),
    })
}

/// The field of the form for the path of an error: contacts of both kinds are one list in an order.
fn name_of(path: &str, technical: usize) -> String {
    let (name, place) = path.split_once('[').unwrap_or((path, ""));
    let number = place.split(']').next().and_then(|digits| digits.parse::<usize>().ok());
    match (name, number) {
        ("contacts", Some(at)) if at >= technical => "partner_contacts".to_owned(),
        _ => name.to_owned(),
    }
}

/// The message, with the line of a list that it is about.
fn said(error: &FieldError, value: &str) -> String {
    let number = error.field.split_once('[').and_then(|(_, rest)| rest.split(']').next()?.parse::<usize>().ok());
    match number {
        Some(_) if value.lines().count() > 1 => format!("{}: {}", error.field, error.message),
        _ => error.message.clone(),
    }
}

fn groups(own_partner: bool, for_desk: bool) -> Vec<Group> {
    let field = |kind, name, label, hint| Field {
        name,
        label,
        hint,
        value: String::new(),
        errors: Vec::new(),
        kind,
        choices: Vec::new(),
    };
    let line = |name, label, hint| field("line", name, label, hint);
    let lines = |name, label, hint| field("lines", name, label, hint);
    let choice = |name, label, hint, choices: &[(&'static str, &'static str)]| Field {
        choices: choices.to_vec(),
        ..field("choice", name, label, hint)
    };
    let mut who = vec![line("customer_name", "Customer", "")];
    if !own_partner {
        who.insert(0, line("partner", "Partner", ""));
    }
    who.push(line("business_id", "Business id", "one trial in twelve months for each"));
    let mut agreed = vec![
        choice("kind", "Trial or paid", "", &[("trial", "trial"), ("paid", "paid from the connection on")]),
        line("mailboxes", "Mailboxes", "their number"),
        line("price", "Price a month", "the monthly total, such as 120.00 EUR; for a trial too"),
        line("sales_rep", "Sales rep", "mail address; needed for a trial: reminders and the monthly report go there"),
        choice(
            "invoicing_group",
            "Invoiced",
            "",
            &[("", "by the day of the connection"), ("15", "on the 15th"), ("30", "on the 30th")],
        ),
        choice("language", "Language", "", &[("en", "English"), ("fi", "Finnish")]),
    ];
    if for_desk {
        agreed.push(line("trial_override", "Why another trial", "only where one was had within twelve months"));
    }
    vec![
        Group { title: "Customer", fields: who },
        Group {
            title: "Invoices",
            fields: vec![
                choice("bill_to", "Who pays", "", &[("customer", "the customer"), ("partner", "the partner")]),
                line("vat_id", "VAT id", ""),
                line("billing_street", "Street", ""),
                line("billing_postal_code", "Postal code", ""),
                line("billing_city", "City", ""),
                line("billing_country", "Country", "two letters, such as FI"),
                lines("billing_address", "Or the address as one text", ""),
                line(
                    "e_invoice_address",
                    "E-invoice address",
                    "where wanted: scheme and address, such as 0216:003712345678",
                ),
                line("buyer_reference", "Buyer reference", "where wanted: what is to be read on each invoice"),
            ],
        },
        Group {
            title: "Domains and mail servers",
            fields: vec![
                lines("domains", "Domains", "one a line"),
                lines("servers", "Own mail servers", "one a line: host, host:port or address; (host) is a standby"),
                choice(
                    "hosted",
                    "Hosted platform",
                    "one without a firewall of the customer's",
                    &[("no", "no"), ("yes", "yes")],
                ),
                line("test_mailbox", "Test mailbox", "one that the server accepts"),
            ],
        },
        Group {
            title: "People",
            fields: vec![
                lines(
                    "contacts",
                    "At the customer",
                    "one a line: Name <mail@example.com>; at least one contact outside of the domains",
                ),
                lines("partner_contacts", "At the partner", "one a line; whoever relays the MX change"),
            ],
        },
        Group { title: "What is agreed", fields: agreed },
    ]
}
