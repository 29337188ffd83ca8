//! What happens once whoever has to act has acted, in a sentence or two: so that nobody waits for
//! something that does not come. Pure; decides nothing.

use super::{AnswerKind, DomainStatus};
use crate::lifecycle::connection::Phase;

/// What comes next, for people.
#[must_use]
pub fn what_happens_next(status: &DomainStatus) -> &'static str {
    match (status.answer, status.phase) {
        (AnswerKind::RollBack, _) => {
            "When every name server shows the old MX again, the checks go on. The gateway defers the mail meanwhile, and senders try again."
        }
        _ if status.suspension.is_some() => {
            "When the service desk ends the suspension, the checks go on by themselves."
        }
        (_, Phase::Ordered) => "The service desk registers the customer; then the firewall is checked.",
        (_, Phase::Allowlisting) => {
            "We try again by ourselves. When every gateway address gets through, the mail server is tested."
        }
        (_, Phase::Probing) => {
            "We try again by ourselves. When the mail server takes the test, the gateway learns the domain."
        }
        (_, Phase::Provisioning) => {
            "When the gateway, asked from outside, takes mail for the domain, the MX may be changed. The partner gets a mail then."
        }
        (AnswerKind::ChangeNow, _) => {
            "When the first name server shows the new MX, we watch it for at least 24 hours and say when it is done. Until then the old way stays open."
        }
        (_, Phase::Ready) => "When the checks pass again, this page says so and the partner gets a mail.",
        (_, Phase::Confirming) => {
            "When the new MX has stayed everywhere for the whole window, the domain is connected and everybody is told. Leave the MX as it is."
        }
        (_, Phase::Connected) => "We go on looking at the MX and the mail server, and write when something changes.",
        (_, Phase::Drifted) => {
            "When every name server names the gateway again, the confirmation begins anew. The gateway takes mail all the time."
        }
        (AnswerKind::MoveAway, _) => {
            "When no name server names the gateway any more, its route is kept until every sender has noticed."
        }
        (_, Phase::Releasing) => "When the last sender has noticed, the route is removed and the service is over.",
        (_, Phase::Released | Phase::Cancelled) => "Nothing. It is over.",
    }
}
