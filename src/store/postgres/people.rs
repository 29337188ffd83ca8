//! People, links and sessions, on PostgreSQL.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgConnection;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::pool::Pool;
use super::{PostgresStore, keys, tokens};
use crate::failpoint::Step;
use crate::store::value::{from_word, instant, us, word};
use crate::store::{
    Holder, HolderId, Listing, MAX_SESSIONS, MAX_SIGN_IN_LINKS, NewOutbox, NewPerson, NewSession, NewSignInLink, Page,
    PeopleStore, PersonRow, SessionRow, StoreError, StoreResult, UsedLink, WishBounds,
};

macro_rules! person {
    ($rest:literal) => {
        concat!(
            "SELECT p.id, p.email, p.name, p.role, p.partner_id, p.language, p.created_at, p.created_by, \
             p.disabled_at, p.signed_in_at FROM person p ",
            $rest
        )
    };
}

#[async_trait]
impl PeopleStore for PostgresStore {
    async fn add_person(&self, person: NewPerson) -> StoreResult<()> {
        self.write(Step::Person, add(&self.pool, &person)).await
    }

    async fn person_by_email(&self, email: &str) -> StoreResult<Option<PersonRow>> {
        self.pool.bounded(async { by_email(&mut *self.pool.get().await?, email).await }).await
    }

    async fn people(&self, page: &Page) -> StoreResult<Listing<PersonRow>> {
        self.pool.bounded(list(&self.pool, page)).await
    }

    async fn disable_person(&self, email: &str, at: Timestamp) -> StoreResult<Option<u64>> {
        self.write(Step::Person, disable(&self.pool, email, at)).await
    }

    async fn enable_person(&self, email: &str) -> StoreResult<bool> {
        let work = async {
            let sql = "UPDATE person SET disabled_at = NULL WHERE email = $1";
            Ok(sqlx::query(sql).bind(email).execute(&mut *self.pool.get().await?).await?.rows_affected() > 0)
        };
        self.write(Step::Person, work).await
    }

    async fn ask_for_link(
        &self,
        subject: &str,
        wish: NewOutbox,
        at: Timestamp,
        forget: Timestamp,
        bounds: WishBounds,
    ) -> StoreResult<bool> {
        let asked = self.write(Step::SignIn, ask(&self.pool, subject, &wish, (at, forget), bounds)).await?;
        self.hints.tell();
        Ok(asked)
    }

    async fn keep_sign_in_link(&self, link: NewSignInLink) -> StoreResult<bool> {
        self.write(Step::SignIn, keep(&self.pool, &link)).await
    }

    async fn sign_in_link(&self, hash: &[u8; 32], now: Timestamp) -> StoreResult<Option<PersonRow>> {
        let asked = async {
            const SQL: &str = person!(
                "JOIN sign_in_link l ON l.person_id = p.id WHERE l.hash = $1 AND l.ends_at > $2 AND p.disabled_at IS NULL"
            );
            let row =
                sqlx::query(SQL).bind(&hash[..]).bind(us(now)).fetch_optional(&mut *self.pool.get().await?).await?;
            row.as_ref().map(person).transpose()
        };
        self.pool.bounded(asked).await
    }

    async fn use_sign_in_link(&self, hash: &[u8; 32], session: NewSession) -> StoreResult<Option<UsedLink>> {
        self.write(Step::SignIn, use_up(&self.pool, hash, &session)).await
    }

    async fn begin_session(&self, holder: HolderId, session: NewSession) -> StoreResult<()> {
        let work = async {
            let mut transaction = self.pool.begin().await?;
            begin(&mut transaction, &holder, &session).await?;
            Ok(transaction.commit().await?)
        };
        self.write(Step::SignIn, work).await
    }

    async fn session(&self, hash: &[u8; 32]) -> StoreResult<Option<SessionRow>> {
        self.pool.bounded(session(&self.pool, hash)).await
    }

