//! Layers that the encoder and the decoder share, and the operations that run faster on the CPU as one pass.
//!
//! Every operation here has two bodies: plain Burn operations, which run on any backend, and a kernel over slices
//! (`nn::cpu`) for tensors that live on Burn's CPU backend Flex. Tests compare the kernels
//! with their formulas, and either body with the reference.

mod activation;
mod attention;
pub(crate) mod cpu;
mod depthwise;
mod feed_forward;
mod linear;
mod norm;
mod weight;

pub use activation::Activation;
pub(crate) use activation::glu;
pub(crate) use attention::{KeyRows, RelativeAttention, attend};
pub(crate) use depthwise::causal_depthwise;
pub use feed_forward::{FeedForward, FeedForwardConfig};
pub(crate) use linear::Product;
pub use linear::{Linear, LinearConfig};
pub use norm::LayerNorm;
pub(crate) use norm::add_scaled;
pub(crate) use weight::initializer;
pub use weight::{Int8Weight, Storage, Weight};
