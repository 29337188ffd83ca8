//! The customers of the demonstration, one file each. What their people do is told in the order in
//! which they do it; they know only what they read in a mail or on a page.

mod aalto;
mod birch;
mod cedar;
mod dune;
mod elm;
mod fjord;
mod gull;
mod habits;
mod heron;
mod inlet;
mod juniper;
mod profile;
mod scene;

use std::future::Future;
use std::pin::Pin;

pub use profile::{PROFILES, Profile};
pub use scene::{Notes, Scene, Stage};

use super::trouble::Outcome;

type Play = Pin<Box<dyn Future<Output = Outcome<()>> + Send>>;

/// Starts the people of one customer.
#[must_use]
pub fn play(scene: Scene) -> Play {
    match scene.profile.domain {
        "aalto.example" => Box::pin(aalto::play(scene)),
        "birch.example" => Box::pin(birch::play(scene)),
        "cedar.example" => Box::pin(cedar::play(scene)),
        "dune.example" => Box::pin(dune::play(scene)),
        "elm.example" => Box::pin(elm::play(scene)),
        "fjord.example" => Box::pin(fjord::play(scene)),
        "gull.example" => Box::pin(gull::play(scene)),
        "heron.example" => Box::pin(heron::play(scene)),
        "inlet.example" => Box::pin(inlet::play(scene)),
        _ => Box::pin(juniper::play(scene)),
    }
}
