//! Who the customers are, and how each of them must end.

use fencepost_checks::Code;

use crate::lifecycle::connection::Phase;
use crate::lifecycle::subscription;

/// A customer as the order describes it.
#[derive(Debug)]
pub struct Profile {
    pub number: u8,
    pub name: &'static str,
    pub domain: &'static str,
    /// One line about what happens.
    pub title: &'static str,
    pub partner: &'static str,
    pub kind: &'static str,
    pub mailboxes: u32,
    pub price: &'static str,
    pub group: Option<u8>,
    pub hosted: bool,
    pub language: &'static str,
    /// TTL of the MX before the change, seconds.
    pub ttl: u32,
    pub expected: Expected,
}

/// How a customer must end, and what must have been seen on the way.
#[derive(Debug)]
pub struct Expected {
    pub connection: Phase,
    pub subscription: subscription::Phase,
    /// Findings that somebody saw, or that a gate reported.
    pub findings: &'static [Code],
    /// Events that must be in the connection's history, and those that must not.
    pub events: &'static [&'static str],
    pub never: &'static [&'static str],
    /// Notices that must have arrived.
    pub notices: &'static [&'static str],
    /// Kinds of entries in the ledger, in their order.
    pub ledger: &'static [&'static str],
    /// Invoiced lines: run and amount.
    pub invoices: &'static [(&'static str, &'static str)],
}

impl Profile {
    /// The own mail server.
    #[must_use]
    pub fn host(&self) -> String {
        format!("mail.{}", self.domain)
    }

    /// Where the customer's administrator reads mail: not in the domain that is being moved.
    #[must_use]
    pub fn contact(&self) -> String {
        format!("it.{}@elsewhere.example", self.label())
    }

    #[must_use]
    pub fn partner_mail(&self) -> String {
        format!("onboarding@{}.example", self.partner)
    }

    #[must_use]
    pub fn sales_rep(&self) -> String {
        format!("sales@{}.example", self.partner)
    }

    fn label(&self) -> &str {
        self.domain.split('.').next().unwrap_or_default()
    }
}

/// Entries of a trial that became a customer by its own word.
const TRIAL_YES: &[&str] = &[
    "trial_set",
    "partner_set",
    "billing_party_set",
    "price_set",
    "mailbox_basis_set",
    "group_set",
    "decision",
    "activated",
];
/// Entries of a trial that said no: never activated.
const TRIAL_NO: &[&str] =
    &["trial_set", "partner_set", "billing_party_set", "price_set", "mailbox_basis_set", "group_set", "decision"];
/// Entries of a trial that never said anything: activated by rule.
const TRIAL_SILENT: &[&str] =
    &["trial_set", "partner_set", "billing_party_set", "price_set", "mailbox_basis_set", "group_set", "activated"];
/// Entries of a paid order: activated when connected.
const PAID: &[&str] = &["partner_set", "billing_party_set", "price_set", "mailbox_basis_set", "group_set", "activated"];

