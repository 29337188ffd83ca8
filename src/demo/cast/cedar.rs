//! The mail server is down on the day of the order. The next morning it is back with greylisting,
//! which is a reason to come again and not a failure. Mail waits meanwhile; nothing is lost.

use fencepost_checks::Code;
use jiff::SignedDuration;

use super::habits::{change_when_told, connected, hours, order_and_register};
use super::scene::Scene;
use crate::demo::lab::Copies;
use crate::demo::trouble::Outcome;

pub async fn play(mut scene: Scene) -> Outcome<()> {
    scene.server.stop().await;
    scene.say("customer", "has its mail server down for maintenance");
    order_and_register(&mut scene).await?;
    scene.look_for(Code::FwRejectOrDown, hours(1), 12).await?;
    scene.must_be_permitted(false).await?;
    scene.office(hours(18)).await?;
    scene.server.set_greylisting(Some(SignedDuration::from_mins(10)));
    scene.permit_is_right_from_now_on();
    scene.server.start()?;
    scene.say("customer", "has the server up again; it greylists whom it does not know");
    scene.recheck().await?;
    scene.look_for(Code::SmtpGreylisted, SignedDuration::from_mins(2), 30).await?;
    scene.must_be_permitted(false).await?;
    change_when_told(&mut scene, Copies::Both).await?;
    connected(&mut scene).await;
    Ok(())
}