    async fn touch_session(&self, hash: &[u8; 32], at: Timestamp) -> StoreResult<()> {
        let work = async {
            sqlx::query("UPDATE session SET seen_at = greatest(seen_at, $2) WHERE hash = $1")
                .bind(&hash[..])
                .bind(us(at))
                .execute(&mut *self.pool.get().await?)
                .await?;
            Ok(())
        };
        self.write(Step::SignIn, work).await
    }

    async fn sessions(&self, holder: &HolderId) -> StoreResult<Vec<SessionRow>> {
        self.pool.bounded(sessions(&self.pool, holder)).await
    }

    async fn end_session(&self, holder: &HolderId, id: &str) -> StoreResult<bool> {
        let (person, token) = holder.columns();
        let work = async {
            let sql = "DELETE FROM session WHERE id = $3 \
                       AND person_id IS NOT DISTINCT FROM $1 AND token_id IS NOT DISTINCT FROM $2";
            let ended =
                sqlx::query(sql).bind(person).bind(token).bind(id).execute(&mut *self.pool.get().await?).await?;
            Ok(ended.rows_affected() > 0)
        };
        self.write(Step::SignIn, work).await
    }

    async fn end_sessions(&self, holder: &HolderId) -> StoreResult<u64> {
        let work = async {
            let sql = match holder {
                HolderId::Person(_) => "DELETE FROM session WHERE person_id = $1",
                HolderId::Token(_) => "DELETE FROM session WHERE token_id = $1",
            };
            let (HolderId::Person(id) | HolderId::Token(id)) = holder;
            Ok(sqlx::query(sql).bind(id).execute(&mut *self.pool.get().await?).await?.rows_affected())
        };
        self.write(Step::SignIn, work).await
    }
}

async fn add(pool: &Pool, person: &NewPerson) -> StoreResult<()> {
    let added = sqlx::query(
        "INSERT INTO person (id, email, name, role, partner_id, language, created_at, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (email) DO NOTHING",
    )
    .bind(&person.id)
    .bind(&person.email)
    .bind(&person.name)
    .bind(word(&person.role)?)
    .bind(&person.partner)
    .bind(word(&person.language)?)
    .bind(us(person.created_at))
    .bind(&person.created_by)
    .execute(&mut *pool.get().await?)
    .await?;
    if added.rows_affected() == 0 {
        return Err(StoreError::Conflict(format!("{} has an account already", person.email)));
    }
    Ok(())
}

async fn by_email(db: &mut PgConnection, email: &str) -> StoreResult<Option<PersonRow>> {
    let row = sqlx::query(person!("WHERE p.email = $1")).bind(email).fetch_optional(db).await?;
    row.as_ref().map(person).transpose()
}

async fn list(pool: &Pool, page: &Page) -> StoreResult<Listing<PersonRow>> {
    let rows = sqlx::query(person!("WHERE p.email > $1 ORDER BY p.email LIMIT $2"))
        .bind(page.after.as_deref().unwrap_or_default())
        .bind(i64::from(page.limit) + 1)
        .fetch_all(&mut *pool.get().await?)
        .await?;
    let mut rows = rows.iter().map(person).collect::<StoreResult<Vec<_>>>()?;
    let more = rows.len() > page.limit as usize;
    rows.truncate(page.limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.email.clone());
    Ok(Listing { rows, next })
}

async fn disable(pool: &Pool, email: &str, at: Timestamp) -> StoreResult<Option<u64>> {
    let mut transaction = pool.begin().await?;
    let sql = "UPDATE person SET disabled_at = coalesce(disabled_at, $2) WHERE email = $1 RETURNING id";
    let id: Option<String> = sqlx::query_scalar(sql).bind(email).bind(us(at)).fetch_optional(&mut *transaction).await?;
    let Some(id) = id else { return Ok(None) };
    sqlx::query("DELETE FROM sign_in_link WHERE person_id = $1").bind(&id).execute(&mut *transaction).await?;
    let ended = sqlx::query("DELETE FROM session WHERE person_id = $1").bind(&id).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(Some(ended.rows_affected()))
}

