//! `/`: the runs under way by whom they wait for or by phase, what is overdue first, with search and filters
//! in the address; and the plain list of what is connected or has ended.

use askama::Template;
use axum::extract::{Query, State};
use fencepost_checks::Actor;
use serde::Deserialize;

use super::board::{ACTORS, Group, PHASES, Run, View, actor_word, word};
use super::frame::Frame;
use super::page::{Page, address, html};
use super::session::Reader;
use super::words::{self, Times};
use crate::http::HttpState;
use crate::http::api::{READERS, cursor, page};
use crate::http::problem::Problem;
use crate::lifecycle::connection::Phase;
use crate::store::{DomainFilter, PhaseCount, Role, RunFilter, Scope};

/// Runs on one page; where filters leave few of them, so many pieces of that length are looked at.
const ROWS: u32 = 200;
const PIECES: usize = 10;
/// Rows of a plain list.
const PLAIN: u32 = 100;
/// Nobody counts further.
const COUNTED: u32 = 100;
/// Characters that are looked for.
const SOUGHT: usize = 253;

/// Phases of which there is a plain list: what is connected is watched, the others have ended.
const SETTLED: [Phase; 3] = [Phase::Connected, Phase::Released, Phase::Cancelled];

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListQuery {
    phase: String,
    who: String,
    partner: String,
    /// Beginning of a domain or of a customer's name.
    q: String,
    overdue: String,
    /// `phase`, or nothing: by whom they wait for.
    by: String,
    after: String,
}

/// A link that filters, with how many there are behind it.
struct Choice {
    path: String,
    word: String,
    count: String,
    here: bool,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "pages/desk.html")]
struct DeskPage {
    scope: String,
    query: ListQuery,
    /// By whom runs wait for.
    tiles: Vec<Choice>,
    phases: Vec<Choice>,
    groups: Vec<Group>,
    /// Something narrows the list.
    filtered: bool,
    plain: bool,
    by_phase: bool,
    /// The other order, and the overdue ones alone.
    other_order: String,
    only_late: String,
    all: String,
    late: usize,
    more: Option<String>,
    first: bool,
    for_desk: bool,
    may_order: bool,
    /// For whoever may act on several at once.
    form: Option<String>,
    frame: Frame,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader, Query(query): Query<ListQuery>) -> Page {
    reader.identity.require(READERS)?;
    let query = query.checked()?;
    let scope = reader.identity.scope();
    let (now, role) = (state.clock.now(), reader.identity.role);
    let times = Times::new(&state.config.commerce.time_zone, now);
    let me = match role {
        Role::Desk => Some(Actor::Desk),
        Role::Partner => Some(Actor::Partner),
        Role::Accounting | Role::Agent | Role::Viewer => None,
    };
    let view = View { config: &state.config, times: &times, now, for_desk: role == Role::Desk, me };
    let settled = SETTLED.into_iter().find(|phase| word(*phase) == query.phase);
    let (runs, next, looked) = match settled {
        Some(_) => plain(&state, &scope, &query, &view).await?,
        None => under_way(&state, &scope, &query, &view).await?,
    };
    let words: Vec<&str> = PHASES.into_iter().chain(SETTLED).map(word).collect();
    let counts = state.store.phase_counts(&scope, &words, COUNTED).await?;
    let plain = settled.is_some();
    let late = runs.iter().filter(|run| run.late.is_some()).count();
    let by_phase = query.by == "phase" || plain;
    let tiles = if plain { Vec::new() } else { tiles(&query, &looked, next.is_some(), me) };
    let groups = match settled {
        Some(phase) => view.plain_group(phase, runs),
        None => view.groups(runs, by_phase),
    };
    html(&DeskPage {
        scope: match scope {
            Scope::All => "All partners".to_owned(),
            Scope::Partner(partner) => partner,
        },
        tiles,
        phases: phases(&query, &counts),
        groups,
        filtered: query.filtered(),
        plain,
        by_phase,
        other_order: query.with(|q| q.by = if q.by == "phase" { String::new() } else { "phase".to_owned() }),
        only_late: query.with(|q| q.overdue = if q.overdue.is_empty() { "1".to_owned() } else { String::new() }),
        all: query.with(|q| *q = ListQuery { by: q.by.clone(), ..ListQuery::default() }),
        late,
        more: next.map(|next| query.at(&cursor(&next))),
        first: query.after.is_empty(),
        for_desk: role == Role::Desk,
        may_order: reader.form_for(&[Role::Desk, Role::Partner]).is_some(),
        form: reader.desk_form().filter(|_| !plain),
        frame: Frame::of(&reader, "/").every(30),
        query,
    })
}

/// Shown, where it goes on, and all that were looked at by whom they wait for.
type Looked = (Vec<Run>, Option<String>, Vec<(Actor, bool)>);

