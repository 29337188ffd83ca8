//! People, links and sessions, on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::columns::{all, first, from_word, instant, run, us, word};
use super::{SqliteStore, tokens};
use crate::failpoint::Step;
use crate::store::{
    Holder, HolderId, Listing, MAX_SESSIONS, MAX_SIGN_IN_LINKS, NewOutbox, NewPerson, NewSession, NewSignInLink, Page,
    PeopleStore, PersonRow, SessionRow, StoreError, StoreResult, UsedLink, WishBounds,
};

const PERSON: &str = "SELECT p.id, p.email, p.name, p.role, p.partner_id, p.language, p.created_at, p.created_by, \
                      p.disabled_at, p.signed_in_at FROM person p";

#[async_trait]
impl PeopleStore for SqliteStore {
    async fn add_person(&self, person: NewPerson) -> StoreResult<()> {
        self.write(Step::Person, move |db| add(db, &person)).await
    }

    async fn person_by_email(&self, email: &str) -> StoreResult<Option<PersonRow>> {
        let email = email.to_owned();
        self.read(move |db| by_email(db, &email)).await
    }

    async fn people(&self, page: &Page) -> StoreResult<Listing<PersonRow>> {
        let page = page.clone();
        self.read(move |db| list(db, &page)).await
    }

    async fn disable_person(&self, email: &str, at: Timestamp) -> StoreResult<Option<u64>> {
        let email = email.to_owned();
        self.write(Step::Person, move |db| disable(db, &email, at)).await
    }

    async fn enable_person(&self, email: &str) -> StoreResult<bool> {
        let email = email.to_owned();
        let sql = "UPDATE person SET disabled_at = NULL WHERE email = ?1";
        self.write(Step::Person, move |db| Ok(run(db, sql, [&email])? > 0)).await
    }

    async fn ask_for_link(
        &self,
        subject: &str,
        wish: NewOutbox,
        at: Timestamp,
        forget: Timestamp,
        bounds: WishBounds,
    ) -> StoreResult<bool> {
        let subject = subject.to_owned();
        self.write(Step::SignIn, move |db| ask(db, &subject, &wish, (at, forget), bounds)).await
    }

    async fn keep_sign_in_link(&self, link: NewSignInLink) -> StoreResult<bool> {
        self.write(Step::SignIn, move |db| keep(db, &link)).await
    }

    async fn sign_in_link(&self, hash: &[u8; 32], now: Timestamp) -> StoreResult<Option<PersonRow>> {
        let hash = *hash;
        self.read(move |db| link(db, &hash, now)).await
    }

    async fn use_sign_in_link(&self, hash: &[u8; 32], session: NewSession) -> StoreResult<Option<UsedLink>> {
        let hash = *hash;
        self.write(Step::SignIn, move |db| use_up(db, &hash, &session)).await
    }

    async fn begin_session(&self, holder: HolderId, session: NewSession) -> StoreResult<()> {
        self.write(Step::SignIn, move |db| begin(db, &holder, &session)).await
    }

    async fn session(&self, hash: &[u8; 32]) -> StoreResult<Option<SessionRow>> {
        let hash = *hash;
        self.read_point(move |db| session(db, &hash)).await
    }

    async fn touch_session(&self, hash: &[u8; 32], at: Timestamp) -> StoreResult<()> {
        let hash = *hash;
        let sql = "UPDATE session SET seen_at = max(seen_at, ?2) WHERE hash = ?1";
        self.write(Step::SignIn, move |db| run(db, sql, (&hash[..], us(at))).map(drop)).await
    }

    async fn sessions(&self, holder: &HolderId) -> StoreResult<Vec<SessionRow>> {
        let holder = holder.clone();
        self.read(move |db| sessions(db, &holder)).await
    }

    async fn end_session(&self, holder: &HolderId, id: &str) -> StoreResult<bool> {
        let (holder, id) = (holder.clone(), id.to_owned());
        self.write(Step::SignIn, move |db| {
            let sql = "DELETE FROM session WHERE id = ?3 AND person_id IS ?1 AND token_id IS ?2";
            let (person, token) = holder.columns();
            Ok(run(db, sql, (person, token, &id))? > 0)
        })
        .await
    }

