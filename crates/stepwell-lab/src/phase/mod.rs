//! What runs do as a function of the step size: trials at one step size, an adaptive grid of them, thresholds, advice.

mod advice;
mod diagram;
mod grid;
mod point;
mod protocol;
mod scan;
mod search;
mod validation;

pub use diagram::diagram;
pub use grid::StepSizes;
pub use protocol::Protocol;

pub use crate::findings::advice::Question;

use crate::drive::Watch;
use crate::error::LabError;
use crate::experiment::Experiment;
use crate::findings::Findings;
use crate::findings::advice::Advice;
use crate::setting::Setting;

/// The advice for a protocol, with the findings [`Findings::Advice`]: a large step size that rarely diverges, how long to keep
/// it, and what to decay it to, in place of the protocol's own decays; or the best constant step size, where large ones do
/// not help. With `validate` it is worked out on so many fresh data sets as well, and judged there.
///
/// # Errors
/// If the question cannot be told by its number of seeds, the spec is refused, no step size is good or none is bad, fresh data
/// cannot be drawn, or the watcher wanted to stop or could not do its part.
pub fn advise(
    protocol: &Protocol<'_>,
    question: Question,
    validate: Option<u64>,
    watch: &dyn Watch,
) -> Result<Experiment, LabError> {
    let (advice, [large, constant]) = advice::work_out(protocol, question, watch)?;
    let validation = validate.map(|count| validation::validate(protocol, question, count, watch)).transpose()?;
    let settings = [("large steps", large), ("constant", constant)];
    Ok(Experiment {
        title: protocol.spec().title.as_ref().map_or("Advice".into(), |title| format!("{title}: advice")),
        settings: settings.map(|(label, point)| Setting { label: label.into(), ..point.setting }).into(),
        findings: Findings::Advice(Box::new(Advice { validation, ..advice })),
        step_size_unit: None,
        notes: Vec::new(),
    })
}
