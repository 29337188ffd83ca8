//! Many domains that stand where those of a sample stand: states and observations of a real run under
//! other names, so that what is read, judged and written out has its real size.

use std::path::Path;

use fencepost::config::StoreConfig;
use fencepost::lifecycle::connection::{Connection, MACHINE_VERSION};
use fencepost::order::Order;
use fencepost::store::{
    DomainFilter, NewEvent, NewOrder, NewSubject, Observation, Page, Scope, Store, SubjectKind, TimerSet, Transition,
    open,
};
use fencepost_checks::DomainName;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use crate::Outcome;

/// Orders that wait for the disk together.
const AT_ONCE: usize = 512;

/// One domain of the sample.
struct Model {
    domain: String,
    order: Order,
    phase: String,
    state: String,
    state_since: Timestamp,
    observations: Vec<Observation>,
}

/// # Errors
/// When the file is there already, cannot be written, or the sample has no domain.
pub async fn fill(file: &Path, sample: &Path, customers: u32) -> Outcome<()> {
    if file.exists() {
        return Err(format!("{} is there already", file.display()).into());
    }
    let models = models(sample).await?;
    let store = open(&StoreConfig::sqlite(file)).await?;
    let store = &*store;
    let each = models.iter().cycle().zip(0..customers).map(|(model, n)| one(store, model, n));
    let _: Vec<()> = stream::iter(each).buffer_unordered(AT_ONCE).try_collect().await?;
    let bytes: usize = models.iter().map(|m| m.observations.iter().map(|o| o.body.len()).sum::<usize>()).sum();
    let phases: Vec<&str> = models.iter().map(|model| model.phase.as_str()).collect();
    println!(
        "filled | {customers} customers, standing as {}; {} bytes of observations each",
        phases.join(", "),
        bytes / models.len()
    );
    Ok(())
}

async fn models(sample: &Path) -> Outcome<Vec<Model>> {
    let store = open(&StoreConfig::sqlite(sample)).await?;
    let page = Page { after: None, limit: 100 };
    let mut models = Vec::new();
    for row in store.domains(&Scope::All, &DomainFilter::default(), &page).await?.rows {
        let connection: Connection = serde_json::from_str(&row.connection.state)?;
        models.push(Model {
            domain: connection.domain.as_str().to_owned(),
            observations: store.observations(&row.connection.id).await?,
            phase: serde_json::to_value(connection.phase)?.as_str().unwrap_or_default().to_owned(),
            state_since: row.connection.state_since,
            state: row.connection.state,
            order: row.connection.order,
        });
    }
    if models.is_empty() {
        return Err(format!("{} has no domain", sample.display()).into());
    }
    Ok(models)
}

/// The name of domain `n`.
fn domain(n: u32) -> String {
    format!("d{n:07}.example")
}

async fn one(store: &dyn Store, model: &Model, n: u32) -> Outcome<()> {
    let name = domain(n);
    let under = |text: &str| text.replace(&model.domain, &name);
    let connection_id = format!("c{n:07}");
    store.place_order(order(model, n, &name, &connection_id)?).await?;
    let observations =
        model.observations.iter().map(|seen| Observation { body: under(&seen.body), ..seen.clone() }).collect();
    let due_at = model.state_since + SignedDuration::from_hours(24 * 3650);
    store
        .commit(Transition {
            subject_id: connection_id,
            version: 1,
            claim: None,
            at: model.state_since,
            machine_version: MACHINE_VERSION,
            phase: model.phase.clone(),
            state: under(&model.state),
            state_since: model.state_since,
            events: Vec::new(),
            observations,
            archive: Vec::new(),
            outbox: Vec::new(),
            entries: Vec::new(),
            route: None,
            timers: vec![TimerSet { kind: "reverify".to_owned(), due_at }],
            inbox: None,
            consumes: None,
            settles: None,
        })
        .await?;
    Ok(())
}

fn order(model: &Model, n: u32, domain: &str, connection_id: &str) -> Outcome<NewOrder> {
    let name = DomainName::parse(domain)?;
    let subject = |id: String, kind, domain| NewSubject {
        id,
        kind,
        machine_version: MACHINE_VERSION,
        phase: "ordered".to_owned(),
        state: "{}".to_owned(),
        domain,
        events: vec![NewEvent { kind: "ordered".to_owned(), body: "{}".to_owned(), cause: "bench".to_owned() }],
        outbox: Vec::new(),
        route: None,
        timers: Vec::new(),
    };
    Ok(NewOrder {
        order_id: format!("o{n:07}"),
        customer_id: format!("k{n:07}"),
        at: model.state_since,
        by: "bench".to_owned(),
        trials_since: None,
        must_hold: false,
        subjects: vec![
            subject(format!("k{n:07}"), SubjectKind::Subscription, None),
            subject(connection_id.to_owned(), SubjectKind::Connection, Some(name.clone())),
        ],
        entries: Vec::new(),
        inbox: None,
        order: Order { domains: vec![name], ..model.order.clone() },
    })
}
