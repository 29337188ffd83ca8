//! Amounts of money as people write them. Takes the text of an amount, so that it serves what was kept
//! as text too; a text of another shape is given back as it is.

use super::Language;

/// No line may break within an amount.
const NO_BREAK_SPACE: char = '\u{a0}';

/// `1234.50 EUR` as it is in English, `1 234,50 €` in Finnish.
#[must_use]
pub fn amount(language: Language, text: &str) -> String {
    match language {
        Language::En => text.to_owned(),
        Language::Fi => finnish(text).unwrap_or_else(|| text.to_owned()),
    }
}

fn finnish(text: &str) -> Option<String> {
    let (number, code) = text.split_once(' ')?;
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |rest| ("−", rest));
    let (whole, decimals) = number.split_once('.').map_or((number, None), |(whole, part)| (whole, Some(part)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !decimals.is_none_or(digits) {
        return None;
    }
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(NO_BREAK_SPACE);
        }
        out.push(digit);
    }
    if let Some(decimals) = decimals {
        out.push(',');
        out.push_str(decimals);
    }
    out.push(NO_BREAK_SPACE);
    out.push_str(if code == "EUR" { "€" } else { code });
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_both_languages() {
        let fi = |text: &str| amount(Language::Fi, text).replace(NO_BREAK_SPACE, " ");
        assert_eq!(amount(Language::En, "1234.50 EUR"), "1234.50 EUR");
        assert_eq!(fi("1234.50 EUR"), "1 234,50 €");
        assert_eq!(fi("120.00 EUR"), "120,00 €");
        assert_eq!(fi("-1234567.00 SEK"), "−1 234 567,00 SEK");
        assert_eq!(fi("100000 JPY"), "100 000 JPY");
        assert_eq!(fi("as agreed"), "as agreed");
        assert_eq!(fi(""), "");
    }
}
