//! Parameters as named tensors in PyTorch's layout: there and back, by hand, and from the files that a spec names.

use std::collections::BTreeMap;
use std::fs;

use npyz::NpyFile;
use proptest::prelude::*;
use stepwell::model::{DiagonalLinear, FullyConnected, Linear, Model, ScalarToy};
use stepwell::record::RecordPlan;
use stepwell::spec::{Array, ArraySource, Spec};
use stepwell::tensor::{Layout, Tensor, Values};

fn networks() -> impl Strategy<Value = FullyConnected> {
    let layers = prop::collection::vec((1_usize..9, any::<bool>()), 0..4);
    (1_usize..7, layers, any::<bool>()).prop_map(|(inputs, layers, output)| {
        let (hidden, mut bias): (Vec<usize>, Vec<bool>) = layers.into_iter().unzip();
        bias.push(output);
        FullyConnected::new(inputs, &hidden, &bias)
    })
}

fn numbers(tensor: &Tensor) -> &[f64] {
    match &tensor.values {
        Values::F64(values) => values,
        other => panic!("{other:?}"),
    }
}

/// The network's output as PyTorch's `linear` and `relu` define it: `z_j = sum_i weight[j][i] x_i + bias_j`.
fn as_pytorch(tensors: &[Tensor], x: &[f64]) -> f64 {
    let mut input = x.to_vec();
    let layers = tensors.iter().filter(|tensor| tensor.name.ends_with("weight")).count();
    for k in 1..=layers {
        let find = |kind: &str| tensors.iter().find(|tensor| tensor.name == format!("layer{k}.{kind}"));
        let weight = find("weight").unwrap();
        let rows = numbers(weight).chunks(weight.shape[1]).enumerate();
        let z = rows.map(|(j, row)| {
            let sum: f64 = row.iter().zip(&input).map(|(w, x)| w * x).sum();
            sum + find("bias").map_or(0.0, |bias| numbers(bias)[j])
        });
        input = if k < layers { z.map(|z| z.max(0.0)).collect() } else { z.collect() };
    }
    input[0]
}

/// Distinct small integers: sums are exact, and no two entries can be taken for each other.
fn distinct(count: usize) -> Vec<f64> {
    (0..count).map(|k| (k as f64 - 3.0) * if k % 2 == 0 { 1.0 } else { -1.0 }).collect()
}

proptest! {
    #[test]
    fn tensors_of_networks_are_pytorchs_and_lead_back(network in networks(), turn in 0_usize..9) {
        let layout = network.layout();
        let theta = distinct(network.parameters());
        let mut tensors = layout.tensors(&theta);
        prop_assert_eq!(layout.parameters(), theta.len());
        for (tensor, described) in tensors.iter().zip(&layout.0) {
            prop_assert_eq!((&tensor.name, &tensor.shape), (&described.name, &described.shape));
            prop_assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>());
        }
        let x: Vec<f64> = (0..network.inputs()).map(|i| i as f64 - 1.0).collect();
        prop_assert_eq!(as_pytorch(&tensors, &x), network.predict(&theta, &x, &mut network.tape()));
        let flat: Vec<f64> = tensors.iter().flat_map(numbers).copied().collect();
        prop_assert_eq!(&layout.from_pytorch(&flat), &theta);
        // the names say which is which, not the order; small integers are exact in single precision
        let turn = turn % tensors.len();
        tensors.rotate_left(turn);
        prop_assert_eq!(layout.theta(&tensors), Ok(theta.clone()));
        for tensor in &mut tensors {
            tensor.values = Values::F32(numbers(tensor).iter().map(|v| *v as f32).collect());
        }
        prop_assert_eq!(layout.theta(&tensors), Ok(theta));
    }
}

