//! Wires the laboratory, the engine and the pages together exactly as `fencepost serve` does, lets
//! the people loose, and takes the final account.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::account::{Account, Sources, settle};
use super::accounting::{self, Books};
use super::agenda::{Agenda, Busy};
use super::api::Api;
use super::cast::{Notes, PROFILES, Profile, Scene, Stage, play};
use super::guide::{Guide, Somebody};
use super::lab::{Lab, MailServer, Task};
use super::show::Progress;
use super::story::Story;
use super::traffic::{Report, Traffic};
use super::trouble::{Doing, Outcome, Trouble};
use crate::clock::{Clock, SharedClock};
use crate::config::{Config, RateConfig, SignInConfig};
use crate::dice::Dice;
use crate::engine::ports::Observer;
use crate::engine::{Agents, Engine, EngineParts};
use crate::gateway;
use crate::http::server::{self, Limits};
use crate::http::token::Token;
use crate::http::{HttpParts, router};
use crate::notify::SmtpNotifier;
use crate::probe::Prober;
use crate::store::sqlite::SqliteStore;
use crate::store::{NewToken, Role, Store};

/// Monday morning in Helsinki.
const START: &str = "2027-01-04T06:00:00Z";
/// After the last invoicing run.
const END: &str = "2027-03-15T16:00:00Z";
/// What people of the demonstration do, for a newcomer who wants to be one of them.
const DESK: &str = "Orders, follows every run, says what is wrong to whoever has to mend it, enters decisions.";
const ACCOUNTING: &str = "Sees the ledger, approves what mails ask for, closes the invoicing runs.";
const PARTNER: &str = "Sees its own customers alone, and when the MX may be changed. It needs no more.";
/// In minutes.
const YEAR: u32 = 365 * 24 * 60;
/// How often progress is shown, in real time.
const REFRESH: Duration = Duration::from_millis(500);

/// A finished run. The pages are served as long as it lives.
pub struct Finished {
    pub accounts: Vec<Account>,
    pub stories: Vec<(&'static Profile, Story)>,
    /// What went wrong beside the customers.
    pub troubles: Vec<String>,
    pub zone: TimeZone,
    pub url: String,
    /// A token of the service desk, to sign in with.
    pub desk_token: String,
    shutdown: CancellationToken,
    engine: tokio::task::JoinHandle<()>,
    _frozen: Busy,
    _pages: Task,
    _folder: tempfile::TempDir,
}

impl Finished {
    /// Stops the engine in good order.
    pub async fn stop(self) {
        self.shutdown.cancel();
        if let Err(error) = self.engine.await {
            tracing::warn!(%error, "the engine did not end in good order");
        }
    }
}

/// Runs the demonstration to its end. `announce` is told where the pages are, and the desk's token.
///
/// # Errors
/// When the laboratory cannot be set up; what goes wrong inside is in the result.
pub async fn run(listen: SocketAddr, announce: impl FnOnce(&str, &str)) -> Outcome<Finished> {
    let start: Timestamp = START.parse().doing("reading the first day")?;
    let end: Timestamp = END.parse().doing("reading the last day")?;
    let folder = tempfile::Builder::new().prefix("fencepost-demo-").tempdir().doing("making a temporary folder")?;
    let agenda = Agenda::starting_at(start);
    let setting_up = agenda.busy();
    let sts: Vec<&str> = PROFILES.iter().map(|profile| profile.domain).collect();
    let lab = Lab::start(agenda.clone(), folder.path(), &sts).await?;

    let pages = TcpListener::bind(listen).await.doing(&format!("listening on {listen} (choose another --listen)"))?;
    let at = pages.local_addr().doing("finding the address of the pages")?;
    let url = format!("http://{at}");
    let mut config = lab.config()?;
    config.http.listen = at;
    // Whoever tries it on this machine sees the desk's pages at once; from elsewhere a token is needed.
    config.http.open_pages_on_loopback = at.ip().is_loopback();
    config.http.public_url.clone_from(&url);
    // Months pass in a minute: whoever signs in stays so, and everybody may ask as often as they like.
    config.http.sign_in =
        SignInConfig { link_minutes: YEAR, idle_minutes: YEAR, session_hours: YEAR / 60, ..SignInConfig::default() };
    config.http.rate = RateConfig::unbounded();
    let zone = TimeZone::get(&config.commerce.time_zone).doing("finding the time zone of the business")?;

    let config = Arc::new(config);
    let clock: SharedClock = Arc::new(agenda.clone());
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.store).doing("opening the database")?);
    let engine = engine(&config, &store, &clock)?;
    let wake = engine.clone();
    // Letting go of the engine's own hold wakes it.
    agenda.on_release(move || drop(wake.hold()));
    let parts = HttpParts {
        store: Arc::clone(&store),
        desk: engine.desk(),
        agents: Agents::new(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&config), Dice::new()),
        clock: Arc::clone(&clock),
        config: Arc::clone(&config),
    };
    let guide = Guide::new(lab.mailbox.letters(), agenda.clone(), zone.clone());
    let (routes, limits) = (router(parts).merge(guide.routes()), Limits::of(&config.http));
    let pages = Task::spawn(async move {
        server::serve(pages, routes, limits, CancellationToken::new()).await;
    });

    let invite = Inviting { store: store.as_ref(), url: &url, at: start };
    let (desk, desk_token) = invite.invite(Role::Desk, None, "service desk").await?;
    let (accounting, accounting_token) = invite.invite(Role::Accounting, None, "accounting").await?;
    let mut people = vec![
        Somebody { who: "Service desk".to_owned(), does: DESK, token: desk_token.clone() },
        Somebody { who: "Accounting".to_owned(), does: ACCOUNTING, token: accounting_token },
    ];
    let mut partners: Vec<(String, Api)> = Vec::new();
    for profile in PROFILES {
        if partners.iter().all(|(name, _)| name != profile.partner) {
            let (api, token) = invite.invite(Role::Partner, Some(profile.partner), profile.partner).await?;
            partners.push((profile.partner.to_owned(), api));
            people.push(Somebody { who: format!("Partner {}", profile.partner), does: PARTNER, token });
        }
    }
    guide.invited(people);
    announce(&url, &desk_token);

    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (engine, shutdown) = (engine.clone(), shutdown.clone());
        async move { engine.run(shutdown).await }
    });
    let stage = Arc::new(Stage { lab, agenda, zone: zone.clone(), desk, partners, accounting });
    let season = Season { stage, zone: zone.clone(), start, end };
    let (accounts, stories, troubles, frozen) = season.run(setting_up).await?;
    Ok(Finished {
        accounts,
        stories,
        troubles,
        zone,
        url,
        desk_token,
        shutdown,
        engine: running,
        _frozen: frozen,
        _pages: pages,
        _folder: folder,
    })
}

