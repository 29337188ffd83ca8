//! `--wait PHASE`: comes back when a domain is where somebody wants it, when it has gone another way, or when
//! the time is up. Asks the service at growing intervals; a service that is away meanwhile is asked again.

use std::time::Duration;

use super::client::{ApiError, Client};
use super::print::{cell, minute};
use super::{Exit, serve};
use crate::lifecycle::connection::Phase;
use crate::status::{AnswerKind, DomainStatus};

/// Between two questions: at first, and later on.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(5);
/// So often soon.
const EAGER: u32 = 60;

#[derive(Debug, Clone, clap::Args)]
pub struct WaitArgs {
    /// Come back when the domain is in this phase, or past it on the way to `connected`
    #[arg(long = "wait", value_name = "PHASE", value_parser = phase)]
    pub phase: Option<Phase>,
    /// Seconds to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, requires = "phase",
          value_parser = clap::value_parser!(u32).range(1..=2_678_400))]
    pub timeout: u32,
}

fn phase(word: &str) -> Result<Phase, String> {
    serde_json::from_value(word.into()).map_err(|_| {
        "use ordered, allowlisting, probing, provisioning, ready, confirming, connected, drifted, releasing, \
         released or cancelled"
            .to_owned()
    })
}

/// How a domain stands towards the phase that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    There,
    OnTheWay,
    /// It will not come there by itself any more.
    AnotherWay,
}

/// The place of a phase on the way from order to service.
fn step(phase: Phase) -> Option<u8> {
    match phase {
        Phase::Ordered => Some(0),
        Phase::Allowlisting => Some(1),
        Phase::Probing => Some(2),
        Phase::Provisioning => Some(3),
        Phase::Ready => Some(4),
        Phase::Confirming => Some(5),
        Phase::Connected => Some(6),
        Phase::Drifted | Phase::Releasing | Phase::Released | Phase::Cancelled => None,
    }
}

fn stand(wanted: Phase, now: Phase, answer: AnswerKind) -> Stand {
    if now == wanted {
        return Stand::There;
    }
    match (step(wanted), step(now)) {
        (Some(wanted), Some(now)) if now > wanted => Stand::There,
        (Some(_), Some(_)) if answer == AnswerKind::RollBack => Stand::AnotherWay,
        (Some(_), None) => Stand::AnotherWay,
        (None, _) => match (wanted, now) {
            (Phase::Releasing, Phase::Released) => Stand::There,
            (_, Phase::Released | Phase::Cancelled) => Stand::AnotherWay,
            _ => Stand::OnTheWay,
        },
        (Some(_), Some(_)) => Stand::OnTheWay,
    }
}

/// What the waiting came to.
#[derive(Debug)]
pub struct Waited {
    /// The last status of each domain that was asked for.
    pub statuses: Vec<DomainStatus>,
    pub exit: Exit,
    /// Why it is not there, for people.
    pub why: Option<String>,
}

/// Waits for each of these domains, all within the one time. With `tell`, what changes meanwhile is said on
/// standard error.
///
/// # Errors
/// [`ApiError`] where the service says no, or never answered within the time.
pub async fn wait(
    client: &Client,
    domains: &[String],
    wanted: Phase,
    seconds: u32,
    tell: bool,
) -> Result<Waited, ApiError> {
    let mut watch = Watch { client, wanted, tell, statuses: Vec::new(), away: None };
    let bound = Duration::from_secs(u64::from(seconds));
    let ended = tokio::select! {
        ended = tokio::time::timeout(bound, watch.all(domains)) => Some(ended),
        _ = serve::signal() => None,
    };
    let Watch { statuses, away, .. } = watch;
    let at = statuses.last().map(|last| format!("{} is in the phase {}", last.domain, word(&last.phase)));
    let (exit, why) = match ended {
        Some(Ok(Ok(true))) => (Exit::Pass, None),
        Some(Ok(Ok(false))) => (Exit::Fail, at.map(|at| format!("{at}: it will not be {} by itself", word(&wanted)))),
        Some(Ok(Err(error))) => return Err(error),
        Some(Err(_)) => match (at, away) {
            (Some(at), None) => (Exit::Fail, Some(format!("after {seconds} s {at}, not {}", word(&wanted)))),
            (_, Some(error)) => return Err(error),
            (None, None) => (Exit::Inconclusive, Some(format!("no answer within {seconds} s"))),
        },
        None => (Exit::Inconclusive, Some("stopped; nothing was changed by waiting".to_owned())),
    };
    Ok(Waited { statuses, exit, why })
}

