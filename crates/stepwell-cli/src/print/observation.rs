//! The seeds that an observation rests on, in words.

use stepwell::verdict::Observation;
use stepwell::words::share_text;

/// In how many seeds it is so, how many are tied, and on how many of all that rests.
pub fn seeds_text(observation: &Observation) -> String {
    let Observation { share, signs, seeds, .. } = observation;
    let tied = if signs.tied > 0 { format!(", {} tied", signs.tied) } else { String::new() };
    let of = seeds
        .filter(|seeds| *seeds != signs.pairs())
        .map(|seeds| format!(" ({} of {seeds} seeds have a value in both)", signs.pairs()));
    format!("{}{tied}{}", share_text(share), of.unwrap_or_default())
}