/// `model.layer1.weight` of three neurons and two inputs, and so on, as PyTorch prints them.
fn by_hand() -> Vec<Tensor> {
    let tensor = |name: &str, shape: &[usize], values: &[f64]| Tensor {
        name: name.into(),
        shape: shape.to_vec(),
        values: Values::F64(values.to_vec()),
    };
    vec![
        tensor("layer1.weight", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, -6.0]),
        tensor("layer1.bias", &[3], &[0.5, -1.0, 0.25]),
        tensor("layer2.weight", &[1, 3], &[7.0, -8.0, 9.0]),
    ]
}

#[test]
fn a_pytorch_network_by_hand() {
    let network = FullyConnected::new(2, &[3], &[true, false]);
    let theta = network.layout().theta(&by_hand()).unwrap();
    // in theta the three weights that leave the first input come first
    assert_eq!(theta, [1.0, 3.0, 5.0, 2.0, 4.0, -6.0, 0.5, -1.0, 0.25, 7.0, -8.0, 9.0]);
    assert_eq!(network.layout().tensors(&theta), by_hand());
    // neurons at (1, 2): 1 + 4 + 0.5, 3 + 8 - 1, 5 - 12 + 0.25 < 0; then 7 * 5.5 - 8 * 10
    assert_eq!(network.predict(&theta, &[1.0, 2.0], &mut network.tape()), 7.0 * 5.5 - 80.0);
}

#[test]
fn other_models_have_tensors_in_the_order_of_theta() {
    let checked = |layout: Layout, words: &str| {
        let theta = distinct(layout.parameters());
        let tensors = layout.tensors(&theta);
        assert_eq!(layout.to_string(), words);
        assert_eq!(tensors.iter().flat_map(numbers).copied().collect::<Vec<_>>(), theta);
        assert_eq!(layout.theta(&tensors), Ok(theta));
    };
    checked(DiagonalLinear::new(3).layout(), "`u` [3], `v` [3]");
    checked(Linear::new(4).layout(), "`beta` [4]");
    checked(ScalarToy.layout(), "`theta` [1]");
}

#[test]
fn wrong_tensors_are_named() {
    let layout = FullyConnected::new(2, &[3], &[true, false]).layout();
    let all = "`layer1.weight` [3 x 2], `layer1.bias` [3], `layer2.weight` [1 x 3]";
    let refusal = |change: &dyn Fn(&mut Vec<Tensor>)| {
        let mut tensors = by_hand();
        change(&mut tensors);
        layout.theta(&tensors).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(&|tensors| _ = tensors.remove(1)),
        format!("no tensor `layer1.bias` (`layer1.weight`, `layer2.weight` found), expected {all}")
    );
    assert_eq!(refusal(&Vec::clear), format!("no tensor `layer1.weight` (no tensors found), expected {all}"));
    assert_eq!(
        refusal(&|tensors| tensors.push(Tensor { name: "layer2.bias".into(), ..tensors[1].clone() })),
        format!("tensor `layer2.bias` is one too many, expected {all}")
    );
    assert_eq!(
        refusal(&|tensors| tensors.push(tensors[1].clone())),
        format!("tensor `layer1.bias` is one too many, expected {all}")
    );
    assert_eq!(
        refusal(&|tensors| tensors[0].shape.reverse()),
        "tensor `layer1.weight` of shape [2 x 3], expected shape [3 x 2]"
    );
    assert_eq!(
        refusal(&|tensors| tensors[1].values = Values::F64(vec![1.0])),
        "tensor `layer1.bias` of shape [3] with 1 values, expected 3"
    );
    assert_eq!(
        refusal(&|tensors| tensors[1].values = Values::U64(vec![1, 2, 3])),
        "tensor `layer1.bias` of integers, expected floating-point numbers"
    );
}

/// The arrays of one file.
struct Arrays(BTreeMap<String, Array>);

impl ArraySource for Arrays {
    fn arrays(&self, _: &str) -> Result<BTreeMap<String, Array>, String> {
        Ok(self.0.clone())
    }
}

