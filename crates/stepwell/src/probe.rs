//! Probes: named measurements of a run that leave it as it is.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};

use crate::linalg::{Extreme, lanes};
use crate::metrics::{
    Activations, BatchMoments, BatchSharpness, FeatureSparsity, JacobianRank, SparsityOptions, batch_sharpness,
    effective_rank, feature_sparsity, kinks, mean_square_threshold, predictor_grid, rank_of, row_norms2, sharpness,
};
use crate::model::{Model, ScalarToy, activations};
use crate::problem::Problem;

/// The probes, each with its name in specs (and in records unless there is a series per layer), and how it is measured.
macro_rules! probes {
    ($($(#[doc = $doc:literal])* $probe:ident = $name:literal, $kind:ident $(($measure:expr))?;)*) => {
        /// What can be measured at a recording point.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum Probe {
            $($(#[doc = $doc])* #[serde(rename = $name)] $probe,)*
        }

        impl Probe {
            /// All probes.
            pub const ALL: &[Self] = &[$(Self::$probe),*];

            /// The name in specs, and in records unless there is a series per layer.
            ///
            /// ```
            /// use stepwell::probe::Probe;
            /// use stepwell::spec::{NoFiles, Spec};
            ///
            /// let spec = Spec::from_toml(
            ///     "steps = 100\nmodel = 'diagonal_linear'\nloss = 'half_mean_square'\ninit.constant = 0.5\n\
            ///      data.sparse_regression = { n = 9, d = 20, sparsity = 2 }\ndynamics.sgd = {}\nschedule.step_size = 0.01",
            /// )?;
            /// let session = spec.prepare(&NoFiles)?.session(1)?;
            /// let [norm, sharpness] = &session.measure(&["parameter_norm".parse().unwrap(), Probe::Sharpness])[..] else { panic!() };
            /// assert_eq!((&*norm.0, &*sharpness.0), ("parameter_norm", "sharpness"));
            /// assert!((norm.1 - 10_f64.sqrt()).abs() < 1e-12, "forty parameters of 0.5");
            /// # Ok::<(), stepwell::spec::SpecError>(())
            /// ```
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$probe => $name,)*
                }
            }

            fn how<M: Model>(self) -> How<M> {
                match self {
                    $(Self::$probe => How::$kind $(($measure))?,)*
                }
            }
        }
    };
}

