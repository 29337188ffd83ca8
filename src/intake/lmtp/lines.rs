//! Lines from a stream, with a bound on each. A line ends with CR LF and nothing else: what one server
//! takes for the end of a message and another does not is how messages are smuggled.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Whole(Vec<u8>),
    /// Longer than allowed; read to its end.
    TooLong,
    /// It ended with a bare LF, or has a bare CR in it.
    Bare,
    /// The other side hung up.
    End,
}

pub(super) async fn next<R: AsyncBufRead + Unpin>(reader: &mut R, limit: usize) -> std::io::Result<Line> {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(Line::End);
        }
        let end = available.iter().position(|b| *b == b'\n');
        let piece = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        too_long |= line.len() + piece.len() > limit + 1;
        if !too_long {
            line.extend_from_slice(piece);
        }
        let used = end.map_or(available.len(), |at| at + 1);
        reader.consume(used);
        if end.is_some() {
            break;
        }
    }
    if too_long {
        return Ok(Line::TooLong);
    }
    match line.pop() {
        Some(b'\r') if !line.contains(&b'\r') => Ok(Line::Whole(line)),
        _ => Ok(Line::Bare),
    }
}
