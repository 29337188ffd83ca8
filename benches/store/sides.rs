//! Sides of a comparison: rates round by round, their medians and ratios.

use std::time::Duration;

use crate::Outcome;

/// Who is measured, and what each round gave, pieces a second.
pub struct Side {
    pub name: String,
    pub rates: Vec<f64>,
}

impl Side {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), rates: Vec::new() }
    }

    pub fn add(&mut self, pieces: u32, took: Duration) {
        self.add_rate(f64::from(pieces) / took.as_secs_f64());
    }

    pub fn add_rate(&mut self, rate: f64) {
        println!("    {:<44} {rate:>9.0}/s", self.name);
        self.rates.push(rate);
    }

    /// The middle value, of an even number the mean of the two.
    pub fn median(&self) -> f64 {
        let mut sorted = self.rates.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |n: usize| sorted.get(n).copied().unwrap_or(f64::NAN);
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => at(n / 2),
            n => f64::midpoint(at(n / 2 - 1), at(n / 2)),
        }
    }

    /// One line about us and a peer.
    pub fn against(&self, peer: &Self, target: f64) {
        if peer.rates.is_empty() {
            println!("median | {} | {:.0}/s | {}: not measured", self.name, self.median(), peer.name);
            return;
        }
        let (ours, theirs) = (self.median(), peer.median());
        println!(
            "median | {} | {ours:.0}/s | {} | {theirs:.0}/s | {:.2} x | target {target} x",
            self.name,
            peer.name,
            ours / theirs
        );
    }
}

/// Says which round begins, and how busy the machine is.
pub fn begin(round: u32) -> Outcome<()> {
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!("round {round}, load {}", load.split(' ').next().unwrap_or_default());
    Ok(())
}
