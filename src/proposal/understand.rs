//! What a mail asks for, in English or Finnish: number of mailboxes, price, invoicing group, decision,
//! end of service. Reads the writer's own sentences alone, takes nothing for granted, and says of every
//! other sentence why nothing was made of it.

use fencepost_checks::escape::quote;
use jiff::civil::Date;

use super::sentence::{Named, Sentence, sentences, starts};
use super::{Change, Doubt, ReadMail, Understood, own_words};
use crate::ledger::{Money, PriceMode};

/// Doubts that are listed.
const MAX_DOUBTS: usize = 40;

const MAILBOX: &[&str] = &[
    "mailbox",
    "user",
    "account",
    "seat",
    "licen",
    "postilaatik",
    "sähköpostilaatik",
    "laatik",
    "laatiko",
    "käyttäj",
    "lisenss",
    "sähköpostitil",
];
const PRICE: &[&str] = &[
    "price",
    "fee",
    "charge",
    "cost",
    "monthly",
    "total",
    "hint",
    "hinn",
    "kuukausihin",
    "maksu",
    "veloit",
    "yhteens",
];
const A_MONTH: &[&str] = &["month", "kk", "kuukau"];
const A_YEAR: &[&str] = &["year", "annual", "vuosi", "vuode", "vuotui"];
const GROUP: &[&str] = &["group", "ryhmä", "ryhmi", "laskutusryhm"];
const NEGATION: &[&str] = &[
    "not", "no", "don't", "dont", "won't", "never", "ei", "emme", "en", "eivät", "älä", "älkää", "isn't", "cannot",
    "can't",
];
const CONDITION: &[&str] = &[
    "if",
    "would",
    "could",
    "maybe",
    "perhaps",
    "might",
    "possibly",
    "unless",
    "jos",
    "ehkä",
    "mahdollisesti",
    "voisi",
    "voisimme",
    "olisi",
    "mikäli",
    "considering",
    "harkitsemme",
    "quote",
    "tarjous",
];
const RELATIVE: &[&str] = &[
    "more",
    "additional",
    "extra",
    "add",
    "adding",
    "another",
    "fewer",
    "less",
    "remove",
    "removing",
    "by",
    "lisää",
    "lisätään",
    "vähemmän",
    "poista",
    "poistetaan",
    "lisäksi",
    "plus",
];
const TAKES_BACK: &[&str] = &["withdraw", "revoke", "cancelled our", "peru", "perumme"];
const END: &[&str] = &[
    " terminate",
    " termination of ",
    " cancel the service",
    " cancel our ",
    " cancel the subscription",
    " cancel the contract",
    " end the service",
    " end of service",
    " end of the service",
    " give notice",
    " giving notice",
    " irtisano",
    " sanomme irti ",
    " sanoa irti ",
    " lopetamme palvelu",
    " lopettaa palvelu",
    " lopetetaan palvelu",
    " palvelu lopetetaan",
    " palvelu päättyy",
    " päättää palvelu",
    " päätämme palvelu",
];
const STAYS_NOT: &[&str] = &[
    " no customer ",
    " not a customer ",
    " not become a customer ",
    " not becoming a customer ",
    " will not continue ",
    " won't continue ",
    " do not continue ",
    " does not continue ",
    " not continue as a customer ",
    " ei asiakas ",
    " ei asiakkaaksi ",
    " ei tule asiakkaaksi ",
    " emme jatka ",
    " ei jatka ",
    " ei jatketa ",
    " emme tule asiakkaaksi ",
];
const STAYS: &[&str] = &[
    " becomes a customer ",
    " become a customer ",
    " becomes customer ",
    " stays as a customer ",
    " stays a customer ",
    " continues as a customer ",
    " continue as a customer ",
    " we will continue ",
    " we continue ",
    " tulee asiakkaaksi ",
    " tulemme asiakkaaksi ",
    " jatkamme asiakkaana ",
    " jatkaa asiakkaana ",
    " jatkamme palvelun ",
    " haluamme jatkaa ",
];
/// What may stand beside the one word that is a decision.
const BESIDE: &[&str] = &[
    "customer",
    "asiakas",
    "yes",
    "kyllä",
    "decision",
    "päätös",
    "our",
    "is",
    "on",
    "the",
    "group",
    "invoicing",
    "ryhmä",
    "laskutusryhmä",
    "15",
    "30",
];
const GREETING: &[&str] = &[
    "hi",
    "hello",
    "hei",
    "moi",
    "terve",
    "dear",
    "regards",
    "terveisin",
    "ystävällisin",
    "thanks",
    "thank",
    "kiitos",
    "kiitokset",
    "best",
    "kind",
    "br",
    "yt",
    "t",
    "sincerely",
    "greetings",
    "morning",
    "afternoon",
    "huomenta",
    "päivää",
];

