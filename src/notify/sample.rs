//! A realistic letter, to look at notices without a customer. For `fencepost notice preview` and
//! for tests; never sent.

use crate::engine::ports::Letter;

/// The sample, as a letter of this notice.
///
/// # Errors
/// When the built-in sample does not fit the type; a test sees to it that it does.
pub fn letter(notice: &str) -> serde_json::Result<Letter> {
    let mut letter: Letter = serde_json::from_str(include_str!("../../config/templates/notices/sample.json"))?;
    notice.clone_into(&mut letter.notice);
    letter.dedupe_key = format!("sample/{notice}");
    Ok(letter)
}
