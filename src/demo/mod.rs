//! The whole of fencepost on one machine: a laboratory on loopback addresses, people who only act
//! upon what real people would see, and the very engine that serves real customers.
//!
//! Nothing in here is a short cut: the engine is not told anything that it could not observe, and
//! the people read mails and pages, never the database.

mod account;
mod accounting;
mod agenda;
mod api;
mod cast;
mod guide;
pub mod lab;
mod notice;
mod run;
mod show;
mod story;
mod telling;
mod traffic;
mod trouble;

pub use agenda::{Agenda, Busy};
pub use run::{Finished, run};
pub use show::{failures, summary};
pub use trouble::Trouble;

/// The stories of all customers, as they are printed.
#[must_use]
pub fn stories(finished: &Finished) -> String {
    let tell = |(profile, story): &(&'static cast::Profile, story::Story)| {
        let title = format!("{} · {} · {}", profile.name, profile.domain, profile.title);
        story::render(&title, &story.lines(), &finished.zone) + "\n"
    };
    finished.stories.iter().map(tell).collect()
}
