//! A sentence of a mail taken apart: its words, and the numbers, amounts and days in it. Nothing is
//! concluded here.

use fencepost_checks::escape::is_harmful;
use jiff::civil::Date;

use super::number;
use crate::ledger::Money;

/// Something that a sentence names, with the place of its first word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Number(u32),
    Money(Money),
    Day(Date),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sentence {
    /// As it stands in the mail.
    pub raw: String,
    /// In lower case, without punctuation around them.
    pub words: Vec<String>,
    pub named: Vec<(usize, Named)>,
    /// Digits stand in it that are part of nothing that could be read.
    pub unread_digits: bool,
}

/// Words that are a currency.
const CURRENCIES: &[(&str, &str)] = &[
    ("€", "EUR"),
    ("eur", "EUR"),
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("euroa", "EUR"),
    ("euron", "EUR"),
    ("euroon", "EUR"),
    ("sek", "SEK"),
    ("nok", "NOK"),
    ("dkk", "DKK"),
    ("£", "GBP"),
    ("gbp", "GBP"),
    ("$", "USD"),
    ("usd", "USD"),
    ("chf", "CHF"),
    ("pln", "PLN"),
    ("jpy", "JPY"),
];

/// Splits lines into sentences.
pub(super) fn sentences(lines: &[String]) -> Vec<Sentence> {
    lines.iter().flat_map(|line| split(line)).map(|raw| Sentence::read(&raw)).filter(|s| !s.words.is_empty()).collect()
}

/// At the marks that end a sentence; a point after a digit may be part of a date or an ordinal number.
fn split(line: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let chars: Vec<char> = line.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        if let Some(last) = found.last_mut() {
            last.push(*c);
        }
        let before = at.checked_sub(1).and_then(|i| chars.get(i));
        let next = chars.iter().skip(at + 1).find(|c| !c.is_whitespace());
        // A point may belong to a date, an ordinal number or an abbreviation.
        let full_stop = *c == '.'
            && next.is_some_and(|next| {
                next.is_uppercase() || (next.is_ascii_digit() && before.is_some_and(|b| b.is_alphabetic()))
            })
            && !found.last().is_some_and(|last| abbreviated(last));
        if (matches!(c, '!' | '?' | ';') || full_stop) && chars.get(at + 1).is_some_and(|next| next.is_whitespace()) {
            found.push(String::new());
        }
    }
    found.into_iter().map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect()
}

/// The last word before a point is one that is written with a point.
fn abbreviated(text: &str) -> bool {
    const SHORT: &[&str] = &[
        "sis", "incl", "excl", "ex", "alv", "vat", "esim", "puh", "nro", "no", "ca", "approx", "n", "alk", "ts", "mr",
        "ms", "dr",
    ];
    let word = text.trim_end_matches('.').rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
    SHORT.contains(&word.trim_start_matches('('))
}

impl Sentence {
    fn read(raw: &str) -> Self {
        let words = words(raw);
        let mut sentence = Self { raw: raw.to_owned(), words, named: Vec::new(), unread_digits: false };
        sentence.find();
        sentence
    }

    pub(super) fn is_question(&self) -> bool {
        self.raw.trim_end().ends_with('?')
    }

    /// Characters that do not show what they are.
    pub(super) fn is_disguised(&self) -> bool {
        self.raw.chars().any(|c| is_harmful(c) || (c.is_numeric() && !c.is_ascii_digit()))
    }

    pub(super) fn has(&self, words: &[&str]) -> bool {
        self.words.iter().any(|word| words.contains(&word.as_str()))
    }

    pub(super) fn has_stem(&self, stems: &[&str]) -> bool {
        self.words.iter().any(|word| starts(word, stems))
    }

    /// The words joined by single blanks, with one at each end.
    pub(super) fn joined(&self) -> String {
        format!(" {} ", self.words.join(" "))
    }

    fn find(&mut self) {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let mut at = 0;
        let mut named = Vec::new();
        let mut unread = false;
        while let Some(rest) = words.get(at..).filter(|rest| !rest.is_empty()) {
            let taken = if let Some((day, used)) = number::date(rest) {
                named.push((at, Named::Day(day)));
                used
            } else if let Some((money, used)) = money(rest) {
                named.push((at, Named::Money(money)));
                used
            } else {
                let (text, used) = digits(rest);
                let percent = rest.get(used).is_some_and(|next| *next == "%");
                match number::whole(&text) {
                    // "VAT 0 %" says that there is none.
                    Some(0) if percent => {}
                    Some(_) if percent => unread = true,
                    Some(n) => named.push((at, Named::Number(n))),
                    None => unread |= rest.first().is_some_and(|word| word.chars().any(char::is_numeric)),
                }
                used
            };
            at += taken.max(1);
        }
        self.named = named;
        self.unread_digits = unread;
    }
}

