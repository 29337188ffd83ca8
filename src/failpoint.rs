//! Named moments before and after every commit and every remote effect, at which a test may stop the
//! program. In the program itself they do nothing.
//!
//! There is no feature, flag or variable that arms them: what is tested is byte for byte what is
//! shipped, and only a program that links this library and calls [`install`] (the crash tests do)
//! can stop it here. Unarmed, a point costs one load of an atomic.

use std::sync::OnceLock;

type Hook = Box<dyn Fn(Point) + Send + Sync>;

static HOOK: OnceLock<Hook> = OnceLock::new();

macro_rules! steps {
    ($($(#[doc = $doc:literal])* $step:ident,)+) => {
        /// Something that cannot be undone once it is done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Step { $($(#[doc = $doc])* $step,)+ }

        impl Step {
            /// Every step there is.
            pub const ALL: &[Self] = &[$(Self::$step,)+];

            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$step => stringify!($step),)+ }
            }
        }
    };
}

steps! {
    // Use cases of the store: one transaction each.
    /// An order with everything that begins with it.
    PlaceOrder,
    CreateToken,
    RevokeToken,
    /// A link to a status page is made, revoked or followed.
    ShareLink,
    /// An account is made, disabled or taken into force again.
    Person,
    /// A link is asked for, kept or used, or a session begins, goes on or ends.
    SignIn,
    /// Due timers are leased.
    Claim,
    /// One outcome: events, state, observations, outbox, entries, route, timers.
    Transition,
    /// A claim is given up without an outcome.
    Abandon,
    Park,
    /// What was parked is made due again.
    RetryParked,
    /// Due effects are leased.
    ClaimOutbox,
    /// An effect is settled.
    OutboxDone,
    AppendEntries,
    KeepEvidence,
    /// A mail is kept with its evidence and what was understood.
    KeepMail,
    /// A mail is rejected or admitted.
    SettleMail,
    SetSender,
    CloseRun,
    /// Who did what is written down.
    RecordAct,
    /// One row is written, to see that it can be.
    Heartbeat,
    /// A turn at a host that is not ours, an allowance, or overdue work that is spread out.
    Manners,
    AgentSession,
    /// A task is asked, handed out, answered or closed.
    AgentTask,
    /// A route is desired of an agent, or confirmed by one.
    AgentRoute,
    /// A look, a quarantine or a release is kept.
    VantageState,
    // What a store does below that.
    /// The schema is brought up to date.
    Migrate,
    /// A group of outcomes goes to the disk together.
    Flush,
    // Remote effects.
    /// One request to a gateway's API.
    GatewayRequest,
    /// A file that Postfix reads, or our record of it, is replaced.
    PostfixFile,
    /// Postfix is told to load its maps.
    PostfixReload,
    /// A canary is handed to the gateway.
    CanarySending,
    /// A notice is handed to the next hop for one recipient, or a message to the accounting system.
    NoticeDelivery,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    Before,
    After,
}

/// One place to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    pub side: Side,
    pub step: Step,
}

impl Point {
    /// Every point there is.
    pub fn all() -> impl Iterator<Item = Self> {
        Step::ALL.iter().flat_map(|step| [Side::Before, Side::After].map(|side| Self { side, step: *step }))
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = match self.side {
            Side::Before => "before",
            Side::After => "after",
        };
        write!(f, "{side}:{}", self.step.name())
    }
}

/// From now on `hook` is called at every point, on whatever thread comes by. For tests alone; once a
/// process.
///
/// # Errors
/// When there is a hook already.
#[doc(hidden)]
pub fn install(hook: impl Fn(Point) + Send + Sync + 'static) -> Result<(), &'static str> {
    HOOK.set(Box::new(hook)).map_err(|_| "there is a hook already")
}

/// Carries `work` out between its two points.
pub(crate) async fn around<T>(step: Step, work: impl Future<Output = T>) -> T {
    reach(Side::Before, step);
    let outcome = work.await;
    reach(Side::After, step);
    outcome
}

/// As [`around`], where nothing is awaited.
pub(crate) fn around_blocking<T>(step: Step, work: impl FnOnce() -> T) -> T {
    reach(Side::Before, step);
    let outcome = work();
    reach(Side::After, step);
    outcome
}

fn reach(side: Side, step: Step) {
    if let Some(hook) = HOOK.get() {
        hook(Point { side, step });
    }
}
