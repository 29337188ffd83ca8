//! Mails as people write them, and mails that must not be understood.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Understood {
    understand(&ReadMail { subject: "Re: your trial".to_owned(), text: text.to_owned(), ..ReadMail::default() })
}

fn told(text: &str) -> Vec<String> {
    read(text).changes.iter().map(ToString::to_string).collect()
}

#[test]
fn changes_in_english_and_finnish() {
    let rows: &[(&str, &[&str])] = &[
        ("We now have 25 mailboxes.", &["25 mailboxes"]),
        ("Number of mailboxes: 1,250", &["1250 mailboxes"]),
        ("Please change the mailboxes from 20 to 25.", &["25 mailboxes"]),
        ("mailboxes: 20 -> 25", &["25 mailboxes"]),
        ("25 users instead of 20", &["25 mailboxes"]),
        ("Postilaatikoita on nyt 25.", &["25 mailboxes"]),
        ("Postilaatikoiden määrä nousee 20:stä 25:een.", &["25 mailboxes"]),
        ("Laatikoiden määrä: 1 250 kpl", &["1250 mailboxes"]),
        ("Käyttäjiä on 20 sijaan 25", &["25 mailboxes"]),
        ("The new price is 180 EUR a month.", &["180.00 EUR a month in total"]),
        ("Price: €1,250.50", &["1250.50 EUR a month in total"]),
        ("Hinta on jatkossa 1 250,50 € kuukaudessa.", &["1250.50 EUR a month in total"]),
        ("Kuukausihinta 180,- euroa", &["180.00 EUR a month in total"]),
        ("Uusi hinta 180€/kk (alv 0 %)", &["180.00 EUR a month in total"]),
        ("The price is 3.50 € per mailbox.", &["3.50 EUR a month for each mailbox"]),
        ("Hinta 3,50 €/laatikko", &["3.50 EUR a month for each mailbox"]),
        ("Hinta on 3,50 euroa postilaatikolta.", &["3.50 EUR a month for each mailbox"]),
        ("25 mailboxes at a total price of 180 EUR", &["180.00 EUR a month in total", "25 mailboxes"]),
        ("Invoicing group 30, please.", &["invoicing group 30"]),
        ("Laskutusryhmä 15", &["invoicing group 15"]),
        ("Customer", &["the customer stays"]),
        ("customer, group 15", &["the customer stays", "invoicing group 15"]),
        ("Asiakas", &["the customer stays"]),
        ("Example Oy becomes a customer.", &["the customer stays"]),
        ("Jatkamme asiakkaana, laskutusryhmä 30.", &["the customer stays", "invoicing group 30"]),
        ("No customer", &["no customer"]),
        ("Ei asiakas.", &["no customer"]),
        ("Emme jatka palvelun kanssa.", &["no customer"]),
        ("We will not continue after the trial.", &["no customer"]),
        ("We hereby terminate the service.", &["notice"]),
        ("We terminate the contract as of 31 December 2026.", &["notice, with an end on 2026-12-31 wished for"]),
        ("Irtisanomme palvelun 31.12.2026.", &["notice, with an end on 2026-12-31 wished for"]),
        ("Lopetamme palvelun.", &["notice"]),
    ];
    for (text, expected) in rows {
        let found = read(text);
        assert_eq!(told(text), *expected, "{text}: {found:?}");
        assert!(found.not_understood.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn a_whole_mail_with_its_day() {
    let found = read(
        "Hei,\n\nPostilaatikoiden määrä on 1.12.2026 alkaen 1 250 kpl.\nHinta 1.250,00 €/kk.\n\nYstävällisin terveisin\n-- \nMatti, puh. 040 123 4567\n",
    );
    assert_eq!(
        found.changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["1250 mailboxes", "1250.00 EUR a month in total"]
    );
    assert_eq!(found.from, Some(date(2026, 12, 1)));
    assert!(found.not_understood.is_empty(), "{found:?}");
    let found = read("We have 25 mailboxes. The price is 180 EUR a month. From 2026-12-01.\nThanks");
    assert_eq!((found.changes.len(), found.from), (2, Some(date(2026, 12, 1))), "{found:?}");
}

#[test]
fn what_is_not_certain_is_said_and_not_taken() {
    for (text, why) in [
        ("How much would 25 mailboxes cost?", "question"),
        ("If we had 25 mailboxes, the price would be 180 EUR.", "what could be"),
        ("Jos otamme 25 laatikkoa", "what could be"),
        ("We do not have 25 mailboxes.", "shall not be"),
        ("Meillä ei ole 25 postilaatikkoa.", "shall not be"),
        ("Please add 5 mailboxes.", "by how many"),
        ("Lisää 5 laatikkoa.", "by how many"),
        ("We have 25 mailboxes and 30 users.", "several numbers"),
        ("The price is 180 EUR or 190 EUR a month.", "several amounts"),
        ("The price is 180.", "no currency"),
        ("We received 180 EUR.", "without saying what it is"),
        ("25 mailboxes at 3.50 EUR", "each mailbox or for all"),
        ("The price is 2160 EUR a year.", "a year"),
        ("Hinta 180 € sis. alv", "VAT"),
        ("Group 20, please", "15 and 30"),
        ("We have ２５ mailboxes", "do not show"),
        ("We have 2\u{200b}5 mailboxes", "do not show"),
        ("We have 12,5 mailboxes", "cannot be read"),
        ("We withdraw and do not terminate the service.", "shall not be"),
        ("We revoke that we terminate the service.", "takes something back"),
        ("See you at the fair on Tuesday.", "nothing was recognised"),
        ("From 1.12.2026 to 1.3.2027 we have 25 mailboxes.", "several days"),
    ] {
        let found = read(text);
        assert!(found.changes.is_empty(), "{text}: {found:?}");
        assert!(found.not_understood.iter().any(|doubt| doubt.why.contains(why)), "{text}: {found:?}");
    }
}

#[test]
fn somebody_elses_words_are_not_taken() {
    let found = read(
        "Thanks!\n\nOn Mon, 2 Mar 2026, Desk <desk@x.example> wrote:\n> Answer with \"no customer\" [FP-0]\n> 25 mailboxes\n",
    );
    assert_eq!(found, Understood::default());
    let found = read("> 25 mailboxes\n> 180 EUR a month\n");
    assert!(found.changes.is_empty());
    assert!(found.not_understood[0].why.contains("no words of its own"));
}

#[test]
fn a_subject_counts_where_there_is_nothing_else_and_it_is_no_answer() {
    let mail = |subject: &str, text: &str| {
        let mail = ReadMail { subject: subject.to_owned(), text: text.to_owned(), ..ReadMail::default() };
        understand(&mail).changes.len()
    };
    assert_eq!(mail("No customer [FP-0123]", ""), 1);
    assert_eq!(mail("Re: customer or no customer", ""), 0);
    assert_eq!(mail("25 mailboxes", "See the attachment."), 0);
}

#[test]
fn contradictions_are_left_to_a_person() {
    let found = read("Customer.\nNo customer.");
    assert_eq!(found.changes.len(), 2, "approval refuses both: {found:?}");
}

proptest! {
    #[test]
    fn no_mail_breaks_it(text in "\\PC{0,300}", subject in "\\PC{0,60}") {
        let found = understand(&ReadMail { subject, text, ..ReadMail::default() });
        prop_assert!(found.not_understood.len() <= MAX_DOUBTS + 1);
    }

    /// However many there are and however it is written, the number is that number or none.
    #[test]
    fn a_number_is_taken_as_it_stands_or_not_at_all(n in 1_u32..100_000, shape in 0_usize..5) {
        let text = match shape {
            0 => format!("We have {n} mailboxes."),
            1 => format!("Mailboxes: {n}"),
            2 => format!("Postilaatikoita on {n} kpl"),
            3 => format!("> 7 mailboxes\nNow {n} users\n"),
            _ => format!("mailboxes 3 → {n}"),
        };
        prop_assert_eq!(read(&text).changes, vec![Change::Mailboxes { count: n }]);
    }
}
