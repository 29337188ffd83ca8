//! Where each key of a YAML text stands, so that a mistake found after parsing (an unknown key, a
//! value out of range) can still be shown with its line and column. Knows nothing of what the keys
//! mean.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

/// A position in the text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: u64,
    pub column: u64,
}

/// One key as it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// The mapping that holds it, for example `gateway.mx_hosts[0]`; empty at the top.
    pub(super) parent: String,
    pub(super) name: String,
    pub(super) place: Place,
    /// Where the value begins.
    value: Place,
    /// The value, where it is a plain scalar.
    scalar: Option<String>,
}

/// Every key of a text with its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    keys: Vec<Key>,
    /// Items of lists: `probe.allow_targets[1]`.
    items: Vec<(String, Place)>,
}

impl Places {
    /// Reads the places of a text. A text that is no YAML has none: the parse for real tells why.
    pub(super) fn read(text: &str, options: serde_yaml::Options) -> Self {
        let mut places = Self::default();
        if let Ok(Some(root)) = serde_yaml::from_str_with_options::<Option<Node>>(text, options) {
            places.collect(&root, "");
        }
        places
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// Where the value at `path` begins; where it is not written, the nearest mapping around it.
    pub(super) fn find(&self, path: &str) -> Option<Place> {
        let mut rest = path;
        loop {
            if let Some((_, place)) = self.items.iter().find(|(item, _)| item == rest) {
                return Some(*place);
            }
            if let Some(key) = self.keys.iter().find(|key| key.path() == rest) {
                return Some(if rest == path { key.value } else { key.place });
            }
            rest = &rest[..rest.rfind(['.', '['])?];
        }
    }

    /// The key or list item whose value begins at `place`.
    pub(super) fn path_at(&self, place: Place) -> Option<String> {
        let item = || self.items.iter().find(|(_, at)| *at == place).map(|(path, _)| path.clone());
        self.keys.iter().find(|key| key.value == place).map(Key::path).or_else(item)
    }

    /// The scalar at `path`.
    pub(super) fn scalar(&self, path: &str) -> Option<&str> {
        self.keys.iter().find(|key| key.path() == path).and_then(|key| key.scalar.as_deref())
    }

    fn collect(&mut self, node: &Node, path: &str) {
        match node {
            Node::Leaf(_) => {}
            Node::Map(entries) => {
                for (name, value) in entries {
                    let scalar = if let Node::Leaf(text) = &value.value { text.clone() } else { None };
                    let key = Key {
                        parent: path.to_owned(),
                        name: name.value.clone(),
                        place: place_of(name),
                        value: place_of(value),
                        scalar,
                    };
                    let below = key.path();
                    self.keys.push(key);
                    self.collect(&value.value, &below);
                }
            }
            Node::Seq(items) => {
                for (index, item) in items.iter().enumerate() {
                    let below = format!("{path}[{index}]");
                    self.items.push((below.clone(), place_of(item)));
                    self.collect(&item.value, &below);
                }
            }
        }
    }
}

impl Key {
    pub(super) fn path(&self) -> String {
        if self.parent.is_empty() { self.name.clone() } else { format!("{}.{}", self.parent, self.name) }
    }
}

fn place_of<T>(spanned: &Spanned<T>) -> Place {
    Place { line: spanned.referenced.line(), column: spanned.referenced.column() }
}

/// A YAML value without its meaning.
#[derive(Debug)]
enum Node {
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
    Seq(Vec<Spanned<Node>>),
    Leaf(Option<String>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::Seq(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Leaf(Some(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Leaf(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Leaf(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Leaf(None))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Leaf(None))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Leaf(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Leaf(None))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(None))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }
}
