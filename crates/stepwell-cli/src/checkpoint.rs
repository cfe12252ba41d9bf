//! How often runs are saved, and their parameters in files.

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::failure::Failure;

/// Seconds between checkpoints: `STEPWELL_CHECKPOINT_EVERY`, or 10.
pub fn every() -> f64 {
    let given = std::env::var("STEPWELL_CHECKPOINT_EVERY").ok().and_then(|text| text.parse::<f64>().ok());
    given.filter(|seconds| *seconds >= 0.0).unwrap_or(10.0)
}

/// Tells of a checkpoint that is of no use.
pub fn warn(message: &str) {
    eprintln!("{message}");
}

/// Parameters of runs as a safetensors file: one vector a run, by its name. The same bytes for the same parameters.
pub fn parameters_file(named: &[(String, &[f64])]) -> Result<Vec<u8>, Failure> {
    let fail = |error| Failure::other(format!("parameters: {error}"));
    let bytes: Vec<Vec<u8>> =
        named.iter().map(|(_, theta)| theta.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let views = named.iter().zip(&bytes).map(|((name, theta), bytes)| {
        Ok((name.as_str(), TensorView::new(Dtype::F64, vec![theta.len()], bytes).map_err(fail)?))
    });
    safetensors::serialize(views.collect::<Result<Vec<_>, Failure>>()?, None).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_the_same_bytes_whatever_their_order() {
        let (one, two) = (("a/1".to_string(), &[1.0, f64::NAN][..]), ("b/1".to_string(), &[-0.0][..]));
        let bytes = parameters_file(&[one.clone(), two.clone()]).unwrap();
        assert_eq!(bytes, parameters_file(&[two, one]).unwrap());
    }
}
