//! The worlds that are walked, each with a part of all that can happen: all of it at once has too many states.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use fencepost::lifecycle::connection::Phase;

use super::{Begin, Decide, FAIL, Machine, OPEN, PASS};
use crate::script::{Announced, Mx};

pub(super) fn machines(decide: Decide, seen: &Arc<Mutex<BTreeSet<(Phase, Phase)>>>) -> Vec<(&'static str, Machine)> {
    let world = |hosted| Machine {
        decide,
        hosted,
        verdicts: [&[], &[PASS], &[PASS], &[PASS]],
        rounds: &[Mx::Old],
        persons: &[0],
        silences: &[6],
        watches: &[],
        late: false,
        reconfigured: false,
        announced: &[],
        next: [&[], &[]],
        begins: Begin::Ordered,
        seen: Arc::clone(seen),
    };
    vec![
        (
            "gates and permit",
            Machine {
                verdicts: [&[PASS, FAIL], &[PASS, FAIL], &[PASS, FAIL], &[PASS, FAIL]],
                persons: &[0, 3],
                rounds: &[Mx::Old, Mx::Mixed],
                ..world(false)
            },
        ),
        (
            "another configuration",
            Machine {
                verdicts: [&[], &[PASS, FAIL], &[PASS], &[PASS, OPEN]],
                persons: &[0, 3],
                reconfigured: true,
                ..world(true)
            },
        ),
        (
            "late facts",
            Machine {
                verdicts: [&[], &[PASS, OPEN], &[PASS], &[PASS]],
                late: true,
                rounds: &[Mx::Old, Mx::Ours],
                ..world(true)
            },
        ),
        (
            "window and drift",
            Machine {
                verdicts: [&[], &[PASS, FAIL], &[PASS], &[PASS]],
                rounds: &[Mx::Ours, Mx::OursSlow, Mx::Mixed, Mx::Old],
                silences: &[24],
                watches: &[24],
                ..world(true)
            },
        ),
        (
            "release",
            Machine {
                verdicts: [&[], &[PASS], &[PASS], &[PASS]],
                rounds: &[Mx::Ours, Mx::Old, Mx::OldCached],
                persons: &[0, 1, 2],
                silences: &[24],
                watches: &[24],
                ..world(true)
            },
        ),
        (
            "endings",
            Machine {
                verdicts: [&[], &[], &[], &[]],
                rounds: &[Mx::Ours, Mx::Old, Mx::Nx, Mx::Error],
                persons: &[1, 2, 5, 6],
                silences: &[15 * 24],
                begins: Begin::Connected,
                ..world(true)
            },
        ),
        (
            "other own servers",
            Machine {
                verdicts: [&[], &[PASS, FAIL], &[PASS, FAIL], &[]],
                next: [&[PASS, FAIL], &[PASS, FAIL]],
                rounds: &[Mx::Ours],
                persons: &[7, 8],
                begins: Begin::Connected,
                ..world(true)
            },
        ),
        (
            "suspension",
            Machine { rounds: &[Mx::Old, Mx::Ours], persons: &[0, 3, 9, 10, 11], silences: &[24], ..world(true) },
        ),
        (
            "places that come and go",
            Machine {
                verdicts: [&[], &[PASS], &[], &[]],
                rounds: &[Mx::Ours, Mx::OursRetiring],
                announced: &[Announced::GetsIn, Announced::Blocked, Announced::Unknown, Announced::Retired],
                reconfigured: true,
                begins: Begin::Connected,
                ..world(false)
            },
        ),
        (
            "places under a permit",
            Machine {
                verdicts: [&[], &[PASS], &[PASS], &[PASS]],
                announced: &[Announced::GetsIn, Announced::Blocked],
                ..world(false)
            },
        ),
        (
            "import",
            Machine {
                verdicts: [&[], &[PASS, FAIL], &[PASS], &[]],
                rounds: &[Mx::Ours, Mx::Old],
                persons: &[1, 9, 11],
                watches: &[24],
                begins: Begin::Imported,
                ..world(true)
            },
        ),
    ]
}
