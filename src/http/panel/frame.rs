//! What surrounds every page: where its reader can go, and whether the page renews itself. A page's
//! handler alone decides who may read it; this offers only what would be shown.

use super::session::Reader;
use crate::store::Role;

const EVERYBODY: &[Role] = &[Role::Desk, Role::Partner, Role::Accounting, Role::Viewer];
const ORDERING: &[Role] = &[Role::Desk, Role::Partner];
const CONCERNED: &[Role] = &[Role::Desk, Role::Partner, Role::Accounting];
const BOOKS: &[Role] = &[Role::Desk, Role::Accounting];
const DESK: &[Role] = &[Role::Desk];

/// The places that the navigation names, in its order, and for whom.
const PLACES: &[(&str, &str, &[Role])] = &[
    ("/", "Domains", EVERYBODY),
    ("/order", "Order", ORDERING),
    ("/proposals", "Proposals", BOOKS),
    ("/discrepancies", "Discrepancies", CONCERNED),
    ("/vantages", "Vantages", DESK),
    ("/parked", "Parked work", DESK),
    ("/audit", "Who did what", BOOKS),
];

/// Everything that `base.html` wants to know.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// Empty for somebody who has not signed in and may read nothing.
    pub links: Vec<Link>,
    pub signed_in: bool,
    /// What a form of this reader carries.
    pub form: Option<String>,
    /// Seconds after which the page is looked at again.
    pub refresh: Option<u32>,
}

/// A place in the navigation.
#[derive(Debug)]
pub(super) struct Link {
    pub path: &'static str,
    pub word: &'static str,
    /// The page is this place, or lies under it.
    pub here: bool,
}

impl Frame {
    /// Around a page for `reader` that is or lies under `place`, for example `/proposals`.
    pub(super) fn of(reader: &Reader, place: &'static str) -> Self {
        let role = reader.identity.role;
        let links = PLACES.iter().filter(|(.., roles)| roles.contains(&role));
        let links = links.map(|&(path, word, _)| Link { path, word, here: path == place }).collect();
        Self { links, signed_in: reader.signed_in, form: reader.form_for(EVERYBODY), refresh: None }
    }

    /// Around a page for somebody unknown: it leads nowhere.
    pub(super) fn nobody() -> Self {
        Self::default()
    }

    /// The page shows what changes by itself.
    pub(super) fn every(self, seconds: u32) -> Self {
        Self { refresh: Some(seconds), ..self }
    }
}
