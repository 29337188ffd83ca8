//! `fencepost notice`: which notices there are, and what each looks like, with sample data and the settings
//! of the configuration file. Nothing is sent.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::print::{self, lines, table};
use super::{Exit, Global, Output, complain};
use crate::config::{self, Config};
use crate::engine::readers;
use crate::notify::{NAMES, Rendered, SmtpNotifier, sample, when};
use crate::words::Language;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the notices: when each goes out, and to whom
    List {
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Show a notice with sample data, without sending it
    Preview(PreviewArgs),
}

#[derive(Debug, clap::Args)]
struct PreviewArgs {
    /// Name of the notice, as `fencepost notice list` shows it
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(NAMES))]
    name: String,
    /// Language
    #[arg(long, value_enum, default_value_t = Lang::En)]
    lang: Lang,
    /// The HTML part instead of the text
    #[arg(long)]
    html: bool,
    /// Write it to this file instead of the terminal
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// `json` prints subject, text and HTML for a program
    #[arg(long, value_enum, default_value_t, conflicts_with = "html")]
    output: Output,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Lang {
    /// English
    En,
    /// Finnish
    Fi,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::En,
            Lang::Fi => Self::Fi,
        }
    }
}

/// Prints the notice, or the list.
#[must_use]
pub fn run(args: &Args, global: &Global) -> Exit {
    let done = match &args.action {
        Action::List { output } => {
            match output {
                Output::Json => print::json(&notices()),
                Output::Table => lines(&list()),
            }
            Ok(())
        }
        Action::Preview(args) => preview(args, global),
    };
    match done {
        Ok(()) => Exit::Pass,
        Err(error) => complain(error.as_ref()),
    }
}

fn notices() -> Vec<Value> {
    NAMES.iter().map(|name| json!({ "notice": name, "goes_out_when": when(name), "to": readers(name) })).collect()
}

fn list() -> String {
    let mut rows = table(&["NOTICE", "GOES OUT WHEN", "TO"]);
    for name in NAMES {
        rows.add_row([*name, when(name).unwrap_or_default(), &readers(name).join(", ")]);
    }
    format!("{rows}\n\nfencepost notice preview NAME [--lang fi] [--html] [--out FILE] shows one.")
}

fn preview(args: &PreviewArgs, global: &Global) -> Result<(), Box<dyn std::error::Error>> {
    let config = match config::load(&global.config) {
        Ok(config) => config,
        Err(error) if error.is_missing_file() => Config::default(),
        Err(error) => return Err(error.into()),
    };
    let notice = rendered(&args.name, args.lang.into(), config)?;
    let text = if args.output == Output::Json {
        let whole = json!({ "subject": notice.subject, "text": notice.text, "html": notice.html });
        format!("{}\n", serde_json::to_string_pretty(&whole)?)
    } else if args.html {
        notice.html
    } else {
        format!("Subject: {}\n\n{}", notice.subject, notice.text)
    };
    match &args.out {
        Some(file) => {
            std::fs::write(file, text).map_err(|error| format!("{}: cannot be written: {error}", file.display()))?;
            eprintln!("fencepost: written to {}", file.display());
        }
        None => lines(&text),
    }
    Ok(())
}

fn rendered(name: &str, language: Language, mut config: Config) -> Result<Rendered, Box<dyn std::error::Error>> {
    // A preview needs no next hop and no password.
    config.notify.smarthost.clear();
    let notifier = SmtpNotifier::new(&config.notify, &config.http.public_url)?.with_calendar(&config.commerce)?;
    Ok(notifier.render(&sample::letter(name, language)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_DOCS=1` writes it.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "whoever runs the test says whether the page is to be written")]
    fn the_page_of_mails_lists_every_notice() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mails.md");
        let page = std::fs::read_to_string(&file).unwrap();
        let mut rows = String::from("| notice | goes out when | to |\n| --- | --- | --- |\n");
        for name in NAMES {
            let to = readers(name);
            assert!(!to.is_empty());
            rows.push_str(&format!("| `{name}` | {} | {} |\n", when(name).unwrap(), to.join(", ")));
        }
        let (before, rest) = page.split_once("<!-- notices -->\n").unwrap();
        let (_, after) = rest.split_once("<!-- end -->").unwrap();
        let wanted = format!("{before}<!-- notices -->\n{rows}<!-- end -->{after}");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&file, &wanted).unwrap();
        } else {
            assert!(page == wanted, "docs/mails.md is out of date: UPDATE_DOCS=1 cargo test --lib page_of_mails");
        }
    }
}
