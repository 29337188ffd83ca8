//! Writing and reading PostgreSQL table by table. Statements are made of names from our own schema.

use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::rows::{Kind, Row, Table, Tally, Total, Value};
use crate::store::value::unreadable;
use crate::store::{StoreError, StoreResult};

/// All tables but that of the schema's number, by name.
pub(super) async fn tables(db: &mut PgConnection) -> StoreResult<Vec<Table>> {
    let found: Vec<(String, String, String, Option<i32>)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL), array_position(i.indkey::int2[], a.attnum) \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_version' \
         ORDER BY c.relname COLLATE \"C\", a.attname COLLATE \"C\"",
    )
    .fetch_all(db)
    .await?;
    let mut tables: Vec<(Table, Vec<(i32, String)>)> = Vec::new();
    for (name, column, kind, place) in found {
        if tables.last().is_none_or(|(table, _)| table.name != name) {
            tables.push((Table { name, columns: Vec::new(), key: Vec::new() }, Vec::new()));
        }
        let Some((table, key)) = tables.last_mut() else { continue };
        let kind = match kind.as_str() {
            "text" => Kind::Text,
            "bigint" => Kind::Int,
            "bytea" => Kind::Bytes,
            other => return Err(unreadable(format!("{}.{column} has the type {other}", table.name))),
        };
        key.extend(place.map(|place| (place, column.clone())));
        table.columns.push((column, kind));
    }
    let keyed = |(mut table, mut key): (Table, Vec<(i32, String)>)| {
        key.sort_unstable();
        table.key = key.into_iter().map(|(_, column)| column).collect();
        table
    };
    Ok(tables.into_iter().map(keyed).collect())
}

/// The first table that has a row.
pub(super) async fn occupied(db: &mut PgConnection, tables: &[Table]) -> StoreResult<Option<String>> {
    for table in tables {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{}\")", table.name);
        if sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *db).await? {
            return Ok(Some(table.name.clone()));
        }
    }
    Ok(None)
}

pub(super) async fn write(db: &mut PgConnection, table: &Table, rows: Vec<Row>) -> StoreResult<()> {
    let arrays: Vec<String> =
        (1..).zip(&table.columns).map(|(n, (_, kind))| format!("${n}::{}[]", sql(*kind))).collect();
    let columns = table.column_list();
    let statement = format!("INSERT INTO \"{}\" ({columns}) SELECT * FROM unnest({})", table.name, arrays.join(", "));
    let mut by_column: Vec<Vec<Value>> = table.columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (column, value) in by_column.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for ((name, kind), values) in table.columns.iter().zip(by_column) {
        let odd = || unreadable(format!("{}.{name} holds a value of another type", table.name));
        query = match kind {
            Kind::Text => query.bind(values.into_iter().map(text).collect::<Option<Vec<_>>>().ok_or_else(odd)?),
            Kind::Int => query.bind(values.iter().map(int).collect::<Option<Vec<_>>>().ok_or_else(odd)?),
            Kind::Bytes => query.bind(values.into_iter().map(bytes).collect::<Option<Vec<_>>>().ok_or_else(odd)?),
        };
    }
    query.execute(db).await.map_err(|source| StoreError::Database {
        what: "a row cannot be written (a text with a NUL character, perhaps)",
        source: format!("{}: {source}", table.name).into(),
    })?;
    Ok(())
}

/// Numbers that the database gives begin after those that came along.
pub(super) async fn continue_numbers(db: &mut PgConnection) -> StoreResult<()> {
    sqlx::query(
        "SELECT setval(pg_get_serial_sequence('outbox', 'id'), max(id)) FROM outbox HAVING max(id) IS NOT NULL",
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Hands every row to `take`, in the order of the key.
pub(super) async fn read(
    db: &mut PgConnection,
    table: &Table,
    mut take: impl FnMut(Row) -> StoreResult<()>,
) -> StoreResult<Total> {
    let mut tally = Tally::default();
    let mut rows = sqlx::query(AssertSqlSafe(table.select())).fetch(db);
    while let Some(row) = rows.try_next().await? {
        let row = values(&row, table)?;
        tally.add(&row);
        take(row)?;
    }
    Ok(tally.finish())
}

fn values(row: &PgRow, table: &Table) -> StoreResult<Row> {
    let value = |(index, (_, kind)): (usize, &(String, Kind))| {
        Ok(match kind {
            Kind::Text => row.try_get::<Option<String>, _>(index)?.map_or(Value::Null, Value::Text),
            Kind::Int => row.try_get::<Option<i64>, _>(index)?.map_or(Value::Null, Value::Int),
            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(index)?.map_or(Value::Null, Value::Bytes),
        })
    };
    table.columns.iter().enumerate().map(value).collect()
}

fn sql(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Int => "bigint",
        Kind::Bytes => "bytea",
    }
}

fn text(value: Value) -> Option<Option<String>> {
    match value {
        Value::Null => Some(None),
        Value::Text(text) => Some(Some(text)),
        Value::Int(_) | Value::Bytes(_) => None,
    }
}

fn int(value: &Value) -> Option<Option<i64>> {
    match value {
        Value::Null => Some(None),
        Value::Int(number) => Some(Some(*number)),
        Value::Text(_) | Value::Bytes(_) => None,
    }
}

fn bytes(value: Value) -> Option<Option<Vec<u8>>> {
    match value {
        Value::Null => Some(None),
        Value::Bytes(bytes) => Some(Some(bytes)),
        Value::Text(_) | Value::Int(_) => None,
    }
}
