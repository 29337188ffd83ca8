//! The word for what a route does, and how people say it. A route that is not named here has its last
//! word: nothing is left out because somebody forgot this list.

use crate::store::ActPart;

/// What a route does.
pub(super) struct Action {
    pub(super) word: String,
    pub(super) part: ActPart,
    /// It changes nothing that anybody would ask about.
    pub(super) silent: bool,
}

/// Route, word.
const ROUTES: &[(&str, &str)] = &[
    ("/v1/orders", "order"),
    ("/v1/imports/orders", "import"),
    ("/v1/imports/connected", "import"),
    ("/v1/customers/{id}/domains", "add-domain"),
    ("/v1/domains/{domain}/route/confirm", "confirm-route"),
    ("/domains/{domain}/route/confirm", "confirm-route"),
    ("/v1/domains/{domain}/servers", "change-servers"),
    ("/v1/domains/{domain}/links", "make-link"),
    ("/domains/{domain}/links", "make-link"),
    ("/v1/domains/{domain}/links/{id}", "revoke-link"),
    ("/domains/{domain}/links/{id}/revoke", "revoke-link"),
    ("/v1/invoicing/{date}/close", "close-run"),
    ("/v1/invoicing/{date}/send", "send-run"),
    ("/v1/ledger/ingest", "take-in-mail"),
    ("/v1/intake", "take-in-notice"),
    ("/v1/proposals/{id}/again", "admit"),
    ("/v1/customers/{id}/senders", "set-sender"),
    ("/v1/vantages/{id}/release", "believe"),
    ("/vantages/{id}/release", "believe"),
    ("/invoicing/{date}/close", "close-run"),
    ("/v1/domains/{domain}/links", "share"),
    ("/domains/{domain}/links", "share"),
    ("/v1/domains/{domain}/links/{id}", "unshare"),
    ("/domains/{domain}/links/{id}/revoke", "unshare"),
    ("/domains/{domain}/act", "act"),
    ("/bulk/confirmed", "bulk"),
    ("/order/check", "check"),
    ("/sign-in", "ask-for-link"),
    ("/sign-in/token", "sign-in"),
    ("/sign-in/link/{secret}", "sign-in"),
    ("/account/sessions/{id}/end", "end-session"),
    ("/account/sign-out-everywhere", "end-sessions"),
];

/// Word, whose business it is, as people say it.
const WORDS: &[(&str, ActPart, &str)] = &[
    ("order", ActPart::Desk, "ordered"),
    ("import", ActPart::Desk, "took a base over"),
    ("register", ActPart::Desk, "registered"),
    ("add-domain", ActPart::Desk, "added a domain"),
    ("recheck", ActPart::Desk, "had it looked at again"),
    ("accept-mx", ActPart::Desk, "accepted an MX set"),
    ("confirm-route", ActPart::Desk, "confirmed the route"),
    ("change-servers", ActPart::Desk, "changed the own servers"),
    ("make-link", ActPart::Desk, "made a link to the page"),
    ("revoke-link", ActPart::Desk, "revoked a link to the page"),
    ("cancel", ActPart::Desk, "withdrew the order"),
    ("release", ActPart::Desk, "began or ended a release"),
    ("suspend", ActPart::Desk, "suspended"),
    ("resume", ActPart::Desk, "resumed"),
    ("keep", ActPart::Desk, "took a release back"),
    ("departed", ActPart::Desk, "decided that it has left"),
    ("cut-off", ActPart::Desk, "announced the end"),
    ("keep-servers", ActPart::Desk, "kept the present servers"),
    ("act", ActPart::Desk, "acted on a domain"),
    ("bulk", ActPart::Desk, "acted on several domains"),
    ("check", ActPart::Desk, "had a domain looked at"),
    ("share", ActPart::Desk, "made a link to the status page"),
    ("unshare", ActPart::Desk, "revoked a link to the status page"),
    ("retry", ActPart::Desk, "retried parked work"),
    ("quarantine", ActPart::Desk, "quarantined a vantage"),
    ("believe", ActPart::Desk, "believed a vantage again"),
    ("take-in-notice", ActPart::Desk, "handed a delivery notice in"),
    ("decide", ActPart::Accounting, "entered the customer's decision"),
    ("notice", ActPart::Accounting, "entered a notice"),
    ("extend", ActPart::Accounting, "extended the trial"),
    ("transfer", ActPart::Accounting, "gave it another partner"),
    ("mailboxes", ActPart::Accounting, "set the mailboxes in operation"),
    ("approve", ActPart::Accounting, "approved a proposal"),
    ("reject", ActPart::Accounting, "rejected a proposal"),
    ("admit", ActPart::Accounting, "had a mail read again"),
    ("set-sender", ActPart::Accounting, "set who may speak for it"),
    ("take-in-mail", ActPart::Accounting, "handed a mail in"),
    ("close-run", ActPart::Accounting, "closed the run"),
    ("send-run", ActPart::Accounting, "had the run sent again"),
    ("sign-in", ActPart::Access, "signed in"),
    ("sign-out", ActPart::Access, "signed out"),
    ("ask-for-link", ActPart::Access, "asked for a link to sign in"),
    ("end-session", ActPart::Access, "ended a session"),
    ("end-sessions", ActPart::Access, "signed out everywhere"),
    ("make-person", ActPart::Access, "made an account"),
    ("disable-person", ActPart::Access, "disabled an account"),
    ("enable-person", ActPart::Access, "enabled an account"),
    ("make-token", ActPart::Access, "made a token"),
    ("revoke-token", ActPart::Access, "revoked a token"),
];

