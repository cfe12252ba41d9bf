//! The device that computes: the processor, or a GPU that was built in, chosen at run time.

use std::fmt;
use std::str::FromStr;

use burn::backend::DispatchDevice;
pub use burn::tensor::{Device, Tensor, TensorData};

/// Where tensors live and are computed with.
///
/// ```
/// use stepwell_deep::engine::Engine;
/// assert_eq!("cpu".parse::<Engine>(), Ok(Engine::Cpu));
/// assert_eq!("cuda:1".parse::<Engine>(), Ok(Engine::Cuda(1)));
/// assert!("abacus".parse::<Engine>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The processor, always there.
    #[default]
    Cpu,
    /// The NVIDIA GPU with this number; needs the feature `cuda`.
    Cuda(usize),
    /// The best GPU that WebGPU's drivers find (Vulkan, Metal, Direct3D); needs the feature `wgpu`.
    Wgpu,
}

/// Why there is no such device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Not a name of a device.
    #[error("no device is called `{0}`, expected `cpu`, `cuda`, `cuda:N` or `wgpu`")]
    Name(String),
    /// The program was built without it.
    #[error("this program was built without `{0}`: build it with `cargo build --release --features {0}`")]
    NotBuilt(&'static str),
    /// Built in, but the machine has none.
    #[error("no such GPU can be used: {0}")]
    NoGpu(String),
}

impl Engine {
    /// The device itself.
    ///
    /// # Errors
    /// If the program was built without it, or the machine has none that can be used.
    pub fn device(self) -> Result<Device, EngineError> {
        match self {
            Self::Cpu => {
                keep_freed_memory();
                Ok(Device::flex())
            }
            #[cfg(feature = "cuda")]
            Self::Cuda(index) => nvidia(index),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda(_) => Err(EngineError::NotBuilt("cuda")),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => webgpu(),
            #[cfg(not(feature = "wgpu"))]
            Self::Wgpu => Err(EngineError::NotBuilt("wgpu")),
        }
    }
}

/// The NVIDIA GPU with this number, if the driver has so many.
#[cfg(feature = "cuda")]
fn nvidia(index: usize) -> Result<Device, EngineError> {
    match Device::enumerate(burn::tensor::DeviceType::Cuda).len() {
        0 => Err(EngineError::NoGpu("expected an NVIDIA GPU and its driver".into())),
        found if index >= found => Err(EngineError::NoGpu(format!("expected a number below {found}"))),
        _ => Ok(Device::cuda(index)),
    }
}

/// The best GPU of WebGPU's drivers, opened once.
#[cfg(feature = "wgpu")]
fn webgpu() -> Result<Device, EngineError> {
    static DEVICE: std::sync::OnceLock<Result<Device, String>> = std::sync::OnceLock::new();
    let open = || Device::wgpu_options().init().map_err(|error| error.to_string());
    let device = DEVICE.get_or_init(open).clone();
    device.map_err(|error| EngineError::NoGpu(format!("{error}; expected a driver for Vulkan, Metal or Direct3D")))
}

/// Whether a device is the processor, for which there are kernels of our own.
pub fn on_processor(device: &Device) -> bool {
    matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Flex(_))
}

/// Lets the allocator keep what a step frees for the next step, which needs the same again: by default glibc returns large
/// blocks to the system, and every step pays for fresh pages. A device does so by itself; a program that does it before it starts
/// threads gives each thread no memory of its own, so that what is left of a limit does not depend on their timing.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        // SAFETY: `mallopt` takes two integers and may be called at any time.
        ONCE.call_once(|| unsafe {
            libc::mallopt(libc::M_MMAP_MAX, 0);
            libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
            libc::mallopt(libc::M_TOP_PAD, 1 << 26);
            libc::mallopt(libc::M_ARENA_MAX, 1);
        });
    }
}

impl FromStr for Engine {
    type Err = EngineError;

    fn from_str(name: &str) -> Result<Self, EngineError> {
        match name {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "wgpu" => Ok(Self::Wgpu),
            _ => name
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| EngineError::Name(name.to_owned())),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Wgpu => f.write_str("wgpu"),
        }
    }
}
