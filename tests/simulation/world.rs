//! The simulated world: its time, what is true of every customer's domain, and what will happen when.
//! Everything random in it comes from one seed. It knows the engine by its ports alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use fencepost::clock::Clock;
use fencepost::lifecycle::connection::RouteMode;
use fencepost_checks::DomainName;
use jiff::Timestamp;
use jiff::civil::Date;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Notify;

pub const SECOND: i64 = 1_000_000;
pub const HOUR: i64 = 3_600 * SECOND;
pub const DAY: i64 = 24 * HOUR;

#[derive(Debug)]
pub struct World {
    state: Mutex<State>,
    /// Told when the node has died, or was frozen.
    pub struck: Notify,
    /// Told when nothing is left to do before somebody acts, or the story ends.
    pub idle: Notify,
    pub thaw: Notify,
}

#[derive(Debug)]
pub struct State {
    pub dice: StdRng,
    /// True time, microseconds since 1970.
    pub now: i64,
    /// What clocks show beyond it: they jump.
    pub offset: i64,
    pub end: i64,
    agenda: BTreeMap<(i64, u64), Act>,
    numbers: u64,
    pub sites: BTreeMap<DomainName, Site>,
    pub routes: BTreeMap<DomainName, (RouteMode, u64)>,
    /// Name of the notice by its key, and how often it came.
    pub letters: BTreeMap<String, (String, u32)>,
    /// Until when no vantage can even try.
    pub storm_until: i64,
    /// Whether faults are injected at present.
    pub troubled: bool,
    /// To see that the oracle sees: letters vanish that are said to be taken.
    pub letters_vanish: bool,
    pub blow: Option<Blow>,
    pub faults: BTreeMap<&'static str, u64>,
    /// Invariants that did not hold.
    pub broken: Vec<String>,
}

/// What has just happened to the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    Death,
    Frost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mx {
    Old,
    /// One name server gives the new set, the other the old one.
    Half,
    Ours,
    /// With the next provider.
    Away,
}

/// The truth about one domain, and what its people are going to do.
#[derive(Debug, Clone)]
pub struct Site {
    pub domain: DomainName,
    pub customer: Option<String>,
    pub paid: bool,
    pub server_works: bool,
    pub firewall_open: bool,
    pub mx: Mx,
    /// Somebody holds a go-ahead that was not withdrawn.
    pub go_ahead: bool,
    pub connected: bool,
    /// Clock time of the last passing look at firewall, server, gateway and policies.
    pub passed: [Option<i64>; 4],
    pub last_round_named_us: bool,
    pub script: Script,
    /// When the word of the customer was received, and what it was; its notice.
    pub word: Option<(bool, i64)>,
    pub notice: Option<i64>,
    pub cancelled: bool,
}

#[derive(Debug, Clone)]
pub struct Script {
    pub opens_after: i64,
    pub moves_after: i64,
    pub obeys: bool,
    pub decides: Option<(bool, i64)>,
    pub entered_late: i64,
    pub gives_notice: Option<i64>,
    pub drifts: Option<i64>,
    pub closes_firewall: Option<i64>,
    pub cancels: Option<i64>,
    pub hurries: Option<i64>,
}

#[derive(Debug, Clone)]
pub enum Act {
    Firewall(DomainName, bool),
    Server(DomainName, bool),
    Mx(DomainName, Mx),
    /// The partner relays the change, if its go-ahead still stands.
    Relay(DomainName),
    /// Somebody does not wait for a go-ahead.
    Hurry(DomainName),
    /// A write to the gateway that was thought lost arrives.
    Write(DomainName, RouteMode, u64),
    Storm(i64),
    /// Clocks are set by so much.
    Jump(i64),
    // Of people, at the desk.
    Order(DomainName),
    Decide(DomainName, bool, i64),
    GiveNotice(DomainName),
    Cancel(DomainName),
    CloseRun(Date),
}

impl Act {
    pub fn is_of_people(&self) -> bool {
        matches!(self, Self::Order(_) | Self::Decide(..) | Self::GiveNotice(_) | Self::Cancel(_) | Self::CloseRun(_))
    }
}

