//! What runs do as a function of the step size: trials at one step size, an adaptive grid of them, thresholds, advice.

pub mod advice;
pub mod figure;
pub mod grid;
pub mod kept;
pub mod protocol;
pub mod report;
pub mod trial;
pub mod validation;
