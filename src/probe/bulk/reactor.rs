//! The loop: takes questions from the client as upstreams have room, sends and reads in batches, repeats what
//! is not answered, and ends when there is nothing left. What a packet answers is decided in `flight`, how
//! fast to ask in `pace`; here they meet sockets and time.

use std::collections::VecDeque;
use std::io;
use std::iter::repeat_with;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::flight::{Arrival, Flight, Stray, Ticket, Way};
use super::pace::Pace;
use super::packet;
use super::sockets::{BATCH, Batches, Sockets};
use super::tcp::{Returned, Tcp};
use super::wake::{Ears, Waker};
use super::wheel::{FARTHEST, TICK, Wheel};
use super::{Answer, Client, Counters, Failure, Next, Settings, Told};

/// Ids that are tried before a socket counts as full.
const IDS: usize = 64;
/// Between two reports of progress, µs.
const PROGRESS: u64 = 100_000;
/// The most by which the reactor's time moves on in one turn, µs. While the client was stopped (by a full
/// pipe, say), answers lay unread, and the questions must not run out of time for that.
const STEP: u64 = 50_000;
/// A TCP thread has a question for as long as this at most, µs.
const TCP_LONGEST: u64 = 20_000_000;
/// Without an answer from any upstream for so long, all questions are given up, µs.
const ALL_GONE: u64 = 15_000_000;

/// Why the loop could not even begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("there is no upstream to ask: name one with --upstream, or in probe.resolvers of the configuration")]
    NoUpstream,
    #[error("{wanted} UDP sockets could not be opened")]
    Sockets {
        wanted: usize,
        #[source]
        source: io::Error,
    },
}

/// Sockets, and what flies through them.
pub(crate) struct Reactor<C> {
    sockets: Sockets,
    ears: Ears,
    traffic: Traffic<C>,
    clock: Clock,
    reported: u64,
    ready: Vec<usize>,
    due: Vec<Ticket>,
}

struct Traffic<C> {
    client: C,
    upstreams: Vec<Upstream>,
    flight: Flight,
    wheel: Wheel,
    tcp: Tcp,
    /// To be sent.
    queue: VecDeque<Ticket>,
    counters: Counters,
    tries: u32,
    chance: StdRng,
    /// The upstream that is filled first.
    turn: usize,
    /// The client has nothing at the moment; nothing any more.
    starved: bool,
    ended: bool,
}

struct Upstream {
    address: SocketAddr,
    sockets: Range<usize>,
    pace: Pace,
    in_flight: usize,
}

/// Microseconds since the start, less the time in which the loop stood still.
struct Clock {
    last: Instant,
    now: u64,
}

impl<C: Client> Reactor<C> {
    /// Opens the sockets. `waker` wakes it when a client that had nothing has something.
    pub(crate) fn new(settings: &Settings, client: C) -> Result<Self, RunError> {
        if settings.upstreams.is_empty() {
            return Err(RunError::NoUpstream);
        }
        let wanted = settings.sockets.clamp(1, usize::from(u16::MAX));
        let failed = |source| RunError::Sockets { wanted, source };
        let sockets = Sockets::open(&settings.upstreams, wanted).map_err(failed)?;
        let waker = Waker::new().map_err(failed)?;
        let ears = Ears::new(sockets.all(), waker.clone()).map_err(failed)?;
        let upstream = |address: &SocketAddr| Upstream {
            address: *address,
            sockets: sockets.reaching(*address),
            pace: Pace::new(settings.window, settings.rate, 0),
            in_flight: 0,
        };
        let traffic = Traffic {
            client,
            upstreams: settings.upstreams.iter().map(upstream).collect(),
            flight: Flight::default(),
            wheel: Wheel::new(0),
            tcp: Tcp::new(waker),
            queue: VecDeque::new(),
            counters: Counters::default(),
            tries: settings.tries.max(1),
            chance: StdRng::from_os_rng(),
            turn: 0,
            starved: false,
            ended: false,
        };
        let clock = Clock { last: Instant::now(), now: 0 };
        Ok(Self { sockets, ears, traffic, clock, reported: 0, ready: Vec::new(), due: Vec::new() })
    }

    pub(crate) fn waker(&self) -> Waker {
        self.ears.waker()
    }

