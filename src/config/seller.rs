//! Who sends the invoices, as e-invoices have to say it. Nothing here computes tax.

use serde::{Deserialize, Serialize};

/// The seller of EN 16931 (BG-4) with its account and the tax it charges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SellerConfig {
    /// Registered name.
    pub name: String,
    pub street: String,
    pub postal_code: String,
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// With the prefix of its country.
    pub vat_id: String,
    /// Number in the register of companies.
    pub business_id: String,
    /// Where the seller itself takes e-invoices: `scheme:id`.
    pub e_invoice_address: String,
    pub iban: String,
    #[serde(default)]
    pub bic: Option<String>,
    /// Days from the invoice's date until it is due.
    #[serde(default = "payment_days")]
    pub payment_days: u16,
    /// Buyers in the seller's own country.
    pub vat: VatConfig,
    /// Buyers elsewhere; without it, no invoice is written for them.
    #[serde(default)]
    pub vat_abroad: Option<VatConfig>,
}

const fn payment_days() -> u16 {
    14
}

/// How tax is charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VatConfig {
    pub category: VatCategory,
    /// Percent, with at most two decimals: `25.5`.
    #[serde(default)]
    pub rate: Option<String>,
    /// Why there is no tax, for people.
    #[serde(default)]
    pub exemption_reason: Option<String>,
}

/// Code of UNCL 5305 in the subset that a service can be charged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VatCategory {
    /// S: a rate above zero.
    Standard,
    /// Z: taxed at zero.
    Zero,
    /// E: exempt; the reason has to be said.
    Exempt,
    /// AE: the buyer accounts for the tax.
    ReverseCharge,
}

impl VatConfig {
    /// Hundredths of a percent.
    ///
    /// # Errors
    /// What is wrong with the rate, and how to write it.
    pub fn basis_points(&self) -> Result<u32, String> {
        let taxed = self.category == VatCategory::Standard;
        let Some(text) = self.rate.as_deref() else {
            return if taxed { Err("is missing; write the percent, such as '25.5'".to_owned()) } else { Ok(0) };
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let point = text.contains('.') != fraction.is_empty();
        if whole.is_empty() || whole.len() > 2 || fraction.len() > 2 || !digits(whole) || !digits(fraction) || !point {
            return Err(format!(
                "`{text}` is no percentage; write one below 100 with at most two decimals, such as '25.5'"
            ));
        }
        let points: u32 = format!("{whole}{fraction:0<2}").parse().map_err(|_| "is no percentage".to_owned())?;
        match (taxed, points) {
            (true, 0) => Err("is zero; the category for that is `zero`, `exempt` or `reverse_charge`".to_owned()),
            (false, 1..) => Err("goes with the category `standard` alone; leave it out".to_owned()),
            _ => Ok(points),
        }
    }
}

/// Where closed runs are told to the accounting system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    pub url: String,
    /// File with the signing secret, `whsec_…` (Standard Webhooks).
    pub secret_file: std::path::PathBuf,
}

/// The check digits of an IBAN (ISO 13616).
#[must_use]
pub(super) fn is_iban(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !plain || !(15..=34).contains(&text.len()) {
        return false;
    }
    let (head, tail) = text.split_at(4);
    let rest = tail.chars().chain(head.chars()).filter_map(|c| c.to_digit(36)).fold(0_u32, |rest, digit| {
        let rest = if digit > 9 { rest * 100 + digit } else { rest * 10 + digit };
        rest % 97
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ibans_with_a_typing_error_are_found() {
        assert!(is_iban("FI2112345600000785"));
        assert!(is_iban("NO9386011117947"));
        for bad in ["FI2112345600000786", "FI21 1234 5600 0007 85", "fi2112345600000785", "", "FI21"] {
            assert!(!is_iban(bad), "{bad}");
        }
    }

    #[test]
    fn rates_are_hundredths_of_a_percent() {
        let rate = |category, rate: Option<&str>| {
            VatConfig { category, rate: rate.map(str::to_owned), exemption_reason: None }.basis_points()
        };
        assert_eq!(rate(VatCategory::Standard, Some("25.5")), Ok(2550));
        assert_eq!(rate(VatCategory::Standard, Some("8.1")), Ok(810));
        assert_eq!(rate(VatCategory::Standard, Some("24")), Ok(2400));
        assert_eq!(rate(VatCategory::ReverseCharge, None), Ok(0));
        for bad in ["", "0", "25,5", "25.", "100", "1.234", "-1", ".5", "1e1"] {
            assert!(rate(VatCategory::Standard, Some(bad)).is_err(), "{bad}");
        }
        assert!(rate(VatCategory::Standard, None).is_err());
        assert!(rate(VatCategory::Zero, Some("5")).is_err());
    }
}
