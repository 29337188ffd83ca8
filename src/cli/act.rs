//! The service desk's verbs: register, recheck, release, cancel, decide, extend, and the number of mailboxes in
//! operation. Each is one request.

use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::client::{ApiArgs, ApiError, Client};
use super::print::{self, lines, member};
use super::wait::{WaitArgs, wait};
use super::{Exit, Output, complain};
use crate::lifecycle::connection::Phase;

const MAX_EVIDENCE: u64 = 512 << 10;

#[derive(Debug, clap::Args)]
pub struct RegisterArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The customer: its id, its order's id, or a domain of its
    customer: String,
    #[command(flatten)]
    wait: WaitArgs,
}

#[derive(Debug, clap::Args)]
pub struct RecheckArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The domain
    domain: String,
}

#[derive(Debug, clap::Args)]
pub struct ReleaseArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The domain
    domain: String,
    /// Why the service ends
    #[arg(long, value_enum, default_value_t = Cause::Terminated)]
    cause: Cause,
    /// The domain stays after all
    #[arg(long)]
    withdraw: bool,
    /// Its name servers have been silent for 14 days: decide that it has left
    #[arg(long, requires = "reason", conflicts_with_all = ["withdraw", "cut_off"])]
    departed: bool,
    /// Its MX never moved: announce that mail is deferred in 30 days and refused three days later
    #[arg(long, requires = "reason", conflicts_with = "withdraw")]
    cut_off: bool,
    /// Kept in the history
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct RouteArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The domain
    domain: String,
    /// New own mail server; may be given several times
    #[arg(long, value_name = "HOST[:PORT]", required_unless_present = "withdraw", conflicts_with = "withdraw")]
    server: Vec<String>,
    /// It is a hosted platform that cannot be firewalled
    #[arg(long)]
    hosted: bool,
    /// Give the change up, or take it back
    #[arg(long)]
    withdraw: bool,
    /// Kept in the history
    #[arg(long, required_unless_present = "withdraw")]
    reason: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct SuspendArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The domain
    domain: String,
    /// Kept in the history, and told to the partner
    #[arg(long)]
    reason: String,
    /// Defer the domain's mail too, for at most 72 hours
    #[arg(long)]
    defer: bool,
}

#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The domain
    domain: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Cause {
    /// The trial ended with "no customer"
    Declined,
    /// A notice period ended
    Terminated,
    /// The order was withdrawn
    Withdrawn,
}

#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The domain
    domain: String,
    /// Kept in the history
    #[arg(long)]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub struct DecideArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The customer: its id, its order's id, or a domain of its
    customer: String,
    /// What was decided
    #[arg(value_enum)]
    decision: Decision,
    /// Invoicing group: 15 or 30
    #[arg(long)]
    group: Option<u8>,
    /// The mail or document that says so
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    /// When it was received, such as 2026-03-15T12:00:00Z; now, when not given
    #[arg(long, value_name = "TIME")]
    received: Option<jiff::Timestamp>,
    /// Take the place of an opposite decision that stands
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, clap::Args)]
pub struct ExtendArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The customer: its id, its order's id, or a domain of its
    customer: String,
    /// First day after the trial
    #[arg(long, value_name = "DATE")]
    until: jiff::civil::Date,
    /// The mail or document that asks for it
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    /// When it was received, such as 2026-03-15T12:00:00Z; now, when not given
    #[arg(long, value_name = "TIME")]
    received: Option<jiff::Timestamp>,
}

#[derive(Debug, clap::Args)]
pub struct MailboxesArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The customer: its id, its order's id, or a domain of its
    customer: String,
    /// So many are in operation
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
}

#[derive(Debug, clap::Args)]
pub struct GatewayArgs {
    #[command(subcommand)]
    action: GatewayAction,
}

