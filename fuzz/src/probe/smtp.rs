//! See `lib.rs`.

#[path = "../../../src/probe/smtp/intake.rs"]
mod intake;
#[path = "../../properties/smtp_guard.rs"]
mod properties;
#[path = "../../../src/probe/smtp/reply.rs"]
mod reply;
#[path = "../../../src/probe/smtp/transcript.rs"]
mod transcript;

pub fn smtp_guard(data: &[u8]) {
    properties::check(data);
}
