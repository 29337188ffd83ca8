//! The questions that are in flight, and which of them a packet answers. A packet counts when it came to the
//! socket that asked, from the address and port that was asked, with the id and the question that were sent
//! (RFC 5452 §9.1); everything else is dropped and counted. No sockets, no time.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::SocketAddr;

use super::packet::{self, Reply};

/// A place in the table. Places are used again; [`Ticket`] tells their uses apart.
pub(super) type Place = u32;

/// One use of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) place: Place,
    turn: u32,
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    Answer(Ticket),
    Truncated(Ticket),
    Refusal(Ticket),
    Stray(Stray),
}

/// Why a packet is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stray {
    /// Too short, or no answer to a query.
    NoAnswer,
    /// No question with this id waits at this socket: late, a duplicate, or a guess.
    Unasked,
    /// The id is that of a question to somebody else.
    WrongSource,
    WrongQuestion,
}

/// How a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Udp,
    /// As soon as a TCP connection is free. What comes by UDP does not count any more.
    TcpSoon,
    Tcp,
}

/// One question.
#[derive(Debug)]
pub(super) struct Question {
    /// What the asker knows it by.
    pub(super) key: u64,
    /// As it is sent.
    pub(super) packet: Vec<u8>,
    pub(super) upstream: usize,
    pub(super) socket: usize,
    /// Times it was sent to this upstream, and to all.
    pub(super) tries: u32,
    pub(super) sent: u32,
    /// Upstreams that it has been given up at.
    pub(super) hops: u32,
    pub(super) first_sent: u64,
    pub(super) last_sent: u64,
    /// When it is looked at again.
    pub(super) deadline: u64,
    pub(super) way: Way,
    /// Somebody answered with bytes that could not be read.
    pub(super) unreadable: bool,
    turn: u32,
    waiting: bool,
}

/// The table. Bounded by whoever puts questions into it.
#[derive(Debug, Default)]
pub(super) struct Flight {
    places: Vec<Question>,
    free: Vec<Place>,
    waiting: HashMap<u32, Place, BuildHasherDefault<Spread>>,
    taken: usize,
}

impl Flight {
    /// Questions in flight.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// A place for a new question, whose packet is written by `write`; `None` where it wrote none.
    pub(super) fn board(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Option<u64>) -> Option<Ticket> {
        let place = self.free.pop().or_else(|| {
            let place = Place::try_from(self.places.len()).ok()?;
            self.places.push(Question::empty());
            Some(place)
        })?;
        let question = self.places.get_mut(place as usize)?;
        let Some(key) = write(&mut question.packet) else {
            self.free.push(place);
            return None;
        };
        let packet = std::mem::take(&mut question.packet);
        let turn = question.turn.wrapping_add(1);
        *question = Question { key, packet, turn, ..Question::empty() };
        self.taken += 1;
        Some(Ticket { place, turn })
    }

    /// Sends it (from now on) from this socket with the first of these ids that is free there; `false` where
    /// none is.
    pub(super) fn address(
        &mut self,
        ticket: Ticket,
        (upstream, socket): (usize, usize),
        ids: impl IntoIterator<Item = u16>,
    ) -> bool {
        self.forget(ticket);
        let Some(question) = self.places.get_mut(ticket.place as usize).filter(|q| q.turn == ticket.turn) else {
            return false;
        };
        for id in ids {
            if let std::collections::hash_map::Entry::Vacant(entry) = self.waiting.entry(code(socket, id)) {
                entry.insert(ticket.place);
                packet::set_id(&mut question.packet, id);
                (question.upstream, question.socket, question.tries) = (upstream, socket, 0);
                question.waiting = true;
                return true;
            }
        }
        false
    }

    /// Which question these bytes answer. Changes nothing: whether they can be read is found out later.
    pub(super) fn arrived(
        &self,
        socket: usize,
        from: SocketAddr,
        upstream: impl Fn(usize) -> Option<SocketAddr>,
        bytes: &[u8],
    ) -> Arrival {
        let Some(id) = packet::id(bytes) else { return Arrival::Stray(Stray::NoAnswer) };
        let known = self.waiting.get(&code(socket, id)).and_then(|place| Some((*place, self.question(*place)?)));
        let Some((place, question)) = known else { return Arrival::Stray(Stray::Unasked) };
        if upstream(question.upstream).is_none_or(|asked| !same_end(asked, from)) {
            return Arrival::Stray(Stray::WrongSource);
        }
        let ticket = Ticket { place, turn: question.turn };
        match packet::read(&question.packet, bytes) {
            Reply::NoAnswer => Arrival::Stray(Stray::NoAnswer),
            Reply::OtherQuestion => Arrival::Stray(Stray::WrongQuestion),
            _ if question.way != Way::Udp => Arrival::Stray(Stray::Unasked),
            Reply::Answer => Arrival::Answer(ticket),
            Reply::Truncated => Arrival::Truncated(ticket),
            Reply::Refusal => Arrival::Refusal(ticket),
        }
    }

    /// The question of this ticket, as long as it is in flight.
    pub(super) fn get(&mut self, ticket: Ticket) -> Option<&mut Question> {
        self.places.get_mut(ticket.place as usize).filter(|question| question.turn == ticket.turn)
    }

    pub(super) fn peek(&self, ticket: Ticket) -> Option<&Question> {
        self.question(ticket.place).filter(|question| question.turn == ticket.turn)
    }

    /// Takes it out: answered, or given up. Its ticket is worth nothing afterwards.
    pub(super) fn land(&mut self, ticket: Ticket) {
        if self.get(ticket).is_none() {
            return;
        }
        self.forget(ticket);
        if let Some(question) = self.get(ticket) {
            question.turn = question.turn.wrapping_add(1);
            self.free.push(ticket.place);
            self.taken -= 1;
        }
    }

    /// What is in flight.
    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.waiting.values().filter_map(|place| Some(Ticket { place: *place, turn: self.question(*place)?.turn }))
    }

    fn question(&self, place: Place) -> Option<&Question> {
        self.places.get(place as usize)
    }

    fn forget(&mut self, ticket: Ticket) {
        let Some(question) = self.get(ticket) else { return };
        if !std::mem::take(&mut question.waiting) {
            return;
        }
        let (socket, id) = (question.socket, packet::id(&question.packet));
        if let Some(id) = id {
            self.waiting.remove(&code(socket, id));
        }
    }
}

impl Question {
    fn empty() -> Self {
        Self {
            key: 0,
            packet: Vec::new(),
            upstream: 0,
            socket: 0,
            tries: 0,
            sent: 0,
            hops: 0,
            first_sent: 0,
            last_sent: 0,
            deadline: 0,
            way: Way::Udp,
            unreadable: false,
            turn: 0,
            waiting: false,
        }
    }
}

/// Socket and id in one number.
fn code(socket: usize, id: u16) -> u32 {
    u32::from(u16::try_from(socket).unwrap_or(u16::MAX)) << 16 | u32::from(id)
}

/// The same address and port; scope and flow of IPv6 are the system's affair.
fn same_end(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip() == other.ip()
}

/// The keys are random already: one multiplication spreads them over the table.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}
