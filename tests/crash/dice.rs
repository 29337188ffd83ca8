//! The seed of a run: printed, and settable by `FENCEPOST_SEED`.

use rand::SeedableRng;
use rand::rngs::StdRng;

pub fn seed(of: &str) -> StdRng {
    let seed = std::env::var("FENCEPOST_SEED").map_or_else(|_| rand::random(), |text| text.parse().unwrap());
    eprintln!("{of}: seed {seed}");
    StdRng::seed_from_u64(seed)
}
