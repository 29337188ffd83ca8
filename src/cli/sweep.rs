//! `fencepost sweep`: the MX of a whole base, one cheap question a domain. Wires the sweep to the transport,
//! shows how it goes on a terminal, and ends when it is done or stopped.

mod all;
mod show;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fencepost_checks::DomainName;
use fencepost_checks::mx::Expected;

use self::show::Show;
use super::{Exit, Global, check, complain};
use crate::config::Config;
use crate::probe::bulk::{self, Settings};
use crate::probe::system_resolvers;
use crate::sweep::{
    Begin, End, FileSweep, Keep, Position, PositionError, Progress, Resumed, SweepError, position_of, resume,
    unfinished,
};

/// Upstreams of one sweep.
const MAX_UPSTREAMS: usize = 16;
/// Questions a second to a resolver that is not on this host or network, unless `--rate` says otherwise.
const POLITE: u32 = 1_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Domains to ask for, one a line; `-` for standard input. Nothing of the store is touched
    #[arg(long, value_name = "FILE", required_unless_present = "all")]
    file: Option<PathBuf>,
    /// Ask for every connected domain of the store. What is unchanged is written down as looked at; what differs
    /// gets its whole round at once, from the service that runs on this store
    #[arg(long, conflicts_with_all = ["file", "expect", "output_file", "resume"])]
    all: bool,
    /// Resolver to ask, repeatable: ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT. Without it, those of
    /// probe.resolvers, or else the system's
    #[arg(long = "upstream", value_name = "ADDRESS[:PORT]", value_parser = check::resolver)]
    upstreams: Vec<SocketAddr>,
    /// A host that the MX should name, or `*.NAME` for every host below a name, repeatable; instead of
    /// gateway.mx_hosts of the configuration
    #[arg(long, value_name = "HOST")]
    expect: Vec<String>,
    /// Questions a second to each upstream. Without it, as fast as an upstream on this host or network answers,
    /// and 1000 to any other
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Questions in flight to one upstream, at most; with losses it becomes smaller by itself
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    window: u32,
    /// Times that a question is sent to one upstream before the next one is asked
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    tries: u32,
    /// Write the lines there instead of to standard output; it can be resumed then
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// Go on where a sweep with this output was stopped
    #[arg(long, requires = "output_file")]
    resume: bool,
    /// Write only domains whose MX is not as it should be, or not known
    #[arg(long)]
    only_differing: bool,
}

/// Why a sweep does not begin.
#[derive(Debug, thiserror::Error)]
enum BeginError {
    #[error("at most {MAX_UPSTREAMS} upstreams can be given")]
    ManyUpstreams,
    #[error("--expect {text}")]
    Expect {
        text: String,
        #[source]
        source: fencepost_checks::name::NameError,
    },
    #[error(
        "it is not known what the MX should be: name the gateway's hosts with --expect, or in gateway.mx_hosts of the \
         configuration"
    )]
    NothingExpected,
    #[error("{} cannot be read", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("{} cannot be written", .0.display())]
    Output(PathBuf, #[source] io::Error),
    #[error(
        "{} is the output of a sweep that was stopped: go on with --resume, or remove {} to begin anew",
        .0.display(), .1.display()
    )]
    Unfinished(PathBuf, PathBuf),
    #[error(transparent)]
    Position(#[from] PositionError),
    #[error(transparent)]
    Sweep(#[from] SweepError),
    #[error(transparent)]
    Transport(#[from] bulk::RunError),
    #[error("the thread of the sweep broke down")]
    Thread(#[from] tokio::task::JoinError),
}

/// Exit status: 0 every MX is as wanted · 1 some differ · 2 usage · 3 some are not known, or it was stopped.
pub async fn run(args: &Args, global: &Global) -> Exit {
    let config = match check::load(global) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let Some(file) = &args.file else { return all::run(args, global, stop).await };
    let signal = listen(&stop);
    let done = sweep(args, file, &config, stop).await;
    signal.abort();
    match done {
        Ok((progress, end)) => {
            eprintln!("{}", show::summary(&progress, &end, args.output_file.as_deref()));
            exit(&progress, &end)
        }
        Err(error) => complain(&error),
    }
}

/// Ctrl-C: what is under way is finished.
fn listen(stop: &Arc<AtomicBool>) -> tokio::task::JoinHandle<()> {
    let ask_to_stop = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            ask_to_stop.store(true, Ordering::Relaxed);
            // A second one ends it at once, as everywhere; the position on disk is at most a second old.
            let _ = tokio::signal::ctrl_c().await;
            std::process::exit(130);
        }
    })
}

fn exit(progress: &Progress, end: &End) -> Exit {
    let tally = progress.tally;
    match end {
        End::Failed(_) => Exit::Usage,
        _ if tally.differing > 0 => Exit::Fail,
        End::Whole if tally.inconclusive == 0 && progress.bad == 0 => Exit::Pass,
        End::Whole | End::Stopped | End::NobodyAnswers | End::NoReader => Exit::Inconclusive,
    }
}