    /// The local ports that are asked from.
    #[cfg(test)]
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> + '_ {
        self.sockets.all().iter().filter_map(|socket| Some(socket.local_addr().ok()?.port()))
    }

    /// Runs until the client has no more questions and the last one is answered or given up.
    pub(crate) fn run(mut self) -> (C, Counters) {
        let mut batches = Batches::new();
        loop {
            let now = self.clock.tick();
            self.traffic.fill(now);
            self.flush(&mut batches, now);
            if self.traffic.ended && self.traffic.flight.len() == 0 {
                break;
            }
            self.ready.clear();
            self.ears.wait(self.traffic.pause(), &mut self.ready);
            let now = self.clock.tick();
            self.receive(&mut batches, now);
            while let Some(returned) = self.traffic.tcp.returned() {
                self.traffic.answered_by_tcp(returned, now);
            }
            self.traffic.wheel.advance(now, &mut self.due);
            for ticket in self.due.drain(..) {
                self.traffic.due(ticket, now);
            }
            if now >= self.reported + PROGRESS {
                self.reported = now;
                self.traffic.give_up_if_all_are_gone(now);
                self.traffic.report();
            }
        }
        self.traffic.report();
        (self.traffic.client, self.traffic.counters)
    }

    fn receive(&mut self, batches: &mut Batches, now: u64) {
        let traffic = &mut self.traffic;
        for socket in self.ready.drain(..) {
            // A full batch means that there may be more; one that never ends must not starve the rest.
            for _ in 0..8 {
                if self.sockets.receive(batches, socket, |from, bytes| traffic.packet(socket, from, bytes, now)) < BATCH
                {
                    break;
                }
            }
        }
    }

    /// Sends what is queued, packets of one socket together.
    fn flush(&mut self, batches: &mut Batches, now: u64) {
        let traffic = &mut self.traffic;
        let mut batch: [Option<Ticket>; BATCH] = [None; BATCH];
        while !traffic.queue.is_empty() {
            let mut count = 0;
            let mut socket = None;
            while count < BATCH {
                let Some(ticket) = traffic.queue.front().copied() else { break };
                let Some(question) = traffic.flight.get(ticket) else {
                    traffic.queue.pop_front();
                    continue;
                };
                if *socket.get_or_insert(question.socket) != question.socket {
                    break;
                }
                traffic.queue.pop_front();
                batch[count] = Some(ticket);
                count += 1;
            }
            let Some(socket) = socket else { return };
            let (flight, upstreams) = (&traffic.flight, &traffic.upstreams);
            let packets = batch[..count].iter().map(|ticket| {
                let question = ticket.and_then(|ticket| flight.peek(ticket));
                let to = question.and_then(|q| upstreams.get(q.upstream)).map(|upstream| upstream.address);
                (to.unwrap_or(NOWHERE), question.map_or(&[][..], |q| &q.packet))
            });
            let sent = self.sockets.send(batches, socket, packets);
            for (place, ticket) in batch[..count].iter().flatten().enumerate() {
                match place {
                    _ if place < sent.count => traffic.sent(*ticket, now),
                    _ if place == sent.count && sent.refused => traffic.hop(*ticket, Failure::NoRoute, now),
                    // The system's buffer is full, or the packet before it was the trouble: very soon again.
                    _ => traffic.wait_for(*ticket, now, TICK),
                }
            }
        }
    }
}

/// Never sent to: a packet always has an upstream.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

impl<C: Client> Traffic<C> {
    /// New questions, as far as there is room.
    fn fill(&mut self, now: u64) {
        self.starved = false;
        let count = self.upstreams.len();
        self.turn = (self.turn + 1) % count.max(1);
        for step in 0..count {
            let upstream = (self.turn + step) % count;
            let Some(Upstream { pace, in_flight, .. }) = self.upstreams.get_mut(upstream) else { continue };
            let room = pace.room(*in_flight, now);
            // Few questions are not worth a system call while answers to many others are about to come.
            if room < BATCH / 2 && *in_flight > 2 * BATCH {
                continue;
            }
            let mut socket = 0;
            for index in 0..room {
                if self.ended {
                    return;
                }
                if index % BATCH == 0 {
                    socket = self.any_socket(upstream);
                }
                if !self.board(upstream, socket) {
                    break;
                }
            }
        }
    }

    /// `false` when the client has nothing.
    fn board(&mut self, upstream: usize, socket: usize) -> bool {
        let client = &mut self.client;
        let mut next = Next::Later;
        let ticket = self.flight.board(|packet| {
            next = client.next(packet);
            match next {
                Next::Ask(key) => Some(key),
                Next::Later | Next::End => None,
            }
        });
        self.ended |= next == Next::End;
        self.starved |= next == Next::Later;
        let Some(ticket) = ticket else { return false };
        self.dispatch(ticket, upstream, socket);
        true
    }

