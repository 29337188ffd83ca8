//! What the engine does in the simulated world: routes at the gateway, letters to people, and what
//! people do about them. Both fail, come late, or work and say that they failed.

use async_trait::async_trait;
use fencepost::engine::ports::{Gateway, GatewayError, Letter, Notifier, NotifyError, RouteDesire};
use fencepost::lifecycle::connection::RouteMode;
use fencepost_checks::DomainName;

use super::world::{Act, Blow, DAY, HOUR, Mx, SECOND, State, World};

/// A permit rests on nothing older.
const FRESH: i64 = 6 * HOUR;

impl World {
    /// The node may die here, or be frozen until somebody thaws it.
    pub async fn may_be_struck(&self) {
        let blow = {
            let mut state = self.state();
            let death = state.chance("death in the middle of a call", 2);
            let frost = !death && state.chance("frozen past the lease", 1);
            state.blow = if death { Some(Blow::Death) } else { frost.then_some(Blow::Frost) };
            state.blow
        };
        match blow {
            Some(Blow::Death) => {
                self.struck.notify_one();
                std::future::pending::<()>().await;
            }
            Some(Blow::Frost) => {
                self.struck.notify_one();
                self.thaw.notified().await;
            }
            None => {}
        }
    }
}

#[async_trait]
impl Gateway for World {
    async fn apply(&self, desire: &RouteDesire) -> Result<(), GatewayError> {
        self.may_be_struck().await;
        let lost = {
            let mut state = self.state();
            let until = state.now + SECOND;
            state.pass(until);
            if state.chance("write to the gateway comes late", 40) {
                let at = until + state.between(1, 90) * 60 * SECOND;
                state.plan(at, Act::Write(desire.domain.clone(), desire.mode, desire.generation));
                return Err(GatewayError::Failed("no answer in time".to_owned()));
            }
            if state.chance("gateway fails", 80) {
                return Err(GatewayError::Failed("503 busy".to_owned()));
            }
            let (mode, seen) = state.routes.get(&desire.domain).copied().unwrap_or((RouteMode::Absent, 0));
            if seen > desire.generation {
                let (domain, ours) = (desire.domain.clone(), desire.generation);
                *state.faults.entry("late write refused").or_default() += 1;
                return Err(GatewayError::Stale { domain, ours, seen });
            }
            let removed = matches!(desire.mode, RouteMode::Absent | RouteMode::Reject) && mode != desire.mode;
            let named = state.site(&desire.domain).last_round_named_us;
            state.holds(!removed || !named, || format!("{} lost its route while its MX names us", desire.domain));
            state.routes.insert(desire.domain.clone(), (desire.mode, desire.generation));
            state.chance("gateway works and says it failed", 30)
        };
        self.may_be_struck().await;
        if lost { Err(GatewayError::Failed("no answer in time".to_owned())) } else { Ok(()) }
    }

    async fn observe(&self, domain: &DomainName) -> Result<Option<RouteMode>, GatewayError> {
        Ok(self.state().routes.get(domain).map(|(mode, _)| *mode))
    }
}

#[async_trait]
impl Notifier for World {
    async fn deliver(&self, letter: &Letter) -> Result<String, NotifyError> {
        self.may_be_struck().await;
        let lost = {
            let mut state = self.state();
            let took = if state.chance("slow next hop", 10) { 100 } else { 1 };
            let until = state.now + took * SECOND;
            state.pass(until);
            if state.chance("next hop fails", 60) {
                return Err(NotifyError::Transient("451 try later".to_owned()));
            }
            if !state.letters_vanish {
                state.arrive(letter);
            }
            state.chance("delivered and said to have failed", 20)
        };
        self.may_be_struck().await;
        if lost { Err(NotifyError::Transient("no answer in time".to_owned())) } else { Ok("250 taken".to_owned()) }
    }
}

impl State {
    fn arrive(&mut self, letter: &Letter) {
        let known = self.letters.get(&letter.dedupe_key).cloned();
        let times = known.as_ref().map_or(1, |(_, times)| times + 1);
        let same = known.as_ref().is_none_or(|(name, _)| *name == letter.notice);
        self.holds(same, || format!("{} has two meanings", letter.dedupe_key));
        self.letters.insert(letter.dedupe_key.clone(), (letter.notice.clone(), times));
        if let Some(status) = &letter.status
            && letter.notice == "mx_change_may_be_relayed"
        {
            self.holds(status.mx_change_permitted, || format!("{}: a go-ahead without a permit", status.domain));
            self.rests_on_fresh_looks(&status.domain.clone());
        }
        // People act once, however often they are told the same.
        if known.is_none()
            && let Some(status) = &letter.status
        {
            self.react(&status.domain.clone(), &letter.notice);
        }
    }

    fn rests_on_fresh_looks(&mut self, domain: &DomainName) {
        let now = self.shown().as_microsecond();
        let passed = self.site(domain).passed;
        let fresh = passed.iter().all(|at| at.is_some_and(|at| now - at < FRESH));
        self.holds(fresh, || format!("{domain}: a go-ahead on looks of {passed:?} at {now}"));
    }

    fn react(&mut self, domain: &DomainName, notice: &str) {
        let (now, script) = (self.now, self.site(domain).script.clone());
        match notice {
            "firewall_instructions" => self.plan(now + script.opens_after, Act::Firewall(domain.clone(), true)),
            "mx_change_may_be_relayed" => {
                self.site(domain).go_ahead = true;
                self.plan(now + script.moves_after, Act::Relay(domain.clone()));
            }
            "permission_withdrawn" | "stop" => {
                let site = self.site(domain);
                site.go_ahead &= !site.script.obeys;
                if site.mx != Mx::Old && notice == "stop" {
                    self.plan(now + 3 * HOUR, Act::Mx(domain.clone(), Mx::Old));
                }
            }
            "early_cutover_alarm" => {
                let back = now + self.between(1, 12) * HOUR;
                self.site(domain).go_ahead = false;
                self.plan(back, Act::Mx(domain.clone(), Mx::Old));
            }
            "connected" => self.connected(domain),
            "drift" => {
                let mended = now + self.between(1, 48) * HOUR;
                self.plan(mended, Act::Mx(domain.clone(), Mx::Ours));
            }
            "delivery_failing" => {
                let mended = now + self.between(1, 48) * HOUR;
                self.plan(mended, Act::Firewall(domain.clone(), true));
                self.plan(mended, Act::Server(domain.clone(), true));
            }
            "move_away" => {
                let moved = now + self.between(1, 100) * HOUR;
                self.plan(moved, Act::Mx(domain.clone(), Mx::Away));
            }
            _ => {}
        }
    }

    /// From now on the customer lives with the service, in its own way.
    fn connected(&mut self, domain: &DomainName) {
        let (now, last) = (self.now, self.end - 40 * DAY);
        let site = self.site(domain);
        site.connected = true;
        let (paid, script) = (site.paid, site.script.clone());
        let mut acts = Vec::new();
        if let Some((customer, after)) = script.decides.filter(|_| !paid) {
            acts.push((now + after + script.entered_late, Act::Decide(domain.clone(), customer, script.entered_late)));
        }
        acts.extend(script.gives_notice.map(|after| (now + after, Act::GiveNotice(domain.clone()))));
        acts.extend(script.drifts.map(|after| (now + after, Act::Mx(domain.clone(), Mx::Old))));
        acts.extend(script.closes_firewall.map(|after| (now + after, Act::Firewall(domain.clone(), false))));
        for (at, act) in acts.into_iter().filter(|(at, _)| *at < last) {
            self.plan(at, act);
        }
    }
}
