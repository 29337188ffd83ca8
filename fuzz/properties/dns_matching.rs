//! What must hold of the matching of packets to questions, whatever comes: nothing counts as an answer that did
//! not come to the asking socket, from the address and port that was asked, with the id and the question that
//! were sent, while the question waits; and what did, always counts. The input is a script of questions
//! asked, packets that come (right ones, late ones, duplicates, forgeries, garbage) and questions that end.

use std::net::SocketAddr;

use super::flight::{Arrival, Flight, Stray, Ticket};
use super::packet::write_mx_question;

const SOCKETS: u8 = 3;

/// A question that waits, as the model knows it.
#[derive(Clone)]
struct Asked {
    ticket: Ticket,
    socket: usize,
    upstream: usize,
    packet: Vec<u8>,
}

/// Runs the script.
pub fn check(data: &[u8]) {
    let mut script = Script(data);
    let mut flight = Flight::default();
    let mut waiting: Vec<Asked> = Vec::new();
    // Packets that were right once.
    let mut past: Vec<(usize, SocketAddr, Vec<u8>)> = Vec::new();
    while let Some(step) = script.byte() {
        match step % 8 {
            0 | 1 => waiting.extend(ask(&mut flight, &mut script, &waiting)),
            2 => {
                // Answered or given up: it waits no more, and its ticket is worth nothing.
                let Some(asked) = script.pick(&waiting) else { continue };
                past.push(sound(&asked, script.byte().unwrap_or(0)));
                flight.land(asked.ticket);
                flight.land(asked.ticket);
                assert!(flight.get(asked.ticket).is_none());
                waiting.retain(|other| other.ticket != asked.ticket);
            }
            3 => {
                // Asked of another upstream: what the first one says does not count any more.
                let Some(asked) = script.pick(&waiting) else { continue };
                past.push(sound(&asked, 0x80));
                let index = waiting.iter().position(|other| other.ticket == asked.ticket).expect("it was picked");
                waiting.remove(index);
                waiting.extend(send(&mut flight, asked.ticket, &mut script, &waiting));
            }
            4 => {
                let Some(asked) = script.pick(&waiting) else { continue };
                let (socket, from, packet) = sound(&asked, script.byte().unwrap_or(0));
                let arrival = came(&flight, socket, from, &packet, &waiting);
                let whose = match arrival {
                    Arrival::Answer(ticket) | Arrival::Truncated(ticket) | Arrival::Refusal(ticket) => Some(ticket),
                    Arrival::Stray(_) => None,
                };
                assert_eq!(whose, Some(asked.ticket), "a sound answer was dropped: {arrival:?}");
            }
            5 => {
                // Late or a duplicate, unless the same question waits at the same place again.
                let Some((socket, from, packet)) = script.pick(&past) else { continue };
                came(&flight, socket, from, &packet, &waiting);
            }
            6 => {
                // A forgery: one or more bytes, the source or the socket are not right.
                let Some(asked) = script.pick(&waiting) else { continue };
                let (mut socket, mut from, mut packet) = sound(&asked, 0x80);
                let how = script.byte().unwrap_or(0);
                if how & 1 != 0 {
                    from = address(usize::from(script.byte().unwrap_or(0)));
                }
                if how & 2 != 0 {
                    socket = usize::from(script.byte().unwrap_or(0) % SOCKETS);
                }
                for _ in 0..how >> 6 {
                    let (at, byte) = (script.byte().unwrap_or(0), script.byte().unwrap_or(0));
                    if let Some(place) = packet.get_mut(usize::from(at)) {
                        *place = byte;
                    }
                }
                if how & 4 != 0 {
                    packet.truncate(usize::from(script.byte().unwrap_or(0)));
                }
                came(&flight, socket, from, &packet, &waiting);
            }
            _ => {
                let length = usize::from(script.byte().unwrap_or(0));
                let packet = script.bytes(length);
                let (socket, from) = (usize::from(step % SOCKETS), address(usize::from(step / 8)));
                came(&flight, socket, from, packet, &waiting);
            }
        }
        assert_eq!(flight.len(), waiting.len());
    }
}

