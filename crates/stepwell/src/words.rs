//! Numbers and names in words for people.

use crate::statistics::{Band, Share};

/// A number for people: three significant digits, scientific where it is small or large.
pub fn short(value: f64) -> String {
    significant(value, 3)
}

/// `digits` significant digits, scientific below 1e-3 and from 1e5 on.
pub fn significant(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "–".into();
    }
    if value == 0.0 || !value.is_finite() || (value.fract() == 0.0 && value.abs() < 1e5) {
        return format!("{value}");
    }
    let exponent = libm::log10(value.abs()).floor() as i32;
    if (-3..5).contains(&exponent) {
        format!("{value:.*}", (digits as i32 - 1 - exponent).max(0) as usize)
    } else {
        format!("{value:.*e}", digits - 1)
    }
}

/// `median [10%, 90%]`; a dash if there is no value.
pub fn band_text(band: &Band) -> String {
    if band.count == 0 {
        return "–".into();
    }
    format!("{} [{}, {}]", short(band.median), short(band.p10), short(band.p90))
}

/// The same with the number of values, where it is not `all`: `122 [104, 139], 3 runs`.
pub fn band_of_text(band: &Band, all: usize) -> String {
    match band.count {
        0 => band_text(band),
        count if count == all => band_text(band),
        count => format!("{}, {count} run{}", band_text(band), if count == 1 { "" } else { "s" }),
    }
}

/// `hits of total [95% interval]`.
pub fn share_text(share: &Share) -> String {
    format!("{} of {} [{}, {}]", share.hits, share.total, percent(share.low), percent(share.high))
}

/// A share in percent.
pub fn percent(value: f64) -> String {
    if value.is_nan() { "–".into() } else { format!("{:.0}%", 100.0 * value) }
}

/// `100,001`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

/// A series' name in words: `feature_sparsity_2` is "feature sparsity, layer 2", `feature_sparsity/block3` of a deep network is
/// "feature sparsity, block3".
pub fn probe_words(name: &str) -> String {
    if let Some(what) = name.strip_prefix("jacobian_") {
        return format!("{} of the Jacobian", what.replace('_', " "));
    }
    if let Some((what, place)) = name.split_once('/') {
        return format!("{}, {place}", what.replace('_', " "));
    }
    let (stem, layer) = match name.rsplit_once('_') {
        Some((stem, layer)) if layer.parse::<usize>().is_ok() => (stem, Some(layer)),
        _ => (name, None),
    };
    let words = match stem {
        "nonzero" => "non-zero coordinates".into(),
        "rank" => "rank of the Jacobian".into(),
        "parameter_norm" => "norm of parameters".into(),
        "nonzero_share" => "non-zero activations".into(),
        other => other.replace('_', " "),
    };
    layer.map_or(words.clone(), |layer| format!("{words}, layer {layer}"))
}

/// A series' name above or beside its values: of feature sparsity, which way is sparse.
pub fn probe_label(name: &str) -> String {
    let sparser = if name.starts_with("feature_sparsity") { " (lower is sparser)" } else { "" };
    format!("{}{sparser}", probe_words(name))
}

/// A series' name within a sentence: a layer or place stands between commas.
pub fn probe_in_sentence(name: &str) -> String {
    let words = probe_words(name);
    if words.contains(',') { words + "," } else { words }
}

/// The first letter as a capital.
pub fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(short(6.2649e-5), "6.26e-5");
        assert_eq!(short(0.0659), "0.0659");
        assert_eq!(short(89.0), "89");
        assert_eq!(short(89.512), "89.5");
        assert_eq!(short(f64::NAN), "–");
        let ranks = Band::of(&[104.0, 122.0, f64::NAN, 139.0]);
        assert_eq!(band_of_text(&ranks, 53), "122 [108, 136], 3 runs");
        assert_eq!([band_of_text(&ranks, 3), band_of_text(&Band::of(&[]), 3)], ["122 [108, 136]", "–"]);
        assert_eq!(short(f64::INFINITY), "inf");
        assert_eq!(significant(3.528621943603826e-3, 14), "0.0035286219436038");
    }

    #[test]
    fn words_and_thousands() {
        assert_eq!(thousands(100_001), "100,001");
        assert_eq!(thousands(7), "7");
        assert_eq!(probe_words("feature_sparsity_2"), "feature sparsity, layer 2");
        assert_eq!(probe_words("feature_sparsity/block3"), "feature sparsity, block3");
        assert_eq!(probe_words("jacobian_effective_rank"), "effective rank of the Jacobian");
        assert_eq!(probe_in_sentence("feature_sparsity_2"), "feature sparsity, layer 2,");
        assert_eq!(probe_label("feature_sparsity_2"), "feature sparsity, layer 2 (lower is sparser)");
        assert_eq!(probe_label("train_loss"), "train loss");
        assert_eq!(probe_in_sentence("test_loss"), "test loss");
        assert_eq!(capitalized(&probe_words("train_loss")), "Train loss");
    }
}
