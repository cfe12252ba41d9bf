//! Seconds a training step (forward, backward, update) and peak memory of one network:
//! `cargo bench -p stepwell-deep --bench step -- dense_net_bc_100_12 [STEPS]`, threads by `RAYON_NUM_THREADS`. Prints one
//! line of JSON. `against_pytorch.py` runs it beside PyTorch.

use std::time::Instant;

use stepwell_deep::engine::Engine;
use stepwell_deep::network::{Architecture, DenseNet, Mode, Network, ResNet};

const BATCH: usize = 32;

#[allow(clippy::disallowed_methods, reason = "a program of its own")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let name = arguments.first().map_or("dense_net_bc_100_12", String::as_str);
    let steps: usize = arguments.get(1).map_or(5, |steps| steps.parse().expect("a number of steps"));
    let architecture = match name {
        "dense_net_bc_100_12" => Architecture::DenseNet(DenseNet::BC_100_12),
        "dense_net_100_12" => Architecture::DenseNet(DenseNet::PLAIN_100_12),
        "res_net_18" => Architecture::ResNet(ResNet { width: 64 }),
        _ => panic!("no network is called {name}"),
    };
    let device = Engine::Cpu.device().expect("the processor is always there");
    let network = Network::new(architecture, [3, 32, 32], 10).expect("a network for 32 x 32 images");
    let mut weights = network.draw(1, &device);
    let pixels: Vec<f32> = (0..BATCH * 3 * 32 * 32).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
    let labels: Vec<usize> = (0..BATCH).map(|i| i % 10).collect();
    let images = network.batch(pixels, &device);
    let (mut seconds, mut processor) = (Vec::new(), Vec::new());
    for _ in 0..=steps {
        let (start, busy) = (Instant::now(), processor_seconds());
        let gradient = network.gradient(&weights, images.clone(), &labels, Mode::Train);
        for (parameter, gradient) in weights.parameters.iter_mut().zip(gradient.parameters) {
            *parameter = parameter.clone() - gradient * 0.1;
        }
        weights.track(gradient.statistics);
        seconds.push(start.elapsed().as_secs_f64());
        processor.push(processor_seconds() - busy);
    }
    // the first step warms up
    let least = |values: &[f64]| values[1..].iter().fold(f64::INFINITY, |m, v| m.min(*v));
    let (best, processor) = (least(&seconds), least(&processor));
    println!("{{\"best\": {best:.4}, \"processor\": {processor:.4}, \"peak_mib\": {:.0}}}", peak_mib());
}

/// Seconds that all threads have computed: what is left of a measurement on a machine that others use too.
fn processor_seconds() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return f64::NAN };
    let files = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok());
    files.filter_map(|line| line.split_whitespace().next()?.parse::<f64>().ok()).sum::<f64>() / 1e9
}

/// The most memory the process has held, in MiB; NaN where the system does not say.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(f64::NAN, |kib| kib / 1024.0)
}
