//! Weights and activations as bytes, and their products.
//!
//! A weight is quantised per output: `w[o, i] ≈ byte[o, i] · scale[o]`, bytes in -127..=127 (symmetric; -128 is not used,
//! so that no product of the AVX2 kernel can saturate). An input is quantised per row, when it comes. Products are summed
//! in 32-bit integers, exactly; scales, bias and activation follow while the sums are in the registers' cache.
//!
//! Packed weights lie in memory as they lie in the file (`packed_shape`), so that the file can be mapped and shared.
//!
//! Where numbers only have to be rounded to bf16, there are products of these too.
//!
//! This module, the mapping of files and a prefetch are all that has `unsafe` code: intrinsics, and memory that several
//! threads write.

mod kernel;
mod output;
mod pack;
mod pairs;
mod product;
mod rows;

pub(crate) use output::{in_columns, in_pieces};
pub(crate) use pack::{pack, packed_shape, unpack};
pub(crate) use pairs::{Pair, has_pair_products, pair_sums};
pub(crate) use product::{Matrix, products};
pub(crate) use rows::Rows;

/// Outputs that lie side by side in a packed weight.
pub(crate) const PANEL: usize = 64;
/// Inputs that lie side by side: the bytes that one lane of a dot product takes.
const GROUP: usize = 4;

#[cfg(test)]
mod tests;
