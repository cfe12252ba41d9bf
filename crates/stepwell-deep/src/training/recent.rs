//! What recent batches said.

/// What the batches since the last record said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recent {
    /// Sum of losses, one per image.
    pub loss: f64,
    /// Images that were classified wrongly.
    pub wrong: u64,
    /// Images.
    pub images: u64,
}
