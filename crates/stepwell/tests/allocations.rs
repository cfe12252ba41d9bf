//! No allocation in a step: counted by the global allocator of this test, for every model and dynamics.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use stepwell::data::{Dataset, Samples, SparseRegression};
use stepwell::dynamics::{BatchRule, Dynamics, GradientDescent, LabelNoise, MiniBatch, Sampler, Sgd};
use stepwell::dynamics::{Equation, Grid, Scheme, Sde};
use stepwell::linalg::Matrix;
use stepwell::loss::Loss;
use stepwell::model::{DiagonalLinear, FullyConnected, Linear, Model, ScalarToy};
use stepwell::problem::Problem;
use stepwell::run::Run;
use stepwell::schedule::Schedule;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it is; counting does not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of_steps<M: Model, D: Dynamics>(problem: Problem<M>, dynamics: D, start: &[f64]) -> usize {
    let schedule = Schedule::constant(1e-3).power_warmup(1.0, 0.5, 500, 1000).decay_after(700, 2.0);
    let mut run = Run::new(problem, dynamics, schedule, start, 10_000);
    run.advance(1);
    let before = COUNT.with(Cell::get);
    run.advance(2_000);
    COUNT.with(Cell::get) - before
}

#[test]
fn steps_do_not_allocate() {
    let shape = SparseRegression { n: 12, d: 37, sparsity: 3, test: 0, noise: 0.0 };
    let data = Arc::new(shape.draw_fresh(1).unwrap());
    let diagonal = || Problem { model: DiagonalLinear::new(37), data: Arc::clone(&data), loss: Loss::HalfMeanSquare };
    let linear = Problem { model: Linear::new(37), data: Arc::clone(&data), loss: Loss::SumOfSquares };
    let x = [1.0, 1.1];
    let train = Samples::new(Matrix::from_rows(2, 1, &x), x.to_vec(), ["x", "y"]).unwrap();
    let scalar = Arc::new(Dataset::new(train, None, None).unwrap());
    let toy = Problem { model: ScalarToy, data: scalar, loss: Loss::QuarterMeanSquare };
    let network = |hidden: &[usize], loss| Problem {
        model: FullyConnected::new(37, hidden, &vec![true; hidden.len() + 1]),
        data: Arc::clone(&data),
        loss,
    };
    // 37 x 9 + 9 + 9 + 1 and 37 x 6 + 6 + 6 x 5 + 5 + 5 + 1 parameters
    let (one, two) = (network(&[9], Loss::MeanSquare), network(&[6, 5], Loss::Logistic));
    let weights: Vec<f64> = (0..352).map(|k| 0.01 * f64::from(k % 21 - 10)).collect();
    let start = [0.1; 74];
    let sampler = || Sampler::own(3, 12);
    let sde = |scheme| {
        let grid = Grid { substeps: 2, path: 4 };
        Sde::new(Equation::SecondOrder, scheme, grid, &data.train, 1)
    };
    let found = [
        allocations_of_steps(diagonal(), Sgd::new(sampler()), &start),
        allocations_of_steps(diagonal(), GradientDescent, &start),
        allocations_of_steps(diagonal(), LabelNoise::new(sampler()), &start),
        allocations_of_steps(diagonal(), MiniBatch::new(BatchRule::WithReplacement, 3, 12, sampler()), &start),
        allocations_of_steps(diagonal(), MiniBatch::new(BatchRule::WithoutReplacement, 3, 12, sampler()), &start),
        allocations_of_steps(diagonal(), MiniBatch::new(BatchRule::Epochs, 5, 12, sampler()), &start),
        allocations_of_steps(diagonal(), sde(Scheme::EulerMaruyama), &start),
        allocations_of_steps(diagonal(), sde(Scheme::StochasticHeun), &start),
        allocations_of_steps(linear, Sgd::new(sampler()), &start[..37]),
        allocations_of_steps(one, Sgd::new(sampler()), &weights),
        allocations_of_steps(two.clone(), Sgd::new(sampler()), &weights[..269]),
        allocations_of_steps(two, MiniBatch::new(BatchRule::Epochs, 5, 12, sampler()), &weights[..269]),
        allocations_of_steps(toy, Sgd::new(Sampler::own(3, 2)), &[0.5]),
    ];
    assert_eq!(found, [0; 13]);
    // the counter counts
    let before = COUNT.with(Cell::get);
    drop(std::hint::black_box(vec![0_u8; 10]));
    assert_eq!(COUNT.with(Cell::get) - before, 1);
}
