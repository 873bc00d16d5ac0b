//! Weights and activations as bytes, and their products.
//!
//! A weight is quantised per output: `w[o, i] ≈ byte[o, i] · scale[o]`, bytes in -127..=127 (symmetric; -128 is not used,
//! so that no product of the AVX2 kernel can saturate). An input is quantised per row, when it comes. Products are summed
//! in 32-bit integers, exactly; scales, bias and activation follow while the sums are in the registers' cache.
//!
//! Packed weights lie in memory as they lie in the file (`packed_shape`), so that the file can be mapped and shared.
//!
//! This module and the mapping of files are the only ones with `unsafe` code: intrinsics, and writes of disjoint columns
//! from several threads.

mod kernel;
mod pack;
mod product;
mod rows;

pub(crate) use pack::{pack, packed_shape, unpack};
pub(crate) use product::{Matrix, products};
pub(crate) use rows::Rows;

/// Outputs that lie side by side in a packed weight.
pub(crate) const PANEL: usize = 64;
/// Inputs that lie side by side: the bytes that one lane of a dot product takes.
const GROUP: usize = 4;

#[cfg(test)]
mod tests;
