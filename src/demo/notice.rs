//! Which notice a mail is, as its header says.

use super::lab::Mail;

/// Header with the snake-case name of the notice.
pub const HEADER: &str = "X-Fencepost-Notice";

/// The snake-case name of the notice; empty for other mail.
#[must_use]
pub fn notice_of(mail: &Mail) -> &str {
    mail.header(HEADER).unwrap_or_default()
}
