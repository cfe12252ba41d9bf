//! Whether iterates bounce: sign changes of the steps along one direction.

/// The share of consecutive moves `m_t = <theta_{t+1} - theta_t, q>` that have opposite signs; moves of zero are left
/// out.
///
/// With q the top eigenvector of the Hessian: 1 if the iterates jump from side to side of the valley at every step
/// (gradient descent with `eta > 1/lambda`), 0 if they slide, near 1/2 if each step forgets the one before. NaN if there
/// are fewer than two moves.
pub fn sign_changes(moves: &[f64]) -> f64 {
    let moves: Vec<f64> = moves.iter().copied().filter(|m| *m != 0.0).collect();
    let changes = moves.windows(2).filter(|pair| (pair[0] > 0.0) != (pair[1] > 0.0)).count();
    changes as f64 / moves.len().saturating_sub(1) as f64
}

#[cfg(test)]
mod tests {
    use super::sign_changes;

    #[test]
    fn alternating_sliding_and_resting() {
        assert_eq!(sign_changes(&[1.0, -1.0, 0.5, -3.0]), 1.0);
        assert_eq!(sign_changes(&[1.0, 1.0, 0.5, 0.0, 3.0]), 0.0);
        assert!(sign_changes(&[0.0, 1.0]).is_nan());
    }
}