fn engine(config: &Arc<Config>, store: &Arc<dyn Store>, clock: &SharedClock) -> Outcome<Engine> {
    let observer: Arc<dyn Observer> =
        Arc::new(Prober::new(&config.probe, &config.gateway, Arc::clone(clock)).doing("setting the probes up")?);
    let notifier = SmtpNotifier::new(&config.notify, &config.http.public_url).doing("setting the notices up")?;
    let notifier = notifier.with_calendar(&config.commerce).doing("setting the notices up")?;
    Ok(Engine::new(EngineParts {
        dice: Dice::new(),
        store: Arc::clone(store),
        observer,
        gateway: gateway::build(&config.gateway).doing("setting the gateway's adapter up")?,
        notifier: Arc::new(notifier),
        clock: Arc::clone(clock),
        config: Arc::clone(config),
    }))
}

struct Inviting<'a> {
    store: &'a dyn Store,
    url: &'a str,
    at: Timestamp,
}

impl Inviting<'_> {
    /// Makes a token and a client with it.
    async fn invite(&self, role: Role, partner: Option<&str>, label: &str) -> Outcome<(Api, String)> {
        let token = Token::generate();
        let new = NewToken {
            id: token.id().to_owned(),
            hash: token.hash(),
            role,
            partner: partner.map(str::to_owned),
            label: label.to_owned(),
            created_at: self.at,
            expires_at: None,
        };
        self.store.create_token(new).await.doing("making a token")?;
        Ok((Api::new(self.url, token.reveal())?, token.reveal().to_owned()))
    }
}

/// Everybody, from the first day to the last.
struct Season {
    stage: Arc<Stage>,
    zone: TimeZone,
    start: Timestamp,
    end: Timestamp,
}

/// One customer while it plays.
struct Playing {
    profile: &'static Profile,
    server: Arc<MailServer>,
    story: Story,
    notes: Arc<Mutex<Notes>>,
    report: Arc<Mutex<Report>>,
}

