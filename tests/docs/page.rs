//! Finds in a page of Markdown what is to be run. Knows nothing of where or how.

/// Something that a page asks for, in its order.
#[derive(Debug)]
pub enum Piece {
    Run(Block),
    Skipped {
        line: usize,
        reason: String,
    },
    /// `<!-- lab: … -->`
    Lab {
        line: usize,
        deed: String,
    },
    Wrong {
        line: usize,
        why: String,
    },
}

/// Commands that belong together.
#[derive(Debug)]
pub struct Block {
    /// Line of the page on which it begins, counted from 1.
    pub line: usize,
    pub commands: Vec<Command>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// For the shell, without its comment.
    pub text: String,
    /// A status other than 0 that it may end with.
    pub may: Option<u8>,
}

pub fn pieces(page: &str) -> Vec<Piece> {
    let lines: Vec<&str> = page.lines().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim();
        if let Some(deed) = line.strip_prefix("<!-- lab:").and_then(|rest| rest.strip_suffix("-->")) {
            found.push(Piece::Lab { line: at + 1, deed: deed.trim().to_owned() });
        }
        let Some(info) = line.strip_prefix("```") else {
            at += 1;
            continue;
        };
        let body: Vec<&str> =
            lines[at + 1..].iter().copied().take_while(|line| line.trim() != "```").map(str::trim).collect();
        found.extend(piece(at + 1, info, &body));
        at += body.len() + 2;
    }
    found
}

fn piece(line: usize, info: &str, body: &[&str]) -> Option<Piece> {
    let (language, rest) = info.split_once(' ').unwrap_or((info, ""));
    let reason = rest.split_once("skip=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(reason, _)| reason);
    match language {
        "sh" | "console" => {}
        _ if body.iter().any(|line| line.starts_with("fencepost ") || line.starts_with("$ ")) => {
            let why = "commands stand in a block that is not run: begin it with ```sh or ```console".to_owned();
            return Some(Piece::Wrong { line, why });
        }
        _ => return None,
    }
    if let Some(reason) = reason {
        return Some(Piece::Skipped { line, reason: reason.to_owned() });
    }
    if !rest.is_empty() {
        return Some(Piece::Wrong { line, why: format!("`{rest}` is not understood after `{language}`") });
    }
    let texts: Vec<&str> = match language {
        "sh" => body.iter().copied().filter(|line| !line.is_empty() && !line.starts_with('#')).collect(),
        _ => body.iter().filter_map(|line| line.strip_prefix("$ ")).collect(),
    };
    Some(Piece::Run(Block { line, commands: commands(&texts) }))
}

/// Lines that end in a backslash go on in the next one.
fn commands(lines: &[&str]) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut text = String::new();
    for line in lines {
        if let Some(begun) = line.strip_suffix('\\') {
            text.push_str(begun);
            continue;
        }
        text.push_str(line);
        // A text in single quotes goes on until they are closed.
        if text.split(" -d '").nth(1).is_some_and(|body| !body.contains('\'')) {
            text.push('\n');
            continue;
        }
        let (command, comment) = apart(&text);
        let may = comment.split_once("status ").and_then(|(_, rest)| rest.chars().next()?.to_digit(10));
        commands.push(Command { text: command.to_owned(), may: may.and_then(|status| u8::try_from(status).ok()) });
        text.clear();
    }
    commands
}

/// A line and its comment: what follows a `#` outside of quotes, after a space.
fn apart(line: &str) -> (&str, &str) {
    let (mut quote, mut space) = (None, true);
    for (at, c) in line.char_indices() {
        match c {
            '"' | '\'' if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(c),
            '#' if space && quote.is_none() => return (line[..at].trim(), &line[at..]),
            _ => {}
        }
        space = c == ' ';
    }
    (line.trim(), "")
}

#[test]
fn a_page_is_taken_apart() {
    let page = "\
Text.
```sh
fencepost list   # all; status 1 when `x` is wrong
fencepost route a --reason \"no # here\" \\
  --server b
```
<!-- lab: mx example.com -->
   ```console
   $ fencepost parked
   nothing is parked
   ```
```sh skip=\"needs a day\"
fencepost decide
```
```
fencepost lost
```
```yaml
gateway: {}
```
";
    let pieces = pieces(page);
    let Piece::Run(first) = &pieces[0] else { panic!("{pieces:?}") };
    assert_eq!(first.line, 2);
    assert_eq!(first.commands[0], Command { text: "fencepost list".to_owned(), may: Some(1) });
    assert_eq!(first.commands[1].text, "fencepost route a --reason \"no # here\" --server b");
    assert!(matches!(&pieces[1], Piece::Lab { line: 7, deed } if deed == "mx example.com"), "{pieces:?}");
    let Piece::Run(second) = &pieces[2] else { panic!("{pieces:?}") };
    assert_eq!(second.commands[0].text, "fencepost parked");
    assert!(matches!(&pieces[3], Piece::Skipped { reason, .. } if reason == "needs a day"), "{pieces:?}");
    assert!(matches!(&pieces[4], Piece::Wrong { line: 15, .. }), "{pieces:?}");
    assert_eq!(pieces.len(), 5);
}
