//! See `lib.rs`.

#[path = "../../../src/probe/dns/ask.rs"]
mod ask;
#[path = "../../../src/probe/dns/classify.rs"]
mod classify;
#[path = "../../../src/probe/dns/name.rs"]
mod name;
#[path = "../../properties/dns_answer.rs"]
mod properties;

pub fn dns_answer(data: &[u8]) {
    properties::check(data);
}
