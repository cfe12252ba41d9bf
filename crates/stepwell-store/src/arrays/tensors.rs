//! Tensors of `.safetensors` files.

use std::collections::BTreeMap;
use std::io::Read;

use stepwell::spec::Array;

use super::chosen;

/// The tensors of a file that `choose` picks out of all names.
pub fn read_safetensors(
    mut reader: impl Read,
    choose: impl Fn(&[String]) -> Result<Option<String>, String>,
) -> Result<BTreeMap<String, Array>, String> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let file = safetensors::SafeTensors::deserialize(&bytes)
        .map_err(|error| format!("not a readable .safetensors file ({error})"))?;
    let names = file.names().into_iter().map(|name| name.to_string()).collect();
    let one = |name: String| {
        let view = file.tensor(&name).map_err(|error| format!("tensor `{name}`: {error}"))?;
        let values = tensor_values(view.dtype(), view.data()).map_err(|why| format!("tensor `{name}`: {why}"))?;
        Ok((name, Array { shape: view.shape().to_vec(), values }))
    };
    chosen(names, choose)?.into_iter().map(one).collect()
}

fn tensor_values(dtype: safetensors::Dtype, data: &[u8]) -> Result<Vec<f64>, String> {
    use safetensors::Dtype;
    macro_rules! values {
        ($t:ty) => {
            data.chunks_exact(size_of::<$t>())
                .map(|c| <$t>::from_le_bytes(c.try_into().expect("chunks of this size")) as f64)
                .collect()
        };
    }
    macro_rules! halves {
        ($t:ty) => {
            data.chunks_exact(2).map(|c| f64::from(<$t>::from_le_bytes([c[0], c[1]]))).collect()
        };
    }
    Ok(match dtype {
        Dtype::F64 => values!(f64),
        Dtype::F32 => values!(f32),
        Dtype::F16 => halves!(half::f16),
        Dtype::BF16 => halves!(half::bf16),
        Dtype::I8 => values!(i8),
        Dtype::I16 => values!(i16),
        Dtype::I32 => values!(i32),
        Dtype::I64 => values!(i64),
        Dtype::U8 | Dtype::BOOL => values!(u8),
        Dtype::U16 => values!(u16),
        Dtype::U32 => values!(u32),
        Dtype::U64 => values!(u64),
        other => return Err(format!("numbers of type {other:?}, expected f16, bf16, f32, f64 or integers")),
    })
}
