//! `fencepost agent --engine URL`: a vantage on this machine, and on a gateway the one who sets its
//! routes. Only wiring: everything is made from the command line and this host's own configuration.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fencepost_checks::escape::clean;
use tokio_util::sync::CancellationToken;

use super::print::lines;
use super::{Exit, Global, complain};
use crate::agent::{Agent, AgentParts, Link};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{self, AdapterConfig, Config};
use crate::dice::Dice;
use crate::engine::ports::Gateway;
use crate::gateway;
use crate::probe::Prober;

const DEFAULT_CONFIG: &str = "config/fencepost.yaml";
/// A token has fewer bytes.
const MAX_TOKEN_FILE: u64 = 4096;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The token comes from FENCEPOST_TOKEN or from --token-file. `fencepost token create --role agent \
    --label NAME` makes it, where NAME is what the engine's configuration calls this agent. Without --config the \
    agent needs no file: it probes from the addresses that the engine names. docs/agents.md has the whole story."
)]
pub struct Args {
    /// Address of the engine; https, except on loopback
    #[arg(long, value_name = "URL", env = "FENCEPOST_URL")]
    engine: String,
    /// Trust this authority (PEM) instead of the public ones
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// File that holds the agent's token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The agent's token; better in the environment or in a file than on the command line
    #[arg(long, env = "FENCEPOST_TOKEN", hide_env_values = true, default_value = "", value_name = "TOKEN")]
    token: String,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Works until SIGTERM or SIGINT; then what is under way is finished, and status 0.
pub async fn run(args: &Args, global: &Global) -> Exit {
    let config = match config::load(&global.config) {
        Ok(config) => config,
        Err(error) if error.is_missing_file() && global.config.as_os_str() == DEFAULT_CONFIG => Config::default(),
        Err(error) => return complain(&error),
    };
    match start(args, &config).await {
        Ok(()) => Exit::Pass,
        Err(error) => complain(error.as_ref()),
    }
}

async fn start(args: &Args, config: &Config) -> Result<(), AnyError> {
    let token = match &args.token_file {
        Some(file) => token_of(file)?,
        None => args.token.clone(),
    };
    let link = Link::new(&args.engine, &token, args.ca.as_deref())?;
    let clock: SharedClock = Arc::new(SystemClock);
    let prober = Prober::new(&config.probe, &config.gateway, clock)?;
    let gateway: Option<Arc<dyn Gateway>> = match config.gateway.adapter {
        AdapterConfig::Manual => None,
        AdapterConfig::Postfix { .. } | AdapterConfig::Http { .. } | AdapterConfig::Agents { .. } => {
            Some(gateway::build(&config.gateway)?)
        }
    };
    let agent = Agent::new(AgentParts {
        link,
        talker: Arc::new(prober),
        gateway,
        dice: Dice::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        says: Box::new(|text| lines(&clean(text, 1_000))),
    });
    let stop = CancellationToken::new();
    let work = tokio::spawn(agent.run(stop.clone()));
    super::serve::signal().await?;
    stop.cancel();
    work.await?;
    Ok(())
}

/// The file could not be used.
#[derive(Debug, thiserror::Error)]
#[error("the token file {file} {why}")]
struct TokenFile {
    file: String,
    why: String,
}

fn token_of(file: &Path) -> Result<String, TokenFile> {
    let refused = |why: String| TokenFile { file: file.display().to_string(), why };
    let open = std::fs::File::open(file).map_err(|error| refused(format!("cannot be read: {error}")))?;
    let mut text = String::new();
    open.take(MAX_TOKEN_FILE).read_to_string(&mut text).map_err(|error| refused(format!("cannot be read: {error}")))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(refused("must hold one token and nothing else".to_owned()));
    }
    Ok(token.to_owned())
}
