//! The transcript of a dialogue: wire lines, escaped and bounded, so that it can be kept and shown.

use crate::probe::escape;

const MAX_LINES: usize = 300;
const MAX_CHARS: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Transcript {
    lines: Vec<String>,
}

impl Transcript {
    pub(super) fn ours(&mut self, line: &[u8]) {
        self.push("C: ", line);
    }

    pub(super) fn theirs(&mut self, line: &[u8]) {
        self.push("S: ", line);
    }

    pub(super) fn remark(&mut self, text: &str) {
        self.push("* ", text.as_bytes());
    }

    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    fn push(&mut self, mark: &str, raw: &[u8]) {
        match self.lines.len() {
            n if n < MAX_LINES => self.lines.push([mark, &escape::bytes(raw, MAX_CHARS)].concat()),
            MAX_LINES => self.lines.push("* more lines were not kept".to_owned()),
            _ => {}
        }
    }
}
