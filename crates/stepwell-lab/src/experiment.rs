//! An experiment: its settings with their runs, and what was found in them. What is reported, drawn and stored is one.

use crate::findings::Findings;
use crate::setting::Setting;

/// Settings with their runs, and findings.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// A line for people; empty where nobody gave it one.
    pub title: String,
    /// Its settings.
    pub settings: Vec<Setting>,
    /// What was found beyond single runs.
    pub findings: Findings,
    /// What step sizes are counted in, where that is not 1.
    pub step_size_unit: Option<String>,
    /// What a reader must know: parts that are missing, say.
    pub notes: Vec<String>,
}

impl Experiment {
    /// Number of runs, published ones included.
    pub fn runs(&self) -> usize {
        self.settings.iter().flat_map(Setting::runs).count()
    }
}
