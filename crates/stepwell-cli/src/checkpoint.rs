//! How often runs are saved.

/// Seconds between checkpoints: `STEPWELL_CHECKPOINT_EVERY`, or 10.
pub fn every() -> f64 {
    let given = std::env::var("STEPWELL_CHECKPOINT_EVERY").ok().and_then(|text| text.parse::<f64>().ok());
    given.filter(|seconds| *seconds >= 0.0).unwrap_or(10.0)
}

/// Tells of a checkpoint that is of no use.
pub fn warn(message: &str) {
    eprintln!("{message}");
}
