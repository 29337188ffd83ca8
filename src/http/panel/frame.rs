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
    ("/customers", "Customers", EVERYBODY),
    ("/order", "Order", ORDERING),
    ("/ledger", "Ledger", BOOKS),
    ("/invoicing", "Invoicing", BOOKS),
    ("/proposals", "Proposals", BOOKS),
    ("/discrepancies", "Discrepancies", CONCERNED),
    ("/vantages", "Vantages", DESK),
    ("/parked", "Parked work", DESK),
    ("/audit", "Who did what", BOOKS),
];

/// Where the demonstration explains itself.
const GUIDE: (&str, &str) = ("/demo", "Demonstration");

/// Everything that `base.html` wants to know.
#[derive(Debug, Default)]
pub struct Frame {
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
pub struct Link {
    pub path: &'static str,
    pub word: &'static str,
    /// The page is this place, or lies under it.
    pub here: bool,
}

impl Frame {
    /// Around a page for `reader` that is or lies under `place`, for example `/proposals`.
    pub(super) fn of(reader: &Reader, place: &'static str) -> Self {
        let role = reader.identity.role;
        let mut links = links(role, place);
        // Only the demonstration has pages that are open to whoever has not signed in.
        if !reader.signed_in {
            links.push(Link { path: GUIDE.0, word: GUIDE.1, here: false });
        }
        Self { links, signed_in: reader.signed_in, form: reader.form(), refresh: None }
    }

    /// Around the guide of the demonstration, whose pages are open.
    #[must_use]
    pub fn demonstration() -> Self {
        let mut links = links(Role::Viewer, "");
        links.push(Link { path: GUIDE.0, word: GUIDE.1, here: true });
        Self { links, ..Self::default() }
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

fn links(role: Role, place: &str) -> Vec<Link> {
    let own = PLACES.iter().filter(|(.., roles)| roles.contains(&role));
    own.map(|&(path, word, _)| Link { path, word, here: path == place }).collect()
}
