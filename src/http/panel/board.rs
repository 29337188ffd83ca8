//! The runs under way as the desk's board shows them: each with the one thing to do, by whom it is waited for
//! and for how long, put into groups. Plain functions of rows and time.

use fencepost_checks::Actor;
use jiff::{SignedDuration, Timestamp};

use super::words::{self, Times, When};
use crate::config::Config;
use crate::http::problem::Problem;
use crate::http::view;
use crate::lifecycle::connection::Phase;
use crate::status::{AnswerKind, Overdue, overdue};
use crate::store::DomainRow;

/// In the order in which a run goes through them.
pub(super) const PHASES: [Phase; 8] = [
    Phase::Ordered,
    Phase::Allowlisting,
    Phase::Probing,
    Phase::Provisioning,
    Phase::Ready,
    Phase::Confirming,
    Phase::Drifted,
    Phase::Releasing,
];

/// Whoever may be waited for, in the order in which the board names them.
pub(super) const ACTORS: [Actor; 7] =
    [Actor::Desk, Actor::Partner, Actor::Customer, Actor::DnsProvider, Actor::Vendor, Actor::Time, Actor::Nobody];

/// A run, ready for a page.
pub(super) struct Run {
    pub domain: String,
    pub customer_id: String,
    pub customer: String,
    pub partner: String,
    pub phase: Phase,
    pub phase_word: &'static str,
    pub tone: &'static str,
    pub answer: &'static str,
    /// Mail may be lost, or an MX is wrong: before everything else.
    pub alarm: bool,
    /// By whom it is waited for; the reader first, where it is one of several.
    pub who: Actor,
    pub who_word: &'static str,
    pub what: String,
    /// Whoever else is waited for, with what for.
    pub also: Vec<String>,
    pub since: When,
    pub late: Option<Late>,
    pub next: Option<When>,
    pub held: bool,
    order: (bool, std::cmp::Reverse<SignedDuration>, Timestamp),
}

/// How long over which limit.
pub(super) struct Late {
    pub by: String,
    pub limit: String,
}

/// Runs that belong together.
pub(super) struct Group {
    pub id: &'static str,
    pub title: String,
    pub about: &'static str,
    pub mine: bool,
    pub late: usize,
    pub runs: Vec<Run>,
}

/// What the board is made with.
pub(super) struct View<'a> {
    pub config: &'a Config,
    pub times: &'a Times,
    pub now: Timestamp,
    pub for_desk: bool,
    /// Whom the reader acts as.
    pub me: Option<Actor>,
}