struct Watch<'a> {
    client: &'a Client,
    wanted: Phase,
    tell: bool,
    statuses: Vec<DomainStatus>,
    /// Why the last question had no answer.
    away: Option<ApiError>,
}

impl Watch<'_> {
    /// Whether every domain came there.
    async fn all(&mut self, domains: &[String]) -> Result<bool, ApiError> {
        let mut there = true;
        for (index, domain) in domains.iter().enumerate() {
            there &= self.one(index, domain).await?;
        }
        Ok(there)
    }

    async fn one(&mut self, index: usize, domain: &str) -> Result<bool, ApiError> {
        let mut asked: u32 = 0;
        loop {
            match self.client.get::<DomainStatus>(&["v1", "domains", domain, "status"], &[]).await {
                Ok(status) => {
                    self.away = None;
                    let stand = stand(self.wanted, status.phase, status.answer);
                    self.keep(index, status);
                    match stand {
                        Stand::There => return Ok(true),
                        Stand::AnotherWay => return Ok(false),
                        Stand::OnTheWay => {}
                    }
                }
                Err(error) if error.exit() == Exit::Inconclusive => {
                    if self.tell && self.away.is_none() {
                        eprintln!("fencepost: {error}; asking again");
                    }
                    self.away = Some(error);
                }
                Err(error) => return Err(error),
            }
            asked = asked.saturating_add(1);
            tokio::time::sleep(if asked < EAGER { SOON } else { LATER }).await;
        }
    }

    fn keep(&mut self, index: usize, status: DomainStatus) {
        let before = self.statuses.get(index).map(|before| (before.phase, before.answer));
        if self.tell && before != Some((status.phase, status.answer)) {
            let at = serde_json::to_value(status.as_of).ok();
            eprintln!("{}  {}: {}. {}", minute(at.as_ref()), status.domain, word(&status.phase), cell(&status.reason));
        }
        match self.statuses.get_mut(index) {
            Some(kept) => *kept = status,
            None => self.statuses.push(status),
        }
    }
}

fn word(phase: &Phase) -> String {
    serde_json::to_value(phase).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PHASES: [Phase; 11] = [
        Phase::Ordered,
        Phase::Allowlisting,
        Phase::Probing,
        Phase::Provisioning,
        Phase::Ready,
        Phase::Confirming,
        Phase::Connected,
        Phase::Drifted,
        Phase::Releasing,
        Phase::Released,
        Phase::Cancelled,
    ];

    #[test]
    fn a_script_that_waits_for_ready() {
        let ready = |now, answer| stand(Phase::Ready, now, answer);
        assert_eq!(ready(Phase::Probing, AnswerKind::Wait), Stand::OnTheWay);
        assert_eq!(ready(Phase::Ready, AnswerKind::ChangeNow), Stand::There);
        assert_eq!(ready(Phase::Connected, AnswerKind::Done), Stand::There, "it was quicker than the script");
        assert_eq!(ready(Phase::Cancelled, AnswerKind::MoveAway), Stand::AnotherWay);
        assert_eq!(ready(Phase::Releasing, AnswerKind::MoveAway), Stand::AnotherWay);
    }

    #[test]
    fn a_script_that_waits_for_the_end_of_a_change() {
        let connected = |now, answer| stand(Phase::Connected, now, answer);
        assert_eq!(connected(Phase::Confirming, AnswerKind::Wait), Stand::OnTheWay);
        assert_eq!(connected(Phase::Confirming, AnswerKind::RollBack), Stand::AnotherWay);
        assert_eq!(connected(Phase::Drifted, AnswerKind::Wait), Stand::AnotherWay);
        assert_eq!(stand(Phase::Released, Phase::Releasing, AnswerKind::MoveAway), Stand::OnTheWay);
        assert_eq!(stand(Phase::Released, Phase::Connected, AnswerKind::Done), Stand::OnTheWay);
        assert_eq!(stand(Phase::Released, Phase::Cancelled, AnswerKind::Done), Stand::AnotherWay);
    }

    proptest! {
        #[test]
        fn waiting_ends_where_it_was_wanted_and_in_every_final_phase(wanted in 0..11_usize, now in 0..11_usize) {
            let (wanted, now) = (PHASES[wanted], PHASES[now]);
            let stand = stand(wanted, now, AnswerKind::Wait);
            prop_assert!(wanted != now || stand == Stand::There);
            prop_assert!(!matches!(now, Phase::Released | Phase::Cancelled) || stand != Stand::OnTheWay);
        }
    }
}