    /// Gives it an upstream, a socket and an id, and queues it.
    fn dispatch(&mut self, ticket: Ticket, upstream: usize, mut socket: usize) {
        loop {
            let ids = repeat_with(|| self.chance.random::<u16>()).take(IDS);
            if self.flight.address(ticket, (upstream, socket), ids) {
                break;
            }
            // Thousands wait at this one socket already.
            socket = self.any_socket(upstream);
        }
        if let Some(upstream) = self.upstreams.get_mut(upstream) {
            upstream.in_flight += 1;
        }
        self.queue.push_back(ticket);
    }

    fn any_socket(&mut self, upstream: usize) -> usize {
        let range = self.upstreams.get(upstream).map_or(0..0, |upstream| upstream.sockets.clone());
        if range.is_empty() { 0 } else { self.chance.random_range(range) }
    }

    fn sent(&mut self, ticket: Ticket, now: u64) {
        self.counters.sent += 1;
        let Some(question) = self.flight.get(ticket) else { return };
        question.tries += 1;
        question.sent += 1;
        question.last_sent = now;
        if question.sent == 1 {
            question.first_sent = now;
        }
        self.counters.retransmitted += u64::from(question.tries > 1);
        let tries = question.tries;
        let Some(upstream) = self.upstreams.get_mut(question.upstream) else { return };
        upstream.pace.sent(now);
        let patience = upstream.pace.patience(tries);
        self.wait_for(ticket, now, patience);
    }

    /// Looks at it again after this time, unless it is answered before.
    fn wait_for(&mut self, ticket: Ticket, now: u64, time: u64) {
        if let Some(question) = self.flight.get(ticket) {
            question.deadline = now + time.min(FARTHEST);
            self.wheel.set(question.deadline, ticket);
        }
    }

    fn packet(&mut self, socket: usize, from: SocketAddr, bytes: &[u8], now: u64) {
        let upstreams = &self.upstreams;
        let address = |index: usize| upstreams.get(index).map(|upstream| upstream.address);
        match self.flight.arrived(socket, from, address, bytes) {
            Arrival::Answer(ticket) => {
                self.heard(ticket, now);
                self.deliver(ticket, bytes, now);
            }
            Arrival::Truncated(ticket) => {
                self.heard(ticket, now);
                self.ask_by_tcp(ticket, now);
            }
            Arrival::Refusal(ticket) => {
                self.heard(ticket, now);
                // Another upstream may know better; the last one's word is handed on.
                if self.flight.get(ticket).is_some_and(|q| q.hops as usize + 1 < self.upstreams.len()) {
                    self.hop(ticket, Failure::TimedOut, now);
                } else {
                    self.deliver(ticket, bytes, now);
                }
            }
            Arrival::Stray(Stray::NoAnswer) => self.counters.no_answer += 1,
            Arrival::Stray(Stray::Unasked) => self.counters.unasked += 1,
            Arrival::Stray(Stray::WrongSource) => self.counters.wrong_source += 1,
            Arrival::Stray(Stray::WrongQuestion) => self.counters.wrong_question += 1,
        }
    }

    /// Its upstream said something.
    fn heard(&mut self, ticket: Ticket, now: u64) {
        let Some(question) = self.flight.get(ticket) else { return };
        let (elapsed, again) = (now.saturating_sub(question.last_sent), question.tries > 1);
        if let Some(upstream) = self.upstreams.get_mut(question.upstream) {
            upstream.pace.answered(elapsed, again, now);
        }
    }

    /// Hands an answer to the client, and the question is done, unless the bytes cannot be read.
    fn deliver(&mut self, ticket: Ticket, bytes: &[u8], now: u64) {
        let Some((key, told)) = self.told(ticket, now) else { return };
        if self.client.answered(key, &Answer { bytes, told }) {
            self.counters.answered += 1;
            self.counters.by_tcp += u64::from(told.tcp);
            self.done(ticket);
        } else {
            self.counters.unreadable += 1;
            if let Some(question) = self.flight.get(ticket) {
                question.unreadable = true;
            }
        }
    }

    fn told(&mut self, ticket: Ticket, now: u64) -> Option<(u64, Told)> {
        let question = self.flight.get(ticket)?;
        let told = Told {
            upstream: self.upstreams.get(question.upstream)?.address,
            tries: question.sent,
            elapsed: now.saturating_sub(question.first_sent),
            tcp: question.way == Way::Tcp,
        };
        Some((question.key, told))
    }

    fn done(&mut self, ticket: Ticket) {
        if let Some(upstream) = self.flight.get(ticket).and_then(|q| self.upstreams.get_mut(q.upstream)) {
            upstream.in_flight = upstream.in_flight.saturating_sub(1);
        }
        self.flight.land(ticket);
    }

