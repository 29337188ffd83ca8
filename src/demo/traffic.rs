//! The world keeps sending mail to every customer during its whole cut-over, and comes again when a
//! message is deferred, as real senders do. What is refused, or has not arrived after five days, is
//! lost: there must be none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::agenda::Busy;
use super::cast::Stage;
use super::lab::Delivery;
use crate::clock::Clock;

/// While a cut-over may be going on.
const OFTEN: SignedDuration = SignedDuration::from_hours(3);
const CUT_OVER: SignedDuration = SignedDuration::from_hours(8 * 24);
const SELDOM: SignedDuration = SignedDuration::from_hours(48);
/// RFC 5321 §4.5.4.1: at least 4 to 5 days.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(5 * 24);
const FIRST_RETRY: SignedDuration = SignedDuration::from_mins(15);
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(4);

/// What became of the mail to one customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// `Message-ID` of everything that was sent.
    pub sent: Vec<String>,
    /// Attempts that were put off.
    pub deferred: u32,
    /// The first reason for a deferral by the gateway.
    pub first_reason: Option<String>,
    /// What came back, with the reason.
    pub lost: Vec<String>,
}

struct Queued {
    id: String,
    since: Timestamp,
    next: Timestamp,
    pause: SignedDuration,
}

/// The world's queue for one customer.
pub struct Traffic {
    stage: Arc<Stage>,
    recipient: String,
    report: Arc<Mutex<Report>>,
    closing: Arc<AtomicBool>,
    queue: Vec<Queued>,
    count: usize,
}

impl Traffic {
    #[must_use]
    pub fn new(stage: Arc<Stage>, recipient: String, closing: Arc<AtomicBool>) -> (Self, Arc<Mutex<Report>>) {
        let report: Arc<Mutex<Report>> = Arc::default();
        let traffic = Self { stage, recipient, report: Arc::clone(&report), closing, queue: Vec::new(), count: 0 };
        (traffic, report)
    }

    /// Sends until it is told to close, and then until the queue is empty. Begins at `start`, which
    /// tells the customers apart so that not all of them get mail in the same second.
    pub async fn run(mut self, start: Timestamp, held: Busy) {
        let mut held = Some(held);
        let mut fresh = start;
        loop {
            let closing = self.closing.load(Ordering::SeqCst);
            if closing && self.queue.is_empty() {
                return;
            }
            let retry = self.queue.iter().map(|queued| queued.next).min();
            let next = if closing { retry.unwrap_or(fresh) } else { retry.map_or(fresh, |at| at.min(fresh)) };
            let busy = self.stage.agenda.until(next, held.take()).await;
            held = Some(busy);
            let now = self.stage.agenda.now();
            if now >= fresh && !self.closing.load(Ordering::SeqCst) {
                self.enqueue(now);
                fresh = now + if now.duration_since(start) < CUT_OVER { OFTEN } else { SELDOM };
            }
            self.deliver_due(now).await;
        }
    }

    fn enqueue(&mut self, now: Timestamp) {
        self.count += 1;
        let id = format!("<{}.{}@world.example>", self.count, self.recipient.replace('@', "."));
        self.report().sent.push(id.clone());
        self.queue.push(Queued { id, since: now, next: now, pause: FIRST_RETRY });
    }

    async fn deliver_due(&mut self, now: Timestamp) {
        let due: Vec<Queued> = self.queue.extract_if(.., |queued| queued.next <= now).collect();
        for mut queued in due {
            self.count += 1;
            match self.stage.lab.send(self.count, &queued.id, &self.recipient).await {
                Delivery::Accepted => {}
                Delivery::Refused(why) => self.report().lost.push(format!("{}: {why}", queued.id)),
                Delivery::Deferred(why) => {
                    let mut report = self.report();
                    report.deferred += 1;
                    if now.duration_since(queued.since) > GIVE_UP {
                        report.lost.push(format!("{}: not delivered in five days: {why}", queued.id));
                        continue;
                    }
                    report.first_reason.get_or_insert(why);
                    drop(report);
                    queued.next = now + queued.pause;
                    queued.pause = (queued.pause * 2).min(LONGEST_RETRY);
                    self.queue.push(queued);
                }
            }
        }
    }

    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