pub(super) fn starts(word: &str, stems: &[&str]) -> bool {
    stems.iter().any(|stem| word.starts_with(stem))
}

fn words(raw: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(raw.len() + 16);
    let lower = raw.to_lowercase().replace("->", " → ").replace("=>", " → ");
    let chars: Vec<char> = lower.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|i| chars.get(i));
        let after = chars.get(at + 1);
        let between_digits = before.is_some_and(char::is_ascii_digit) && after.is_some_and(char::is_ascii_digit);
        match c {
            '€' | '$' | '£' | '%' | '→' | '(' | ')' | ':' | '=' | '"' | '”' | '“' | '*' => {
                spaced.push(' ');
                // Punctuation is no word of its own, a sign is one.
                if matches!(c, '€' | '$' | '£' | '%' | '→') {
                    spaced.push(*c);
                    spaced.push(' ');
                }
            }
            '/' if !between_digits => spaced.push_str(" / "),
            // 180eur, eur180
            c if c.is_alphabetic() && before.is_some_and(char::is_ascii_digit) && currency_at(&chars, at) => {
                spaced.push(' ');
                spaced.push(*c);
            }
            c if c.is_ascii_digit() && before.is_some_and(|b| b.is_alphabetic()) && currency_before(&chars, at) => {
                spaced.push(' ');
                spaced.push(*c);
            }
            // A blank that shall not break a line stands inside of a number.
            '\u{a0}' | '\u{202f}' => spaced.push(' '),
            c => spaced.push(*c),
        }
    }
    let trim = |word: &str| word.trim_matches([',', ';', '!', '?', '.', '\'', '’', '…']).to_owned();
    let keep = |word: &&str| !word.is_empty();
    spaced
        .split_whitespace()
        .map(|word| if word.ends_with(",-") || word.ends_with(".-") { word.to_owned() } else { trim(word) })
        .collect::<Vec<_>>()
        .iter()
        .map(String::as_str)
        .filter(keep)
        .take(200)
        .map(str::to_owned)
        .collect()
}

fn currency_at(chars: &[char], at: usize) -> bool {
    let word: String = chars.iter().skip(at).take_while(|c| c.is_alphabetic()).collect();
    CURRENCIES.iter().any(|(name, _)| *name == word)
}

fn currency_before(chars: &[char], at: usize) -> bool {
    let word: Vec<char> = chars.iter().take(at).rev().take_while(|c| c.is_alphabetic()).copied().collect();
    let word: String = word.into_iter().rev().collect();
    CURRENCIES.iter().any(|(name, _)| *name == word)
}

fn currency(word: &str) -> Option<&'static str> {
    CURRENCIES.iter().find(|(name, _)| *name == word).map(|(_, code)| *code)
}

/// An amount before or after its currency.
fn money(words: &[&str]) -> Option<(Money, usize)> {
    if let Some(code) = words.first().and_then(|word| currency(word)) {
        let (text, used) = digits(words.get(1..)?);
        return Some((number::amount(&text, code)?, used + 1));
    }
    let (text, used) = digits(words);
    let code = currency(words.get(used)?)?;
    Some((number::amount(&text, code)?, used + 1))
}

/// A number at the beginning, whose thousands may be parted by blanks.
fn digits(words: &[&str]) -> (String, usize) {
    let Some(first) = words.first() else { return (String::new(), 0) };
    let mut text = (*first).to_owned();
    let mut used = 1;
    let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    if !plain(first) || first.len() > 3 || first.starts_with('0') {
        return (text, used);
    }
    while let Some(next) = words.get(used) {
        let head = next.get(..3).unwrap_or_default();
        let tail = next.get(3..).unwrap_or_default();
        let fraction = tail.is_empty() || (tail.starts_with([',', '.']) && tail.len() <= 3);
        if !plain(head) || !fraction {
            break;
        }
        text.push(' ');
        text.push_str(next);
        used += 1;
        if !tail.is_empty() {
            break;
        }
    }
    (text, used)
}
