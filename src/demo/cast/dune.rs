//! The change reaches one name server and not the other, whose zone transfer is stuck. Once that is
//! mended, a backup is restored in the middle of the window and brings the old MX back.

use fencepost_checks::Code;

use super::habits::{change_when_told, connected, days, hours, order_and_register};
use super::scene::Scene;
use crate::demo::lab::Copies;
use crate::demo::trouble::Outcome;
use crate::lifecycle::connection::Phase;

pub async fn play(mut scene: Scene) -> Outcome<()> {
    order_and_register(&mut scene).await?;
    change_when_told(&mut scene, Copies::First).await?;
    scene.say("provider", "serves the new MX from ns1 only; the zone transfer to ns2 is stuck");
    scene.look_for(Code::NsInconsistent, hours(1), 12).await?;
    scene.office(hours(5)).await?;
    scene.change_mx(Copies::Second).await?;
    scene.say("partner", "reads on the status page that ns2 still has the old MX, and has it mended");
    scene.wait_for(Phase::Confirming, hours(1), 12).await?;
    scene.pause(hours(11)).await;
    scene.restore_mx(Copies::First)?;
    scene.say("provider", "restores a backup: ns1 is back at the old MX");
    scene.look_for(Code::NsInconsistent, hours(1), 12).await?;
    scene.office(hours(2)).await?;
    scene.change_mx(Copies::Both).await?;
    scene.say("partner", "sees that the window is broken, and by which server; sets the MX again");
    connected(&mut scene).await;
    scene.mail("trial_ended").await;
    scene.office(days(4)).await?;
    scene.decide(true, None).await
}
