//! Findings of the scalar toy model: what the theory says of its paths and orbits, and what they do.

use serde::{Deserialize, Serialize};
use stepwell::statistics::Band;
use stepwell::theory::toy_map::Regions;
use stepwell::verdict::Finding;

/// The setting of SGD's paths, whose series [`PHI`] is `phi = theta / theta_*`.
pub const PATHS: &str = "random gamma";
/// The series of [`PATHS`].
pub const PHI: &str = "phi";
/// The setting of the orbits of a constant gamma: one outcome with the series of rows [`ORBIT`] and [`STROKES`].
pub const ORBITS: &str = "constant gamma";
/// Rows of gamma, mean loss and Lyapunov exponent: one per orbit.
pub const ORBIT: &str = "orbit";
/// Rows of gamma and the two ends of an interval of `phi` that the orbit of this gamma fills.
pub const STROKES: &str = "strokes";

/// What was found; losses are in units of `E[x^2] theta_*^4`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Toy {
    /// The step size eta.
    pub step_size: f64,
    /// The smallest and the largest `gamma = eta theta_*^2 x^2` of the samples.
    pub gamma: (f64, f64),
    /// Half the width of the gap about the minimum that the paths avoid, see [`Regions`].
    pub eps0: f64,
    /// The last loss of each path.
    pub final_loss: Band,
    /// Statements of the theory: five of the paths, four of the orbits.
    pub checks: Vec<Check>,
}

impl Toy {
    /// The regions that the paths must visit.
    pub fn regions(&self) -> Regions {
        Regions { eps0: self.eps0 }
    }
}

/// A statement of the theory with what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What it is about.
    pub statement: String,
    /// What the theory says.
    pub theory: String,
    /// What was measured.
    pub measured: String,
    /// Whether they agree.
    pub finding: Finding,
}