probes! {
    /// Loss of the training set.
    TrainLoss = "train_loss", Number(|s| s.problem.train_loss(s.theta));
    /// Loss of the test set.
    TestLoss = "test_loss", Number(|s| s.problem.test_loss(s.theta).unwrap_or(f64::NAN));
    /// Euclidean norm of the gradient of the training loss.
    GradientNorm = "gradient_norm", Number(|s| lanes::norm2(&s.problem.gradient(s.theta)).sqrt());
    /// Euclidean norm of the parameters.
    ParameterNorm = "parameter_norm", Number(|s| lanes::norm2(s.theta).sqrt());
    /// Number of coefficients `|beta_j| > tol` of a predictor that is linear in its input (`beta = u * v`).
    Nonzero = "nonzero", Number(|s| s.nonzero());
    /// Distance `|beta - beta*|` to the sparse target.
    TargetDistance = "target_distance", Number(|s| s.target_distance());
    /// Numerical rank of the Jacobian.
    Rank = "rank", Number(|s| s.rank());
    /// Effective rank (entropy of the singular values) of the Jacobian.
    EffectiveRank = "effective_rank", Number(|s| s.singular_values().map_or(f64::NAN, effective_rank));
    /// Largest Euclidean norm of a column of the Jacobian.
    ColumnNormMax = "column_norm_max", Number(|s| s.column_norms().map_or(f64::NAN, largest));
    /// Share of the Jacobian's columns whose norm is below 1% of the largest.
    SmallColumns = "small_columns", Number(|s| s.column_norms().map_or(f64::NAN, share_of_small));
    /// Largest eigenvalue of the Hessian of the training loss, by Lanczos' method.
    Sharpness = "sharpness", Number(|s| s.sharpness().value);
    /// The residual `|H v - lambda v|` of that eigenvalue: some eigenvalue lies within this distance of it.
    SharpnessResidual = "sharpness_residual", Number(|s| s.sharpness().residual);
    /// Hessian-vector products that it took: 300 where the method stopped before it was accurate.
    SharpnessIterations = "sharpness_iterations", Number(|s| s.sharpness().iterations as f64);
    /// Batch sharpness: the mean over batches of the curvature `g^T H g / |g|^2` that a batch meets along its own gradient, see
    /// [`BatchSharpness`].
    BatchSharpness = "batch_sharpness", Number(|s| s.batch_sharpness().mean_of_ratios);
    /// Gradient-weighted batch sharpness: the ratio `E[g^T H g] / E|g|^2` of means over batches, see [`BatchSharpness`].
    GradientWeightedBatchSharpness = "gradient_weighted_batch_sharpness", Number(|s| s.batch_sharpness().ratio_of_means);
    /// `1/n sum |grad h(x_i)|^2` over the training set.
    GradientSquare = "gradient_square", Number(|s| s.gradient_square());
    /// Feature sparsity coefficient on the training inputs; a series per hidden layer.
    FeatureSparsity = "feature_sparsity", Layer(|layer| layer.feature_sparsity);
    /// Share of non-zero activations on the training inputs; a series per hidden layer.
    NonzeroShare = "nonzero_share", Layer(|layer| layer.nonzero_share);
    /// Number of groups of correlated neurons on the training inputs; a series per hidden layer.
    FeatureGroups = "feature_groups", Layer(|layer| layer.groups as f64);
    /// Number of neurons that are active at no training input; a series per hidden layer.
    DeadNeurons = "dead_neurons", Layer(|layer| layer.dead as f64);
    /// Number of kinks of a network with one input, in the range of the training inputs.
    Kinks = "kinks", Number(|s| s.kinks());
    /// The step size that the next step will use.
    StepSize = "step_size", Number(|s| s.step_size);
    /// `2/lambda_max` of the Hessian of the training loss: the step size at which gradient descent would leave these
    /// parameters, taken for a solution.
    GradientDescentThreshold = "gradient_descent_threshold", Number(|s| 2.0 / s.sharpness().value);
    /// The step size at which the second moment under the dynamics' batches would grow, likewise; NaN for equations.
    MeanSquareThreshold = "mean_square_threshold", Number(|s| s.mean_square_threshold());
    /// The largest Lyapunov exponent of the training predictions, per step, over up to 40,000 steps of the phase at hand, and
    /// the ends of its 95% interval, `lyapunov_low` and `lyapunov_high`; NaN where it is not resolved, see
    /// [`lyapunov`](crate::lookahead::lyapunov). Measured on copies of the run.
    Lyapunov = "lyapunov", Run;
    /// Whether the iterates bounce: the share of sign changes among the next 200 moves along the top eigenvector of the
    /// Hessian, see [`bouncing`](crate::lookahead::bouncing). Measured on a copy of the run.
    Bouncing = "bouncing", Run;
    /// The mean of the sampled loss over the steps so far: the level delta of the label-noise equation that stands for these
    /// steps. NaN before the first step.
    MeanSampledLoss = "mean_sampled_loss", Run;
    /// Of a diagonal network, the median over coordinates of the logarithm of what the steps so far multiplied `|u^2 - v^2|`
    /// with, accumulated exactly: see [`LogFactors`](crate::dynamics::LogFactors). NaN for other models.
    LogFactor = "log_factor", Run;
    /// The parameters: a row of p numbers in their flat order.
    Parameters = "parameters", Row(|_, theta| Some(theta.to_vec()));
    /// What a model with one input computes: a row of 401 values on [`predictor_grid`].
    Predictor = "predictor", Row(predictor);
    /// The first layer's neurons as points `w_j |a_j|` in the space of inputs: a row of m d numbers.
    Neurons = "neurons", Row(|problem, theta| Some(problem.model.network()?.neurons(theta)?.as_slice().to_vec()));
}

/// How a probe is measured.
enum How<M> {
    /// One number of the parameters.
    Number(fn(&Scene<'_, M>) -> f64),
    /// One number of each hidden layer.
    Layer(fn(&FeatureSparsity) -> f64),
    /// A row of numbers of the parameters.
    Row(fn(&Problem<M>, &[f64]) -> Option<Vec<f64>>),
    /// On the run or on copies of it that go on, see [`Session::measure`](crate::session::Session::measure).
    Run,
}

/// By its name; the error lists all names.
impl FromStr for Probe {
    type Err = serde::de::value::Error;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::deserialize(name.into_deserializer())
    }
}

impl Probe {
    /// Whether it gives a series per hidden layer: `feature_sparsity_1`, `feature_sparsity_2`, ..
    pub fn is_per_layer(self) -> bool {
        matches!(self.how::<ScalarToy>(), How::Layer(_))
    }

    /// Whether it gives a row of numbers, not one: what pictures need.
    pub fn is_wide(self) -> bool {
        matches!(self.how::<ScalarToy>(), How::Row(_))
    }

    /// Whether it needs the run, not its parameters alone: what the steps so far have summed up, or copies that go on.
    pub fn is_of_run(self) -> bool {
        matches!(self.how::<ScalarToy>(), How::Run)
    }

