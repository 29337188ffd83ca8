//! Weeks after the connection somebody sets the old MX beside the new one. That is noticed, told,
//! and repaired.

use super::habits::{change_when_told, connected, days, hours, order_and_register};
use super::scene::Scene;
use crate::demo::lab::{Copies, MX_NAMES};
use crate::demo::trouble::Outcome;

pub async fn play(mut scene: Scene) -> Outcome<()> {
    order_and_register(&mut scene).await?;
    change_when_told(&mut scene, Copies::Both).await?;
    connected(&mut scene).await;
    scene.office(days(16)).await?;
    let (host, [mx1, mx2]) = (scene.profile.host(), MX_NAMES);
    scene.stage.lab.set_mx(Copies::Both, scene.profile.domain, 300, &[(10, mx1), (20, mx2), (30, &host)])?;
    scene.say("customer", "sets its own server beside the gateway, \"to be on the safe side\"");
    scene.mail("drift").await;
    scene.office(hours(3)).await?;
    scene.change_mx(Copies::Both).await?;
    scene.say("partner", "reads the mail and removes the foreign record");
    scene.mail("repaired").await;
    Ok(())
}
