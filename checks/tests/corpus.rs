//! Replays the corpus of the fuzz target `sts_policy`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

#[path = "../../fuzz/properties/corpus.rs"]
mod corpus;
#[path = "../../fuzz/properties/sts_policy.rs"]
mod sts_policy;

#[test]
fn the_corpus_of_policies_holds() {
    corpus::replay("sts_policy", sts_policy::check);
}
