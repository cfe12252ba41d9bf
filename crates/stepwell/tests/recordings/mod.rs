//! Recorded runs of the published experiments: arrays of a `.npz` file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use npyz::{DType, NpyFile};

/// An array's shape and values, first dimension slowest.
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// All arrays of a file in `tests/data`, by name.
pub fn recording(name: &str) -> BTreeMap<String, Array> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    (0..archive.len())
        .map(|k| {
            let mut file = archive.by_index(k).unwrap();
            let name = file.name().unwrap().trim_end_matches(".npy").to_string();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (name, array(&bytes))
        })
        .collect()
}

fn array(bytes: &[u8]) -> Array {
    let file = NpyFile::new(bytes).unwrap();
    let shape: Vec<usize> = file.shape().iter().map(|n| *n as usize).collect();
    let (order, dtype) = (file.order(), file.dtype());
    let DType::Plain(kind) = &dtype else { panic!("{dtype:?}") };
    let values: Vec<f64> = match kind.to_string().trim_start_matches(['\'', '<', '|', '>']).trim_end_matches('\'') {
        "f4" => file.into_vec::<f32>().unwrap().into_iter().map(f64::from).collect(),
        "f8" => file.into_vec::<f64>().unwrap(),
        "i2" => file.into_vec::<i16>().unwrap().into_iter().map(f64::from).collect(),
        "i4" => file.into_vec::<i32>().unwrap().into_iter().map(f64::from).collect(),
        "i8" => file.into_vec::<i64>().unwrap().into_iter().map(|v| v as f64).collect(),
        "u1" => file.into_vec::<u8>().unwrap().into_iter().map(f64::from).collect(),
        other => panic!("an array of {other}"),
    };
    let values = match (order, &shape[..]) {
        (npyz::Order::Fortran, [rows, cols]) => (0..rows * cols).map(|k| values[k % cols * rows + k / cols]).collect(),
        _ => values,
    };
    Array { shape, values }
}
