//! What is taught of each command: a few lines to copy, and what its statuses mean. Words only; the parser
//! itself is in the commands, and a test holds that it takes every line.

/// What is taught of one command.
#[derive(Debug, Clone, Copy)]
pub struct Lesson {
    /// Path below `fencepost`, such as `order import`.
    pub command: &'static str,
    /// Lines to copy, each with what it does.
    pub examples: &'static [(&'static str, &'static str)],
    /// When the status is 1, where it can be.
    pub one: Option<&'static str>,
    /// Whether it can end without an answer (status 3).
    pub three: bool,
    /// Further statuses.
    pub more: &'static [(u8, &'static str)],
}

impl Lesson {
    /// Every status with its meaning, ascending.
    pub fn statuses(&self) -> Vec<(u8, &'static str)> {
        let mut all = vec![(0, "it is so, or it is done")];
        all.extend(self.one.map(|one| (1, one)));
        all.push((2, "the command line or the configuration is wrong"));
        if self.three {
            all.push((3, "it could not be found out: the service or the network did not answer"));
        }
        all.extend_from_slice(self.more);
        all
    }
}

const SWEEP: &str = "an MX is not as it should be";
const NO: &str = "the service said no: there is no such thing, or nothing to do about it now";

const fn here(
    command: &'static str,
    examples: &'static [(&'static str, &'static str)],
    one: Option<&'static str>,
) -> Lesson {
    Lesson { command, examples, one, three: false, more: &[] }
}

const fn asking(command: &'static str, examples: &'static [(&'static str, &'static str)], one: &'static str) -> Lesson {
    Lesson { command, examples, one: Some(one), three: true, more: &[] }
}

