//! The administrator lets in one gateway address and forgets the other. The status page names the
//! missing one; no permit is given until it gets in.

use fencepost_checks::Code;

use super::habits::{change_when_told, connected, days, hours, order_and_register};
use super::scene::Scene;
use crate::demo::lab::{Copies, Firewall};
use crate::demo::trouble::{Outcome, Trouble};

pub async fn play(mut scene: Scene) -> Outcome<()> {
    let [_, second] = scene.stage.lab.egress();
    scene.server.set_firewall(Firewall::Block(vec![second]))?;
    order_and_register(&mut scene).await?;
    scene.mail("firewall_instructions").await;
    scene.office(hours(3)).await?;
    scene.say("customer", "allows one of the two gateway addresses and overlooks the other");
    let finding = scene.look_for(Code::FwPartial, hours(2), 12).await?;
    if !finding.contains(&second.to_string()) {
        return Err(Trouble::new(format!("the finding does not name the missing address {second}: {finding}")));
    }
    scene.must_be_permitted(false).await?;
    scene.office(hours(14)).await?;
    scene.permit_is_right_from_now_on();
    scene.server.set_firewall(Firewall::Open)?;
    scene.say("customer", format!("reads on the status page that {second} is missing, and lets it in"));
    scene.recheck().await?;
    change_when_told(&mut scene, Copies::Both).await?;
    connected(&mut scene).await;
    scene.office(days(10)).await?;
    scene.decide(true, Some(30)).await
}