    /// Its row of numbers, if it [is wide](Probe::is_wide) and the model has such a thing.
    pub(crate) fn row<M: Model>(self, problem: &Problem<M>, theta: &[f64]) -> Option<Vec<f64>> {
        match self.how() {
            How::Row(measure) => measure(problem, theta),
            _ => None,
        }
    }

    /// The names of its series for a model with `layers` hidden layers: none for a per-layer probe without layers.
    pub fn series(self, layers: usize) -> Vec<Cow<'static, str>> {
        if self.is_per_layer() {
            (1..=layers).map(|layer| Cow::Owned(format!("{}_{layer}", self.name()))).collect()
        } else if self == Self::Lyapunov {
            ["lyapunov", "lyapunov_low", "lyapunov_high"].map(Cow::Borrowed).to_vec()
        } else {
            vec![Cow::Borrowed(self.name())]
        }
    }
}

/// One value of a named series.
pub type Measurement = (Cow<'static, str>, f64);

/// What probes need beyond a problem; prepared once and shared by all runs on it.
#[derive(Clone, Debug)]
pub struct Instruments {
    /// For [`Probe::Rank`], [`Probe::EffectiveRank`], [`Probe::ColumnNormMax`] and [`Probe::SmallColumns`].
    pub rank: Option<Arc<JacobianRank>>,
    /// For [`Probe::Nonzero`].
    pub nonzero_tol: f64,
    /// For [`Probe::FeatureSparsity`] and its kin.
    pub sparsity: SparsityOptions,
    /// For [`Probe::Kinks`]: kinks nearer than this share of the data's range are one.
    pub kink_tol: f64,
    /// For [`Probe::BatchSharpness`] and [`Probe::GradientWeightedBatchSharpness`]: samples in a batch.
    pub batch_size: usize,
    /// For [`Probe::MeanSquareThreshold`]: moments of the batches, where the dynamics has batches.
    pub moments: Option<BatchMoments>,
}

impl Default for Instruments {
    /// No rank, the published `1e-50` for non-zero coefficients, normalized rows and a threshold of 0.95 for feature
    /// sparsity, kinks merged within a thousandth of the range, batches of one
    /// without moments.
    fn default() -> Self {
        let sparsity = SparsityOptions { normalize_rows: true, ..SparsityOptions::default() };
        Self { rank: None, nonzero_tol: 1e-50, sparsity, kink_tol: 1e-3, batch_size: 1, moments: None }
    }
}

impl Instruments {
    /// Measurements of `theta`, in the order of `probes`; NaN where the problem has no such thing (a test loss without a
    /// test set, say), nothing for a per-layer probe of a model without hidden layers. What several probes need is
    /// computed once. Stops after a training loss that is not finite: the run has diverged. What needs more than parameters
    /// ([`Probe::is_of_run`]) or is a row of numbers ([`Probe::is_wide`]) is left out, see
    /// [`Session::measure`](crate::session::Session::measure) and [`Landscape::snapshot`](crate::landscape::Landscape::snapshot).
    pub fn measure<M: Model>(
        &self,
        problem: &Problem<M>,
        theta: &[f64],
        step_size: f64,
        probes: &[Probe],
    ) -> Vec<Measurement> {
        let scene = Scene::new(self, problem, theta, step_size, probes);
        let mut out = Vec::with_capacity(probes.len());
        for &probe in probes {
            match probe.how() {
                How::Number(measure) => {
                    let value = measure(&scene);
                    out.push((Cow::Borrowed(probe.name()), value));
                    if probe == Probe::TrainLoss && !value.is_finite() {
                        break;
                    }
                }
                How::Layer(measure) => {
                    let names = probe.series(scene.layers().len());
                    // NaN where activations are not finite
                    let values = scene.layers().iter().map(|layer| layer.as_ref().map_or(f64::NAN, measure));
                    out.extend(names.into_iter().zip(values));
                }
                How::Row(_) | How::Run => {}
            }
        }
        out
    }
}

fn predictor<M: Model>(problem: &Problem<M>, theta: &[f64]) -> Option<Vec<f64>> {
    let x = &problem.data.train.x;
    (problem.model.inputs() == 1).then(|| problem.predictions(theta, &predictor_grid(x)))
}

fn largest(norms: &[f64]) -> f64 {
    norms.iter().fold(0.0_f64, |most, norm| most.max(*norm))
}

/// The share of norms below 1% of the largest; all of them if that is 0.
fn share_of_small(norms: &[f64]) -> f64 {
    let most = largest(norms);
    norms.iter().filter(|norm| **norm < 0.01 * most || most == 0.0).count() as f64 / norms.len() as f64
}

/// What is measured at one recording point, with what several probes share.
struct Scene<'a, M> {
    instruments: &'a Instruments,
    problem: &'a Problem<M>,
    theta: &'a [f64],
    step_size: f64,
    /// Whether the singular values are needed anyway.
    spectrum: bool,
    singular_values: OnceCell<Vec<f64>>,
    column_norms: OnceCell<Vec<f64>>,
    sharpness: OnceCell<Extreme>,
    batch_sharpness: OnceCell<BatchSharpness>,
    layers: OnceCell<Vec<Option<FeatureSparsity>>>,
}

