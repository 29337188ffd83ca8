//! Everything goes as it should: order, checks, change, trial, decision, invoice; and the firewall
//! is closed to the world once the old path is no longer needed.

use fencepost_checks::Code;

use super::habits::{change_when_told, connected, days, hours, order_and_register};
use super::scene::Scene;
use crate::demo::lab::{Copies, Firewall};
use crate::demo::trouble::Outcome;

pub async fn play(mut scene: Scene) -> Outcome<()> {
    order_and_register(&mut scene).await?;
    change_when_told(&mut scene, Copies::Both).await?;
    connected(&mut scene).await;
    scene.mail("may_close_old_path").await;
    scene.office(hours(2)).await?;
    scene.server.set_firewall(Firewall::AllowOnly(scene.stage.lab.egress().to_vec()))?;
    scene.say("customer", "closes the firewall to everybody but the gateway, as the mail says it may");
    scene.look_for(Code::FwLockdownVerified, hours(12), 16).await?;
    scene.say("customer", "reads on the status page that only the gateway gets in: FW_LOCKDOWN_VERIFIED");
    scene.mail("trial_reminder").await;
    scene.office(days(1)).await?;
    scene.decide(true, Some(15)).await
}
