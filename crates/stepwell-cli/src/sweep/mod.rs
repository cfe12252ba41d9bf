//! Sweeps: a frozen plan of many runs, computed in chunks by as many processes as there are, and collected.

pub mod axes;
pub mod chunk;
pub mod chunk_file;
pub mod collect;
pub mod estimate;
pub mod folder;
pub mod plan;
pub mod slurm;
pub mod sweep_file;
pub mod table;
pub mod workers;
