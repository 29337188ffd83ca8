//! One SMTP dialogue with one pinned address, stage by stage, never as far as DATA but for a canary. `async-smtp` writes
//! the commands and parses the replies; it stands behind a guard that bounds and cleans everything that
//! it reads. Records what happened; `fencepost_checks` judges it.

mod connect;
mod dialogue;
mod guard;
mod intake;
mod letter;
#[cfg(test)]
#[path = "../../../fuzz/properties/smtp_guard.rs"]
mod properties;
mod reply;
mod side;
#[cfg(test)]
mod tests;
mod transcript;

pub(super) use self::connect::Source;
pub(super) use self::dialogue::{Depth, Mailbox, Plan, Times, talk};
pub(super) use self::letter::Letter;
