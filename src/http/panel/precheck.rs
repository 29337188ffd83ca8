//! `POST /order/check`: a look at the domains of an order before it is placed, shown below their field. It works as
//! a button, and by itself where scripts run. Nothing is stored, and what was typed stays.

use fencepost_checks::{DomainName, Finding, Severity};

use super::session::Reader;
use crate::engine::{DeskError, Precheck, ServerSeen};
use crate::http::HttpState;
use crate::http::problem::{Kind, Problem};
use crate::http::seats::Full;
use crate::order::{MailServer, OrderForm};

/// Domains that are looked at; of a long order the first ones.
const DOMAINS: usize = 2;

/// What was seen of one domain, ready for a page.
pub(super) struct Checked {
    pub domain: String,
    /// Colour class, and what it comes to in one sentence.
    pub tone: &'static str,
    pub sentence: String,
    pub facts: Vec<(&'static str, String)>,
    pub findings: Vec<(&'static str, Finding)>,
}

/// Looks at the domains of the form, one after the other.
pub(super) async fn look(
    state: &HttpState,
    reader: &Reader,
    form: &OrderForm,
    servers: &[MailServer],
) -> Result<Vec<Checked>, Problem> {
    let domains: Vec<DomainName> =
        form.domains.iter().take(DOMAINS).filter_map(|text| DomainName::parse(text).ok()).collect();
    if domains.is_empty() {
        return Err(Problem::field("domains", "name a domain, such as example.com, to have it looked at"));
    }
    let key = reader.identity.token_id.clone();
    let _seat = state.checks.take(&key).map_err(|full| match full {
        Full::All => Problem::new(Kind::Busy, "Many domains are being looked at just now. Try again in a moment."),
        Full::ForThisKey => Problem::new(Kind::Busy, "A look of yours is under way. Wait for it."),
    })?;
    let mut checked = Vec::new();
    for domain in &domains {
        match state.desk.precheck(domain, servers, &key).await {
            Ok(seen) => checked.push(shown(seen)),
            Err(DeskError::Busy) => {
                return Err(Problem::new(Kind::Busy, "The look took too long. The order can be placed all the same."));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(checked)
}

fn shown(seen: Precheck) -> Checked {
    let blocking = seen.findings.iter().any(|finding| finding.severity == Severity::Blocking);
    let (tone, sentence) = if seen.mx.is_empty() && seen.ttl.is_none() {
        ("stop", "No MX could be read: look whether the domain is written as it is.")
    } else if seen.names_gateway {
        ("stop", "Its MX names the gateway already, before it is ordered: mail is deferred until the checks pass.")
    } else if blocking {
        ("wait", "It can be ordered; what stands below has to be mended before the change.")
    } else if !seen.findings.is_empty() {
        ("wait", "It can be ordered; mind what stands below.")
    } else {
        ("go", "Nothing stands against the change as far as can be seen.")
    };
    let sentence = sentence.to_owned();
    let mut facts =
        vec![("Name servers", seen.dns_provider.unwrap_or_else(|| "of nobody that is known here".to_owned()))];
    facts.push((
        "Mail goes to",
        if seen.mx.is_empty() { "nowhere that was seen".to_owned() } else { seen.mx.join(", ") },
    ));
    if let Some(platform) = seen.platform {
        let say = format!("{platform}: say “yes” at Hosted platform where its mail stays there");
        facts.push(("Platform", say));
    }
    if let Some(ttl) = seen.ttl {
        let advice = if ttl > 3_600 { "; lower it to 300 some days before the change" } else { "" };
        facts.push(("Remembered for", format!("{}{advice}", seconds(ttl))));
    }
    for (server, outcome) in seen.servers {
        let said = match outcome {
            ServerSeen::Accepts => "answers and accepts mail for the domain".to_owned(),
            ServerSeen::Refuses(why) => format!("does not accept mail: {why}"),
            ServerSeen::Unclear(why) if why.is_empty() => {
                "was not reached; its firewall may not know the gateway yet".to_owned()
            }
            ServerSeen::Unclear(why) => format!("nothing can be said yet: {why}"),
        };
        facts.push(("Own server", format!("{server} {said}")));
    }
    let tone_of = |finding: &Finding| match finding.severity {
        Severity::Blocking => "blocking",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    Checked {
        domain: seen.domain.to_string(),
        tone,
        sentence,
        facts,
        findings: seen.findings.into_iter().map(|finding| (tone_of(&finding), finding)).collect(),
    }
}

fn seconds(ttl: u32) -> String {
    match ttl {
        0..=119 => format!("{ttl} seconds"),
        120..=7_199 => format!("{} minutes", ttl / 60),
        7_200..=172_799 => format!("{} hours", ttl / 3_600),
        _ => format!("{} days", ttl / 86_400),
    }
}
