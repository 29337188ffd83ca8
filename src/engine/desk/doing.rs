//! What the desk may do about one domain, as values: each is foreseen by the very lifecycle that will carry it
//! out, so that a page offers what would change something, and says what it will be.

use fencepost_checks::DomainName;

use super::{Caller, Desk, DeskError, DeskResult, Outcome, word};
use crate::engine::connections::{self, With};
use crate::lifecycle::connection::{Fact, ReleaseCause};
use crate::lifecycle::permit::Setup;

/// One thing to do. The words of [`Doing::word`] are interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doing {
    /// Registers the customer whose domain it is.
    Register,
    Recheck,
    /// `defer`: the gateway defers the domain's mail, for at most 72 hours.
    Suspend {
        reason: String,
        defer: bool,
    },
    Resume {
        reason: String,
    },
    Cancel {
        reason: String,
    },
    AcceptMx {
        names: Vec<DomainName>,
        reason: String,
    },
    /// The MX never moved: announces the end.
    CutOff {
        reason: String,
    },
    /// The name servers are silent, and the desk decides that the domain has left.
    Departed {
        reason: String,
    },
    Release {
        reason: String,
    },
    /// A release is taken back.
    Keep {
        reason: String,
    },
    /// A change of own servers is given up, or taken back.
    KeepRoute {
        reason: String,
    },
}

impl Doing {
    /// As it is written down.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Recheck => "recheck",
            Self::Suspend { .. } => "suspend",
            Self::Resume { .. } => "resume",
            Self::Cancel { .. } => "cancel",
            Self::AcceptMx { .. } => "accept-mx",
            Self::CutOff { .. } => "cut-off",
            Self::Departed { .. } => "departed",
            Self::Release { .. } => "release",
            Self::Keep { .. } => "keep",
            Self::KeepRoute { .. } => "keep-servers",
        }
    }

    /// Why; empty where nobody has to say.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Register | Self::Recheck => "",
            Self::Suspend { reason, .. }
            | Self::Resume { reason }
            | Self::Cancel { reason }
            | Self::AcceptMx { reason, .. }
            | Self::CutOff { reason }
            | Self::Departed { reason }
            | Self::Release { reason }
            | Self::Keep { reason }
            | Self::KeepRoute { reason } => reason,
        }
    }

    /// The fact that it is for the connection. Facts without a place for the reason have it with the name.
    fn fact(&self, who: &str) -> Fact {
        let by = who.to_owned();
        let with_reason = || format!("{who}: {}", self.reason());
        match self.clone() {
            Self::Register => Fact::Registered { by },
            Self::Recheck => Fact::Recheck { by },
            Self::Suspend { reason, defer } => Fact::Suspended { by, reason, defer },
            Self::Resume { .. } => Fact::Resumed { by: with_reason() },
            Self::Cancel { reason } => Fact::Cancel { by, reason },
            Self::AcceptMx { names, reason } => Fact::MxAccepted { names, reason, by },
            Self::CutOff { reason } => Fact::CutOff { by, reason },
            Self::Departed { reason } => Fact::Departed { by, reason },
            Self::Release { .. } => Fact::Release { cause: ReleaseCause::Terminated, by: with_reason() },
            Self::Keep { .. } => Fact::ReleaseWithdrawn { by: with_reason() },
            Self::KeepRoute { .. } => Fact::RouteChangeWithdrawn { by: with_reason() },
        }
    }
}

impl Desk {
    /// What it would bring about now. Nothing is stored.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn foresee(&self, domain: &DomainName, doing: &Doing, caller: &Caller) -> DeskResult<Outcome> {
        let mut all = self.foresee_all(domain, std::slice::from_ref(doing), caller).await?;
        all.pop().ok_or(DeskError::NotFound)
    }

    /// As [`Desk::foresee`] for each of them, from one reading.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn foresee_all(
        &self,
        domain: &DomainName,
        doings: &[Doing],
        caller: &Caller,
    ) -> DeskResult<Vec<Outcome>> {
        let row = self.store.domain(domain, &caller.scope).await?.ok_or(DeskError::NotFound)?;
        let loaded = connections::Loaded::read(row.connection, Setup::of(&self.config))?;
        let outcome = |doing: &Doing| -> DeskResult<Outcome> {
            let fact = doing.fact(&caller.who);
            let (_, after, changed) = connections::transition(&loaded, &fact, With::default(), self.clock.now())?;
            Ok(Outcome { phase: word(&after.phase)?, changed, consequences: Vec::new() })
        };
        doings.iter().map(outcome).collect()
    }

    /// Does it, as the use case of its own does.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn carry_out(&self, domain: &DomainName, doing: &Doing, caller: &Caller) -> DeskResult<Outcome> {
        if *doing == Doing::Register {
            let row = self.store.domain(domain, &caller.scope).await?.ok_or(DeskError::NotFound)?;
            return self.register(&row.customer_id, caller).await;
        }
        self.of_domain(domain, doing.fact(&caller.who), caller).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_in_every_fact_that_needs_one() {
        let reason = || "a holiday".to_owned();
        let all = [
            Doing::Suspend { reason: reason(), defer: false },
            Doing::Resume { reason: reason() },
            Doing::Cancel { reason: reason() },
            Doing::AcceptMx { names: Vec::new(), reason: reason() },
            Doing::CutOff { reason: reason() },
            Doing::Departed { reason: reason() },
            Doing::Release { reason: reason() },
            Doing::Keep { reason: reason() },
            Doing::KeepRoute { reason: reason() },
        ];
        for doing in all {
            assert!(format!("{:?}", doing.fact("Anna")).contains("a holiday"), "{doing:?}");
            assert!(format!("{:?}", doing.fact("Anna")).contains("Anna"), "{doing:?}");
        }
    }
}
