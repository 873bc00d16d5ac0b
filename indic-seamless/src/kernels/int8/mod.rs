//! Weights and activations as bytes, and their products.
//!
//! A weight is quantised per output: `w[o, i] ≈ byte[o, i] · scale[o]`, bytes in -127..=127 (symmetric; -128 is not used,
//! so that no product of the AVX2 kernel can saturate). An input is quantised per row at run time. Products are summed in
//! 32-bit integers, exactly; scales, bias and activation are applied while the sums are still in the cache.
//!
//! Packed weights have the same layout in memory as in the file ([`packed_shape`]), so that the file can be mapped and shared.

#[cfg(target_arch = "aarch64")]
mod neon;
mod nibbles;
mod pack;
mod portable;
mod product;
mod rows;
mod tile;
#[cfg(target_arch = "x86_64")]
mod vnni;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use nibbles::{bytes_of, nibble_shape, pack_nibbles};
pub(crate) use pack::{gather, pack, packed_shape, unpack};
pub(super) use product::{BLOCK_BYTES, multiply, multiply_here};
pub(crate) use product::{Matrix, Values, products};
pub(crate) use rows::Rows;
pub(super) use tile::ROWS;

/// Outputs that lie side by side in a packed weight.
pub(crate) const PANEL: usize = 64;
/// Inputs that lie side by side: the bytes that one lane of a dot product takes.
const GROUP: usize = 4;

#[cfg(test)]
mod tests;
