//! A hosted platform has no firewall of the customer's: that step is left out, and said honestly.

use super::habits::{change_when_told, connected, order_and_register};
use super::scene::Scene;
use crate::demo::lab::Copies;
use crate::demo::trouble::Outcome;

pub async fn play(mut scene: Scene) -> Outcome<()> {
    order_and_register(&mut scene).await?;
    change_when_told(&mut scene, Copies::Both).await?;
    connected(&mut scene).await;
    Ok(())
}