fn ask(flight: &mut Flight, script: &mut Script<'_>, waiting: &[Asked]) -> Option<Asked> {
    let length = usize::from(script.byte()? % 40);
    let name: String = script.bytes(length).iter().map(|byte| char::from(b'a' + byte % 28)).collect();
    let name = name.replace(['{', '|'], ".");
    let ticket = flight.board(|packet| write_mx_question(packet, &name).then_some(7))?;
    send(flight, ticket, script, waiting)
}

/// Few ids, so that they meet.
fn send(flight: &mut Flight, ticket: Ticket, script: &mut Script<'_>, waiting: &[Asked]) -> Option<Asked> {
    let (socket, upstream) = (script.byte().unwrap_or(0) % SOCKETS, script.byte().unwrap_or(0) % 3);
    let (socket, upstream) = (usize::from(socket), usize::from(upstream));
    let ids: Vec<u16> = script.bytes(4).iter().map(|id| u16::from(*id % 16)).collect();
    let taken = |id: u16| waiting.iter().any(|other| other.socket == socket && other.packet[..2] == id.to_be_bytes());
    let free = ids.iter().copied().find(|id| !taken(*id));
    let sent = flight.address(ticket, (upstream, socket), ids);
    assert_eq!(sent, free.is_some());
    if !sent {
        flight.land(ticket);
        return None;
    }
    let packet = flight.get(ticket).expect("it is in flight").packet.clone();
    assert_eq!(packet.first_chunk::<2>().map(|id| u16::from_be_bytes(*id)), free);
    Some(Asked { ticket, socket, upstream, packet })
}

/// The packet that a sound server sends, with flags of a script.
fn sound(asked: &Asked, flags: u8) -> (usize, SocketAddr, Vec<u8>) {
    let mut packet = asked.packet.clone();
    packet[2] = 0x80 | flags & 0x07;
    packet[3] = [0, 3, 2, 5][usize::from(flags >> 6)];
    (asked.socket, address(asked.upstream), packet)
}

/// A packet comes: what it is taken for is held against the model.
fn came(flight: &Flight, socket: usize, from: SocketAddr, packet: &[u8], waiting: &[Asked]) -> Arrival {
    let arrival = flight.arrived(socket, from, |index| Some(address(index)), packet);
    let here = waiting.iter().find(|asked| asked.socket == socket && packet.get(..2) == asked.packet.get(..2));
    match arrival {
        Arrival::Answer(ticket) | Arrival::Truncated(ticket) | Arrival::Refusal(ticket) => {
            let asked = here.expect("an answer to nothing");
            assert_eq!(asked.ticket, ticket, "somebody else's answer");
            assert_eq!(from, address(asked.upstream), "from somebody who was not asked");
            assert!(packet[2] & 0xf8 == 0x80, "no answer to a query");
            let rcode = packet[3] & 0x0f;
            assert_eq!(matches!(arrival, Arrival::Refusal(_)), rcode != 0 && rcode != 3);
            if packet[4..6] != [0, 0] || !matches!(arrival, Arrival::Refusal(_)) {
                let question = &asked.packet[12..];
                let said = &packet[12..12 + question.len()];
                assert!(packet[4..6] == [0, 1] && said.eq_ignore_ascii_case(question), "another question");
            }
        }
        Arrival::Stray(Stray::WrongSource) => {
            assert!(here.is_some_and(|asked| address(asked.upstream) != from), "dropped for its source");
        }
        Arrival::Stray(Stray::Unasked) => assert!(here.is_none(), "dropped as unasked"),
        Arrival::Stray(Stray::NoAnswer | Stray::WrongQuestion) => {}
    }
    arrival
}

/// Of an upstream. Some differ in the port alone, some in the address alone.
fn address(index: usize) -> SocketAddr {
    let last = u8::try_from(index % 2).unwrap_or(0);
    SocketAddr::from(([192, 0, 2, last], if index % 4 < 2 { 53 } else { 5353 }))
}

struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (first, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        first
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> Option<T> {
        let index = usize::from(self.byte()?);
        (!list.is_empty()).then(|| list[index % list.len()].clone())
    }
}