/// Routes that read, although something is sent to them, those that write their rows themselves, and one
/// that anybody may use.
const SILENT: &[&str] = &["/order/check", "/bulk", "/bulk/confirmed", "/domains/{domain}/act", "/sign-in"];

pub(super) fn action(route: &str) -> Action {
    let named = ROUTES.iter().find(|(known, _)| *known == route).map(|(_, word)| *word);
    let last = || route.rsplit('/').find(|part| !part.is_empty() && !part.starts_with('{')).unwrap_or("change");
    let word = named.unwrap_or_else(last).to_owned();
    Action { part: part_of(&word), silent: SILENT.contains(&route), word }
}

/// Whose business a word is; what signs in and what is not known is the desk's alone.
pub(in crate::http) fn part_of(word: &str) -> ActPart {
    let known = WORDS.iter().find(|(known, ..)| *known == word).map(|(_, part, _)| *part);
    let access = || word.starts_with("sign-") || word.contains("token") || word.contains("session");
    known.unwrap_or_else(|| if access() { ActPart::Access } else { ActPart::Desk })
}

/// How people say it; the word itself where nobody has said how.
pub(in crate::http) fn in_words(word: &str) -> &str {
    WORDS.iter().find(|(known, ..)| *known == word).map_or(word, |(.., said)| said)
}

/// To what the address says that it is done.
pub(super) fn subject(route: &str, path: &str) -> (&'static str, String) {
    let mut before = "";
    for (pattern, part) in route.split('/').zip(path.split('/')) {
        if pattern == "{secret}" {
            return ("", String::new());
        }
        if pattern.starts_with('{') {
            let text = percent(part);
            return match before {
                "domains" => ("domain", text.to_ascii_lowercase()),
                "customers" | "reports" | "ledger" => ("customer", text),
                "invoicing" => ("run", text),
                "proposals" => ("proposal", text),
                "parked" => ("parked", text),
                "vantages" => ("vantage", text),
                _ => ("", text),
            };
        }
        before = pattern;
    }
    ("", String::new())
}

fn percent(part: &str) -> String {
    // A form's decoder reads percent signs, and `+` as a space: which no name of ours has.
    url::form_urlencoded::parse(part.replace('+', "%2B").as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_its_word_and_its_subject() {
        let of = |route: &str, path: &str| (action(route).word, subject(route, path));
        let row = |word: &str, kind, subject: &str| (word.to_owned(), (kind, subject.to_owned()));
        assert_eq!(of("/v1/orders", "/v1/orders"), row("order", "", ""));
        assert_eq!(of("/order", "/order"), row("order", "", ""));
        assert_eq!(of("/v1/parked/{id}/retry", "/v1/parked/t%3Ac1%3Amx/retry"), row("retry", "parked", "t:c1:mx"));
        let confirm = "/v1/domains/{domain}/route/confirm";
        assert_eq!(of(confirm, "/v1/domains/A.example/route/confirm"), row("confirm-route", "domain", "a.example"));
        assert_eq!(
            of("/v1/invoicing/{date}/close", "/v1/invoicing/2026-11-15/close"),
            row("close-run", "run", "2026-11-15")
        );
        assert_eq!(of("/sign-in/link/{secret}", "/sign-in/link/0123"), row("sign-in", "", ""), "never a secret");
        assert_eq!(of("/customers/{id}/new-thing", "/customers/k/new-thing"), row("new-thing", "customer", "k"));
    }

    #[test]
    fn every_word_of_a_route_has_words_for_people() {
        for (_, word) in ROUTES {
            assert!(WORDS.iter().any(|(known, ..)| known == word), "{word}");
        }
    }
}