#[derive(Debug, clap::Subcommand)]
enum GatewayAction {
    /// Say that a route was set on the gateway by hand (`gateway.adapter: manual`)
    Confirm {
        #[command(flatten)]
        api: ApiArgs,
        /// The domain
        domain: String,
        /// What was set; refused when something else is wished for
        #[arg(long, value_enum)]
        mode: Option<Mode>,
    },
    /// How far the customers are with MX hosts and addresses that come and go: who lets them in, who still
    /// names them, and what may be done next
    Places(super::places::Args),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    /// Mail is put off (450)
    Defer,
    /// Mail is delivered to the own server
    Deliver,
    /// Mail is refused (550)
    Reject,
    /// The gateway does not know the domain
    Absent,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Decision {
    /// The trial becomes a customer
    Customer,
    /// It does not; of a customer that is invoiced: notice
    NoCustomer,
}

/// With `--wait`, a customer that is registered already is waited for all the same.
pub async fn register(args: &RegisterArgs) -> Exit {
    let path = ["v1", "customers", &args.customer, "register"];
    let Some(wanted) = args.wait.phase else { return send(&args.api, &path, &json!({})).await };
    let done = async {
        let client = Client::new(&args.api)?;
        let mut outcome: Value = client.post(&path, &json!({})).await?;
        let customer: Value = client.get(&["v1", "customers", &args.customer], &[]).await?;
        let domains: Vec<String> = customer
            .get("domains")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|domain| domain.get("domain").and_then(Value::as_str).map(str::to_owned))
            .collect();
        waited(&client, &args.api, &mut outcome, &domains, (wanted, args.wait.timeout)).await
    };
    done.await.unwrap_or_else(|error: ApiError| {
        complain(&error);
        error.exit()
    })
}

/// Waits after something was set going, and prints what came of it: one line a domain for people; for
/// programs what the service had answered, with the last status of each domain as `statuses`.
pub(super) async fn waited(
    client: &Client,
    api: &ApiArgs,
    outcome: &mut Value,
    domains: &[String],
    (wanted, seconds): (Phase, u32),
) -> Result<Exit, ApiError> {
    let waited = wait(client, domains, wanted, seconds, api.output == Output::Table).await?;
    match api.output {
        Output::Json => {
            if let Some(outcome) = outcome.as_object_mut() {
                outcome.insert("statuses".to_owned(), json!(waited.statuses));
            }
            print::json(outcome);
        }
        Output::Table => {
            for status in &waited.statuses {
                let status = json!(status);
                let (domain, phase, reason) =
                    (member(&status, "domain"), member(&status, "phase"), member(&status, "reason"));
                lines(&format!("{domain}: {phase}. {reason}"));
            }
        }
    }
    if let Some(why) = waited.why {
        eprintln!("fencepost: {why}");
    }
    Ok(waited.exit)
}

pub async fn recheck(args: &RecheckArgs) -> Exit {
    send(&args.api, &["v1", "domains", &args.domain, "recheck"], &json!({})).await
}

pub async fn release(args: &ReleaseArgs) -> Exit {
    let cause = match args.cause {
        Cause::Declined => "declined",
        Cause::Terminated => "terminated",
        Cause::Withdrawn => "withdrawn",
    };
    let body = json!({
        "cause": cause,
        "withdrawn": args.withdraw,
        "departed": args.departed,
        "cut_off": args.cut_off,
        "reason": args.reason,
    });
    send(&args.api, &["v1", "domains", &args.domain, "release"], &body).await
}

pub async fn route(args: &RouteArgs) -> Exit {
    let servers: Vec<Value> = args.server.iter().map(|text| server(text)).collect();
    let body = if args.withdraw {
        json!({ "withdrawn": true })
    } else {
        json!({ "servers": servers, "hosted": args.hosted, "reason": args.reason })
    };
    send(&args.api, &["v1", "domains", &args.domain, "servers"], &body).await
}

/// `host`, `host:port`, `[v6]:port` or a bare IPv6 address; the service says what is wrong with it.
pub(super) fn server(text: &str) -> Value {
    let bare = text.parse::<std::net::Ipv6Addr>().is_ok();
    match text.rsplit_once(':').filter(|_| !bare) {
        Some((host, port)) => json!({ "host": host.trim_matches(['[', ']']), "port": port }),
        None => json!({ "host": text.trim_matches(['[', ']']) }),
    }
}

