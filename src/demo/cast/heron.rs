//! "Thank you, but no": the route stays until the MX has left and every sender knows.

use super::habits::{change_when_told, connected, days, hours, order_and_register};
use super::scene::Scene;
use crate::demo::lab::Copies;
use crate::demo::trouble::{Outcome, Trouble};
use crate::lifecycle::connection::{Phase, RouteMode};

pub async fn play(mut scene: Scene) -> Outcome<()> {
    order_and_register(&mut scene).await?;
    change_when_told(&mut scene, Copies::Both).await?;
    connected(&mut scene).await;
    scene.office(days(20)).await?;
    scene.decide(false, None).await?;
    scene.mail("move_away").await;
    scene.office(days(2)).await?;
    let route = scene.stage.lab.gateway.routes.get(scene.profile.domain);
    if route.map(|route| route.mode) != Some(RouteMode::Deliver) {
        return Err(Trouble::new("the gateway stopped delivering although the MX still names it"));
    }
    scene.restore_mx(Copies::Both)?;
    scene.say("partner", "moves the MX back to the customer's own server");
    scene.wait_for(Phase::Released, hours(6), 60).await
}
