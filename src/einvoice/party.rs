//! Seller and buyer as an e-invoice names them, and what is missing for that. An invoice that its
//! receiver would refuse is not written; it is said instead which field is missing and how to give it.

use crate::config::SellerConfig;
use crate::order::{Buyer, EInvoiceAddress};

/// A party of EN 16931 (BG-4, BG-7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    pub name: String,
    pub address: Address,
    pub vat_id: Option<String>,
    pub business_id: Option<String>,
    /// Where it takes e-invoices.
    pub endpoint: EInvoiceAddress,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub street: Option<String>,
    pub postal_code: Option<String>,
    pub city: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// Why an invoice cannot be written, at a field of the agreement or key of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Missing {
    pub field: String,
    /// What is missing, the rule that wants it, and the way out.
    pub message: String,
}

impl Missing {
    pub(super) fn new(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), message: message.into() }
    }
}

/// The seller of the configuration.
pub(super) fn seller(config: &SellerConfig) -> Result<Party, Missing> {
    let endpoint = endpoint("commerce.seller.e_invoice_address", &config.e_invoice_address)?;
    Ok(Party {
        name: config.name.clone(),
        address: Address {
            street: Some(config.street.clone()),
            postal_code: Some(config.postal_code.clone()),
            city: Some(config.city.clone()),
            country: config.country.clone(),
        },
        vat_id: Some(config.vat_id.clone()),
        business_id: Some(config.business_id.clone()),
        endpoint,
    })
}

/// Whoever pays, by what was agreed; everything that is missing at once.
pub(super) fn buyer(buyer: &Buyer<'_>) -> Result<Party, Vec<Missing>> {
    let mut missing = Vec::new();
    if buyer.postal.is_none() {
        let why = "the address is not given in parts, and an e-invoice needs the country at least (BR-11); give \
                   `billing_country` with `billing_street`, `billing_postal_code` and `billing_city`";
        missing.push(Missing::new("billing_country", why));
    }
    let endpoint = match buyer.e_invoice {
        None => Err(Missing::new(
            "e_invoice_address",
            "there is no address to send an e-invoice to (PEPPOL-EN16931-R010); give `e_invoice_address`, such as \
             0216:003712345678",
        )),
        Some(address) => known(address).map(|()| address.clone()).map_err(|why| Missing::new("e_invoice_address", why)),
    };
    let vat_id = buyer.vat_id.map(compact);
    if let Some(id) =
        vat_id.as_deref().filter(|id| !id.get(..2).is_some_and(|prefix| prefix.bytes().all(|b| b.is_ascii_uppercase())))
    {
        let why =
            format!("`{id}` does not begin with the two letters of its country (BR-CO-09); write it like FI12345678");
        missing.push(Missing::new("vat_id", why));
    }
    match (endpoint, buyer.postal) {
        (Ok(endpoint), Some(postal)) if missing.is_empty() => Ok(Party {
            name: buyer.name.to_owned(),
            address: Address {
                street: postal.street.clone(),
                postal_code: postal.postal_code.clone(),
                city: postal.city.clone(),
                country: postal.country.clone(),
            },
            vat_id,
            business_id: buyer.business_id.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()),
            endpoint,
        }),
        (endpoint, _) => {
            missing.extend(endpoint.err());
            Err(missing)
        }
    }
}

fn endpoint(field: &str, text: &str) -> Result<EInvoiceAddress, Missing> {
    let address = EInvoiceAddress::parse(text).map_err(|why| Missing::new(field, why))?;
    known(&address).map_err(|why| Missing::new(field, why))?;
    Ok(address)
}