fn arrays<'a>(arrays: impl IntoIterator<Item = (&'a str, Vec<usize>, Vec<f64>)>) -> Arrays {
    let named = |(name, shape, values): (&str, Vec<usize>, Vec<f64>)| (name.to_string(), Array { shape, values });
    Arrays(arrays.into_iter().map(named).collect())
}

/// The parameters that a run of `model` with two inputs starts from.
fn start(model: &str, init: &str, files: &Arrays) -> Result<Vec<f64>, String> {
    let text = format!(
        r#"
steps = 10
model = {model}
loss = "mean_square"
data.sparse_regression = {{ n = 5, d = 2, sparsity = 1, test = 5 }}
init = {init}
dynamics = "gradient_descent"
schedule.step_size = 0.1
"#
    );
    let spec: Spec = toml::from_str(&text).map_err(|error| error.to_string())?;
    assert_eq!(toml::from_str::<Spec>(&toml::to_string(&spec).unwrap()).unwrap(), spec);
    let prepared = spec.prepare(files).map_err(|error| error.to_string())?;
    let data = prepared.data(1).map_err(|error| error.to_string())?;
    Ok(prepared.session_on(1, data, RecordPlan::default()).theta().to_vec())
}

const NETWORK: &str = "{ fully_connected = { hidden = [20], bias = false } }";

/// Twenty neurons as PyTorch made them, written in both flat orders.
fn flat(name: &str) -> Vec<f64> {
    let path = format!("{}/tests/data/init_layout/{name}.npy", env!("CARGO_MANIFEST_DIR"));
    NpyFile::new(&fs::read(path).unwrap()[..]).unwrap().into_vec().unwrap()
}

#[test]
fn both_flat_orders_of_a_network_are_read_when_the_spec_says_which() {
    let (own, pytorch) = (flat("input_by_input"), flat("pytorch_order"));
    assert_ne!(own, pytorch);
    let read = |values: &[f64], keys: &str| {
        let files = arrays([("start", vec![values.len()], values.to_vec())]);
        start(NETWORK, &format!("{{ file = {{ path = \"start.npy\"{keys} }} }}"), &files)
    };
    assert_eq!(read(&own, ", layout = \"inputs_by_outputs\"").as_ref(), Ok(&own));
    assert_eq!(read(&pytorch, ", layout = \"pytorch\"").as_ref(), Ok(&own));
    assert_eq!(read(&pytorch, ", array = \"start\", layout = \"pytorch\"").as_ref(), Ok(&own));
    for keys in ["", ", array = \"start\""] {
        assert_eq!(
            read(&pytorch, keys).unwrap_err(),
            "init.file: start.npy: one flat array, which could have either of two orders, expected the tensors \
             `layer1.weight` [20 x 2], `layer2.weight` [1 x 20]; or, to read the array as it is, \
             `init.file.layout = \"pytorch\"` (weights as outputs x inputs, as torch.nn.utils.parameters_to_vector gives \
             them) or `init.file.layout = \"inputs_by_outputs\"` (weights as inputs x outputs, as stepwell wrote them \
             before 0.2)"
        );
    }
    assert_eq!(
        read(&pytorch[1..], ", layout = \"pytorch\"").unwrap_err(),
        "init.file: start.npy: 59 numbers, expected 60, one per parameter"
    );
    let wrong = read(&pytorch, ", layout = \"torch\"").unwrap_err();
    assert!(wrong.contains("unknown variant `torch`") && wrong.contains("inputs_by_outputs"), "{wrong}");
}