async fn sweep(
    args: &Args,
    file: &Path,
    config: &Config,
    stop: Arc<AtomicBool>,
) -> Result<(Progress, End), BeginError> {
    let expected = expected(&args.expect, config)?;
    let settings = settings(args, config)?;
    let (text, file_bytes) = open(file)?;
    let Opened { text, out, keep, resumed } = outputs(args, file, text, file_bytes)?;
    let begin = Begin {
        expected,
        only_differing: args.only_differing,
        watch: Box::new(Show::new(file_bytes)),
        stop,
        keep,
        resumed,
    };
    let work = move || {
        let stream = FileSweep::new(text, out, begin);
        let (stream, _) = bulk::sweep(&settings, stream)?;
        Ok::<_, BeginError>(stream.finish())
    };
    tokio::task::spawn_blocking(work).await?
}

fn expected(hosts: &[String], config: &Config) -> Result<Expected, BeginError> {
    let mut expected = if hosts.is_empty() { config.gateway.expected_mx() } else { Expected::default() };
    for text in hosts {
        let parse =
            |name: &str| DomainName::parse(name).map_err(|source| BeginError::Expect { text: text.clone(), source });
        match text.strip_prefix("*.") {
            Some(suffix) => expected.suffixes.push(parse(suffix)?),
            None => expected.gateway_hosts.push(parse(text)?),
        }
    }
    if expected.gateway_hosts.is_empty() && expected.suffixes.is_empty() {
        return Err(BeginError::NothingExpected);
    }
    Ok(expected)
}

fn settings(args: &Args, config: &Config) -> Result<Settings, BeginError> {
    let mut upstreams = args.upstreams.clone();
    if upstreams.is_empty() {
        upstreams.clone_from(&config.probe.resolvers);
    }
    if upstreams.is_empty() {
        upstreams = system_resolvers();
    }
    if upstreams.len() > MAX_UPSTREAMS {
        return Err(BeginError::ManyUpstreams);
    }
    let rate = args.rate.or_else(|| (!upstreams.iter().all(|u| is_near(u.ip()))).then_some(POLITE));
    Ok(Settings {
        upstreams,
        rate,
        window: usize::try_from(args.window).unwrap_or(usize::MAX),
        tries: args.tries,
        ..Settings::default()
    })
}

/// On this host or in a private network: whoever sweeps answers for it.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

type Text = Box<dyn BufRead + Send>;

/// The domains, and their bytes where that is known.
fn open(path: &Path) -> Result<(Input, Option<u64>), BeginError> {
    if path.as_os_str() == "-" {
        return Ok((Input::Pipe, None));
    }
    let failed = |error| BeginError::File(path.to_owned(), error);
    let file = File::open(path).map_err(failed)?;
    let data = file.metadata().map_err(failed)?;
    if data.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let bytes = data.is_file().then_some(data.len());
    Ok((Input::File(file), bytes))
}

enum Input {
    File(File),
    Pipe,
}

impl Input {
    /// Behind what is done.
    fn after(self, position: Option<&Position>) -> io::Result<Text> {
        let offset = position.map_or(0, |position| position.offset);
        match self {
            Self::File(mut file) if file.metadata()?.is_file() => {
                file.seek(SeekFrom::Start(offset))?;
                Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
            }
            Self::File(file) => behind(BufReader::new(file), offset),
            Self::Pipe => behind(BufReader::new(io::stdin()), offset),
        }
    }
}

fn behind<R: BufRead + Send + 'static>(mut text: R, offset: u64) -> io::Result<Text> {
    io::copy(&mut (&mut text).take(offset), &mut io::sink())?;
    Ok(Box::new(text))
}

struct Opened {
    text: Text,
    out: Box<dyn Write + Send>,
    keep: Option<Keep>,
    resumed: Option<(Position, std::collections::BTreeSet<u64>)>,
}

fn outputs(args: &Args, file: &Path, input: Input, file_bytes: Option<u64>) -> Result<Opened, BeginError> {
    let read = |error| BeginError::File(file.to_owned(), error);
    let Some(path) = &args.output_file else {
        let text = input.after(None).map_err(read)?;
        return Ok(Opened { text, out: Box::new(io::stdout()), keep: None, resumed: None });
    };
    let keep = |output_bytes| Some(Keep { path: position_of(path), file_bytes, output_bytes });
    if args.resume {
        let Resumed { output, output_bytes, position, skip } = resume(path, file_bytes)?;
        let text = input.after(Some(&position)).map_err(read)?;
        return Ok(Opened { text, out: Box::new(output), keep: keep(output_bytes), resumed: Some((position, skip)) });
    }
    if unfinished(path)? {
        return Err(BeginError::Unfinished(path.clone(), position_of(path)));
    }
    let output = File::create(path).map_err(|error| BeginError::Output(path.clone(), error))?;
    // From now on it can be resumed.
    Position { file_bytes, ..Position::begin() }.write(&position_of(path))?;
    let text = input.after(None).map_err(read)?;
    Ok(Opened { text, out: Box::new(output), keep: keep(0), resumed: None })
}
