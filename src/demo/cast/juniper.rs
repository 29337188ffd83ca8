//! Nobody ever answers the reminders: at the end of the negotiation the customer is invoiced.

use super::habits::{change_when_told, connected, order_and_register};
use super::scene::Scene;
use crate::demo::lab::Copies;
use crate::demo::trouble::Outcome;

pub async fn play(mut scene: Scene) -> Outcome<()> {
    order_and_register(&mut scene).await?;
    change_when_told(&mut scene, Copies::Both).await?;
    connected(&mut scene).await;
    scene.mail("will_be_invoiced").await;
    scene.mail("invoiced").await;
    Ok(())
}
