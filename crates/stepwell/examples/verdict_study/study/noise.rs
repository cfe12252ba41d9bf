//! Losses that hover: stationary noise of many kinds about the level 1, step by step, as means over the blocks of a phase.

use stepwell::rng::{Purpose, Stream};

/// Blocks of a large phase.
pub const BLOCKS: usize = 64;

/// A stationary loss.
#[derive(Clone, Copy)]
pub enum Noise {
    /// `ln L` is an autoregression: `x <- rho x + e`, with a standard deviation of `sigma`.
    Autoregression { rho: f64, sigma: f64, tails: Tails },
    /// The same times the square of a standard normal at each step, as the loss of one sample has it.
    OneSample { rho: f64, sigma: f64 },
    /// `L = 1 + s`, where `s` decays with a time of 200 steps and is raised once per 2,000 steps by a height with the tail
    /// `P(height > h) = h^-1.5`: its variance is infinite.
    Bursts,
    /// `L` changes between 1 and 10, once per 500 steps.
    TwoLevels,
}

/// Law of an autoregression's innovations.
#[derive(Clone, Copy)]
pub enum Tails {
    Normal,
    /// Student's t with three degrees of freedom: no fourth moment, and `L` has no mean.
    Student3,
}

impl Noise {
    /// All kinds that are looked at.
    pub const ALL: [Self; 9] = [
        Self::Autoregression { rho: 0.0, sigma: 1.0, tails: Tails::Normal },
        Self::Autoregression { rho: 0.9, sigma: 1.0, tails: Tails::Normal },
        Self::Autoregression { rho: 0.97, sigma: 1.0, tails: Tails::Normal },
        Self::Autoregression { rho: 0.99, sigma: 1.0, tails: Tails::Normal },
        Self::Autoregression { rho: 0.9, sigma: 1.0, tails: Tails::Student3 },
        Self::Autoregression { rho: 0.99, sigma: 1.0, tails: Tails::Student3 },
        Self::SLOW_SAMPLES,
        Self::Bursts,
        Self::TwoLevels,
    ];

    /// Single samples of a slow loss.
    pub const SLOW_SAMPLES: Self = Self::OneSample { rho: 0.99, sigma: 1.0 };
    /// Single samples of a loss that is slower still.
    pub const VERY_SLOW_SAMPLES: Self = Self::OneSample { rho: 0.999, sigma: 1.0 };
    /// Little noise.
    pub const QUIET: Self = Self::Autoregression { rho: 0.0, sigma: 0.3, tails: Tails::Normal };
    /// As much noise as real runs have.
    pub const MIDDLE: Self = Self::Autoregression { rho: 0.97, sigma: 1.0, tails: Tails::Normal };

    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Autoregression { rho, sigma, tails: Tails::Normal } => format!("AR(1), ρ = {rho}, σ = {sigma}"),
            Self::Autoregression { rho, tails: Tails::Student3, .. } => format!("AR(1), ρ = {rho}, t with 3"),
            Self::OneSample { rho, .. } => format!("AR(1), ρ = {rho}, single samples"),
            Self::Bursts => "bursts, Pareto 1.5".into(),
            Self::TwoLevels => "two levels".into(),
        }
    }

    /// Mean losses of the blocks of a phase of `steps` steps.
    pub fn block_means(self, steps: usize, stream: &mut Stream) -> Vec<f64> {
        let mut next = self.begun(stream);
        let bounds: Vec<usize> = (0..=BLOCKS).map(|k| (k * steps).div_ceil(BLOCKS)).collect();
        bounds.windows(2).map(|w| (w[0]..w[1]).map(|_| next(stream)).sum::<f64>() / (w[1] - w[0]) as f64).collect()
    }

    /// The loss of the next step, and the next: in its stationary law from the first one on, but for bursts and tails, which
    /// are run for 2,000 steps before.
    fn begun(self, stream: &mut Stream) -> Box<dyn FnMut(&mut Stream) -> f64> {
        match self {
            Self::Autoregression { rho, sigma, tails } => {
                let scale = sigma * (1.0 - rho * rho).sqrt();
                let mut x = sigma * stream.normal();
                let mut next = move |stream: &mut Stream| {
                    x = rho * x + scale * tails.draw(stream);
                    libm::exp(x)
                };
                if matches!(tails, Tails::Student3) {
                    for _ in 0..2_000 {
                        next(stream);
                    }
                }
                Box::new(next)
            }
            Self::OneSample { rho, sigma } => {
                let mut level = Self::Autoregression { rho, sigma, tails: Tails::Normal }.begun(stream);
                Box::new(move |stream| {
                    let residual = stream.normal();
                    level(stream) * residual * residual
                })
            }
            Self::Bursts => {
                let mut s = 0.0;
                let mut next = move |stream: &mut Stream| {
                    s *= 1.0 - 1.0 / 200.0;
                    if stream.below(2_000) == 0 {
                        s += libm::pow(1.0 - stream.uniform(), -1.0 / 1.5);
                    }
                    1.0 + s
                };
                for _ in 0..2_000 {
                    next(stream);
                }
                Box::new(next)
            }
            Self::TwoLevels => {
                let mut high = stream.below(2) == 0;
                Box::new(move |stream| {
                    high ^= stream.below(500) == 0;
                    if high { 10.0 } else { 1.0 }
                })
            }
        }
    }
}

impl Tails {
    /// A draw with variance 1.
    fn draw(self, stream: &mut Stream) -> f64 {
        let z = stream.normal();
        match self {
            Self::Normal => z,
            // variance 3 before it is scaled
            Self::Student3 => {
                let chi2: f64 = (0..3).map(|_| stream.normal()).map(|z| z * z).sum();
                z / chi2.sqrt()
            }
        }
    }
}

/// The stream of case `case` of the study called `name`.
pub fn stream(name: &str, case: u64) -> Stream {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    Stream::new(hash.wrapping_add(case), Purpose::Noise)
}
