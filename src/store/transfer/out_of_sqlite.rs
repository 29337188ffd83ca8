//! Reading a SQLite file table by table.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::rows::{Kind, Row, Table, Tally, Total, Value};
use crate::store::value::unreadable;
use crate::store::{StoreError, StoreResult};

/// All tables, those first that others refer to.
pub(super) fn tables(connection: &Connection) -> StoreResult<Vec<Table>> {
    let mut statement = connection.prepare(
        "SELECT name, EXISTS (SELECT 1 FROM pragma_foreign_key_list(name)) FROM sqlite_schema \
         WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 2, 1",
    )?;
    let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    names.into_iter().map(|name| table(connection, name)).collect()
}

fn table(connection: &Connection, name: String) -> StoreResult<Table> {
    let mut statement = connection.prepare("SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY name")?;
    let read =
        |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?));
    let found: Vec<(String, String, i64)> = statement.query_map([&name], read)?.collect::<rusqlite::Result<_>>()?;
    let mut key: Vec<(i64, String)> =
        found.iter().filter(|(.., place)| *place > 0).map(|(column, _, place)| (*place, column.clone())).collect();
    key.sort_unstable();
    let kind = |text: &str| match text {
        "TEXT" => Ok(Kind::Text),
        "INTEGER" => Ok(Kind::Int),
        "BLOB" => Ok(Kind::Bytes),
        other => Err(unreadable(format!("{name} has a column of the type {other}"))),
    };
    let columns =
        found.iter().map(|(column, text, _)| Ok((column.clone(), kind(text)?))).collect::<StoreResult<Vec<_>>>()?;
    Ok(Table { name, columns, key: key.into_iter().map(|(_, column)| column).collect() })
}

/// Hands every row to `take`, in the order of the key.
///
/// # Errors
/// What `take` answers, or that a row cannot be read.
pub(super) fn read<E: From<StoreError>>(
    connection: &Connection,
    table: &Table,
    mut take: impl FnMut(Row) -> Result<(), E>,
) -> Result<Total, E> {
    let failed = |error: rusqlite::Error| E::from(StoreError::from(error));
    let mut tally = Tally::default();
    let mut statement = connection.prepare(&table.select()).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let mut values = Vec::with_capacity(table.columns.len());
        for index in 0..table.columns.len() {
            values.push(match row.get_ref(index).map_err(failed)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Int(number),
                ValueRef::Text(text) => Value::Text(String::from_utf8(text.to_vec()).map_err(|e| odd(table, e))?),
                ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
                ValueRef::Real(number) => return Err(odd(table, number.to_string()).into()),
            });
        }
        tally.add(&values);
        take(values)?;
    }
    Ok(tally.finish())
}

fn odd(table: &Table, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    tracing::error!(table = table.name, "a row cannot be read");
    unreadable(why)
}
