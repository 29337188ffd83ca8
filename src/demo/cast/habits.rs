//! What well-behaved people do, in every story.

use jiff::SignedDuration;

use super::scene::Scene;
use crate::demo::lab::Copies;
use crate::demo::trouble::Outcome;

const COFFEE: SignedDuration = SignedDuration::from_mins(20);

/// The desk orders, and registers when it has had its coffee. The route must exist by then, so that
/// a premature change loses nothing.
///
/// # Errors
/// Those of the API.
pub async fn order_and_register(scene: &mut Scene) -> Outcome<()> {
    scene.order().await?;
    scene.pause(COFFEE).await;
    scene.must_be_permitted(false).await?;
    scene.register().await
}

/// The partner waits for the word, asks once more before it touches the zone, and changes the MX.
///
/// # Errors
/// When the change is not permitted after all.
pub async fn change_when_told(scene: &mut Scene, copies: Copies) -> Outcome<()> {
    scene.mail("mx_change_may_be_relayed").await;
    scene.office(COFFEE).await?;
    scene.must_be_permitted(true).await?;
    scene.change_mx(copies).await?;
    scene.say("partner", "reads the mail, asks /mx-change once more (200), and relays the change");
    Ok(())
}

/// Everybody waits until the service is connected.
pub async fn connected(scene: &mut Scene) {
    scene.mail("connected").await;
}

/// Some days.
#[must_use]
pub fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// Some hours.
#[must_use]
pub fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}
