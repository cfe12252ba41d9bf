//! `stepwell report`: folders of results as one page, as a figure for print, or as event files.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use stepwell::words::thousands;
use stepwell_plot::report::source::{Source, select};
use stepwell_plot::report::{page, print as for_print};
use stepwell_plot::{pdf, raster};
use stepwell_store::folder::Folder;
use stepwell_store::tensorboard;

use crate::cli::ReportArgs;
use crate::failure::Failure;
use crate::output::print;
use crate::results::{named, read};

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Html,
    Svg,
    Png,
    Pdf,
}

const FORMATS: [(Format, &str); 4] =
    [(Format::Html, "html"), (Format::Svg, "svg"), (Format::Png, "png"), (Format::Pdf, "pdf")];

/// A column of a two-column page, in inches: below this, panels stand one below the other.
const NARROW: f32 = 4.0;

/// Writes the report.
pub fn run(args: &ReportArgs) -> Result<ExitCode, Failure> {
    if let Some(folder) = &args.tensorboard {
        let sources = read_all(args)?;
        let runs = named(&sources);
        tensorboard::write(&runs, folder)?;
        print(&format!("events   {} ({} runs)\n", folder.display(), thousands(runs.len() as u64)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (format, out) = target(args)?;
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let sources = read_all(args)?;
    let folder = Folder::create(parent)?;
    let bytes = content(args, format, &sources)?;
    let failed = |error| Failure::other(format!("{}: {error}", out.display()));
    folder.write_with(&out, |mut file| file.write_all(&bytes).map_err(failed))?;
    let runs = sources.iter().flat_map(Source::runs).count() as u64;
    print(&format!(
        "report   {} ({} runs, {} bytes)\n",
        out.display(),
        thousands(runs),
        thousands(bytes.len() as u64)
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn read_all(args: &ReportArgs) -> Result<Vec<Source>, Failure> {
    let read_one = |folder: &PathBuf| read(folder, args.partial);
    let mut sources = args.folders.iter().map(read_one).collect::<Result<Vec<_>, _>>()?;
    if sources.iter().flat_map(Source::runs).all(|run| run.records.series.is_empty()) {
        return Err(Failure::other("nothing was recorded in these folders yet"));
    }
    if !args.series.is_empty() {
        select(&mut sources, &args.series).map_err(|why| Failure::usage(format!("--series: {why}")))?;
    }
    Ok(sources)
}

/// The format that a flag names, or the ending of the file's name; and the file.
fn target(args: &ReportArgs) -> Result<(Format, PathBuf), Failure> {
    let flags = [(args.svg, Format::Svg), (args.png, Format::Png), (args.pdf, Format::Pdf)];
    let flag = flags.into_iter().find_map(|(set, format)| set.then_some(format));
    let Some(out) = &args.out else {
        let format = flag.unwrap_or(Format::Html);
        return Ok((format, PathBuf::from("report").with_extension(ending(format))));
    };
    let refuse = |why: &str| Err(Failure::usage(format!("-o {}: {why}", out.display())));
    if out.is_dir() {
        return refuse("is a folder, expected the name of a file");
    }
    let extension = out.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let named = FORMATS.into_iter().find(|(_, ending)| *ending == extension).map(|(format, _)| format);
    match (flag, named) {
        (Some(flag), Some(named)) if flag != named => {
            refuse(&format!("expected a name that ends in .{}", ending(flag)))
        }
        (Some(format), _) | (None, Some(format)) => Ok((format, out.clone())),
        (None, None) => refuse("expected a name that ends in .html, .svg, .png or .pdf"),
    }
}

fn ending(format: Format) -> &'static str {
    FORMATS.into_iter().find(|(known, _)| *known == format).map_or("html", |(_, ending)| ending)
}

fn content(args: &ReportArgs, format: Format, sources: &[Source]) -> Result<Vec<u8>, Failure> {
    let svg = |columns| for_print::figure(sources, columns).svg();
    Ok(match format {
        Format::Html => page::page(sources, args.runs).into_bytes(),
        Format::Svg => svg(3)?.into_bytes(),
        Format::Png => raster::png(&svg(3)?)?,
        Format::Pdf => pdf::pdf(&svg(if args.width < NARROW { 1 } else { 2 })?, args.width)?,
    })
}
