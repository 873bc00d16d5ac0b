//! All code that depends on instruction sets: kernels over slices, vectorised for what is found at run time (AVX-512, AVX2, NEON
//! or none), parallel on the current rayon pool.
//!
//! Kernels take slices, and return or fill others; they know no tensors, layers or files. int8 kernels have a file for each family of
//! instructions, and a dispatch that does not compile until each instruction set has its arm ([`isa::Kernels`]). Tests compare every kernel with
//! its formula in double precision, or with exact integer sums.
//!
//! All `unsafe` code of the crate is here, except for the mapping of checkpoint files: intrinsics, and memory that several
//! threads write.

mod activation;
mod attention;
mod cached_attention;
mod conformer;
mod depthwise;
mod finite;
pub mod fuzzing;
pub(crate) mod int8;
mod isa;
pub(crate) mod lanes;
mod math;
mod matmul;
mod norm;
mod output;
pub(crate) mod scores;

pub use self::{
    activation::Activation,
    isa::{ISA_VARIABLE, Isa},
};
pub(crate) use self::{
    activation::glu,
    attention::{RelativeAttention, relative_attention},
    cached_attention::{Attended, KeyRows, attend},
    conformer::{ConformerLayer, FeedForward, Memory},
    depthwise::causal_depthwise,
    finite::{first_invalid_score, first_non_finite},
    isa::{arch, vectorise},
    math::exp,
    matmul::{Float, linear},
    norm::{Norm, add_scaled},
};

#[cfg(test)]
mod tests;
