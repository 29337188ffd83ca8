//! See `lib.rs`.

#[path = "../../../src/probe/bulk/flight.rs"]
mod flight;
#[path = "../../../src/probe/bulk/packet.rs"]
mod packet;
#[path = "../../properties/dns_matching.rs"]
mod properties;

pub fn dns_matching(data: &[u8]) {
    properties::check(data);
}