impl View<'_> {
    pub(super) fn run(&self, row: &DomainRow) -> Result<Run, Problem> {
        let status = view::status(row, &[], self.config, self.now)?;
        let late = overdue(&status, self.now);
        let mut waits = status.waiting_for;
        // Whoever reads sees what is asked of them; otherwise whoever holds it up comes first.
        let first = waits.iter().position(|wait| Some(wait.who) == self.me);
        let first = first.or_else(|| waits.iter().position(|wait| late.is_some_and(|late| late.who == wait.who)));
        let main = (!waits.is_empty()).then(|| waits.remove(first.unwrap_or(0)));
        let since = main.as_ref().map_or(status.phase_since, |wait| wait.since);
        let alarm = matches!(status.answer, AnswerKind::RollBack | AnswerKind::Stop) || status.phase == Phase::Drifted;
        let order = &row.connection.order;
        Ok(Run {
            domain: status.domain.to_string(),
            customer_id: row.customer_id.clone(),
            customer: order.customer_name.clone(),
            partner: order.partner.clone(),
            phase: status.phase,
            phase_word: words::phase(status.phase),
            tone: words::tone(status.answer),
            answer: words::answer_short(status.answer),
            alarm,
            who: main.as_ref().map_or(Actor::Nobody, |wait| wait.who),
            who_word: main.as_ref().map_or("nobody", |wait| words::actor(wait.who)),
            what: main.map_or(status.reason, |wait| wait.what),
            also: waits.iter().map(|wait| format!("{}: {}", words::actor(wait.who), wait.what)).collect(),
            since: self.times.show(since),
            late: late.map(told),
            next: status.next_check_at.map(|at| self.times.show(at)),
            held: self.for_desk && row.held_by.is_some(),
            order: (!alarm, std::cmp::Reverse(late.map_or(SignedDuration::MIN, |late| late.by)), since),
        })
    }

    /// By whom they wait for, the reader's own first; or by phase.
    pub(super) fn groups(&self, runs: Vec<Run>, by_phase: bool) -> Vec<Group> {
        let mut groups: Vec<Group> = if by_phase {
            let of =
                |phase: Phase| group(word(phase), words::phase(phase).to_owned(), words::phase_about(phase), false);
            PHASES.into_iter().map(of).collect()
        } else {
            self.actors().map(|who| self.of_actor(who)).collect()
        };
        for run in runs {
            let id = if by_phase { word(run.phase) } else { actor_word(run.who) };
            let Some(group) = groups.iter_mut().find(|group| group.id == id) else { continue };
            group.late += usize::from(run.late.is_some());
            group.runs.push(run);
        }
        for group in &mut groups {
            group.runs.sort_by(|a, b| a.order.cmp(&b.order).then_with(|| a.domain.cmp(&b.domain)));
        }
        groups.retain(|group| !group.runs.is_empty());
        groups
    }

    fn actors(&self) -> impl Iterator<Item = Actor> {
        let me = self.me;
        me.into_iter().chain(ACTORS.into_iter().filter(move |who| Some(*who) != me))
    }

    fn of_actor(&self, who: Actor) -> Group {
        let mine = Some(who) == self.me;
        let title = if mine { "Waiting for you".to_owned() } else { format!("Waiting for: {}", words::actor(who)) };
        let about = match who {
            Actor::Desk => "the service desk has to act",
            Actor::Partner => "the partner has to act, or to have it done",
            Actor::Customer => "the customer's own systems stand in the way",
            Actor::DnsProvider => "whoever runs the domain's name servers has to act",
            Actor::Vendor => "the gateway or this service is at work",
            Actor::Time => "nobody has to act; it goes on by itself",
            Actor::Nobody => "nothing is waited for",
        };
        group(actor_word(who), title, about, mine)
    }
}

fn group(id: &'static str, title: String, about: &'static str, mine: bool) -> Group {
    Group { id, title, about, mine, late: 0, runs: Vec::new() }
}

fn told(late: Overdue) -> Late {
    Late { by: words::amount(late.by), limit: words::amount(late.limit) }
}

/// The word for whoever is waited for, as addresses have it.
pub(super) const fn actor_word(who: Actor) -> &'static str {
    match who {
        Actor::Customer => "customer",
        Actor::Partner => "partner",
        Actor::DnsProvider => "dns_provider",
        Actor::Desk => "desk",
        Actor::Vendor => "vendor",
        Actor::Time => "time",
        Actor::Nobody => "nobody",
    }
}

/// The word for a phase, as it is stored and as addresses have it.
pub(super) const fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Ordered => "ordered",
        Phase::Allowlisting => "allowlisting",
        Phase::Probing => "probing",
        Phase::Provisioning => "provisioning",
        Phase::Ready => "ready",
        Phase::Confirming => "confirming",
        Phase::Connected => "connected",
        Phase::Drifted => "drifted",
        Phase::Releasing => "releasing",
        Phase::Released => "released",
        Phase::Cancelled => "cancelled",
    }
}

impl View<'_> {
    /// What is connected or has ended is one list.
    pub(super) fn plain_group(&self, phase: Phase, runs: Vec<Run>) -> Vec<Group> {
        let of = Group { runs, ..group(word(phase), words::phase(phase).to_owned(), words::phase_about(phase), false) };
        if of.runs.is_empty() { Vec::new() } else { vec![of] }
    }
}
