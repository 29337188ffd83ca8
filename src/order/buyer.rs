//! What an invoice says of whoever pays: the address in its parts, where an e-invoice is sent, and the
//! reference that the buyer wants to read on it. Form only; whether an address exists is asked nowhere.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::field::shown;
use super::{BillTo, Order};

/// A billing address in parts (EN 16931 BG-8).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PostalAddress {
    pub street: Option<String>,
    pub postal_code: Option<String>,
    pub city: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// Where an e-invoice is sent (EN 16931 BT-49): `0216:003712345678`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EInvoiceAddress {
    /// Of the list of Electronic Address Schemes: four digits, or `EM` for a mail address.
    pub scheme: String,
    pub id: String,
}

/// What an order says of whoever pays, beside who that is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payer {
    pub billing_address: Option<String>,
    pub vat_id: Option<String>,
    pub postal_address: Option<PostalAddress>,
    pub e_invoice_address: Option<EInvoiceAddress>,
    pub buyer_reference: Option<String>,
}

/// Whoever pays, as invoicing knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buyer<'a> {
    pub name: &'a str,
    /// `None` for a partner: an order states the customer's.
    pub business_id: Option<&'a str>,
    pub vat_id: Option<&'a str>,
    /// As it was written, where it was not given in parts.
    pub address: Option<&'a str>,
    pub postal: Option<&'a PostalAddress>,
    pub e_invoice: Option<&'a EInvoiceAddress>,
    /// EN 16931 BT-10.
    pub reference: Option<&'a str>,
}

impl Order {
    /// Somebody else pays: nothing of what was said of the one before holds.
    pub fn paid_by(&mut self, payer: Payer) {
        self.billing_address = payer.billing_address;
        self.vat_id = payer.vat_id;
        self.postal_address = payer.postal_address;
        self.e_invoice_address = payer.e_invoice_address;
        self.buyer_reference = payer.buyer_reference;
    }

    /// Whoever pays. Address, VAT id, e-invoice address and reference are those of `bill_to`; the business
    /// id is the customer's.
    #[must_use]
    pub fn buyer(&self) -> Buyer<'_> {
        let (name, business_id) = match self.bill_to {
            BillTo::Customer => (&self.customer_name, self.business_id.as_deref()),
            BillTo::Partner => (&self.partner, None),
        };
        Buyer {
            name,
            business_id,
            vat_id: self.vat_id.as_deref(),
            address: self.billing_address.as_deref(),
            postal: self.postal_address.as_ref(),
            e_invoice: self.e_invoice_address.as_ref(),
            reference: self.buyer_reference.as_deref(),
        }
    }
}

impl EInvoiceAddress {
    /// Reads `scheme:id`, with or without the prefix of Peppol's participant identifiers.
    ///
    /// # Errors
    /// What is wrong, and how it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix("iso6523-actorid-upis::").unwrap_or(text);
        let Some((scheme, id)) = bare.split_once(':') else {
            return Err(format!("`{}` has no scheme; write it like 0216:003712345678", shown(text)));
        };
        let (scheme, id) = (scheme.trim().to_ascii_uppercase(), id.trim());
        let numbered = scheme.len() == 4 && scheme.bytes().all(|b| b.is_ascii_digit());
        if !numbered && !["AN", "AQ", "AS", "AU", "EM"].contains(&scheme.as_str()) {
            return Err(format!(
                "`{}` is no scheme of electronic addresses; it has four digits, such as 0216 (OVT) or 0088 (GLN), or \
                 is EM for a mail address",
                shown(&scheme)
            ));
        }
        if id.is_empty() || id.len() > 100 || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("needs 1 to 100 visible ASCII characters after the scheme, without blanks".to_owned());
        }
        Ok(Self { scheme, id: id.to_owned() })
    }
}

impl fmt::Display for EInvoiceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.id)
    }
}

impl fmt::Display for PostalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let town: Vec<&str> = [&self.postal_code, &self.city].into_iter().flatten().map(String::as_str).collect();
        let lines = [self.street.clone().unwrap_or_default(), town.join(" "), self.country.clone()];
        f.write_str(&lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", "))
    }
}

/// A country by its code of ISO 3166-1 alpha-2, in capitals.
pub(super) fn country(text: &str) -> Result<String, String> {
    let code = text.trim().to_ascii_uppercase();
    if code.len() == 2 && COUNTRIES.split(' ').any(|known| known == code) {
        return Ok(code);
    }
    Err(format!("`{}` is no country code; write the two letters of ISO 3166-1, such as FI", shown(text)))
}

const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET \
    FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ \
    IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML \
    MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS \
    PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL \
    TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_invoice_addresses_as_people_write_them() {
        for (text, read) in [
            ("0216:003712345678", "0216:003712345678"),
            ("iso6523-actorid-upis::0088:7300010000001", "0088:7300010000001"),
            ("em: invoices@customer.example", "EM:invoices@customer.example"),
        ] {
            assert_eq!(EInvoiceAddress::parse(text).unwrap().to_string(), read);
        }
        for bad in ["", "003712345678", "37:1", "02a6:1", "0216:", "0216:a b", "0216:a\nb", "XX:1", "0216:ä"] {
            assert!(EInvoiceAddress::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn countries_are_codes_that_exist() {
        assert_eq!(country(" fi ").unwrap(), "FI");
        for bad in ["", "F", "FIN", "ZZ", "I F", "Finland"] {
            assert!(country(bad).is_err(), "{bad}");
        }
        assert_eq!(COUNTRIES.split(' ').count(), 249);
    }
}
