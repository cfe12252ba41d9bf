//! `stepwell data`: which image data sets are there, and whether they are sound.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use stepwell::words::thousands;
use stepwell_deep::data::catalog::{Catalog, DataSet, Found};
use stepwell_deep::data::{DataError, Expected, Fault, Part};

use crate::cli::DataCommand;
use crate::code;
use crate::failure::Failure;
use crate::output::{print, print_json, table};

/// Lists or checks data sets.
pub fn run(command: &DataCommand) -> Result<ExitCode, Failure> {
    match command {
        DataCommand::List { data_dir, json } => list(data_dir.as_deref(), *json),
        DataCommand::Check { names, data_dir, json } => check(names, data_dir.as_deref(), *json),
    }
}

fn list(folder: Option<&Path>, as_json: bool) -> Result<ExitCode, Failure> {
    let catalog = catalog(folder)?;
    let found: Vec<(DataSet, Option<Found>)> = DataSet::ALL.map(|set| (set, catalog.find(set).ok())).to_vec();
    if as_json {
        print_json(&found.iter().map(|(set, found)| listed_json(*set, found.as_ref())).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(&["data set", "train", "test", "images", "classes", "found"]);
    for (set, found) in &found {
        let (train, test) = (set.expected(Part::Train), set.expected(Part::Test));
        let place = found.as_ref().map_or_else(
            || format!("no; get {}", set.how_to_get()),
            |found| format!("{} ({})", found.path.display(), found.form.words()),
        );
        table.add_row([
            set.name().to_string(),
            thousands(train.images as u64),
            thousands(test.images as u64),
            shape(&train),
            train.classes.to_string(),
            place,
        ]);
    }
    let folders: Vec<String> = catalog.folders.iter().map(|folder| folder.display().to_string()).collect();
    print(&format!("{table}\nlooked in {}\n", folders.join(", ")))?;
    Ok(ExitCode::SUCCESS)
}

fn listed_json(set: DataSet, found: Option<&Found>) -> Value {
    let (train, test) = (set.expected(Part::Train), set.expected(Part::Test));
    json!({
        "name": set.name(), "found": found.is_some(),
        "path": found.map(|found| found.path.display().to_string()), "form": found.map(|found| found.form.words()),
        "train": train.images, "test": test.images, "shape": [train.channels, train.height, train.width],
        "classes": train.classes, "how_to_get": set.how_to_get(),
    })
}

fn check(names: &[String], folder: Option<&Path>, as_json: bool) -> Result<ExitCode, Failure> {
    let catalog = catalog(folder)?;
    let sets = if names.is_empty() { found_sets(&catalog)? } else { named_sets(names)? };
    let checks: Vec<Check> = sets.into_iter().map(|set| Check::of(&catalog, set)).collect();
    if as_json {
        print_json(&checks.iter().map(Check::json).collect::<Vec<_>>())?;
    } else {
        print(&checks.iter().map(Check::text).collect::<String>())?;
    }
    let faults = || checks.iter().flat_map(|check| &check.faults).map(|error| error.fault);
    Ok(if faults().any(|fault| fault == Fault::Damaged) {
        ExitCode::from(code::CORRUPT)
    } else if faults().next().is_some() {
        ExitCode::from(code::INPUT)
    } else {
        ExitCode::SUCCESS
    })
}

/// The folders to look in; one that is named must be there.
pub fn catalog(folder: Option<&Path>) -> Result<Catalog, Failure> {
    match folder.filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(Failure::usage(format!("--data-dir {}: is no folder", folder.display()))),
        None => Ok(Catalog::new(folder)),
    }
}

fn found_sets(catalog: &Catalog) -> Result<Vec<DataSet>, Failure> {
    let found: Vec<DataSet> = DataSet::ALL.into_iter().filter(|set| catalog.find(*set).is_ok()).collect();
    if found.is_empty() {
        let folders: Vec<String> = catalog.folders.iter().map(|folder| folder.display().to_string()).collect();
        let why = format!("no data set found in {}; `stepwell data list` says how to get them", folders.join(", "));
        return Err(Failure::input(why));
    }
    Ok(found)
}

fn named_sets(names: &[String]) -> Result<Vec<DataSet>, Failure> {
    let known = || DataSet::ALL.map(DataSet::name).join(", ");
    let set = |name: &String| {
        let unknown = || Failure::usage(format!("no data set is named `{name}`, expected one of {}", known()));
        DataSet::named(name).ok_or_else(unknown)
    };
    names.iter().map(set).collect()
}

/// What was found out about a data set.
struct Check {
    set: DataSet,
    found: Option<Found>,
    /// Files whose checksum is the published one, of those for which one was published.
    sums: (usize, usize),
    faults: Vec<DataError>,
}

impl Check {
    fn of(catalog: &Catalog, set: DataSet) -> Self {
        let found = match catalog.find(set) {
            Ok(found) => found,
            Err(error) => return Self { set, found: None, sums: (0, 0), faults: vec![error] },
        };
        let published = found.published_sums();
        let mut faults = Vec::new();
        for part in [Part::Train, Part::Test] {
            faults.extend(found.load(part).err());
        }
        let mut right = 0;
        for sum in &published {
            match sum.check() {
                Ok(()) => right += 1,
                // what could not be read was said already
                Err(error) if faults.iter().any(|fault: &DataError| fault.place == error.place) => {}
                Err(error) => faults.push(error),
            }
        }
        Self { set, found: Some(found), sums: (right, published.len()), faults }
    }

    fn sums_text(&self) -> String {
        match self.sums {
            (_, 0) => "no checksum was published for these files".into(),
            (right, all) => format!("{right} of {all} published checksums agree"),
        }
    }

    fn text(&self) -> String {
        let name = self.set.name();
        let mut out = String::new();
        if let Some(found) = &self.found {
            let place = format!("{} ({})", found.path.display(), found.form.words());
            out += &match self.faults.is_empty() {
                true => format!("{name}: good; {}; {}; {place}\n", contents(self.set), self.sums_text()),
                false => format!("{name}: bad; {}; {place}\n", self.sums_text()),
            };
        } else {
            out += &format!("{name}: missing\n");
        }
        for fault in &self.faults {
            out += &format!("  {fault}\n");
        }
        out
    }

    fn json(&self) -> Value {
        let fault = |error: &DataError| {
            let kind = match error.fault {
                Fault::Missing => "missing",
                Fault::Damaged => "damaged",
                Fault::Wrong => "wrong",
            };
            json!({ "kind": kind, "place": error.place, "message": error.to_string() })
        };
        json!({
            "name": self.set.name(), "good": self.faults.is_empty(),
            "path": self.found.as_ref().map(|found| found.path.display().to_string()),
            "checksums_right": self.sums.0, "checksums_published": self.sums.1,
            "faults": self.faults.iter().map(fault).collect::<Vec<_>>(),
        })
    }
}

/// `60,000 + 10,000 images of 1 x 28 x 28, labels 0 to 9`.
fn contents(set: DataSet) -> String {
    let (train, test) = (set.expected(Part::Train), set.expected(Part::Test));
    let (images, more) = (thousands(train.images as u64), thousands(test.images as u64));
    format!("{images} + {more} images of {}, labels 0 to {}", shape(&train), train.classes - 1)
}

fn shape(expected: &Expected) -> String {
    format!("{} x {} x {}", expected.channels, expected.height, expected.width)
}
