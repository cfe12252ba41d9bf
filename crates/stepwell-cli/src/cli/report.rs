//! `report`, `spec` and `data`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `report`.
#[derive(Args)]
pub struct ReportArgs {
    /// Folders of results of any command, mixed ones included
    #[arg(required = true, value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// The file; its ending says what it is: .html, .svg, .png or .pdf [default: report.html]
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// A figure as SVG [default name: report.svg]
    #[arg(long, group = "format")]
    pub svg: bool,
    /// A figure as PNG [default name: report.png]
    #[arg(long, group = "format")]
    pub png: bool,
    /// A figure as PDF for a paper: of its final width, letters as outlines [default name: report.pdf]
    #[arg(long, alias = "pdf-ready", group = "format")]
    pub pdf: bool,
    /// Width of the PDF in inches; below 4 inches, panels stand in one column
    #[arg(long, value_name = "INCHES", default_value_t = 6.75, value_parser = inches)]
    pub width: f32,
    /// Event files for TensorBoard, a folder per run below LOGDIR
    #[arg(long, value_name = "LOGDIR", group = "format", conflicts_with = "out")]
    pub tensorboard: Option<PathBuf>,
    /// Only these series, such as train_loss,rank,step_size
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub series: Vec<String>,
    /// About how many runs are drawn one by one; medians, bands and tables are over all
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub runs: usize,
    /// Report what is there if an experiment has not ended
    #[arg(long)]
    pub partial: bool,
}

/// A width for a page.
fn inches(text: &str) -> Result<f32, String> {
    let value = text.parse::<f32>().ok().filter(|value| (1.0..=40.0).contains(value));
    value.ok_or_else(|| "expected inches from 1 to 40".into())
}

/// `spec`.
#[derive(Subcommand)]
pub enum SpecCommand {
    /// Check specs and the files they name
    Check {
        /// The specs
        #[arg(required = true)]
        specs: Vec<PathBuf>,
    },
    /// Print a spec with all defaults and changes
    Show {
        /// A spec file, or the name of a figure
        spec: PathBuf,
        /// Change a key of the spec (may be given again)
        #[arg(long = "set", value_name = "KEY=VALUE")]
        sets: Vec<String>,
    },
    /// Print the JSON Schema of specs
    Schema {
        /// Which kind of spec
        #[arg(value_enum, default_value_t)]
        of: SpecKind,
    },
}

/// The kinds of specs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SpecKind {
    /// What `run` takes, and all that simulate
    #[default]
    Run,
    /// What `train` takes
    Train,
}

/// `data`.
#[derive(Subcommand)]
pub enum DataCommand {
    /// Say which of the known data sets are found, where, and how to get the others
    List {
        /// Where data sets are [default: STEPWELL_DATA; else ./data and /usr/share/datasets]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read data sets to their end: counts, shapes, labels, checksums. Exits with 6 if a file is damaged, 3 if something is
    /// missing or not what it should be
    Check {
        /// The data sets; all that are found if none is named
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Where data sets are [default: STEPWELL_DATA; else ./data and /usr/share/datasets]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
