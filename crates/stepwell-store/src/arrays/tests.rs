//! Files of all kinds, damaged ones included.

use std::io::{Cursor, Write};

use super::npy::read_npy;
use super::npz::read_npz;
use super::tensors::read_safetensors;
use super::*;
use crate::mutation::mutations;

#[test]
fn any_bytes_give_an_array_or_a_message() {
    for bytes in [&b""[..], b"\x93NUMPY", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8',", b"PK\x03\x04garbage"] {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.npy", "a.npz", "a.safetensors"] {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert!(read(&path).unwrap_err().contains(name));
        }
    }
}

/// An array file written by hand: magic, version, length of the header, header, values.
fn npy(descr: &str, fortran: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), values].concat()
}

fn npz(members: &[(&str, Vec<u8>)], method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// An archive may hold what is no array of numbers, as long as that is not asked for.
#[test]
fn only_the_array_that_is_asked_for_is_read() {
    let words = npy("<U1", "False", "(2,)", &[0; 8]);
    let members = [("names.npy", words), ("a.npy", npy("<f4", "False", "(1, 2)", &floats(&[3.0, -1.0])))];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mixed.npz");
    std::fs::write(&path, npz(&members, zip::CompressionMethod::Deflated)).unwrap();
    assert_eq!(read_one(&path, Some("a"), "--array NAME").unwrap().values, [3.0, -1.0]);
    let refused = |wanted| read_one(&path, wanted, "--array NAME").unwrap_err();
    assert!(refused(Some("names")).contains("array `names`: numbers of type"));
    assert!(refused(Some("b")).contains("no array `b`, expected one of: a, names"));
    assert!(refused(None).contains("holds a, names; say which with --array NAME"));
}

#[test]
fn every_number_type_is_read_in_both_byte_orders() {
    let one = |descr: &str, bytes: &[u8]| read_npy(&npy(descr, "False", "(1,)", bytes)[..], 1000).unwrap().values[0];
    assert_eq!(one("<f8", &2.5_f64.to_le_bytes()), 2.5);
    assert_eq!(one(">f8", &2.5_f64.to_be_bytes()), 2.5);
    assert_eq!(one(">f4", &2.5_f32.to_be_bytes()), 2.5);
    assert_eq!(one("<f2", &half::f16::from_f32(2.5).to_le_bytes()), 2.5);
    assert_eq!(one(">f2", &half::f16::from_f32(2.5).to_be_bytes()), 2.5);
    assert_eq!(one("<V2", &half::bf16::from_f32(2.5).to_le_bytes()), 2.5);
    assert_eq!(one(">i4", &(-7_i32).to_be_bytes()), -7.0);
    assert_eq!(one("<i8", &(-7_i64).to_le_bytes()), -7.0);
    assert_eq!(one(">u2", &40_000_u16.to_be_bytes()), 40_000.0);
    assert_eq!((one("|u1", &[200]), one("|i1", &[200]), one("|b1", &[1])), (200.0, -56.0, 1.0));
}

/// Such a header takes a parser that tries alternatives time that doubles with each bracket.
#[test]
fn nested_headers_are_refused_at_once() {
    // by depth, behind brackets that close within a string, and not deep, but wide
    let wide = format!("{}[{}", "{".repeat(6), "1,".repeat(30_000));
    for (order, shape) in [
        ("()", "[".repeat(50)),
        ("False", format!("({}", "{'a': (".repeat(3000))),
        (&format!("'{}'", ")".repeat(60))[..], "[".repeat(50)),
        ("False", wide),
    ] {
        let refused = read_npy(&npy("|u1", order, &shape, &[0; 10])[..], 1000).unwrap_err();
        assert!(refused.contains("more brackets in its header"), "{refused}");
    }
    let long = npy("<f8", "False", &format!("(1,){}", " ".repeat(60_000)), &1.5_f64.to_le_bytes());
    assert_eq!(read_npy(&long[..], long.len() as u64).unwrap().values, [1.5]);
}

/// Damaged files give an array of the shape that they claim or a message, never a panic.
#[test]
fn damaged_files_give_an_array_or_a_message() {
    let values = floats(&[1.0, -2.0, 0.0, f32::NAN, 5.0, 6.0]);
    let fits = |found: Result<Array, String>| match found {
        Ok(Array { shape, values }) => assert_eq!(shape.iter().product::<usize>(), values.len()),
        Err(why) => assert!(!why.is_empty()),
    };
    let arrays = [npy("<f4", "True", "(2, 3)", &values), npy("<V2", "False", "(3, 2, 2)", &values)];
    for (k, good) in arrays.iter().enumerate() {
        let good = &good[..];
        fits(read_npy(good, good.len() as u64));
        mutations(good, 2000, k as u64).for_each(|bad| fits(read_npy(&bad[..], bad.len() as u64)));
    }
    let both = [("a.npy", arrays[0].clone()), ("b/c.npy", arrays[1].clone())];
    let each = |found: Result<BTreeMap<String, Array>, String>| match found {
        Ok(arrays) => arrays.into_values().for_each(|array| fits(Ok(array))),
        Err(why) => fits(Err(why)),
    };
    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let good = npz(&both, method);
        assert_eq!(read_npz(Cursor::new(&good), |_| Ok(None)).unwrap().len(), 2);
        mutations(&good, 2000, 9).for_each(|bad| each(read_npz(Cursor::new(bad), |_| Ok(None))));
    }
    let view = |dtype, shape: &[usize]| safetensors::tensor::TensorView::new(dtype, shape.to_vec(), &values).unwrap();
    let tensors = [("a", view(safetensors::Dtype::F32, &[2, 3])), ("b", view(safetensors::Dtype::BF16, &[12]))];
    let good = safetensors::serialize(tensors, None).unwrap();
    assert_eq!(read_safetensors(&good[..], |_| Ok(None)).unwrap()["b"].shape, [12]);
    mutations(&good, 2000, 10).for_each(|bad| each(read_safetensors(&bad[..], |_| Ok(None))));
}
