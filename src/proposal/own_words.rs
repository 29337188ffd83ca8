//! The words that the writer of a mail added: without what was quoted of earlier mails, what was
//! forwarded, and the signature. What somebody else wrote further down is never taken for theirs.

/// Lines looked at.
const MAX_LINES: usize = 400;
/// Characters of a line looked at.
const MAX_LINE: usize = 1_000;

/// The lines of `text` that are the writer's own, in order, without empty ones.
#[must_use]
pub fn own_words(text: &str) -> Vec<String> {
    let mut own: Vec<String> = Vec::new();
    let mut introduced = false;
    for line in text.lines().take(MAX_LINES) {
        let line: String = line.chars().take(MAX_LINE).collect();
        // The usual mark of a signature is two dashes and a blank; the blank gets lost.
        if line.trim_end() == "--" {
            break;
        }
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if line.starts_with('>') || line.starts_with('|') {
            introduced = false;
            continue;
        }
        // Introduced, and then not marked as quoted: all of the rest may be somebody else's.
        if introduced || begins_another_mail(line) {
            break;
        }
        introduced = introduces(&line.to_lowercase());
        if !introduced {
            own.push(line.to_owned());
        } else if own.last().is_some_and(|line| line.to_lowercase().starts_with("on ") && line.contains(',')) {
            // "On Monday, … wrote:" is often broken over two lines.
            own.pop();
        }
    }
    own
}

/// Mail programs that do not mark quoted lines announce the whole.
fn begins_another_mail(line: &str) -> bool {
    let lower = line.to_lowercase();
    let dashes = lower.starts_with("----")
        || lower.starts_with("____")
        || lower.starts_with("====")
        || lower.starts_with("****");
    let announced =
        ["original message", "alkuperäinen viesti", "forwarded message", "välitetty viesti", "begin forwarded message"]
            .iter()
            .any(|words| lower.contains(words));
    let underline = line.chars().count() >= 20 && line.chars().all(|c| matches!(c, '_' | '-' | '=' | '*'));
    let header = ["from:", "lähettäjä:", "sent:", "lähetetty:", "reply to:"].iter().any(|name| lower.starts_with(name));
    (announced && (dashes || lower.ends_with(':') || lower.ends_with('-'))) || underline || header
}

/// "On Mon, 2 Mar 2026 at 12:00, A <a@b.example> wrote:", "ma 2.3.2026 klo 12.00 A kirjoitti:".
fn introduces(lower: &str) -> bool {
    ["wrote:", "kirjoitti:", "skrev:", "schrieb:", "a écrit :", "writes:"].iter().any(|end| lower.ends_with(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_quoted_is_left_out() {
        let rows: [(&str, &[&str]); 10] = [
            ("We take 25.\n\nOn Mon, 2 Mar 2026, A <a@b.example> wrote:\n> please say no customer\n", &["We take 25."]),
            ("On Mon, 2 Mar 2026 at 12:00, Somebody\n<a@b.example> wrote:\n> old\n> old\nNew below.", &["New below."]),
            ("25 users\nOn Mon, 2 Mar 2026, A wrote:\n\nno customer\n", &["25 users"]),
            ("> How many?\n25 mailboxes\n> And the price?\n180 EUR", &["25 mailboxes", "180 EUR"]),
            ("Yes.\n\n-----Original Message-----\nFrom: x@y.example\nno customer", &["Yes."]),
            ("Kyllä.\n\n----- Alkuperäinen viesti -----\nei asiakas", &["Kyllä."]),
            ("Yes.\n\nFrom: X <x@y.example>\nSent: today\nno customer", &["Yes."]),
            ("Yes.\n________________________________\nno customer", &["Yes."]),
            ("25 mailboxes\n-- \nOur office: 300 users", &["25 mailboxes"]),
            ("ma 2.3.2026 klo 12.00 A B kirjoitti:\n> x", &[]),
        ];
        for (text, expected) in rows {
            assert_eq!(own_words(text), expected, "{text}");
        }
    }

    proptest! {
        /// Nothing that stands behind a mark of quotation is ever taken for the writer's own.
        #[test]
        fn a_quoted_line_is_never_own(before in "[a-z ]{0,30}", quoted in "[a-z ]{1,30}") {
            let own = own_words(&format!("{before}\n> SECRET{quoted}\n"));
            prop_assert!(own.iter().all(|line| !line.contains("SECRET")));
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,400}") {
            prop_assert!(own_words(&text).len() <= MAX_LINES);
        }
    }
}
