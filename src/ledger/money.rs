//! Money as integer minor units with an ISO 4217 currency. Decimals go in and come out as text;
//! there are no floats.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Currencies with the number of their minor digits (ISO 4217).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    Eur,
    Sek,
    Nok,
    Dkk,
    Gbp,
    Usd,
    Chf,
    Pln,
    Jpy,
}

/// An amount. Written `120.00 EUR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// Why a text is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("`{0}` is no amount; write it like `120.00 EUR`")]
    Format(String),
    #[error("`{0}` is no currency known here; use one of EUR, SEK, NOK, DKK, GBP, USD, CHF, PLN, JPY")]
    Currency(String),
    #[error("`{text}` has more decimals than the {digits} of {currency}")]
    Decimals { text: String, digits: usize, currency: Currency },
    #[error("`{0}` is too large an amount")]
    TooLarge(String),
}

impl Currency {
    const ALL: [Self; 9] =
        [Self::Eur, Self::Sek, Self::Nok, Self::Dkk, Self::Gbp, Self::Usd, Self::Chf, Self::Pln, Self::Jpy];

    /// Digits after the decimal point.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Jpy => 0,
            _ => 2,
        }
    }

    /// ISO 4217 code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Eur => "EUR",
            Self::Sek => "SEK",
            Self::Nok => "NOK",
            Self::Dkk => "DKK",
            Self::Gbp => "GBP",
            Self::Usd => "USD",
            Self::Chf => "CHF",
            Self::Pln => "PLN",
            Self::Jpy => "JPY",
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Money {
    /// The amount alone, with a point before the minor digits: `120.00`.
    #[must_use]
    pub fn decimal(&self) -> String {
        let digits = self.currency.digits();
        let sign = if self.minor < 0 { "-" } else { "" };
        let text = format!("{:0width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = text.split_at(text.len() - digits);
        let point = if digits > 0 { "." } else { "" };
        format!("{sign}{whole}{point}{fraction}")
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.decimal(), self.currency))
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let shown: String = text.chars().take(40).collect();
        let bad = || MoneyError::Format(shown.clone());
        let (amount, code) = text.trim().split_once(' ').ok_or_else(bad)?;
        let code = code.trim();
        let currency = Currency::ALL
            .into_iter()
            .find(|c| c.code().eq_ignore_ascii_case(code))
            .ok_or_else(|| MoneyError::Currency(code.chars().take(10).collect()))?;
        let (negative, digits) = amount.strip_prefix('-').map_or((false, amount), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let only_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty()
            || !only_digits(whole)
            || !only_digits(fraction)
            || (digits.contains('.') && fraction.is_empty())
        {
            return Err(bad());
        }
        if fraction.len() > currency.digits() {
            return Err(MoneyError::Decimals { text: shown, digits: currency.digits(), currency });
        }
        let joined = format!("{whole}{fraction:0<width$}", width = currency.digits());
        let minor: i64 = joined.parse().map_err(|_| MoneyError::TooLarge(shown.clone()))?;
        if minor > 1_000_000_000_000 {
            return Err(MoneyError::TooLarge(shown));
        }
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }
}

impl TryFrom<String> for Money {
    type Error = MoneyError;

    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Money> for String {
    fn from(money: Money) -> Self {
        money.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_in_and_out() {
        for text in ["120.00 EUR", "0.05 EUR", "-3.10 SEK", "1500 JPY"] {
            assert_eq!(text.parse::<Money>().unwrap().to_string(), text);
        }
        assert_eq!("120 EUR".parse::<Money>().unwrap().minor, 12_000);
        for bad in
            ["", "120", "1,20 EUR", "1.234 EUR", "EUR 1", "1. EUR", "1e3 EUR", "1 XYZ", "99999999999999999999 EUR"]
        {
            assert!(bad.parse::<Money>().is_err(), "{bad}");
        }
    }
}
