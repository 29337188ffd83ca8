//! The owner changes the MX the hour after ordering. The gateway defers until the checks have
//! passed; senders come again, and nothing is lost.

use super::habits::{connected, hours, order_and_register};
use super::scene::Scene;
use crate::demo::lab::{Copies, MX_NAMES};
use crate::demo::trouble::Outcome;

pub async fn play(mut scene: Scene) -> Outcome<()> {
    scene.server.stop().await;
    order_and_register(&mut scene).await?;
    scene.pause(hours(1)).await;
    scene.must_be_permitted(false).await?;
    let [mx1, mx2] = MX_NAMES;
    scene.stage.lab.set_mx(Copies::Both, scene.profile.domain, 300, &[(10, mx1), (20, mx2)])?;
    scene.say("customer", "changes the MX by itself, with its own server switched off for the move");
    scene.mail("early_cutover_alarm").await;
    scene.office(hours(5)).await?;
    scene.server.start()?;
    scene.say("customer", "reads the alarm and switches its server on again");
    scene.recheck().await?;
    connected(&mut scene).await;
    Ok(())
}
