//! The command line: what can be asked for.

mod measure;
mod report;
mod reproduce;
mod results;
mod runs;
mod step_sizes;

pub use self::measure::*;
pub use self::report::*;
pub use self::reproduce::*;
pub use self::results::*;
pub use self::runs::*;
pub use self::step_sizes::*;
