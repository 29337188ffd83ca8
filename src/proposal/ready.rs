//! A mail to the service desk that is ready to be sent: its subject finds the customer, and its sentences are
//! such that they are understood. Whoever sends it speaks for the customer, so nothing is sent from here.

use jiff::civil::Date;
use serde::Serialize;

use super::token::subject_token;

/// Where the writer has to say something that is not known here.
const TO_FILL_IN: &str = "________";
/// Characters of a customer's name in a subject.
const NAME: usize = 80;

/// What the mail asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// So many mailboxes are charged; with a monthly total, that has to be said anew.
    Mailboxes { count: u32, new_total: bool },
    /// The service ends.
    End,
}

/// A mail, and a link that opens it in a mail program (RFC 6068).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadyMail {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub mailto: String,
}

/// The mail; `None` for a customer that no subject can name.
#[must_use]
pub fn ready_mail(desk: &str, customer_id: &str, customer: &str, wish: Wish, today: Date) -> Option<ReadyMail> {
    let token = subject_token(customer_id)?;
    let to = desk.rsplit_once('<').map_or(desk, |(_, rest)| rest.trim_end_matches('>')).trim().to_owned();
    let name: String = customer.chars().filter(|c| !c.is_control()).take(NAME).collect();
    let (about, text) = match wish {
        Wish::Mailboxes { count, new_total } => {
            let number = format!("We have {count} mailboxes from {today}.\n");
            let price = if new_total { format!("The price is {TO_FILL_IN} EUR a month.\n") } else { String::new() };
            ("Mailboxes of", number + &price)
        }
        Wish::End => ("End of the service for", "We terminate the service.\n".to_owned()),
    };
    let subject = format!("{about} {name} {token}");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("subject", &subject);
    query.append_pair("body", &text.replace('\n', "\r\n"));
    let address: String = url::form_urlencoded::byte_serialize(to.as_bytes()).collect();
    let mailto = format!("mailto:{}?{}", address.replace("%40", "@"), query.finish()).replace('+', "%20");
    Some(ReadyMail { to, subject, text, mailto })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::{Change, ReadMail, find, understand};
    use super::*;
    use crate::ledger::PriceMode;

    const ID: &str = "0195b7e4-2d7a-7c31-9f2e-0123456789ab";

    fn read(mail: &ReadyMail, fill_in: &str) -> ReadMail {
        let text = mail.text.replace(TO_FILL_IN, fill_in);
        ReadMail { subject: mail.subject.clone(), text, ..ReadMail::default() }
    }

    #[test]
    fn what_is_ready_is_understood_and_finds_its_customer() {
        let today = date(2026, 11, 23);
        let of = |wish| ready_mail("desk@provider.example", ID, "Customer Ltd", wish, today).unwrap();
        let more = of(Wish::Mailboxes { count: 25, new_total: true });
        assert_eq!(find(&more.subject), [ID]);
        let understood = understand(&read(&more, "180.00"));
        let total = Change::Price { mode: PriceMode::Total, amount: "180.00 EUR".parse().unwrap() };
        assert_eq!(understood.changes, [Change::Mailboxes { count: 25 }, total]);
        assert_eq!((understood.from, understood.not_understood.as_slice()), (Some(today), &[][..]));
        // Sent as it is, the price is not taken for understood.
        assert_eq!(understand(&read(&more, TO_FILL_IN)).changes, [Change::Mailboxes { count: 25 }]);
        let same = understand(&read(&of(Wish::Mailboxes { count: 20, new_total: false }), ""));
        assert_eq!(same.changes, [Change::Mailboxes { count: 20 }]);
        assert_eq!(understand(&read(&of(Wish::End), "")).changes, [Change::End { wished: None }]);
    }

    #[test]
    fn no_name_breaks_out_of_the_link() {
        let hostile = "A\r\nBcc: x@y.example&body=evil\"><script>";
        let wish = Wish::Mailboxes { count: 1, new_total: false };
        let mail = ready_mail("Desk <desk@provider.example>", ID, hostile, wish, date(2026, 1, 1)).unwrap();
        assert_eq!(mail.to, "desk@provider.example");
        assert!(mail.mailto.starts_with("mailto:desk@provider.example?subject="), "{}", mail.mailto);
        assert_eq!((mail.mailto.matches("&body=").count(), mail.mailto.matches('&').count()), (1, 1));
        assert!(!mail.mailto.contains(['<', '>', '"', ' ', '\r', '\n', '+']), "{}", mail.mailto);
        assert!(!mail.subject.contains('\n'));
        assert_eq!(ready_mail("d@x.example", "no uuid", "n", wish, date(2026, 1, 1)), None);
    }
}