/// What the mail asks for.
#[must_use]
pub fn understand(mail: &ReadMail) -> Understood {
    let own = own_words(&mail.text);
    let mut reader = Reader::default();
    // Somebody writes all of it into the subject; the subject of an answer is ours.
    let subject =
        if own.is_empty() && !is_answer(&mail.subject) { vec![without_token(&mail.subject)] } else { Vec::new() };
    for sentence in sentences(&own).into_iter().chain(sentences(&subject)) {
        reader.read(&sentence);
    }
    if own.is_empty() && reader.found.changes.is_empty() {
        reader
            .doubt(&mail.subject, "the mail has no words of its own: what there is was quoted, forwarded or attached");
    }
    reader.finish()
}

fn is_answer(subject: &str) -> bool {
    let subject = subject.trim().to_lowercase();
    ["re:", "vs:", "sv:", "aw:", "fwd:", "fw:", "vl:", "wg:"].iter().any(|start| subject.starts_with(start))
}

fn without_token(subject: &str) -> String {
    match (subject.find('['), subject.find(']')) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{}", subject.get(..from).unwrap_or_default(), subject.get(to + 1..).unwrap_or_default())
        }
        _ => subject.to_owned(),
    }
}

#[derive(Default)]
struct Reader {
    found: Understood,
    days: Vec<(String, Date)>,
}

impl Reader {
    fn doubt(&mut self, text: &str, why: &str) {
        if self.found.not_understood.len() < MAX_DOUBTS {
            self.found.not_understood.push(Doubt { text: quote(text), why: why.to_owned() });
        }
    }

    fn read(&mut self, sentence: &Sentence) {
        match changes(sentence) {
            Ok((changes, day)) => {
                self.days.extend(day.map(|day| (sentence.raw.clone(), day)));
                for change in changes {
                    if !self.found.changes.contains(&change) {
                        self.found.changes.push(change);
                    }
                }
            }
            Err(Some(why)) => self.doubt(&sentence.raw, why),
            Err(None) => {}
        }
    }

    fn finish(mut self) -> Understood {
        let mut days: Vec<Date> = self.days.iter().map(|(_, day)| *day).collect();
        days.dedup();
        match days.as_slice() {
            [] => {}
            [one] => self.found.from = Some(*one),
            _ => {
                let texts: Vec<String> = self.days.iter().map(|(raw, _)| raw.clone()).collect();
                self.doubt(&texts.join(" … "), "it names several days, so none was taken");
            }
        }
        self.found
    }
}

/// What one sentence asks for, and from which day. `Err(None)`: nothing that matters, such as a greeting.
type Read = Result<(Vec<Change>, Option<Date>), Option<&'static str>>;

fn changes(s: &Sentence) -> Read {
    let joined = s.joined();
    let ends = END.iter().any(|words| joined.contains(words));
    let stays_not = STAYS_NOT.iter().any(|words| joined.contains(words));
    let stays = !stays_not && (STAYS.iter().any(|words| joined.contains(words)) || is_bare_yes(s));
    let (mailbox, group) = (s.has_stem(MAILBOX), s.has_stem(GROUP));
    let money = s.named.iter().any(|(_, named)| matches!(named, Named::Money(_)));
    let priced = s.words.iter().any(|word| starts(word, PRICE));
    let topic = ends || stays_not || stays || mailbox || group || money || priced;
    if !topic && s.named.is_empty() && !s.unread_digits && s.words.iter().any(|word| GREETING.contains(&word.as_str()))
    {
        return Err(None);
    }
    if s.is_disguised() {
        return Err(Some("it has characters that do not show what they are"));
    }
    let only_day = matches!(s.named.as_slice(), [(_, Named::Day(_))]);
    if !(topic || only_day && says_from(s)) {
        return Err(Some("nothing was recognised in it"));
    }
    if s.is_question() {
        return Err(Some("it is a question"));
    }
    if s.has(CONDITION) {
        return Err(Some("it says what could be, not what shall be"));
    }
    if !stays_not && s.has(NEGATION) {
        return Err(Some("it says what shall not be"));
    }
    if s.has_stem(TAKES_BACK) && (ends || stays || stays_not) {
        return Err(Some("it takes something back"));
    }
    let day = one_day(s)?;
    if ends {
        let other = mailbox && numbers(s).next().is_some();
        return if other {
            Err(Some("it speaks of an end and of a number at once"))
        } else {
            Ok((vec![Change::End { wished: day }], None))
        };
    }
    if s.unread_digits {
        return Err(Some("a number in it cannot be read for certain"));
    }
    let mut found = Vec::new();
    if stays_not || stays {
        found.push(Change::Decision { customer: stays });
    }
    if money {
        found.push(price(s, mailbox)?);
    } else if priced && numbers(s).next().is_some() && !mailbox {
        return Err(Some("its price names no currency"));
    }
    let grouped = if group { Some(invoicing_group(s)?) } else { None };
    found.extend(grouped.map(|(_, group)| Change::Group { group }));
    if mailbox {
        found.extend(mailboxes(s, grouped.map(|(place, _)| place), money)?.map(|count| Change::Mailboxes { count }));
    }
    if found.is_empty() && !only_day {
        return Err(Some("nothing was recognised in it"));
    }
    Ok((found, day))
}

/// "Customer", "Asiakas, ryhmä 15", and nothing else beside.
fn is_bare_yes(s: &Sentence) -> bool {
    s.has(&["customer", "asiakas"]) && s.words.iter().all(|word| BESIDE.contains(&word.as_str()))
}

