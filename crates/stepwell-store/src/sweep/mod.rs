//! Sweeps on disk: a frozen plan, a file per chunk, workers that compute what is missing, tables of all.

pub mod chunk_file;
pub mod collect;
pub mod estimate;
pub mod folder;
pub mod frozen;
pub mod results;
pub mod slurm;
pub mod sweep_file;
pub mod table;
pub mod workers;
