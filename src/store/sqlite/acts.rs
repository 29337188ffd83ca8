//! Who did what, on SQLite.

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::SqliteStore;
use super::columns::{all, from_word, instant, run, us, word};
use super::reading::{bounded, listing};
use crate::failpoint::Step;
use crate::store::{Act, ActFilter, ActStore, Listing, Page, StoreResult};

#[async_trait]
impl ActStore for SqliteStore {
    async fn record_acts(&self, acts: Vec<Act>) -> StoreResult<()> {
        self.write(Step::RecordAct, move |db| acts.iter().try_for_each(|act| insert(db, act))).await
    }

    async fn acts(&self, filter: &ActFilter, page: &Page) -> StoreResult<Listing<Act>> {
        let (filter, page) = (filter.clone(), page.clone());
        self.read(move |db| list(db, &filter, &page)).await
    }
}

fn insert(connection: &Connection, act: &Act) -> StoreResult<()> {
    run(
        connection,
        "INSERT INTO act (id, at, actor, who, role, action, part, subject_kind, subject, detail, outcome, request_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        (
            &act.id,
            us(act.at),
            &act.actor,
            &act.who,
            &act.role,
            &act.action,
            word(&act.part)?,
            &act.subject_kind,
            &act.subject,
            &act.detail,
            word(&act.outcome)?,
            &act.request_id,
        ),
    )?;
    Ok(())
}

fn list(connection: &Connection, filter: &ActFilter, page: &Page) -> StoreResult<Listing<Act>> {
    let limit = bounded(page);
    let mut sql = "SELECT id, at, actor, who, role, action, part, subject_kind, subject, detail, outcome, request_id \
                   FROM act WHERE 1 = 1"
        .to_owned();
    let mut values: Vec<Value> = Vec::new();
    let mut also = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(" AND ");
            sql.push_str(&condition.replace('?', &format!("?{}", values.len())));
        }
    };
    also("id < ?", page.after.clone().map(Value::from));
    also("(actor = ? OR who = ?)", filter.actor.clone().map(Value::from));
    also("action = ?", filter.action.clone().map(Value::from));
    also("subject = ?", filter.subject.clone().map(Value::from));
    also("part = ?", filter.part.map(|part| word(&part)).transpose()?.map(Value::from));
    also("outcome = ?", filter.outcome.map(|outcome| word(&outcome)).transpose()?.map(Value::from));
    also("at >= ?", filter.from.map(|at| Value::from(us(at))));
    also("at < ?", filter.until.map(|at| Value::from(us(at))));
    sql.push_str(&format!(" ORDER BY id DESC LIMIT {}", limit + 1));
    let rows = all(connection, &sql, params_from_iter(values), act)?;
    Ok(listing(rows, limit, |act| act.id.clone()))
}

fn act(row: &Row<'_>) -> StoreResult<Act> {
    Ok(Act {
        id: row.get(0)?,
        at: instant(row.get(1)?)?,
        actor: row.get(2)?,
        who: row.get(3)?,
        role: row.get(4)?,
        action: row.get(5)?,
        part: from_word(row.get(6)?)?,
        subject_kind: row.get(7)?,
        subject: row.get(8)?,
        detail: row.get(9)?,
        outcome: from_word(row.get(10)?)?,
        request_id: row.get(11)?,
    })
}