    async fn end_sessions(&self, holder: &HolderId) -> StoreResult<u64> {
        let holder = holder.clone();
        self.write(Step::SignIn, move |db| {
            let sql = "DELETE FROM session WHERE person_id IS ?1 AND token_id IS ?2";
            Ok(run(db, sql, holder.columns())? as u64)
        })
        .await
    }
}

fn add(db: &Connection, person: &NewPerson) -> StoreResult<()> {
    let added = run(
        db,
        "INSERT INTO person (id, email, name, role, partner_id, language, created_at, created_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (email) DO NOTHING",
        (
            &person.id,
            &person.email,
            &person.name,
            word(&person.role)?,
            &person.partner,
            word(&person.language)?,
            us(person.created_at),
            &person.created_by,
        ),
    )?;
    if added == 0 {
        return Err(StoreError::Conflict(format!("{} has an account already", person.email)));
    }
    Ok(())
}

fn by_email(db: &Connection, email: &str) -> StoreResult<Option<PersonRow>> {
    first(db, &format!("{PERSON} WHERE p.email = ?1"), [email], person)
}

fn list(db: &Connection, page: &Page) -> StoreResult<Listing<PersonRow>> {
    let mut rows = all(
        db,
        &format!("{PERSON} WHERE p.email > ?1 ORDER BY p.email LIMIT ?2"),
        (page.after.as_deref().unwrap_or_default(), page.limit.saturating_add(1)),
        person,
    )?;
    let more = rows.len() > page.limit as usize;
    rows.truncate(page.limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.email.clone());
    Ok(Listing { rows, next })
}

fn disable(db: &Connection, email: &str, at: Timestamp) -> StoreResult<Option<u64>> {
    let Some(person) = by_email(db, email)? else { return Ok(None) };
    run(db, "UPDATE person SET disabled_at = coalesce(disabled_at, ?2) WHERE id = ?1", (&person.id, us(at)))?;
    run(db, "DELETE FROM sign_in_link WHERE person_id = ?1", [&person.id])?;
    Ok(Some(run(db, "DELETE FROM session WHERE person_id = ?1", [&person.id])? as u64))
}

