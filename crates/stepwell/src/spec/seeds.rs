//! What of an experiment depends on the seed of a run.

use super::{DataSpec, Draw, DynamicsSpec, Indices, InitSpec, Spec};
use crate::model::LayerInit;

impl Spec {
    /// Whether each seed draws a data set of its own.
    pub fn draws_data(&self) -> bool {
        match &self.data {
            DataSpec::SparseRegression(data) => data.draw == Draw::Seed,
            DataSpec::TeacherStudent(data) => data.draw == Draw::Seed,
            DataSpec::Grid(_) | DataSpec::Scalar(_) | DataSpec::File(_) => false,
        }
    }

    /// Whether each seed draws parameters to start from, or anything on the way: samples, or noise.
    pub fn draws_runs(&self) -> bool {
        self.init.is_drawn() || self.dynamics.is_drawn()
    }

    /// Whether runs of different seeds differ. They do not if data, start and sample indices are given (gradient descent from a
    /// fixed start; SGD with indices from a file): then all seeds are one run, of which no statistics over seeds can be taken.
    ///
    /// ```
    /// use stepwell::spec::Spec;
    ///
    /// let text = "
    ///     steps = 9
    ///     model = 'linear'
    ///     loss = 'half_mean_square'
    ///     data.scalar = { x = [1.0], theta_star = 1.0 }
    ///     init.constant = 0.1
    ///     dynamics.gradient_descent = {}
    ///     schedule.step_size = 0.1
    /// ";
    /// assert!(!Spec::from_toml(text)?.seeds_differ());
    /// assert!(Spec::from_toml(&text.replace("gradient_descent", "sgd"))?.seeds_differ());
    /// # Ok::<(), stepwell::spec::SpecError>(())
    /// ```
    pub fn seeds_differ(&self) -> bool {
        self.draws_data() || self.draws_runs()
    }
}

impl InitSpec {
    fn is_drawn(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Diagonal(_) | Self::Values(_) | Self::File(_) => false,
            Self::He | Self::FrameworkDefault => true,
            Self::Normal(deviation) => *deviation != 0.0,
            Self::Layers(layers) => [&layers.weights, &layers.biases]
                .into_iter()
                .flat_map(|layers| layers.entries())
                .any(|layer| *layer != LayerInit::Zeros),
        }
    }
}

impl DynamicsSpec {
    fn is_drawn(&self) -> bool {
        match self {
            Self::GradientDescent => false,
            Self::Sgd(_) | Self::LabelNoise(_) => self.indices() == Some(&Indices::Seed),
            Self::MiniBatch(_) | Self::FixedLabelNoise(_) | Self::Sde(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each part that can draw makes the difference alone.
    #[test]
    fn seeds_differ_where_anything_is_drawn() {
        let differ = |data: &str, init: &str, dynamics: &str| {
            let text = format!(
                "steps = 9\nmodel.fully_connected = {{ hidden = [2] }}\nloss = 'mean_square'\n{data}\n{init}\n{dynamics}\n\
                 schedule.step_size = 0.1"
            );
            Spec::from_toml(&text).unwrap().seeds_differ()
        };
        let data = |draw: &str| format!("data.sparse_regression = {{ n = 9, d = 3, sparsity = 1{draw} }}");
        let (drawn, fixed) = (data(""), data(", draw.fresh = 3"));
        let (fixed_start, zeros) = ("init.constant = 0.1", "init.layers.weights = 'zeros'");
        let (gd, replayed) = ("dynamics.gradient_descent = {}", "dynamics.sgd.indices.numpy_legacy = 1");
        assert!(!differ(&fixed, fixed_start, gd));
        assert!(!differ(&fixed, fixed_start, replayed));
        assert!(!differ(&data(", draw.numpy_legacy = 0"), zeros, gd));
        assert!(!differ(&fixed, "init.normal = 0.0", gd));
        assert!(differ(&drawn, fixed_start, gd));
        assert!(differ(&fixed, "init = 'he'", gd));
        assert!(differ(&fixed, "init.layers.weights = ['zeros', 'he']", gd));
        assert!(differ(&fixed, "init.normal = 0.1", replayed));
        assert!(differ(&fixed, fixed_start, "dynamics.sgd = {}"));
        assert!(differ(&fixed, fixed_start, "dynamics.mini_batch = { size = 2, rule = 'with_replacement' }"));
        assert!(differ(&fixed, fixed_start, "dynamics.fixed_label_noise.delta = 0.1"));
    }
}