impl World {
    pub fn new(seed: u64, start: Timestamp, days: i64) -> Self {
        let now = start.as_microsecond();
        let state = State {
            dice: StdRng::seed_from_u64(seed),
            now,
            offset: 0,
            end: now + days * DAY,
            agenda: BTreeMap::new(),
            numbers: 0,
            sites: BTreeMap::new(),
            routes: BTreeMap::new(),
            letters: BTreeMap::new(),
            storm_until: 0,
            troubled: true,
            letters_vanish: false,
            blow: None,
            faults: BTreeMap::new(),
            broken: Vec::new(),
        };
        Self { state: Mutex::new(state), struck: Notify::new(), idle: Notify::new(), thaw: Notify::new() }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        // A simulated death unwinds; what it left is meant to be looked at.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    /// What a clock shows.
    pub fn shown(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now + self.offset).unwrap()
    }

    pub fn chance(&mut self, of: &'static str, per_mille: u32) -> bool {
        let hit = self.troubled && self.dice.random_ratio(per_mille, 1_000);
        if hit {
            *self.faults.entry(of).or_default() += 1;
        }
        hit
    }

    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        self.dice.random_range(least..=most)
    }

    /// Puts an act on the agenda. Nothing begins so late that its end cannot be seen.
    pub fn plan(&mut self, at: i64, act: Act) {
        self.numbers += 1;
        self.agenda.insert((at, self.numbers), act);
    }

    pub fn next_act(&self) -> Option<(i64, &Act)> {
        self.agenda.first_key_value().map(|((at, _), act)| (*at, act))
    }

    pub fn take_act(&mut self) -> Option<Act> {
        self.agenda.pop_first().map(|(_, act)| act)
    }

    /// Lets time pass; what happens by itself happens on the way.
    pub fn pass(&mut self, until: i64) {
        while let Some((at, act)) = self.next_act() {
            if at > until || act.is_of_people() {
                break;
            }
            self.now = self.now.max(at);
            let act = self.take_act().unwrap();
            self.happen(act);
        }
        self.now = self.now.max(until);
    }

    fn happen(&mut self, act: Act) {
        let now = self.now;
        match act {
            Act::Firewall(domain, open) => self.site(&domain).firewall_open = open,
            Act::Server(domain, works) => self.site(&domain).server_works = works,
            Act::Mx(domain, mx) => {
                let site = self.site(&domain);
                // Whoever has moved away does not come back.
                if site.mx != Mx::Away {
                    site.mx = mx;
                }
            }
            Act::Relay(domain) => {
                let site = self.site(&domain);
                if site.go_ahead && site.mx == Mx::Old {
                    site.mx = Mx::Half;
                    let whole = now + self.between(5, 60) * 60 * SECOND;
                    self.plan(whole, Act::Mx(domain, Mx::Ours));
                }
            }
            Act::Hurry(domain) => {
                let site = self.site(&domain);
                if site.mx == Mx::Old && !site.connected {
                    site.mx = Mx::Ours;
                    *self.faults.entry("MX changed without a go-ahead").or_default() += 1;
                }
            }
            Act::Write(domain, mode, generation) => {
                let seen = self.routes.get(&domain).map_or(0, |(_, seen)| *seen);
                if seen > generation {
                    *self.faults.entry("late write refused").or_default() += 1;
                } else {
                    self.routes.insert(domain, (mode, generation));
                }
            }
            Act::Storm(length) => self.storm_until = now + length,
            Act::Jump(by) => self.offset += by,
            other => unreachable!("{other:?} is of people"),
        }
    }

    pub fn site(&mut self, domain: &DomainName) -> &mut Site {
        self.sites.get_mut(domain).unwrap()
    }

    pub fn holds(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let text = format!("{}: {}", self.shown(), what());
            self.broken.push(text);
        }
    }

    pub fn keys(&self) -> BTreeSet<&str> {
        self.letters.keys().map(String::as_str).collect()
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.state().shown()
    }

    /// Nothing is due before `next`: up to then, or to the next act of a person, whichever is earlier.
    fn skip_to(&self, next: Timestamp) -> bool {
        let mut state = self.state();
        let target = next.as_microsecond() - state.offset;
        let act = state.next_act().map(|(at, act)| (at, act.is_of_people()));
        match act {
            Some((at, of_people)) if at <= target.min(state.end) => {
                state.pass(at);
                if of_people {
                    self.idle.notify_one();
                }
                !of_people
            }
            _ if target >= state.end => {
                let end = state.end;
                state.pass(end);
                self.idle.notify_one();
                false
            }
            _ => {
                state.pass(target);
                true
            }
        }
    }
}