/// Schemes that e-invoices may be addressed by (PEPPOL-EN16931-CL008), and the form of those that have one
/// that can be verified (PEPPOL-COMMON-R040 to R049).
fn known(address: &EInvoiceAddress) -> Result<(), String> {
    let EInvoiceAddress { scheme, id } = address;
    if !SCHEMES.split_ascii_whitespace().any(|known| known == scheme) {
        return Err(format!(
            "`{scheme}` is no scheme by which Peppol addresses e-invoices (PEPPOL-EN16931-CL008); one is 0216, 0088 or \
             0007"
        ));
    }
    let digits: Vec<u32> = id.chars().filter_map(|c| c.to_digit(10)).collect();
    let numeric = digits.len() == id.len();
    let fits = match scheme.as_str() {
        "0088" => numeric && digits.len() > 1 && gln(&digits),
        "0192" => numeric && digits.len() == 9 && mod11(&digits),
        "0208" => numeric && digits.len() == 10 && id.parse::<u64>().is_ok_and(|n| 97 - (n / 100) % 97 == n % 100),
        "0184" => {
            id.strip_prefix("DK").unwrap_or(id).bytes().filter(u8::is_ascii_digit).count() == 8
                && matches!(id.len(), 8 | 10)
        }
        "0007" => numeric && digits.len() == 10 && luhn(&digits),
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(format!("`{id}` cannot be a number of scheme {scheme}: it has a typing error (PEPPOL-COMMON-R040 to R049)"))
    }
}

fn check(digits: &[u32], weigh: impl Fn(usize, u32) -> u32) -> Option<(u32, u32)> {
    let (last, rest) = digits.split_last()?;
    Some((*last, rest.iter().rev().enumerate().map(|(at, digit)| weigh(at, *digit)).sum()))
}

fn gln(digits: &[u32]) -> bool {
    check(digits, |at, digit| if at % 2 == 0 { digit * 3 } else { digit })
        .is_some_and(|(last, sum)| (10 - sum % 10) % 10 == last)
}

fn mod11(digits: &[u32]) -> bool {
    let weight = |at: usize| u32::try_from(at % 6).unwrap_or_default() + 2;
    check(digits, |at, digit| digit * weight(at)).is_some_and(|(last, sum)| (11 - sum % 11) % 11 == last)
}

fn luhn(digits: &[u32]) -> bool {
    let double = |digit: u32| digit * 2 / 10 + digit * 2 % 10;
    check(digits, |at, digit| if at % 2 == 0 { double(digit) } else { digit })
        .is_some_and(|(last, sum)| (10 - sum % 10) % 10 == last)
}

fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase()
}

/// The list of Electronic Address Schemes that Peppol BIS Billing 3 takes.
const SCHEMES: &str = "0002 0007 0009 0037 0060 0088 0096 0097 0106 0130 0135 0142 0147 0151 0154 0158 0170 0177 0183 \
    0184 0188 0190 0191 0192 0193 0194 0195 0196 0198 0199 0200 0201 0202 0203 0204 0205 0208 0209 0210 0211 0212 0213 \
    0215 0216 0217 0218 0221 0225 0230 0235 0240 9910 9913 9914 9915 9918 9919 9920 9922 9923 9924 9925 9926 9927 9928 \
    9929 9930 9931 9932 9933 9934 9935 9936 9937 9938 9939 9940 9941 9942 9943 9944 9945 9946 9947 9948 9949 9950 9951 \
    9952 9953 9957 9959";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_typing_error_are_found() {
        let fits = |text: &str| known(&EInvoiceAddress::parse(text).unwrap()).is_ok();
        for good in [
            "0216:003712345678",
            "0088:7300010000001",
            "0192:991825827",
            "0208:0202239951",
            "0184:DK16356706",
            "0007:5567321707",
        ] {
            assert!(fits(good), "{good}");
        }
        for bad in [
            "EM:a@b.example",
            "0001:1",
            "0088:7300010000002",
            "0088:x",
            "0192:991825828",
            "0208:0202239952",
            "0184:1635670",
            "0007:5567321708",
        ] {
            assert!(!fits(bad), "{bad}");
        }
    }
}