async fn ask(
    pool: &Pool,
    subject: &str,
    wish: &NewOutbox,
    (at, forget): (Timestamp, Timestamp),
    bounds: WishBounds,
) -> StoreResult<bool> {
    let mut transaction = pool.begin().await?;
    keys::lock(&mut transaction, &["sign-in".to_owned()]).await?;
    sqlx::query(
        "DELETE FROM outbox WHERE subject_id >= 'sign-in/' AND subject_id < 'sign-in0' AND kind = $1 \
         AND status <> 'pending' AND created_at < $2",
    )
    .bind(&wish.kind)
    .bind(us(forget))
    .execute(&mut *transaction)
    .await?;
    let (every, of_this): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE subject_id = $1) FROM outbox \
         WHERE subject_id >= 'sign-in/' AND subject_id < 'sign-in0'",
    )
    .bind(subject)
    .fetch_one(&mut *transaction)
    .await?;
    if every >= i64::from(bounds.all) || of_this >= i64::from(bounds.one) {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO outbox (subject_id, dedupe_key, kind, payload, created_at, due_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (dedupe_key) DO NOTHING",
    )
    .bind(subject)
    .bind(&wish.dedupe_key)
    .bind(&wish.kind)
    .bind(&wish.payload)
    .bind(us(at))
    .bind(us(wish.due_at))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(true)
}

async fn keep(pool: &Pool, link: &NewSignInLink) -> StoreResult<bool> {
    let mut transaction = pool.begin().await?;
    // Whoever disables the account waits, or is seen.
    let sql = "SELECT 1 FROM person WHERE id = $1 AND disabled_at IS NULL FOR UPDATE";
    let there: Option<i32> = sqlx::query_scalar(sql).bind(&link.person_id).fetch_optional(&mut *transaction).await?;
    if there.is_none() {
        return Ok(false);
    }
    sqlx::query(
        "DELETE FROM sign_in_link WHERE hash IN \
         (SELECT hash FROM sign_in_link WHERE ends_at <= $1 FOR UPDATE SKIP LOCKED)",
    )
    .bind(us(link.created_at))
    .execute(&mut *transaction)
    .await?;
    sqlx::query("INSERT INTO sign_in_link (hash, person_id, next, created_at, ends_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&link.hash[..])
        .bind(&link.person_id)
        .bind(&link.next)
        .bind(us(link.created_at))
        .bind(us(link.ends_at))
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "DELETE FROM sign_in_link WHERE hash IN (SELECT hash FROM sign_in_link WHERE person_id = $1 \
         ORDER BY created_at DESC, hash OFFSET $2)",
    )
    .bind(&link.person_id)
    .bind(i64::from(MAX_SIGN_IN_LINKS))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(true)
}

async fn use_up(pool: &Pool, hash: &[u8; 32], session: &NewSession) -> StoreResult<Option<UsedLink>> {
    let mut transaction = pool.begin().await?;
    // The account first: two links of one person, used at the same time, wait for each other here.
    let row = sqlx::query(person!(
        "JOIN sign_in_link l ON l.person_id = p.id WHERE l.hash = $1 AND p.disabled_at IS NULL FOR UPDATE OF p"
    ))
    .bind(&hash[..])
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(person) = row.as_ref().map(person).transpose()? else { return Ok(None) };
    // What was read above may have been used up while this waited.
    let sql = "DELETE FROM sign_in_link WHERE hash = $1 AND ends_at > $2 RETURNING next";
    let next: Option<String> =
        sqlx::query_scalar(sql).bind(&hash[..]).bind(us(session.created_at)).fetch_optional(&mut *transaction).await?;
    let Some(next) = next else { return Ok(None) };
    sqlx::query("DELETE FROM sign_in_link WHERE person_id = $1").bind(&person.id).execute(&mut *transaction).await?;
    begin(&mut transaction, &HolderId::Person(person.id.clone()), session).await?;
    transaction.commit().await?;
    Ok(Some(UsedLink { person, next }))
}