fn ask(
    db: &Connection,
    subject: &str,
    wish: &NewOutbox,
    (at, forget): (Timestamp, Timestamp),
    bounds: WishBounds,
) -> StoreResult<bool> {
    run(
        db,
        "DELETE FROM outbox WHERE subject_id >= 'sign-in/' AND subject_id < 'sign-in0' AND kind = ?1 \
         AND status <> 'pending' AND created_at < ?2",
        (&wish.kind, us(forget)),
    )?;
    let (every, of_this): (u32, u32) = db.query_row(
        "SELECT count(*), count(*) FILTER (WHERE subject_id = ?1) FROM outbox \
         WHERE subject_id >= 'sign-in/' AND subject_id < 'sign-in0'",
        [subject],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if every >= bounds.all || of_this >= bounds.one {
        return Ok(false);
    }
    run(
        db,
        "INSERT INTO outbox (subject_id, dedupe_key, kind, payload, created_at, due_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (dedupe_key) DO NOTHING",
        (subject, &wish.dedupe_key, &wish.kind, &wish.payload, us(at), us(wish.due_at)),
    )?;
    Ok(true)
}

fn keep(db: &Connection, link: &NewSignInLink) -> StoreResult<bool> {
    run(db, "DELETE FROM sign_in_link WHERE ends_at <= ?1", [us(link.created_at)])?;
    let kept = run(
        db,
        "INSERT INTO sign_in_link (hash, person_id, next, created_at, ends_at) \
         SELECT ?1, id, ?3, ?4, ?5 FROM person WHERE id = ?2 AND disabled_at IS NULL",
        (&link.hash[..], &link.person_id, &link.next, us(link.created_at), us(link.ends_at)),
    )?;
    run(
        db,
        "DELETE FROM sign_in_link WHERE hash IN (SELECT hash FROM sign_in_link WHERE person_id = ?1 \
         ORDER BY created_at DESC, hash LIMIT -1 OFFSET ?2)",
        (&link.person_id, MAX_SIGN_IN_LINKS),
    )?;
    Ok(kept > 0)
}

fn link(db: &Connection, hash: &[u8; 32], now: Timestamp) -> StoreResult<Option<PersonRow>> {
    let sql = format!(
        "{PERSON} JOIN sign_in_link l ON l.person_id = p.id WHERE l.hash = ?1 AND l.ends_at > ?2 AND p.disabled_at IS NULL"
    );
    first(db, &sql, (&hash[..], us(now)), person)
}

fn use_up(db: &Connection, hash: &[u8; 32], session: &NewSession) -> StoreResult<Option<UsedLink>> {
    let Some(person) = link(db, hash, session.created_at)? else { return Ok(None) };
    let next: String = db.query_row("SELECT next FROM sign_in_link WHERE hash = ?1", [&hash[..]], |row| row.get(0))?;
    run(db, "DELETE FROM sign_in_link WHERE person_id = ?1", [&person.id])?;
    begin(db, &HolderId::Person(person.id.clone()), session)?;
    Ok(Some(UsedLink { person, next }))
}

fn begin(db: &Connection, holder: &HolderId, session: &NewSession) -> StoreResult<()> {
    let (person, token) = holder.columns();
    run(db, "DELETE FROM session WHERE ends_at <= ?1", [us(session.created_at)])?;
    run(
        db,
        "INSERT INTO session (hash, id, person_id, token_id, way, browser, created_at, seen_at, ends_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8)",
        (
            &session.hash[..],
            &session.id,
            person,
            token,
            word(&session.way)?,
            &session.browser,
            us(session.created_at),
            us(session.ends_at),
        ),
    )?;
    run(
        db,
        "DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE person_id IS ?1 AND token_id IS ?2 \
         ORDER BY created_at DESC, hash LIMIT -1 OFFSET ?3)",
        (person, token, MAX_SESSIONS),
    )?;
    run(db, "UPDATE person SET signed_in_at = ?2 WHERE id = ?1", (person, us(session.created_at)))?;
    Ok(())
}

/// A session as it lies there; its holder is read by id.
struct Kept {
    person: Option<String>,
    token: Option<String>,
    row: Box<dyn FnOnce(Holder) -> SessionRow>,
}

const SESSION: &str = "SELECT person_id, token_id, id, way, browser, created_at, seen_at, ends_at FROM session";

fn kept(row: &Row<'_>) -> StoreResult<Kept> {
    let (id, way, browser) = (row.get(2)?, from_word(row.get(3)?)?, row.get(4)?);
    let (created_at, seen_at, ends_at) = (instant(row.get(5)?)?, instant(row.get(6)?)?, instant(row.get(7)?)?);
    let row_of = move |holder| SessionRow { id, holder, way, browser, created_at, seen_at, ends_at };
    Ok(Kept { person: row.get(0)?, token: row.get(1)?, row: Box::new(row_of) })
}

fn whole(db: &Connection, kept: Kept) -> StoreResult<Option<SessionRow>> {
    let holder = match (&kept.person, &kept.token) {
        (Some(id), _) => first(db, &format!("{PERSON} WHERE p.id = ?1"), [id], person)?.map(Holder::Person),
        (None, Some(id)) => tokens::by_id(db, id)?.map(Holder::Token),
        (None, None) => None,
    };
    Ok(holder.map(kept.row))
}

fn session(db: &Connection, hash: &[u8; 32]) -> StoreResult<Option<SessionRow>> {
    match first(db, &format!("{SESSION} WHERE hash = ?1"), [&hash[..]], kept)? {
        Some(kept) => whole(db, kept),
        None => Ok(None),
    }
}

fn sessions(db: &Connection, holder: &HolderId) -> StoreResult<Vec<SessionRow>> {
    let sql = format!("{SESSION} WHERE person_id IS ?1 AND token_id IS ?2 ORDER BY created_at DESC, hash LIMIT ?3");
    let (one, other) = holder.columns();
    let found = all(db, &sql, (one, other, MAX_SESSIONS), kept)?;
    found.into_iter().filter_map(|kept| whole(db, kept).transpose()).collect()
}

fn person(row: &Row<'_>) -> StoreResult<PersonRow> {
    let disabled_at: Option<i64> = row.get(8)?;
    let signed_in_at: Option<i64> = row.get(9)?;
    Ok(PersonRow {
        id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        role: from_word(row.get(3)?)?,
        partner: row.get(4)?,
        language: from_word(row.get(5)?)?,
        created_at: instant(row.get(6)?)?,
        created_by: row.get(7)?,
        disabled_at: disabled_at.map(instant).transpose()?,
        signed_in_at: signed_in_at.map(instant).transpose()?,
    })
}