pub async fn suspend(args: &SuspendArgs) -> Exit {
    let body = json!({ "reason": args.reason, "defer": args.defer });
    send(&args.api, &["v1", "domains", &args.domain, "suspend"], &body).await
}

pub async fn resume(args: &ResumeArgs) -> Exit {
    send(&args.api, &["v1", "domains", &args.domain, "resume"], &json!({})).await
}

pub async fn cancel(args: &CancelArgs) -> Exit {
    send(&args.api, &["v1", "domains", &args.domain, "cancel"], &json!({ "reason": args.reason })).await
}

pub async fn gateway(args: &GatewayArgs) -> Exit {
    let (api, domain, mode) = match &args.action {
        GatewayAction::Confirm { api, domain, mode } => (api, domain, mode),
        GatewayAction::Places(args) => return super::places::run(args).await,
    };
    let mode = mode.map(|mode| match mode {
        Mode::Defer => "defer",
        Mode::Deliver => "deliver",
        Mode::Reject => "reject",
        Mode::Absent => "absent",
    });
    send(api, &["v1", "domains", domain, "route", "confirm"], &json!({ "mode": mode })).await
}

/// The trial goes on; what was promised with its end moves with it.
pub async fn extend(args: &ExtendArgs) -> Exit {
    let content = match evidence(&args.evidence) {
        Ok(content) => content,
        Err(error) => return complain(&error),
    };
    let name = args.evidence.file_name().map(|name| name.to_string_lossy().into_owned());
    let body = json!({
        "until": args.until,
        "evidence": { "name": name, "base64": STANDARD.encode(content) },
        "received": args.received,
    });
    send(&args.api, &["v1", "customers", &args.customer, "extend"], &body).await
}

pub async fn mailboxes(args: &MailboxesArgs) -> Exit {
    send(&args.api, &["v1", "customers", &args.customer, "mailboxes"], &json!({ "count": args.count })).await
}

pub async fn decide(args: &DecideArgs) -> Exit {
    let content = match evidence(&args.evidence) {
        Ok(content) => content,
        Err(error) => return complain(&error),
    };
    let decision = match args.decision {
        Decision::Customer => "customer",
        Decision::NoCustomer => "no-customer",
    };
    let name = args.evidence.file_name().map(|name| name.to_string_lossy().into_owned());
    let body = json!({
        "decision": decision,
        "group": args.group,
        "evidence": { "name": name, "base64": STANDARD.encode(content) },
        "received": args.received,
        "replace": args.replace,
    });
    send(&args.api, &["v1", "customers", &args.customer, "decide"], &body).await
}

/// Why the evidence is not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum EvidenceError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is longer than {MAX_EVIDENCE} bytes; give the mail itself, without large attachments")]
    TooLong { path: PathBuf },
}

pub(super) fn evidence(path: &Path) -> Result<Vec<u8>, EvidenceError> {
    let failed = |source| EvidenceError::Read { path: path.to_path_buf(), source };
    let mut content = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(MAX_EVIDENCE + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > MAX_EVIDENCE {
        return Err(EvidenceError::TooLong { path: path.to_path_buf() });
    }
    Ok(content)
}

/// Status 0 when something changed, 1 when the lifecycle had nothing to do about it in that phase.
pub(super) async fn send(api: &ApiArgs, path: &[&str], body: &Value) -> Exit {
    let outcome: Result<Value, _> = match Client::new(api) {
        Ok(client) => client.post(path, body).await,
        Err(error) => Err(error),
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            complain(&error);
            return error.exit();
        }
    };
    let changed = outcome.get("changed").and_then(Value::as_bool).unwrap_or(true);
    match api.output {
        Output::Json => print::json(&outcome),
        Output::Table if changed => lines(&format!("done; now {}", member(&outcome, "phase"))),
        Output::Table => lines(&format!("nothing to do in the phase {}", member(&outcome, "phase"))),
    }
    if api.output == Output::Table {
        let consequences = outcome.get("consequences").and_then(Value::as_array).into_iter().flatten();
        for sentence in consequences.filter_map(Value::as_str) {
            lines(&format!("  {}", print::cell(sentence)));
        }
    }
    if changed { Exit::Pass } else { Exit::Fail }
}