async fn begin(db: &mut PgConnection, holder: &HolderId, session: &NewSession) -> StoreResult<()> {
    let (person, token) = holder.columns();
    sqlx::query(
        "DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE ends_at <= $1 FOR UPDATE SKIP LOCKED)",
    )
    .bind(us(session.created_at))
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "INSERT INTO session (hash, id, person_id, token_id, way, browser, created_at, seen_at, ends_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
    )
    .bind(&session.hash[..])
    .bind(&session.id)
    .bind(person)
    .bind(token)
    .bind(word(&session.way)?)
    .bind(&session.browser)
    .bind(us(session.created_at))
    .bind(us(session.ends_at))
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE person_id IS NOT DISTINCT FROM $1 \
         AND token_id IS NOT DISTINCT FROM $2 ORDER BY created_at DESC, hash OFFSET $3)",
    )
    .bind(person)
    .bind(token)
    .bind(i64::from(MAX_SESSIONS))
    .execute(&mut *db)
    .await?;
    sqlx::query("UPDATE person SET signed_in_at = $2 WHERE id = $1")
        .bind(person)
        .bind(us(session.created_at))
        .execute(&mut *db)
        .await?;
    Ok(())
}

macro_rules! session {
    ($rest:literal) => {
        concat!("SELECT person_id, token_id, id, way, browser, created_at, seen_at, ends_at FROM session ", $rest)
    };
}

async fn session(pool: &Pool, hash: &[u8; 32]) -> StoreResult<Option<SessionRow>> {
    let mut db = pool.get().await?;
    let row = sqlx::query(session!("WHERE hash = $1")).bind(&hash[..]).fetch_optional(&mut *db).await?;
    match row {
        Some(row) => whole(&mut db, &row).await,
        None => Ok(None),
    }
}

async fn sessions(pool: &Pool, holder: &HolderId) -> StoreResult<Vec<SessionRow>> {
    let (person, token) = holder.columns();
    let mut db = pool.get().await?;
    let rows = sqlx::query(session!(
        "WHERE person_id IS NOT DISTINCT FROM $1 AND token_id IS NOT DISTINCT FROM $2 \
         ORDER BY created_at DESC, hash LIMIT $3"
    ))
    .bind(person)
    .bind(token)
    .bind(i64::from(MAX_SESSIONS))
    .fetch_all(&mut *db)
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        found.extend(whole(&mut db, row).await?);
    }
    Ok(found)
}

async fn whole(db: &mut PgConnection, row: &PgRow) -> StoreResult<Option<SessionRow>> {
    let person_id: Option<String> = row.try_get(0)?;
    let token_id: Option<String> = row.try_get(1)?;
    let holder = match (person_id, token_id) {
        (Some(id), _) => {
            let row = sqlx::query(person!("WHERE p.id = $1")).bind(id).fetch_optional(db).await?;
            row.as_ref().map(person).transpose()?.map(Holder::Person)
        }
        (None, Some(id)) => tokens::by_id(db, &id).await?.map(Holder::Token),
        (None, None) => None,
    };
    let Some(holder) = holder else { return Ok(None) };
    Ok(Some(SessionRow {
        id: row.try_get(2)?,
        holder,
        way: from_word(row.try_get(3)?)?,
        browser: row.try_get(4)?,
        created_at: instant(row.try_get(5)?)?,
        seen_at: instant(row.try_get(6)?)?,
        ends_at: instant(row.try_get(7)?)?,
    }))
}

fn person(row: &PgRow) -> StoreResult<PersonRow> {
    Ok(PersonRow {
        id: row.try_get(0)?,
        email: row.try_get(1)?,
        name: row.try_get(2)?,
        role: from_word(row.try_get(3)?)?,
        partner: row.try_get(4)?,
        language: from_word(row.try_get(5)?)?,
        created_at: instant(row.try_get(6)?)?,
        created_by: row.try_get(7)?,
        disabled_at: row.try_get::<Option<i64>, _>(8)?.map(instant).transpose()?,
        signed_in_at: row.try_get::<Option<i64>, _>(9)?.map(instant).transpose()?,
    })
}