/// Everybody, in the order of the story.
pub static PROFILES: &[Profile] = &[
    Profile {
        number: 0,
        name: "Aalto Bakery",
        domain: "aalto.example",
        title: "a model trial that becomes a customer",
        partner: "northern-it",
        kind: "trial",
        mailboxes: 25,
        price: "120.00 EUR",
        group: None,
        hosted: false,
        language: "en",
        ttl: 3_600,
        expected: Expected {
            connection: Phase::Connected,
            subscription: subscription::Phase::Active,
            findings: &[Code::FwLockdownVerified],
            events: &["permit_issued", "window_opened"],
            never: &["permit_revoked", "window_broken", "early_cutover"],
            notices: &["order_received", "firewall_instructions", "mx_change_may_be_relayed", "connected", "invoiced"],
            ledger: TRIAL_YES,
            invoices: &[("2027-02-15", "120.00 EUR"), ("2027-03-15", "120.00 EUR")],
        },
    },
    Profile {
        number: 1,
        name: "Birch Logistics",
        domain: "birch.example",
        title: "a firewall that lets in only one of two gateway addresses",
        partner: "northern-it",
        kind: "trial",
        mailboxes: 80,
        price: "310.00 EUR",
        group: Some(30),
        hosted: false,
        language: "fi",
        ttl: 3_600,
        expected: Expected {
            connection: Phase::Connected,
            subscription: subscription::Phase::Active,
            findings: &[Code::FwPartial],
            events: &["permit_issued"],
            never: &["early_cutover"],
            notices: &["firewall_instructions", "mx_change_may_be_relayed", "connected"],
            ledger: TRIAL_YES,
            invoices: &[("2027-02-28", "310.00 EUR")],
        },
    },
    Profile {
        number: 2,
        name: "Cedar Clinic",
        domain: "cedar.example",
        title: "a mail server that is down, then greylists, then answers",
        partner: "harbour-net",
        kind: "paid",
        mailboxes: 12,
        price: "65.00 EUR",
        group: None,
        hosted: false,
        language: "en",
        ttl: 1_800,
        expected: Expected {
            connection: Phase::Connected,
            subscription: subscription::Phase::Active,
            findings: &[Code::FwRejectOrDown, Code::SmtpGreylisted],
            events: &["permit_issued"],
            never: &["early_cutover"],
            notices: &["mx_change_may_be_relayed", "connected"],
            ledger: PAID,
            invoices: &[("2027-01-15", "65.00 EUR"), ("2027-02-15", "65.00 EUR"), ("2027-03-15", "65.00 EUR")],
        },
    },
    Profile {
        number: 3,
        name: "Dune Hotel",
        domain: "dune.example",
        title: "one name server keeps the old MX, and later the MX flips back",
        partner: "harbour-net",
        kind: "trial",
        mailboxes: 40,
        price: "180.00 EUR",
        group: Some(15),
        hosted: false,
        language: "en",
        ttl: 3_600,
        expected: Expected {
            connection: Phase::Connected,
            subscription: subscription::Phase::Active,
            findings: &[Code::NsInconsistent],
            events: &["permit_issued", "window_opened", "window_broken"],
            never: &["early_cutover"],
            notices: &["mx_change_may_be_relayed", "mx_change_seen", "connected"],
            ledger: TRIAL_YES,
            invoices: &[("2027-02-15", "180.00 EUR"), ("2027-03-15", "180.00 EUR")],
        },
    },
    Profile {
        number: 4,
        name: "Elm Media",
        domain: "elm.example",
        title: "mail hosted on a platform that cannot be firewalled",
        partner: "northern-it",
        kind: "paid",
        mailboxes: 300,
        price: "990.00 EUR",
        group: Some(30),
        hosted: true,
        language: "en",
        ttl: 3_600,
        expected: Expected {
            connection: Phase::Connected,
            subscription: subscription::Phase::Active,
            findings: &[],
            events: &["permit_issued"],
            never: &["early_cutover"],
            notices: &["mx_change_may_be_relayed", "connected"],
            ledger: PAID,
            invoices: &[("2027-01-30", "990.00 EUR"), ("2027-02-28", "990.00 EUR")],
        },
    },
    Profile {
        number: 5,
        name: "Fjord Bank",
        domain: "fjord.example",
        title: "an enforced MTA-STS policy that would lose mail",
        partner: "harbour-net",
        kind: "trial",
        mailboxes: 150,
        price: "520.00 EUR",
        group: None,
        hosted: false,
        language: "en",
        ttl: 3_600,
        expected: Expected {
            connection: Phase::Connected,
            subscription: subscription::Phase::Active,
            findings: &[Code::StsMismatch],
            events: &["permit_issued"],
            never: &["early_cutover"],
            notices: &["mx_change_may_be_relayed", "connected"],
            ledger: TRIAL_YES,
            invoices: &[("2027-02-15", "520.00 EUR"), ("2027-03-15", "520.00 EUR")],
        },
    },
    Profile {
        number: 6,
        name: "Gull Boats",
        domain: "gull.example",
        title: "changes its MX before it may",
        partner: "harbour-net",
        kind: "paid",
        mailboxes: 9,
        price: "45.00 EUR",
        group: None,
        hosted: false,
        language: "en",
        ttl: 3_600,
        expected: Expected {
            connection: Phase::Connected,
            subscription: subscription::Phase::Active,
            findings: &[],
            events: &["early_cutover", "window_opened"],
            never: &["permit_issued"],
            notices: &["early_cutover_alarm", "connected"],
            ledger: PAID,
            invoices: &[("2027-01-15", "45.00 EUR"), ("2027-02-15", "45.00 EUR"), ("2027-03-15", "45.00 EUR")],
        },
    },
    Profile {
        number: 7,
        name: "Heron Press",
        domain: "heron.example",
        title: "says no, and is released only after its MX has left",
        partner: "northern-it",
        kind: "trial",
        mailboxes: 60,
        price: "240.00 EUR",
        group: None,
        hosted: false,
        language: "en",
        ttl: 3_600,
        expected: Expected {
            connection: Phase::Released,
            subscription: subscription::Phase::Ended,
            findings: &[],
            events: &["permit_issued", "release_started", "departed"],
            never: &["early_cutover"],
            notices: &["connected", "thank_you", "move_away", "released"],
            ledger: TRIAL_NO,
            invoices: &[],
        },
    },
    Profile {
        number: 8,
        name: "Inlet Foods",
        domain: "inlet.example",
        title: "the MX drifts after the connection and is repaired",
        partner: "northern-it",
        kind: "paid",
        mailboxes: 35,
        price: "150.00 EUR",
        group: Some(15),
        hosted: false,
        language: "en",
        ttl: 3_600,
        expected: Expected {
            connection: Phase::Connected,
            subscription: subscription::Phase::Active,
            findings: &[],
            events: &["permit_issued"],
            never: &["early_cutover"],
            notices: &["connected", "drift", "repaired"],
            ledger: PAID,
            invoices: &[("2027-01-15", "150.00 EUR"), ("2027-02-15", "150.00 EUR"), ("2027-03-15", "150.00 EUR")],
        },
    },
    Profile {
        number: 9,
        name: "Juniper Law",
        domain: "juniper.example",
        title: "never decides, and is invoiced",
        partner: "harbour-net",
        kind: "trial",
        mailboxes: 18,
        price: "95.00 EUR",
        group: Some(15),
        hosted: false,
        language: "en",
        ttl: 86_400,
        expected: Expected {
            connection: Phase::Connected,
            subscription: subscription::Phase::Active,
            findings: &[],
            events: &["permit_issued"],
            never: &["early_cutover"],
            notices: &["connected", "decision_needed", "will_be_invoiced", "invoiced"],
            ledger: TRIAL_SILENT,
            invoices: &[("2027-03-15", "95.00 EUR")],
        },
    },
];
