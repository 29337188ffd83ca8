//! `fencepost notice preview`: what a notice looks like, with sample data and the settings of the
//! configuration file. Nothing is sent.

use super::{Exit, Global, complain};
use crate::config::{self, Config};
use crate::notify::{NAMES, SmtpNotifier, sample};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show a notice with sample data, without sending it
    Preview {
        /// Name of the notice
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(NAMES))]
        name: String,
        /// The HTML part instead of the text
        #[arg(long)]
        html: bool,
    },
}

/// Prints the notice.
#[must_use]
pub fn run(args: &Args, global: &Global) -> Exit {
    let Action::Preview { name, html } = &args.action;
    let config = match config::load(&global.config) {
        Ok(config) => config,
        Err(error) if error.is_missing_file() => Config::default(),
        Err(error) => return complain(&error),
    };
    match rendered(name, *html, config) {
        Ok(text) => {
            print!("{text}");
            Exit::Pass
        }
        Err(error) => complain(error.as_ref()),
    }
}

fn rendered(name: &str, html: bool, mut config: Config) -> Result<String, Box<dyn std::error::Error>> {
    // A preview needs no next hop and no password.
    config.notify.smarthost.clear();
    let notifier = SmtpNotifier::new(&config.notify, &config.http.public_url)?.with_calendar(&config.commerce)?;
    let notice = notifier.render(&sample::letter(name)?)?;
    Ok(if html { notice.html } else { format!("Subject: {}\n\n{}", notice.subject, notice.text) })
}
