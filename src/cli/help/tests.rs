//! That every command is taught: found in a group, with examples that the parser takes.

use std::collections::BTreeSet;

use super::*;

/// Paths of all commands that do something by themselves.
fn leaves() -> Vec<(String, Command)> {
    fn walk(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            let path =
                if path.is_empty() { inner.get_name().to_owned() } else { format!("{path} {}", inner.get_name()) };
            if !inner.is_subcommand_required_set() {
                found.push((path.clone(), inner.clone()));
            }
            walk(inner, &path, found);
        }
    }
    let mut found = Vec::new();
    let mut root = command();
    root.build();
    walk(&root, "", &mut found);
    found
}

#[test]
fn every_command_is_in_one_group() {
    let root = command();
    let known: BTreeSet<&str> = root.get_subcommands().map(Command::get_name).chain(["help"]).collect();
    let listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let once: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(listed.len(), once.len(), "a command is listed twice");
    assert_eq!(known, once, "src/cli/help.rs, GROUPS");
}

#[test]
fn the_list_fits_an_old_terminal() {
    let root = command();
    let long: Vec<_> = listed(&root).lines().filter(|line| line.chars().count() > 80).map(str::to_owned).collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// One that did would be read as the global one, and the program would stop.
#[test]
fn no_option_hides_one_that_every_command_has() {
    let root = command();
    let global: BTreeSet<&str> =
        root.get_arguments().filter(|a| a.is_global_set()).filter_map(|a| a.get_long()).collect();
    let hides = |command: &Command| {
        let own = command.get_arguments().filter(|argument| !argument.is_global_set());
        own.filter_map(|argument| argument.get_long()).any(|long| global.contains(long))
    };
    let wrong: Vec<String> = leaves().into_iter().filter(|(_, command)| hides(command)).map(|(path, _)| path).collect();
    assert!(wrong.is_empty(), "{wrong:?} hide one of {global:?}");
}

#[test]
fn every_command_has_examples_and_says_its_statuses() {
    let mut missing = Vec::new();
    for (path, command) in leaves() {
        let Some(lesson) = lesson(&path) else {
            missing.push(path);
            continue;
        };
        assert!((1..=3).contains(&lesson.examples.len()), "{path}");
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains("Examples:\n") && help.contains("Exit status:\n  0 "), "{path}:\n{help}");
    }
    assert!(missing.is_empty(), "src/cli/help/lessons.rs lacks: {missing:?}");
    let known: BTreeSet<String> = leaves().into_iter().map(|(path, _)| path).collect();
    let stale: Vec<_> = LESSONS.iter().filter(|lesson| !known.contains(lesson.command)).map(|l| l.command).collect();
    assert!(stale.is_empty(), "there is no such command any more: {stale:?}");
}

#[test]
fn every_example_is_understood() {
    for lesson in LESSONS {
        for (line, what) in lesson.examples {
            let words = words(line);
            assert_eq!(words[0], "fencepost", "{line}");
            let path: Vec<&str> = lesson.command.split(' ').collect();
            let own: Vec<&str> =
                words.iter().map(String::as_str).skip(if words[1] == "--config" { 3 } else { 1 }).collect();
            assert_eq!(own[..path.len()], path, "{line} is no example of {}", lesson.command);
            assert!(!what.is_empty() && !what.ends_with('.') && line.chars().count() <= 96, "{line}: {what}");
            command().try_get_matches_from(&words).unwrap_or_else(|error| panic!("{line}\n{error}"));
        }
    }
}

/// The words of a line as a shell has them: double quotes, up to a pipe or a redirection.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for c in line.chars().chain([' ']) {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            c => word.push(c),
        }
    }
    let end = words.iter().position(|word| word == "|" || word == ">").unwrap_or(words.len());
    words.truncate(end);
    words
}

/// Whatever prints data prints it for programs, too.
#[test]
fn data_is_printed_as_json_too() {
    const OTHERS: &[(&str, &str)] = &[
        ("demo", "a story for people; its pages and API have the data"),
        ("serve", "a service"),
        ("agent", "a service"),
        ("healthcheck", "its answer is its status"),
        ("completions", "a script"),
        ("man", "a page"),
        ("sweep", "JSON lines, and nothing else"),
        ("ledger export", "JSON lines, and nothing else"),
        ("invoicing export", "--format"),
    ];
    let without: Vec<String> = leaves()
        .into_iter()
        .filter(|(path, command)| {
            command.get_arguments().all(|argument| argument.get_id() != "output")
                && !OTHERS.iter().any(|(other, _)| other == path)
        })
        .map(|(path, _)| path)
        .collect();
    assert!(without.is_empty(), "no --output json: {without:?}");
}

#[test]
fn the_first_page_and_the_list_of_commands() {
    insta::assert_snapshot!("start", START);
    insta::assert_snapshot!("commands", command().term_width(WIDTH).render_help().to_string());
    insta::assert_snapshot!("status", {
        let mut root = command();
        root.build();
        root.find_subcommand("status").unwrap().clone().term_width(WIDTH).render_long_help().to_string()
    });
}
