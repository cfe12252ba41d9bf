//! The functions that networks with one input have learned, as tables: values on a grid, and the places of kinks.

use std::fmt::Write as _;

use stepwell::metrics::predictor_grid;
use stepwell::outcome::Outcome;
use stepwell::spec::Prepared;
use stepwell_lab::error::LabError;
use stepwell_lab::experiment::Experiment;
use stepwell_store::records::csv::quoted;

use crate::failure::Failure;

/// Both tables.
pub struct Learned {
    /// Rows `run,seed,x,h`: an even grid over the training inputs' range, and a little beyond.
    pub predictors: String,
    /// Rows `run,seed,x`: where the function bends in that range, in order.
    pub kinks: String,
}

impl Learned {
    /// Of the runs that finished; `None` where there is no network with one input.
    pub fn of(settings: &[(String, Prepared)], experiment: &Experiment) -> Result<Option<Self>, Failure> {
        let mut all = Self { predictors: "run,seed,x,h\n".into(), kinks: "run,seed,x\n".into() };
        let header = all.predictors.len();
        for ((label, prepared), setting) in settings.iter().zip(&experiment.settings) {
            for run in setting.outcomes.iter().filter(|run| !run.parameters.is_empty() && !run.diverged()) {
                all.add(label, prepared, run).map_err(Failure::of)?;
            }
        }
        Ok((all.predictors.len() > header).then_some(all))
    }

    fn add(&mut self, label: &str, prepared: &Prepared, run: &Outcome) -> Result<(), LabError> {
        let landscape = prepared.landscape(run.seed)?;
        let theta = landscape.theta_of(&run.parameters).map_err(LabError::Failed)?;
        let tolerance = prepared.spec().record.kink_tol;
        let Some(kinks) = landscape.kinks(&theta, tolerance) else { return Ok(()) };
        let grid = predictor_grid(&landscape.data().train.x);
        let values = landscape.predict(&theta, &grid);
        let run = format!("{},{}", quoted(label), run.seed);
        for (x, h) in grid.as_slice().iter().zip(values) {
            let _ = writeln!(self.predictors, "{run},{x:?},{h:?}");
        }
        for x in kinks {
            let _ = writeln!(self.kinks, "{run},{x:?}");
        }
        Ok(())
    }
}
