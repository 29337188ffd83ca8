//! `fencepost serve`: store, probes, gateway, notices, engine and pages in one process. Only wiring:
//! everything is made from the configuration, started, and stopped in order.

use std::sync::Arc;

use clap::ValueEnum;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::print::lines;
use super::{Exit, Global, complain};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{self, Config};
use crate::dice::Dice;
use crate::engine::ports::{Gateway, Notifier, Observer};
use crate::engine::{AgentGateway, Agents, Engine, EngineParts, InstallationManners, Mailroom, places_report};
use crate::http::server::{self, Limits};
use crate::http::{HttpParts, health_router, metrics_router, router};
use crate::probe::{Prober, echo};
use crate::store::{self, Share, Store};
use crate::{gateway, intake, notify};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What this node does; several nodes share one PostgreSQL. `engine`: the runs and the notices; `sweep`:
    /// the looks at connected domains; `http`: API and pages (without it, only /healthz and /readyz)
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Role::Engine, Role::Http, Role::Sweep])]
    role: Vec<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Engine,
    Http,
    Sweep,
}

impl Args {
    fn has(&self, role: Role) -> bool {
        self.role.contains(&role)
    }

    /// Which subjects this node works on, if any.
    fn share(&self) -> Option<Share> {
        match (self.has(Role::Engine), self.has(Role::Sweep)) {
            (true, true) => Some(Share::All),
            (true, false) => Some(Share::Runs),
            (false, true) => Some(Share::Connected),
            (false, false) => None,
        }
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Serves until SIGTERM or SIGINT; then what is claimed is finished, and status 0.
pub async fn run(args: &Args, global: &Global) -> Exit {
    let config = match config::load(&global.config) {
        Ok(config) => Arc::new(config),
        Err(error) => return complain(&error),
    };
    let missing = config.missing_for_serving();
    for problem in &missing {
        eprintln!("fencepost: {}: {} {}", global.config.display(), problem.key, problem.message);
    }
    if !missing.is_empty() {
        return Exit::Usage;
    }
    match serve(args, config).await {
        Ok(()) => Exit::Pass,
        Err(error) => complain(error.as_ref()),
    }
}

async fn serve(args: &Args, config: Arc<Config>) -> Result<(), AnyError> {
    let clock: SharedClock = Arc::new(SystemClock);
    let store: Arc<dyn Store> = store::open(&config.store).await?;
    // Ended before the engine gives the work up, so that what was seen is not lost.
    let patience = std::time::Duration::from_millis(u64::from(config.engine.lease_seconds) * 600);
    let agents = Agents::new(store.clone(), clock.clone(), config.clone(), Dice::new());
    let manners = Arc::new(InstallationManners::new(store.clone(), clock.clone(), &config.probe, &config.gateway));
    let prober = Prober::new(&config.probe, &config.gateway, clock.clone())?;
    let prober = prober.with_patience(patience).with_politeness(manners).with_vantages(Arc::new(agents.clone()));
    let observer: Arc<dyn Observer> = Arc::new(prober);
    let gateway: Arc<dyn Gateway> = match config.route_agents() {
        [] => gateway::build(&config.gateway)?,
        names => Arc::new(AgentGateway::new(agents.clone(), names.to_vec())),
    };
    let gateway = gateway::WithFigures::around(&config.gateway, gateway)?;
    let notifier = notify::SmtpNotifier::new(&config.notify, &config.http.public_url)?;
    let notifier: Arc<dyn Notifier> =
        Arc::new(notifier.with_calendar(&config.commerce)?.with_webhook(config.commerce.webhook.as_ref())?);
    let listener = TcpListener::bind(config.http.listen).await.map_err(|source| ListenError {
        key: "http.listen",
        address: config.http.listen,
        source,
    })?;
    let reference = match config.probe.reference_listen {
        None => None,
        Some(address) => {
            let key = "probe.reference_listen";
            Some(TcpListener::bind(address).await.map_err(|source| ListenError { key, address, source })?)
        }
    };
    let engine = Engine::new(EngineParts {
        dice: Dice::new(),
        store: store.clone(),
        observer,
        gateway,
        notifier,
        clock: clock.clone(),
        config: config.clone(),
    });
    let mailroom = mailroom(&config, &store, &clock)?;
    let engine = engine.with_intake(Arc::new(intake::MailIntake::new(&config.intake))).with_mailroom(mailroom.clone());
    let door = match config.intake.mail.lmtp.as_ref().filter(|_| args.share().is_some()) {
        None => None,
        Some(address) => {
            let listener = intake::lmtp::listen(address).await;
            Some(listener.map_err(|source| DoorError { address: address.to_string(), source })?)
        }
    };
    let parts = HttpParts {
        store: store.clone(),
        desk: engine.desk(),
        agents: agents.clone(),
        clock: clock.clone(),
        config: config.clone(),
    };
    let pages = if args.has(Role::Http) { router(parts) } else { health_router(parts) };
    greet(&config, store.as_ref()).await?;

    let stop = CancellationToken::new();
    let work = tokio::spawn({
        let (engine, stop, share) = (engine.clone(), stop.clone(), args.share());
        async move {
            if let Some(share) = share {
                engine.run_share(share, stop).await;
            }
        }
    });
    tokio::spawn(warn_of_places(store.clone(), clock.clone(), config.clone()));
    let door = door.zip(mailroom).map(|(listener, mailroom)| {
        let bounds = intake::lmtp::Bounds::of(&config.intake.mail);
        tokio::spawn(intake::lmtp::serve(listener, Arc::new(mailroom), bounds, stop.clone()))
    });
    if let Some(listener) = reference {
        tokio::spawn(echo::serve(listener, config.gateway.ehlo_name.to_string(), stop.clone()));
    }
    let metrics = match config.telemetry.metrics_listen {
        Some(address) => {
            let listener = TcpListener::bind(address).await.map_err(|source| MetricsListenError { address, source })?;
            let router = metrics_router(store.clone(), agents.clone(), clock.clone());
            Some(tokio::spawn(server::serve(listener, router, Limits::of(&config.http), stop.clone())))
        }
        None => None,
    };
    let served = tokio::spawn(server::serve(listener, pages, Limits::of(&config.http), stop.clone()));
    signal().await?;
    tracing::info!("stopping");
    stop.cancel();
    served.await?;
    if let Some(door) = door {
        door.await?;
    }
    if let Some(metrics) = metrics {
        metrics.await?;
    }
    work.await?;
    Ok(())
}

/// Mail is taken in where its senders can be verified: a host without a resolver serves, but takes none.
fn mailroom(config: &Config, store: &Arc<dyn Store>, clock: &SharedClock) -> Result<Option<Mailroom>, AnyError> {
    let mail = &config.intake.mail;
    match intake::EvidenceMail::new(mail) {
        Ok(reader) => Ok(Some(Mailroom::new(store.clone(), clock.clone(), config, Arc::new(reader)))),
        Err(error) if mail.maildir.is_some() || mail.lmtp.is_some() => Err(error.into()),
        Err(error) => {
            tracing::warn!("no mail is taken in: {error}");
            Ok(None)
        }
    }
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({key})")]
struct ListenError {
    key: &'static str,
    address: std::net::SocketAddr,
    source: std::io::Error,
}

/// The door for mail cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (intake.mail.lmtp)")]
struct DoorError {
    address: String,
    source: std::io::Error,
}

/// The address for metrics cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (telemetry.metrics_listen)")]
struct MetricsListenError {
    address: std::net::SocketAddr,
    source: std::io::Error,
}

/// Says where the pages are, and on the first start how to make a token.
async fn greet(config: &Config, store: &dyn Store) -> Result<(), AnyError> {
    for note in config.notes() {
        tracing::warn!("{} {}", note.key, note.message);
    }
    lines(&format!("fencepost serves {} (listening on {})", config.http.public_url, config.http.listen));
    if store.tokens().await?.is_empty() {
        lines(
            "There is no access token yet. Make one for the service desk with\n  \
             fencepost token create --role desk --label NAME",
        );
    }
    Ok(())
}

/// Says loudly where the configured places would lose customers' mail. Beside the work, because counting a
/// large base takes a while.
async fn warn_of_places(store: Arc<dyn Store>, clock: SharedClock, config: Arc<Config>) {
    match places_report(store.as_ref(), &config.gateway, clock.now()).await {
        Ok(report) => {
            for warning in report.warnings {
                tracing::error!(place = warning.place, "{}", warning.text);
            }
        }
        Err(error) => tracing::error!(%error, "whether all customers are ready for this gateway is not known"),
    }
}

pub(super) async fn signal() -> Result<(), std::io::Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