impl<'a, M: Model> Scene<'a, M> {
    fn new(
        instruments: &'a Instruments,
        problem: &'a Problem<M>,
        theta: &'a [f64],
        step_size: f64,
        probes: &[Probe],
    ) -> Self {
        let spectrum = probes.contains(&Probe::EffectiveRank);
        let (singular_values, column_norms) = (OnceCell::new(), OnceCell::new());
        let (sharpness, batch_sharpness, layers) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self {
            instruments,
            problem,
            theta,
            step_size,
            spectrum,
            singular_values,
            column_norms,
            sharpness,
            batch_sharpness,
            layers,
        }
    }

    fn nonzero(&self) -> f64 {
        let tolerance = self.instruments.nonzero_tol;
        let beta = self.problem.model.coefficients(self.theta);
        beta.map_or(f64::NAN, |beta| beta.iter().filter(|b| b.abs() > tolerance).count() as f64)
    }

    fn target_distance(&self) -> f64 {
        let (Some(beta), Some(target)) = (self.problem.model.coefficients(self.theta), &self.problem.data.target)
        else {
            return f64::NAN;
        };
        let difference: Vec<f64> = beta.iter().zip(target).map(|(b, t)| b - t).collect();
        lanes::norm2(&difference).sqrt()
    }

    fn rank(&self) -> f64 {
        let Some(rank) = &self.instruments.rank else { return f64::NAN };
        match self.spectrum.then(|| self.singular_values()).flatten() {
            Some(values) => rank_of(values, rank.tol()) as f64,
            None => rank.rank(&self.problem.model, self.theta) as f64,
        }
    }

    fn gradient_square(&self) -> f64 {
        let norms = row_norms2(&self.problem.model, self.theta, &self.problem.data.train.x);
        lanes::sum(&norms) / norms.len() as f64
    }

    fn kinks(&self) -> f64 {
        kinks_of(self.problem, self.theta, self.instruments.kink_tol).map_or(f64::NAN, |found| found.len() as f64)
    }

    fn mean_square_threshold(&self) -> f64 {
        self.instruments.moments.map_or(f64::NAN, |moments| mean_square_threshold(self.problem, self.theta, moments))
    }

    fn singular_values(&self) -> Option<&[f64]> {
        let rank = self.instruments.rank.as_ref()?;
        Some(self.singular_values.get_or_init(|| rank.singular_values(&self.problem.model, self.theta)))
    }

    fn column_norms(&self) -> Option<&[f64]> {
        let rank = self.instruments.rank.as_ref()?;
        Some(self.column_norms.get_or_init(|| rank.column_norms(&self.problem.model, self.theta)))
    }

    fn sharpness(&self) -> &Extreme {
        self.sharpness.get_or_init(|| sharpness(self.problem, self.theta))
    }

    fn batch_sharpness(&self) -> &BatchSharpness {
        self.batch_sharpness.get_or_init(|| batch_sharpness(self.problem, self.theta, self.instruments.batch_size))
    }

    /// The feature sparsity of each hidden layer on the training inputs; `None` where it is not finite.
    fn layers(&self) -> &[Option<FeatureSparsity>] {
        self.layers.get_or_init(|| {
            let Some(features) = self.problem.model.features() else { return Vec::new() };
            let of = |layer: usize| {
                let phi = activations(features, self.theta, &self.problem.data.train.x, layer);
                let phi = Activations::new(phi.rows(), phi.cols(), phi.as_slice()).ok()?;
                feature_sparsity(phi, self.instruments.sparsity).ok()
            };
            (0..features.layers().len()).map(of).collect()
        })
    }
}

/// The kinks of a network with one input in the range of the training inputs, see [`kinks`]; `None` for other models.
pub fn kinks_of<M: Model>(problem: &Problem<M>, theta: &[f64], tolerance: f64) -> Option<Vec<f64>> {
    let network = problem.model.network().filter(|network| network.inputs() == 1)?;
    let x = problem.data.train.x.as_slice();
    let range = x.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[least, most], x| [least.min(*x), most.max(*x)]);
    Some(kinks(network, theta, range, tolerance))
}