async fn under_way(state: &HttpState, scope: &Scope, query: &ListQuery, view: &View<'_>) -> Result<Looked, Problem> {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let filter = RunFilter { phase: text(&query.phase), partner: text(&query.partner), begins: text(&query.q) };
    let (mut runs, mut looked) = (Vec::new(), Vec::new());
    let mut at = page(text(&query.after), Some(ROWS))?;
    for _ in 0..PIECES {
        // Never more than fit: so a page ends where its last piece ends.
        at.limit = ROWS.saturating_sub(u32::try_from(runs.len()).unwrap_or(ROWS)).max(1);
        let listing = state.store.runs(scope, &filter, &at).await?;
        for row in &listing.rows {
            let run = view.run(row)?;
            looked.push((run.who, run.late.is_some()));
            let wanted = query.who.is_empty() || query.who == actor_word(run.who);
            if wanted && (query.overdue.is_empty() || run.late.is_some()) {
                runs.push(run);
            }
        }
        at.after = listing.next;
        if at.after.is_none() || runs.len() >= ROWS as usize {
            break;
        }
    }
    Ok((runs, at.after, looked))
}

async fn plain(state: &HttpState, scope: &Scope, query: &ListQuery, view: &View<'_>) -> Result<Looked, Problem> {
    let filter = DomainFilter {
        phase: Some(query.phase.clone()),
        prefix: Some(query.q.to_ascii_lowercase()).filter(|text| !text.is_empty()),
    };
    let after = Some(query.after.clone()).filter(|after| !after.is_empty());
    let listing = state.store.domains(scope, &filter, &page(after, Some(PLAIN))?).await?;
    let runs = listing.rows.iter().map(|row| view.run(row)).collect::<Result<Vec<_>, _>>()?;
    Ok((runs, listing.next, Vec::new()))
}

/// By whom runs wait for, of those that were looked at.
fn tiles(query: &ListQuery, looked: &[(Actor, bool)], more: bool, me: Option<Actor>) -> Vec<Choice> {
    let others = ACTORS.into_iter().filter(|who| Some(*who) != me);
    let tile = |who: Actor| {
        let count = looked.iter().filter(|(of, _)| *of == who).count();
        let late = looked.iter().any(|(of, late)| *of == who && *late);
        let here = query.who == actor_word(who);
        (count > 0 || here || Some(who) == me).then(|| Choice {
            path: query.with(|q| q.who = if here { String::new() } else { actor_word(who).to_owned() }),
            word: if Some(who) == me { "you".to_owned() } else { words::actor(who).to_owned() },
            count: format!("{count}{}", if more { "+" } else { "" }),
            here,
            tone: if late {
                "stop"
            } else if Some(who) == me && count > 0 {
                "wait"
            } else {
                ""
            },
        })
    };
    me.into_iter().chain(others).filter_map(tile).collect()
}

fn phases(query: &ListQuery, counts: &[PhaseCount]) -> Vec<Choice> {
    let choice = |phase: Phase| {
        let count = counts.iter().find(|count| count.phase == word(phase)).map_or(0, |count| count.domains);
        let here = query.phase == word(phase);
        (count > 0 || here).then(|| Choice {
            path: query.with(|q| {
                q.phase = if here { String::new() } else { word(phase).to_owned() };
                if SETTLED.contains(&phase) {
                    (q.who, q.overdue) = (String::new(), String::new());
                }
            }),
            word: words::phase(phase).to_owned(),
            count: if count >= COUNTED { format!("{}+", COUNTED - 1) } else { count.to_string() },
            here,
            tone: "",
        })
    };
    PHASES.into_iter().chain(SETTLED).filter_map(choice).collect()
}

impl ListQuery {
    fn checked(mut self) -> Result<Self, Problem> {
        for (field, text) in [("q", &mut self.q), ("partner", &mut self.partner)] {
            *text = text.trim().to_owned();
            if text.len() > SOUGHT || text.chars().any(char::is_control) {
                return Err(Problem::field(field, format!("is one line of at most {SOUGHT} bytes")));
            }
        }
        if !self.phase.is_empty() && !PHASES.into_iter().chain(SETTLED).any(|phase| word(phase) == self.phase) {
            return Err(Problem::field("phase", "is no phase of a domain"));
        }
        if !self.who.is_empty() && !ACTORS.into_iter().any(|who| actor_word(who) == self.who) {
            return Err(Problem::field("who", "is nobody who is waited for"));
        }
        Ok(self)
    }

    fn filtered(&self) -> bool {
        [&self.phase, &self.who, &self.partner, &self.q, &self.overdue].into_iter().any(|text| !text.is_empty())
    }

    /// The address of this list with something changed, from its beginning.
    fn with(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut query = Self { after: String::new(), ..self.clone() };
        change(&mut query);
        query.path()
    }

    fn at(&self, after: &str) -> String {
        Self { after: after.to_owned(), ..self.clone() }.path()
    }

    fn path(&self) -> String {
        let fields = [
            ("phase", &self.phase),
            ("who", &self.who),
            ("partner", &self.partner),
            ("q", &self.q),
            ("overdue", &self.overdue),
            ("by", &self.by),
            ("after", &self.after),
        ];
        address("/", fields.map(|(name, value)| (name, value.as_str())))
    }
}
