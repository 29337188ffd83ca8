//! The invoices of a closed run as documents, and what became of the messages about it. What an invoice
//! lacks is in the answer, at its field.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::invoicing::day;
use super::ledger::ACCOUNTANTS;
use super::paging::{Params, after_number, bounded, numbered};
use crate::einvoice::{self, Kind as DocumentKind, Missing};
use crate::engine::{Document, Wanted};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::http::problem::{Kind, Problem};
use crate::ledger::Money;
use crate::order::FieldError;
use crate::store::Role;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    after: Option<String>,
    limit: Option<u32>,
    customer: Option<String>,
    /// With the documents themselves.
    #[serde(default)]
    xml: bool,
}

#[derive(Debug, Serialize)]
struct DocumentView {
    number: String,
    customer_id: String,
    bill_to: String,
    file: String,
    /// `invoice` or `credit_note`; `null` where it cannot be written.
    kind: Option<&'static str>,
    issued: Option<Date>,
    due: Option<Date>,
    net: Option<Money>,
    tax: Option<Money>,
    payable: Option<Money>,
    /// Why it cannot be written, at each field.
    missing: Vec<FieldError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xml: Option<String>,
}

/// The invoices of a run, in its order.
pub(super) async fn list(
    State(state): State<HttpState>,
    identity: Identity,
    Path(date): Path<String>,
    Params(query): Params<ListQuery>,
) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let limit = bounded(query.limit)?;
    let wanted = Wanted {
        customer: query.customer,
        number: None,
        after: usize::try_from(after_number(query.after.as_deref())?).unwrap_or(usize::MAX),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let documents = state.accounts.documents(day(&date)?, &wanted).await?;
    let last = documents.last().map(|document| document.place as u64);
    let views: Result<Vec<DocumentView>, Problem> =
        documents.into_iter().map(|document| view(document, query.xml)).collect();
    Ok(numbered(views?, last, limit).into_response())
}

/// One invoice as a file.
pub(super) async fn one(state: &HttpState, date: Date, wanted: Wanted) -> Answer {
    let mut found = state.accounts.documents(date, &Wanted { limit: 2, ..wanted }).await?;
    if found.len() > 1 {
        let numbers: Vec<&str> = found.iter().map(|document| document.number.as_str()).collect();
        let why = format!(
            "UBL is one invoice a file, and there are several: {}, …. Name one as `invoice`, or a `customer` who has one; \
             /v1/invoicing/{date}/invoices lists them.",
            numbers.join(", ")
        );
        return Err(Problem::new(Kind::Conflict, why));
    }
    let Some(document) = found.pop() else {
        return Err(Problem::new(Kind::NotFound, format!("The run of {date} has no such invoice.")));
    };
    let number = document.number;
    let invoice = document.invoice.map_err(|missing| Problem::invalid(missing.into_iter().map(field).collect()))?;
    let body = einvoice::xml(&invoice).map_err(|error| Problem::new(Kind::Internal, error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, "application/xml".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{number}.xml\"")),
    ];
    Ok((headers, body).into_response())
}

/// What became of the messages about a run.
pub(super) async fn deliveries(State(state): State<HttpState>, identity: Identity, Path(date): Path<String>) -> Answer {
    identity.require(ACCOUNTANTS)?;
    Ok(Json(state.accounts.deliveries(day(&date)?).await?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SendBody {
    /// Only this message, counted from 1.
    part: Option<usize>,
}

/// Sends the messages about a run once more, under the ids that they had.
pub(super) async fn send(
    State(state): State<HttpState>,
    identity: Identity,
    Path(date): Path<String>,
    body: JsonBody<SendBody>,
) -> Answer {
    identity.require(&[Role::Accounting])?;
    let date = day(&date)?;
    let deliveries = state.accounts.send_again(date, body.value.part).await?;
    tracing::info!(run = %date, by = identity.who(), "the messages about a run are sent again");
    Ok(Json(deliveries).into_response())
}

fn view(document: Document, with_xml: bool) -> Result<DocumentView, Problem> {
    let file = format!("{}.xml", document.number);
    let money = |minor| Some(Money { minor, currency: document.currency });
    let mut view = DocumentView {
        number: document.number,
        customer_id: document.customer_id,
        bill_to: document.bill_to,
        file,
        kind: None,
        issued: None,
        due: None,
        net: None,
        tax: None,
        payable: None,
        missing: Vec::new(),
        xml: None,
    };
    match document.invoice {
        Err(missing) => view.missing = missing.into_iter().map(field).collect(),
        Ok(invoice) => {
            view.kind = Some(match invoice.kind {
                DocumentKind::Invoice => "invoice",
                DocumentKind::CreditNote => "credit_note",
            });
            view.issued = Some(invoice.issued);
            view.due = (invoice.kind == DocumentKind::Invoice).then_some(invoice.due);
            (view.net, view.tax, view.payable) = (money(invoice.net), money(invoice.tax), money(invoice.payable));
            if with_xml {
                let bytes = einvoice::xml(&invoice).map_err(|error| Problem::new(Kind::Internal, error.to_string()))?;
                view.xml = Some(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    Ok(view)
}

fn field(missing: Missing) -> FieldError {
    FieldError { field: missing.field, message: missing.message }
}