#[test]
fn networks_start_from_named_tensors() {
    let (own, pytorch) = (flat("input_by_input"), flat("pytorch_order"));
    let (first, second) = pytorch.split_at(40);
    let tensors = [("layer2.weight", vec![1, 20], second.to_vec()), ("layer1.weight", vec![20, 2], first.to_vec())];
    let file = "{ file.path = \"net.safetensors\" }";
    assert_eq!(start(NETWORK, file, &arrays(tensors.clone())).as_ref(), Ok(&own));
    // the model's own order is that of `init.values`
    assert_eq!(start(NETWORK, &format!("{{ values = {own:?} }}"), &arrays([])).as_ref(), Ok(&own));
    let all = "`layer1.weight` [20 x 2], `layer2.weight` [1 x 20]";
    let refusal = |init: &str, change: &dyn Fn(&mut BTreeMap<String, Array>)| {
        let mut files = arrays(tensors.clone());
        change(&mut files.0);
        start(NETWORK, init, &files).unwrap_err()
    };
    assert_eq!(
        refusal(file, &|files| _ = files.remove("layer2.weight")),
        format!("init.file: net.safetensors: no tensor `layer2.weight` (`layer1.weight` found), expected {all}")
    );
    assert_eq!(
        refusal(file, &|files| {
            let bias = Array { shape: vec![20], values: vec![0.0; 20] };
            files.insert("layer1.bias".into(), bias);
        }),
        format!("init.file: net.safetensors: tensor `layer1.bias` is one too many, expected {all}")
    );
    assert_eq!(
        refusal(file, &|files| files.get_mut("layer1.weight").unwrap().shape = vec![2, 20]),
        "init.file: net.safetensors: tensor `layer1.weight` of shape [2 x 20], expected shape [20 x 2]"
    );
    assert_eq!(
        refusal(file, &|files| files.get_mut("layer1.weight").unwrap().values[3] = f64::NAN),
        "init.file: net.safetensors: NaN at `layer1.weight`, index 3, expected finite numbers"
    );
    assert_eq!(
        refusal("{ file = { path = \"net.safetensors\", layout = \"pytorch\" } }", &|_| {}),
        "init.file.layout: several arrays in net.safetensors, expected no layout, which is that of one flat array \
         (`array = \"..\"` says which)"
    );
    assert_eq!(
        refusal(file, &|files| {
            let values = std::mem::take(files);
            files.extend(values.into_iter().map(|(name, array)| (format!("net.{name}"), array)));
        }),
        format!(
            "init.file: net.safetensors: no tensor `layer1.weight` (`net.layer1.weight`, `net.layer2.weight` found), \
             expected {all}; or `array = \"..\"`, the name of one flat array"
        )
    );
}

/// Where the flat order is the same either way, a flat array needs no word on it.
#[test]
fn other_models_start_from_flat_arrays_and_named_tensors() {
    let file = "{ file.path = \"start.npz\" }";
    let theta = vec![1.0, 2.0, 3.0, 4.0];
    let one = |shape: &[usize], values: &[f64]| arrays([("start", shape.to_vec(), values.to_vec())]);
    let two = arrays([("v", vec![2], vec![3.0, 4.0]), ("u", vec![2], vec![1.0, 2.0])]);
    for files in [&one(&[4], &theta), &two] {
        assert_eq!(start("\"diagonal_linear\"", file, files).as_ref(), Ok(&theta));
    }
    for name in ["start", "beta"] {
        assert_eq!(start("\"linear\"", file, &arrays([(name, vec![2], vec![5.0, 6.0])])), Ok(vec![5.0, 6.0]));
    }
    assert_eq!(
        start("\"diagonal_linear\"", file, &one(&[2, 2], &theta)).unwrap_err(),
        "init.file: start.npz: an array of shape 2 x 2, expected one of shape 4"
    );
    assert_eq!(
        start("\"linear\"", file, &one(&[2], &[1.0, f64::INFINITY])).unwrap_err(),
        "init.file: start.npz: inf at index 1, expected finite numbers"
    );
    assert_eq!(
        start("\"linear\"", "{ values = [1.0] }", &one(&[2], &[1.0, 2.0])).unwrap_err(),
        "init.values: 1 numbers, expected 2, one per parameter"
    );
}
