//! Layers that the encoder and the decoder share, and the operations that run faster on the CPU as one pass.
//!
//! Every operation has two implementations: plain Burn operations, which run on any backend, and a kernel over slices
//! (`kernels`) for tensors on Burn's CPU backend Flex. Only `nn::flex` converts between tensors and slices. Tests compare the
//! kernels with their formulas, and both implementations with the reference.

mod activation;
mod attention;
mod depthwise;
mod feed_forward;
mod flex;
mod linear;
mod masks;
mod norm;
mod weight;

pub(crate) use activation::glu;
pub(crate) use attention::{Attended, attend};
pub(crate) use depthwise::causal_depthwise;
pub use feed_forward::{FeedForward, FeedForwardConfig};
pub(crate) use flex::FlexView;
pub use linear::{Linear, LinearConfig};
pub(crate) use linear::{Product, Quantised};
pub(crate) use masks::{KeyMask, RelativeMask, one_tensor};
pub use norm::LayerNorm;
pub(crate) use norm::{NormView, add_scaled};
pub(crate) use weight::initializer;
pub use weight::{Int4Weight, Int8Weight, Storage, Weight};

pub use crate::kernels::Activation;
pub(crate) use crate::kernels::{KeyRows, RelativeAttention};
