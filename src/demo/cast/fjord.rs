//! The bank's MTA-STS policy is enforced and names only its own server: senders that honour it would
//! refuse to deliver to the gateway. The permit is withheld until the policy names both, and senders
//! have had the time to see that.

use fencepost_checks::Code;

use super::habits::{change_when_told, connected, days, hours, order_and_register};
use super::scene::Scene;
use crate::demo::lab::{Copies, MX_NAMES};
use crate::demo::trouble::Outcome;

const MAX_AGE: u32 = 604_800;
const RECORD_TTL: u32 = 3_600;

pub async fn play(mut scene: Scene) -> Outcome<()> {
    let (domain, host) = (scene.profile.domain, scene.profile.host());
    let record = format!("_mta-sts.{domain}");
    scene.stage.lab.policies.enforce(domain, &[&host], MAX_AGE);
    scene.stage.lab.set_txt(domain, &record, RECORD_TTL, &["v=STSv1; id=20261201T000000"])?;
    order_and_register(&mut scene).await?;
    scene.look_for(Code::StsMismatch, hours(1), 12).await?;
    scene.must_be_permitted(false).await?;
    scene.office(hours(20)).await?;
    let [mx1, mx2] = MX_NAMES;
    scene.stage.lab.policies.enforce(domain, &[&host, mx1, mx2], MAX_AGE);
    scene.stage.lab.set_txt(domain, &record, RECORD_TTL, &["v=STSv1; id=20270105T000000"])?;
    scene.permit_is_right_from_now_on();
    scene.say("customer", "adds the gateway's hosts to the MTA-STS policy and gives it a new id");
    scene.recheck().await?;
    change_when_told(&mut scene, Copies::Both).await?;
    connected(&mut scene).await;
    scene.mail("decision_needed").await;
    scene.office(days(1)).await?;
    scene.decide(true, None).await
}