    fn ask_by_tcp(&mut self, ticket: Ticket, now: u64) {
        let Some(question) = self.flight.get(ticket) else { return };
        let Some(upstream) = self.upstreams.get(question.upstream) else { return };
        if question.way == Way::Udp {
            question.last_sent = now;
        }
        if self.tcp.ask(ticket, upstream.address, &question.packet) {
            question.way = Way::Tcp;
            self.wait_for(ticket, now, FARTHEST);
        } else {
            question.way = Way::TcpSoon;
            self.wait_for(ticket, now, 5 * TICK);
        }
    }

    fn answered_by_tcp(&mut self, returned: Returned, now: u64) {
        let Some(question) = self.flight.get(returned.ticket) else { return };
        if question.way != Way::Tcp {
            return;
        }
        match returned.answer {
            Ok(bytes) => {
                self.deliver(returned.ticket, &bytes, now);
                if self.flight.get(returned.ticket).is_some() {
                    self.hop(returned.ticket, Failure::Unreadable, now);
                }
            }
            Err(_) => self.hop(returned.ticket, Failure::NoTcp, now),
        }
    }

    /// A question's time has come.
    fn due(&mut self, ticket: Ticket, now: u64) {
        let Some(question) = self.flight.get(ticket) else { return };
        if now < question.deadline {
            // It has been given another deadline meanwhile, which comes up by itself.
            return;
        }
        let (tries, way, last_sent) = (question.tries, question.way, question.last_sent);
        match way {
            Way::Tcp | Way::TcpSoon if now > last_sent + TCP_LONGEST => self.hop(ticket, Failure::NoTcp, now),
            Way::Tcp => self.wait_for(ticket, now, FARTHEST),
            Way::TcpSoon => self.ask_by_tcp(ticket, now),
            Way::Udp if tries == 0 => self.queue.push_back(ticket),
            Way::Udp => {
                let others = self.upstreams.len() > 1;
                let Some(upstream) = self.upstreams.get_mut(question.upstream) else { return };
                upstream.pace.silent(now);
                if tries >= self.tries || (others && upstream.pace.is_gone(now)) {
                    let failure = if question.unreadable { Failure::Unreadable } else { Failure::TimedOut };
                    self.hop(ticket, failure, now);
                } else if upstream.pace.may_send(now) {
                    self.queue.push_back(ticket);
                } else {
                    self.wait_for(ticket, now, TICK);
                }
            }
        }
    }

    /// On to the next upstream; after the last one the question has failed.
    fn hop(&mut self, ticket: Ticket, failure: Failure, now: u64) {
        let count = self.upstreams.len();
        let Some(question) = self.flight.get(ticket) else { return };
        question.hops += 1;
        let (hops, from) = (question.hops as usize, question.upstream);
        if hops >= count {
            return self.fail(ticket, failure, now);
        }
        question.way = Way::Udp;
        if let Some(upstream) = self.upstreams.get_mut(from) {
            upstream.in_flight = upstream.in_flight.saturating_sub(1);
        }
        self.counters.failed_over += 1;
        let to = (from + 1) % count;
        let socket = self.any_socket(to);
        self.dispatch(ticket, to, socket);
    }

    fn fail(&mut self, ticket: Ticket, failure: Failure, now: u64) {
        if let Some((key, told)) = self.told(ticket, now) {
            self.counters.failed += 1;
            self.client.failed(key, failure, told);
        }
        self.done(ticket);
    }

    fn give_up_if_all_are_gone(&mut self, now: u64) {
        if self.flight.len() > 0 && self.upstreams.iter().all(|u| u.pace.silent_for(now) > ALL_GONE) {
            let all: Vec<Ticket> = self.flight.tickets().collect();
            for ticket in all {
                self.fail(ticket, Failure::AllGone, now);
            }
        }
    }

    fn report(&mut self) {
        self.counters.in_flight = self.flight.len() as u64;
        self.client.progress(&self.counters);
    }

    /// How long to wait for packets, ms.
    fn pause(&self) -> u16 {
        match (self.queue.is_empty(), self.flight.len()) {
            (false, _) => 0,
            (true, 0) if self.starved => 250,
            _ => 4,
        }
    }
}

impl Clock {
    fn tick(&mut self) -> u64 {
        let passed = self.last.elapsed();
        self.last += passed;
        self.now += u64::try_from(passed.as_micros()).unwrap_or(STEP).min(STEP);
        self.now
    }
}

/// Bytes of a packet that `packet::write_mx_question` never exceeds.
const _: () = assert!(packet::LONGEST <= 512);