/// In the order of the alphabet within a group; the groups are those of the help.
pub const LESSONS: &[Lesson] = &[
    here(
        "demo",
        &[
            ("fencepost demo", "Ten customers from order to invoice; watch them at http://127.0.0.1:8080"),
            ("fencepost demo --once", "To the end, with each customer's story, and leave"),
        ],
        Some("a customer did not end as it should, or it was stopped before the end"),
    ),
    asking(
        "check",
        &[
            ("fencepost check example.com", "The domain: MX at every name server, delegation, policies"),
            (
                "fencepost check example.com --server mail.example.com --rules pf",
                "And its own mail server, with firewall rules to paste",
            ),
            ("fencepost check example.com --output json", "For a program; docs/check.schema.json describes it"),
        ],
        "a check failed, or the domain is not ready",
    ),
    here(
        "explain",
        &[
            ("fencepost explain FW_PARTIAL", "What it means, who has to act, what to do"),
            ("fencepost explain", "All findings, by group"),
        ],
        None,
    ),
    here(
        "calendar",
        &[
            ("fencepost calendar --connected 2026-12-01", "Trial, reminders, decision, and the first invoicing runs"),
            ("fencepost calendar --connected 2026-12-01 --paid --group 15", "Of a paid order that asked for group 15"),
        ],
        None,
    ),
    here(
        "lifecycle",
        &[
            ("fencepost lifecycle", "Every state, and what leads from one to the next"),
            ("fencepost lifecycle --format mermaid", "The same as diagrams"),
        ],
        None,
    ),
    asking(
        "order",
        &[
            ("fencepost order -f order.yaml", "Place an order; a refusal names the field"),
            ("fencepost order -f order.yaml --wait ready --timeout 600", "And wait until the MX may be changed"),
            ("fencepost order --customer example.com --domain example.net", "Add a domain to a customer"),
        ],
        "it was refused; with --wait: not there in time, or gone another way",
    ),
    asking(
        "order import",
        &[
            ("fencepost order import orders.csv --check", "What would become of each line; nothing is stored"),
            ("fencepost order import orders.csv", "Place them; run it again as often as you like"),
            ("fencepost order import --columns", "The columns of the table"),
        ],
        "a line was refused",
    ),
    asking(
        "import",
        &[
            ("fencepost import --connected base.csv --check", "What would become of each line; nothing is stored"),
            ("fencepost import --connected base.csv --all-or-nothing", "Take all of them over, or none"),
        ],
        "a line was refused",
    ),
    asking(
        "register",
        &[
            ("fencepost register example.com", "Begin the onboarding of the customer whose domain this is"),
            ("fencepost register example.com --wait ready --timeout 900", "And wait until the MX may be changed"),
        ],
        "there is no such customer, or it is registered already; with --wait: not there in time, or gone another way",
    ),
    asking(
        "status",
        &[
            ("fencepost status example.com", "One sentence: what to do now, why, and who has to act"),
            (
                "fencepost status example.com --wait connected --timeout 86400",
                "Come back when the MX change is proven everywhere",
            ),
            ("fencepost status example.com --output json", "For a program"),
        ],
        "the MX may not be changed now; with --wait: not there in time, or gone another way",
    ),
    asking(
        "list",
        &[
            ("fencepost list", "The domains, what each waits for, and whom"),
            ("fencepost list --phase ready", "Those whose MX may be changed now"),
            ("fencepost list --output json", "For a program"),
        ],
        NO,
    ),
    asking(
        "events",
        &[
            ("fencepost events example.com", "What happened, when, and why"),
            ("fencepost events example.com --after 12 --output json", "What came after event 12, for a program"),
        ],
        NO,
    ),
    asking(
        "share",
        &[(
            "fencepost share example.com --label \"Ann at the provider\" --days 14",
            "A link that shows the page of this domain, and nothing else",
        )],
        NO,
    ),
    asking("share list", &[("fencepost share list example.com", "Who made them, and when they were last used")], NO),
    asking(
        "share revoke",
        &[("fencepost share revoke example.com 0123456789ab", "At once; the id is in `share list`")],
        NO,
    ),
    asking(
        "audit",
        &[
            ("fencepost audit --subject example.com", "Everything that was done to a domain, and by whom"),
            (
                "fencepost audit --actor Anna --from 2026-11-01T00:00:00Z",
                "What somebody did since the first of the month",
            ),
            ("fencepost audit --outcome refused --output json", "What was refused, for a program"),
        ],
        NO,
    ),
    asking(
        "sweep",
        &[
            (
                "fencepost sweep --file domains.txt --upstream 127.0.0.1:53",
                "One line of JSON a domain; nothing of the store is touched",
            ),
            ("fencepost sweep --all", "Every connected domain; what differs gets its whole round at once"),
        ],
        SWEEP,
    ),
    asking(
        "recheck",
        &[("fencepost recheck example.com", "After somebody mended something: do not wait for the next look")],
        NO,
    ),
    asking(
        "decide",
        &[
            (
                "fencepost decide example.com customer --evidence mail.eml",
                "The trial became a customer; the mail is kept with the entry",
            ),
            (
                "fencepost decide example.com no-customer --evidence mail.eml",
                "It did not; or, of a customer that is invoiced: notice",
            ),
            (
                "fencepost decide example.com customer --group 15 --evidence mail.eml",
                "With the invoicing group that was asked for",
            ),
        ],
        "refused: there is no such customer, or the opposite stands (--replace)",
    ),
    asking(
        "extend",
        &[(
            "fencepost extend example.com --until 2027-01-15 --evidence mail.eml",
            "The 14th is the last day of the trial; the reminders move with it",
        )],
        NO,
    ),
    asking(
        "mailboxes",
        &[("fencepost mailboxes example.com 25", "Where another number is charged, `discrepancies` shows it")],
        NO,
    ),
    asking(
        "transfer",
        &[(
            "fencepost transfer example.com --to NewIT --contact \"Ann <ann@new.example>\" --reason merger",
            "From now on this partner speaks for the customer",
        )],
        NO,
    ),
    asking(
        "route",
        &[
            (
                "fencepost route example.com --server new.example.com --reason \"new server\"",
                "Verified first, then switched; the old one stays until mail arrives",
            ),
            ("fencepost route example.com --withdraw", "Leave the old one"),
        ],
        NO,
    ),
    asking(
        "suspend",
        &[(
            "fencepost suspend example.com --reason unpaid",
            "Nothing goes forward; mail still flows (--defer to hold it)",
        )],
        NO,
    ),
    asking("resume", &[("fencepost resume example.com", "Go on where it stood")], NO),
    asking(
        "release",
        &[
            ("fencepost release example.com", "End the service: delivered until no name server names the gateway"),
            ("fencepost release example.com --withdraw", "It stays after all"),
        ],
        NO,
    ),
    asking(
        "cancel",
        &[(
            "fencepost cancel example.com --reason \"ordered twice\"",
            "Before the MX has moved; afterwards it is `release`",
        )],
        NO,
    ),
    asking(
        "ledger show",
        &[
            ("fencepost ledger show --customer example.com", "The entries of one customer"),
            ("fencepost ledger show --output json", "All, for a program"),
        ],
        NO,
    ),
    asking(
        "ledger as-of",
        &[
            ("fencepost ledger as-of --customer example.com --on 2026-11-15", "What is charged for that day"),
            (
                "fencepost ledger as-of --customer example.com --on 2026-11-15 --known-at 2026-11-01T00:00Z",
                "And what we believed on the 1st",
            ),
        ],
        NO,
    ),
    asking(
        "ledger explain",
        &[
            ("fencepost ledger explain 2026-11-15/1", "Line 1 of that run, back to the mails that caused it"),
            ("fencepost ledger explain 2026-11-15/1 --save papers", "And the mails themselves, into a folder"),
        ],
        NO,
    ),
    asking(
        "ledger export",
        &[("fencepost ledger export > ledger.ndjson", "Every entry with its hashes, to be kept elsewhere")],
        NO,
    ),
    asking(
        "ledger verify",
        &[
            ("fencepost ledger verify", "Write the head that it prints down where this system cannot reach it"),
            ("fencepost ledger verify --anchor 42:9f86d081884c7d65", "And that nothing before that head was rewritten"),
        ],
        "something is not as it was sealed: invoice nothing",
    ),
    Lesson {
        command: "ledger ingest",
        examples: &[
            ("fencepost ledger ingest mail.eml", "A mail as evidence; it becomes a proposal, or goes to quarantine"),
            ("fencepost ledger ingest - --sender ann@partner.example", "As a mail server's pipe"),
        ],
        one: None,
        three: false,
        more: &[
            (65, "the message itself cannot be taken"),
            (66, "there is no such file"),
            (75, "not now; the mail server keeps the message and tries again"),
        ],
    },
    asking(
        "invoicing preview",
        &[("fencepost invoicing preview 2026-12-15", "What that run would invoice; changes nothing")],
        "a customer could not be invoiced",
    ),
    asking(
        "invoicing close",
        &[("fencepost invoicing close 2026-12-15", "Freeze it for good; on the day or later")],
        "a customer could not be invoiced, or it is refused",
    ),
    asking("invoicing list", &[("fencepost invoicing list", "The closed runs with their totals")], NO),
    asking(
        "invoicing export",
        &[
            ("fencepost invoicing export 2026-12-15 > run.csv", "The lines of a closed run as CSV"),
            ("fencepost invoicing export 2026-12-15 --format ubl --out invoices", "One e-invoice a file"),
        ],
        "there is no such closed run, or an invoice lacks something",
    ),
    asking(
        "invoicing invoices",
        &[("fencepost invoicing invoices 2026-12-15", "The invoices, and what those lack that cannot be written")],
        "an invoice lacks something",
    ),
    asking(
        "invoicing deliveries",
        &[(
            "fencepost invoicing deliveries 2026-12-15",
            "Whether the accounting system has taken the run (--attempts: each try)",
        )],
        "something was not taken",
    ),
    asking(
        "invoicing send",
        &[("fencepost invoicing send 2026-12-15", "Tell the accounting system once more, under the same ids")],
        NO,
    ),
    asking(
        "proposals list",
        &[
            ("fencepost proposals list", "What waits for approval"),
            ("fencepost proposals list --state quarantined", "What was not believed, and why"),
        ],
        "mails wait for approval",
    ),
    asking(
        "proposals show",
        &[(
            "fencepost proposals show 01a208de-0000-7000-8000-000000000001",
            "The mail beside what was understood, and what approval would record",
        )],
        NO,
    ),
    asking(
        "proposals approve",
        &[
            ("fencepost proposals approve 01a208de-0000-7000-8000-000000000001", "As it was understood"),
            (
                "fencepost proposals approve 01a208de-0000-7000-8000-000000000001 --mailboxes 25",
                "Where the mail says something else",
            ),
        ],
        NO,
    ),
    asking(
        "proposals reject",
        &[(
            "fencepost proposals reject 01a208de-0000-7000-8000-000000000001 --reason \"not meant\"",
            "Nothing is recorded",
        )],
        NO,
    ),
    asking(
        "proposals again",
        &[(
            "fencepost proposals again 01a208de-0000-7000-8000-000000000001",
            "After the list of senders was put right",
        )],
        NO,
    ),
    asking(
        "proposals senders",
        &[
            ("fencepost proposals senders example.com", "Who may speak for the customer"),
            ("fencepost proposals senders example.com --allow ann@partner.example", "Put somebody on the list"),
        ],
        NO,
    ),
    asking(
        "discrepancies",
        &[("fencepost discrepancies", "What is charged against what is in operation, with a mail that asks")],
        "something differs",
    ),
    asking(
        "report preview",
        &[
            ("fencepost report preview example.com", "The next monthly report, as it would be sent now"),
            (
                "fencepost report preview example.com --month 2026-10 --html report.html",
                "One that was sent, as it looked",
            ),
        ],
        "there is no such report",
    ),
    here(
        "serve",
        &[
            ("fencepost serve", "With config/fencepost.yaml, until SIGTERM or Ctrl-C"),
            (
                "fencepost --config /etc/fencepost/fencepost.yaml serve --role engine,sweep",
                "One of several nodes, without pages",
            ),
        ],
        None,
    ),
    here(
        "agent",
        &[(
            "fencepost agent --engine https://onboarding.example --token-file /etc/fencepost/agent-token",
            "On the gateway; opens no port",
        )],
        None,
    ),
    here(
        "config check",
        &[
            ("fencepost config check", "Every mistake of config/fencepost.yaml, with its line"),
            (
                "fencepost --config new.yaml config check --with-store",
                "Before a change: whether a customer would lose mail",
            ),
        ],
        Some("customers would lose mail (--with-store)"),
    ),
    here(
        "token create",
        &[
            ("fencepost token create --role desk --label ann", "Shown once; use it as FENCEPOST_TOKEN"),
            (
                "fencepost token create --role partner --partner \"Northern IT\" --label api --days 365",
                "Sees the customers of this partner alone",
            ),
        ],
        None,
    ),
    here(
        "person add",
        &[
            (
                "fencepost person add ann@service.example --name \"Ann Berg\" --role desk",
                "Signs in with a link by e-mail",
            ),
            (
                "fencepost person add pia@partner.example --name Pia --role partner --partner \"Northern IT\"",
                "Sees the customers of this partner alone",
            ),
        ],
        None,
    ),
    here("person list", &[("fencepost person list", "Who has an account, and whether it is in force")], None),
    here(
        "person disable",
        &[("fencepost person disable ann@service.example", "Signed out everywhere at once")],
        Some("there is no such account"),
    ),
    here(
        "person enable",
        &[("fencepost person enable ann@service.example", "May sign in again")],
        Some("there is no such account"),
    ),
    here(
        "person sessions",
        &[
            ("fencepost person sessions ann@service.example", "Where Ann is signed in"),
            ("fencepost person sessions ann@service.example --end", "Sign her out everywhere"),
        ],
        Some("there is no such account"),
    ),
    here("token list", &[("fencepost token list", "Whose they are and how long they hold, without secrets")], None),
    here(
        "token revoke",
        &[("fencepost token revoke 0123456789ab", "At once; the id is in `token list`")],
        Some("there is no such token in force"),
    ),
    asking(
        "vantages",
        &[("fencepost vantages", "Where probes are sent from, and what is the matter with them")],
        "one is not well",
    ),
    asking(
        "vantages release",
        &[("fencepost vantages release egress-192.0.2.10 --reason \"NAT mended\"", "Believe it again")],
        NO,
    ),
    asking(
        "vantages quarantine",
        &[("fencepost vantages quarantine egress-192.0.2.10 --reason \"new router\"", "What it sees counts no more")],
        NO,
    ),
    asking(
        "gateway confirm",
        &[("fencepost gateway confirm example.com --mode deliver", "With the adapter `manual`: it is set")],
        NO,
    ),
    asking(
        "gateway places",
        &[
            ("fencepost gateway places", "How far the customers are with each MX host and address"),
            ("fencepost gateway places 192.0.2.40 --standing blocked", "Who does not let it in"),
        ],
        "mail is in danger",
    ),
    asking("parked", &[("fencepost parked", "What, why, since when, and what to do")], "something is parked"),
    asking("parked retry", &[("fencepost parked retry o:42", "Again now; the id is in `parked`")], NO),
    asking(
        "replay",
        &[
            ("fencepost replay example.com", "Step by step, and whether it leads to what is stored"),
            ("fencepost replay example.com --subscription", "The customer's trial, decision and notice"),
        ],
        "it does not lead to what is stored",
    ),
    Lesson {
        command: "intake",
        examples: &[("fencepost intake notice.eml", "By hand"), ("fencepost intake --pipe -", "From a mail server")],
        one: Some("nothing was taken in"),
        three: true,
        more: &[(75, "with --pipe: not now; the mail server keeps the message and tries again")],
    },
    here("notice list", &[("fencepost notice list", "When each goes out, and to whom")], None),
    here(
        "notice preview",
        &[
            ("fencepost notice preview mx_change_may_be_relayed", "The text, with sample data; nothing is sent"),
            ("fencepost notice preview mx_change_may_be_relayed --lang fi --html", "The Finnish one, as HTML"),
        ],
        None,
    ),
    here(
        "migrate",
        &[
            ("fencepost migrate --check", "Whether there is something to do"),
            ("fencepost migrate", "After an upgrade, before the new nodes start"),
        ],
        Some("with --check: there is something to do"),
    ),
    here(
        "backup",
        &[("fencepost backup /var/backups/fencepost.db", "While the server runs; the copy is verified")],
        None,
    ),
    here(
        "store copy",
        &[(
            "fencepost store copy --from sqlite:data/fencepost.db --to postgres://fencepost@db/fencepost",
            "Nobody may be working on the file",
        )],
        None,
    ),
    here(
        "healthcheck",
        &[("fencepost healthcheck --url http://127.0.0.1:8080/readyz", "For container and service supervisors")],
        Some("it is not well"),
    ),
    here(
        "completions",
        &[
            (
                "fencepost completions bash > /usr/share/bash-completion/completions/fencepost",
                "For everybody on this machine",
            ),
            ("fencepost completions zsh", "For zsh; fish, elvish and powershell as well"),
        ],
        None,
    ),
    here(
        "man",
        &[
            ("fencepost man --out /usr/local/share/man/man1", "One page a command"),
            ("fencepost man", "The first of them, on standard output"),
        ],
        None,
    ),
];