fn says_from(s: &Sentence) -> bool {
    s.has(&["from", "starting", "effective", "beginning", "since", "alkaen", "lähtien", "alk"])
        || s.joined().contains(" as of ")
}

fn one_day(s: &Sentence) -> Result<Option<Date>, Option<&'static str>> {
    let mut days = s.named.iter().filter_map(|(_, named)| if let Named::Day(day) = named { Some(*day) } else { None });
    match (days.next(), days.next()) {
        (day, None) => Ok(day),
        _ => Err(Some("it names several days")),
    }
}

fn numbers(s: &Sentence) -> impl Iterator<Item = (usize, u32)> {
    s.named.iter().filter_map(|(at, named)| if let Named::Number(n) = named { Some((*at, *n)) } else { None })
}

fn price(s: &Sentence, mailbox: bool) -> Result<Change, Option<&'static str>> {
    let amounts: Vec<(usize, Money)> = s
        .named
        .iter()
        .filter_map(|(at, named)| if let Named::Money(money) = named { Some((*at, *money)) } else { None })
        .collect();
    if s.has_stem(A_YEAR) {
        return Err(Some("it speaks of a price for a year; prices are for a month"));
    }
    let joined = s.joined();
    let net = [" excl", " without vat", " plus vat", " ex vat", " ilman alv", " alv 0 ", " veroton"]
        .iter()
        .any(|words| joined.contains(words));
    if (s.has(&["vat", "alv"]) || s.has_stem(&["arvonlisä"])) && !net {
        return Err(Some("it speaks of a price with VAT; prices are without"));
    }
    let amount = target(s, &amounts).ok_or(Some("it names several amounts"))?;
    let each = s.has(&["each", "apiece", "kappale"])
        || s.words.windows(2).any(|pair| {
            matches!(pair, [first, second] if (first == "per" || first == "/" || first == "a" || first == "kohden") && (starts(second, MAILBOX) || second == "kpl"))
        })
        || s.words.iter().any(|word| starts(word, MAILBOX) && (word.ends_with("lta") || word.ends_with("ltä")));
    if !(each || s.has_stem(PRICE) || s.has_stem(A_MONTH)) {
        let counted = mailbox && numbers(s).next().is_some();
        let why = "it does not say whether the amount is for each mailbox or for all";
        return Err(Some(if counted { why } else { "it names an amount without saying what it is" }));
    }
    Ok(Change::Price { mode: if each { PriceMode::PerMailbox } else { PriceMode::Total }, amount })
}

/// The number beside the word.
fn invoicing_group(s: &Sentence) -> Result<(usize, u8), Option<&'static str>> {
    let places: Vec<usize> =
        s.words.iter().enumerate().filter(|(_, word)| starts(word, GROUP)).map(|(at, _)| at).collect();
    let near = |at: usize| places.iter().any(|place| at.abs_diff(*place) <= 3);
    let mut found = numbers(s).filter(|(at, n)| near(*at) && (*n == 15 || *n == 30));
    match (found.next(), found.next()) {
        (Some((at, n)), None) => Ok((at, if n == 15 { 15 } else { 30 })),
        (None, _) => Err(Some("it speaks of a group; there are 15 and 30")),
        _ => Err(Some("it names several groups")),
    }
}

/// `None` where the noun only belongs to a price.
fn mailboxes(s: &Sentence, group_at: Option<usize>, money: bool) -> Result<Option<u32>, Option<&'static str>> {
    let counts: Vec<(usize, u32)> = numbers(s).filter(|(at, _)| Some(*at) != group_at).collect();
    match counts.as_slice() {
        [] if money => Ok(None),
        [] => Err(Some("it speaks of mailboxes without a number")),
        _ if s.has(RELATIVE) => Err(Some("it says by how many, not how many there shall be")),
        counts => target(s, counts).map(Some).ok_or(Some("it names several numbers")),
    }
}

/// The one value, or the one to which it changes: "from 20 to 25", "20:stä 25:een", "20 → 25", "25 instead of 20".
fn target<T: Copy + PartialEq>(s: &Sentence, values: &[(usize, T)]) -> Option<T> {
    let [(first_at, first), (second_at, second)] = values else {
        return if let [(_, only)] = values { Some(*only) } else { None };
    };
    let between = s.words.get(first_at + 1..*second_at)?;
    let says = |words: &[&str]| between.iter().any(|word| words.contains(&word.as_str()));
    let before = s.words.get(..*first_at)?;
    let risen = between.iter().any(|word| word.ends_with("stä") || word.ends_with("sta"));
    if says(&["→"]) || (says(&["to"]) && before.iter().any(|word| word == "from")) || risen {
        return Some(*second);
    }
    let instead = says(&["instead", "rather"]);
    if instead {
        return Some(*first);
    }
    if says(&["sijaan", "sijasta"]) {
        return Some(*second);
    }
    if first == second { Some(*first) } else { None }
}

#[cfg(test)]
#[path = "understand_tests.rs"]
mod tests;
