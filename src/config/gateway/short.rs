//! Hosts and addresses that need no more than their name, written as a plain string.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use fencepost_checks::DomainName;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::{EgressAddress, MxHost, first};

/// Something that can be written as one word.
pub(super) trait Short: Sized {
    /// What is expected, for messages.
    const EXPECTED: &str;

    fn read(text: &str) -> Result<Self, String>;
}

impl Short for MxHost {
    const EXPECTED: &str = "the name of an MX host, or a mapping with `name`";

    fn read(text: &str) -> Result<Self, String> {
        let name = DomainName::parse(text).map_err(|error| format!("`{text}` is no host name: {error}"))?;
        Ok(Self::current(name, first()))
    }
}

impl Short for EgressAddress {
    const EXPECTED: &str = "an IP address, or a mapping with `address`";

    fn read(text: &str) -> Result<Self, String> {
        let address = FromStr::from_str(text).map_err(|_| format!("`{text}` is no IP address"))?;
        Ok(Self::here(address))
    }
}

/// A list whose items are mappings or plain strings.
///
/// # Errors
/// Those of the items.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Short + Deserialize<'de>,
{
    let items = Vec::<Item<T>>::deserialize(deserializer)?;
    Ok(items.into_iter().map(|item| item.0).collect())
}

struct Item<T>(T);

impl<'de, T: Short + Deserialize<'de>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either(PhantomData)).map(Item)
    }
}

struct Either<T>(PhantomData<T>);

impl<'de, T: Short + Deserialize<'de>> Visitor<'de> for Either<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
