//! The parts of the program that are fuzzed, without the program around them: their sources are compiled
//! into this crate, so that not the whole dependency tree has to be built with instrumentation.
//! What is asserted of them stands in `properties/`, which the program's own tests replay too.

#![allow(dead_code, unused_imports, reason = "the files hold more than is fuzzed")]

#[path = "../../src/config/mod.rs"]
mod config;
#[path = "../properties/config_file.rs"]
mod config_properties;
mod probe;
#[path = "../properties/sts_policy.rs"]
mod sts_properties;
#[path = "../../src/words/mod.rs"]
mod words;

pub use config_properties::check as config_file;
pub use probe::bulk::dns_matching;
pub use probe::dns::dns_answer;
pub use probe::smtp::smtp_guard;
pub use sts_properties::check as sts_policy;
