//! Every rule of the connection as a story, a file for each part of its life.

mod changes;
mod connected;
mod endings;
mod permit;
mod places;
mod window;

use fencepost::lifecycle::connection::{answer, table};
use fencepost::lifecycle::table::{render_mermaid, render_table};
use fencepost::status::AnswerKind;
use fencepost_checks::Actor;

use crate::script::Run;

fn says(run: &Run) -> AnswerKind {
    answer(&run.c, run.now).answer
}

fn waits_for(run: &Run) -> Vec<Actor> {
    answer(&run.c, run.now).waiting_for.into_iter().map(|waiting| waiting.who).collect()
}

#[test]
fn the_table_is_printed() {
    insta::assert_snapshot!("table", render_table(table()));
    insta::assert_snapshot!("mermaid", render_mermaid(table()));
}
