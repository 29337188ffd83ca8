//! A decision in the making: a working copy of the state into which every event is folded as it is
//! written down, so that each rule sees what the rules before it have done. Holds no rules itself.

use jiff::Timestamp;

use super::event::{Decision, Effect, Event, Notice};
use super::evolve::apply;
use super::state::{Connection, Phase, RouteMode};

pub(super) struct Draft {
    /// The state as it will be.
    pub(super) c: Connection,
    pub(super) now: Timestamp,
    pub(super) hurry: bool,
    events: Vec<Event>,
    effects: Vec<Effect>,
}

impl Draft {
    pub(super) fn new(c: &Connection, now: Timestamp) -> Self {
        Self { c: c.clone(), now, hurry: false, events: Vec::new(), effects: Vec::new() }
    }

    pub(super) fn emit(&mut self, event: Event) {
        apply(&mut self.c, &event, self.now);
        self.events.push(event);
    }

    pub(super) fn enter(&mut self, phase: Phase, why: impl Into<String>) {
        self.emit(Event::PhaseEntered { phase, why: why.into() });
    }

    /// Of what was imported quietly only the desk hears, and only that it is not as it should be.
    pub(super) fn notify(&mut self, notice: Notice) {
        let notice = match notice {
            _ if !self.c.import.is_some_and(|import| import.quiet) => notice,
            Notice::Drift | Notice::Overdue | Notice::DeliveryFailing => Notice::ImportUnconfirmed,
            _ => return,
        };
        let effect = Effect::Notify { notice, valid_if: None };
        if !self.effects.contains(&effect) {
            self.effects.push(effect);
        }
    }

    /// A notice that must not go out once the permit has ceased to be valid.
    pub(super) fn notify_under_permit(&mut self, notice: Notice, permit: u32) {
        self.effects.push(Effect::Notify { notice, valid_if: Some(permit) });
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Wishes another route; what the gateway confirmed before no longer counts.
    pub(super) fn want_route(&mut self, mode: RouteMode) {
        if self.c.route != mode {
            self.rewrite_route(mode);
        }
    }

    /// Wishes the route anew: its servers are others, or it was never written.
    pub(super) fn rewrite_route(&mut self, mode: RouteMode) {
        self.emit(Event::RouteDesired { mode });
        self.effects.push(Effect::Route { mode });
        self.c.observed.route_confirmed = None;
        self.c.observed.route_confirmed_at = None;
    }

    pub(super) fn finish(self) -> Decision {
        Decision { events: self.events, effects: self.effects, observed: self.c.observed, hurry: self.hurry }
    }
}
