//! docs/cli.md is what the program says of itself.

use std::fmt::Write as _;

use fencepost::cli::{command, groups};

const PAGE: &str = "docs/cli.md";

#[test]
fn the_page_of_commands_is_what_the_program_says() {
    let made = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &made).unwrap();
    }
    let there = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(there == made, "{PAGE} is old: UPDATE_DOCS=1 cargo test --test docs the_page_of_commands");
}

fn page() -> String {
    let mut root = command().term_width(100).disable_help_subcommand(true);
    root.build();
    let mut text = String::from(
        "# The command line\n\nMade from the program (`fencepost help COMMAND` says the same, `fencepost man --out DIR` writes manual pages).\n\
         Options that every command has are listed once, at the end.\n",
    );
    for (title, names) in groups() {
        let _ = writeln!(text, "\n## {title}");
        for name in names.iter().filter(|name| **name != "help") {
            section(root.find_subcommand(name).unwrap(), name, &mut text);
        }
    }
    text.push_str("\n## Everywhere\n\n```text\n");
    for argument in root.get_arguments().filter(|argument| argument.is_global_set()) {
        let name = argument.get_long().unwrap();
        let value = argument.get_value_names().map(|names| format!(" <{}>", names[0])).unwrap_or_default();
        let _ = writeln!(text, "--{name}{value}\n    {}", argument.get_help().unwrap());
    }
    text.push_str("```\n");
    text
}

fn section(command: &clap::Command, path: &str, text: &mut String) {
    // The global options are on the page once.
    let mut shown = command.clone().mut_args(|argument| {
        let hide = argument.is_global_set() && argument.get_id() != "output" || argument.get_id() == "help";
        argument.hide(hide)
    });
    let help = shown.render_long_help().to_string();
    let _ = write!(text, "\n### fencepost {path}\n\n```text\n{}\n```\n", help.trim_end());
    for inner in command.get_subcommands() {
        section(inner, &format!("{path} {}", inner.get_name()), text);
    }
}