type Ending = (Vec<Account>, Vec<(&'static Profile, Story)>, Vec<String>, Busy);

impl Season {
    async fn run(self, setting_up: Busy) -> Outcome<Ending> {
        let closing = Arc::new(AtomicBool::new(false));
        let mut plays: JoinSet<(&'static str, Outcome<()>)> = JoinSet::new();
        let mut world = JoinSet::new();
        let mut everybody = Vec::new();
        for profile in PROFILES {
            let server = self.stage.lab.add_customer(profile.number, profile.domain, profile.ttl)?;
            server.start()?;
            let scene = Scene::new(Arc::clone(&self.stage), profile, Arc::clone(&server));
            let recipient = format!("info@{}", profile.domain);
            let (traffic, report) = Traffic::new(Arc::clone(&self.stage), recipient, Arc::clone(&closing));
            let (story, notes) = (scene.story.clone(), Arc::clone(&scene.notes));
            everybody.push(Playing { profile, server, story, notes, report });
            plays.spawn(async move { (profile.domain, play(scene).await) });
            let begin = self.start + SignedDuration::from_mins(7 * i64::from(profile.number));
            world.spawn(traffic.run(begin, self.stage.agenda.busy()));
        }
        let books = Books::default();
        let accountant =
            tokio::spawn(accounting::work(Arc::clone(&self.stage), books.clone(), self.stage.agenda.busy()));
        drop(setting_up);
        let mut last = self.wait_for_the_end().await;

        let mut troubles = Vec::new();
        while let Some(ended) = plays.try_join_next() {
            match ended {
                Ok((_, Ok(()))) => {}
                Ok((domain, Err(trouble))) => troubles.push(format!("{domain}: {trouble}")),
                Err(error) => troubles.push(format!("the people of a customer gave up: {error}")),
            }
        }
        if !plays.is_empty() {
            let count = plays.len();
            troubles.push(format!("{count} customers' people are still waiting at the end"));
            plays.shutdown().await;
        }
        if accountant.is_finished() {
            match accountant.await {
                Ok(Ok(())) => {}
                Ok(Err(trouble)) => troubles.push(format!("accounting: {trouble}")),
                Err(error) => troubles.push(format!("accounting gave up: {error}")),
            }
        } else {
            accountant.abort();
            troubles.push("accounting never closed its last run".to_owned());
        }
        closing.store(true, Ordering::SeqCst);
        last = self.drain(world, last).await;

        troubles.extend(self.inspect().await?);
        let mut accounts = Vec::new();
        let mut stories = Vec::new();
        for playing in everybody {
            let notes = playing.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let lines = books.of(&notes.customer_id);
            let report = playing.report.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let story = &playing.story;
            let sources = Sources { profile: playing.profile, story, notes, report, server: &playing.server, lines };
            match settle(&self.stage, sources).await {
                Ok(account) => accounts.push(account),
                Err(trouble) => troubles.push(format!("{}: {trouble}", playing.profile.domain)),
            }
            stories.push((playing.profile, playing.story));
        }
        Ok((accounts, stories, troubles, last))
    }

    /// Shows progress until the last day has come, and holds the clock there.
    async fn wait_for_the_end(&self) -> Busy {
        let mut progress = Progress::new(self.start, self.end, self.zone.clone());
        let end = self.stage.agenda.until(self.end, None);
        tokio::pin!(end);
        let mut tick = tokio::time::interval(REFRESH);
        loop {
            tokio::select! {
                busy = &mut end => {
                    progress.finish();
                    return busy;
                }
                _ = tick.tick() => progress.update(self.stage.agenda.now(), &self.phases().await.unwrap_or_default()),
            }
        }
    }

    /// How many domains are in which phase.
    async fn phases(&self) -> Outcome<Vec<(String, usize)>> {
        let list: Value = self.stage.desk.read("/v1/domains?limit=100").await?;
        let items = list.get("items").and_then(Value::as_array).ok_or_else(|| Trouble::new("no list of domains"))?;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for item in items {
            let phase = item.get("phase").and_then(Value::as_str).unwrap_or("unknown");
            *counts.entry(phase.to_owned()).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    /// Whether the ledger is whole, and nothing was given up.
    async fn inspect(&self) -> Outcome<Vec<String>> {
        let mut troubles = Vec::new();
        let verified: Value = self.stage.accounting.read("/v1/ledger/verify").await?;
        if verified.get("whole") != Some(&Value::Bool(true)) {
            troubles.push(format!("the ledger is not whole: {verified}"));
        }
        let parked: Value = self.stage.desk.read("/v1/parked").await?;
        if parked.get("items").and_then(Value::as_array).is_none_or(|items| !items.is_empty()) {
            troubles.push(format!("something was given up: {parked}"));
        }
        Ok(troubles)
    }

    /// Lets the world's queues run empty.
    async fn drain(&self, mut world: JoinSet<()>, frozen: Busy) -> Busy {
        drop(frozen);
        while world.join_next().await.is_some() {}
        self.stage.agenda.busy()
    }
}
