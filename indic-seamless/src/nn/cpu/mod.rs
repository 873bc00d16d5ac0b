//! Kernels over slices, for tensors on Burn's CPU backend Flex: vectorised for the instructions found at run time
//! (AVX-512, AVX2, NEON or none), parallel on the current rayon pool.

mod activation;
mod attention;
mod depthwise;
mod few_rows;
pub(crate) mod lanes;
mod linear;
mod many_rows;
mod norm;
mod panel;
mod view;

pub(crate) use self::{
    activation::{exp, glu, relu, swish},
    attention::{attend, relative_attention},
    depthwise::causal_depthwise,
    linear::linear,
    norm::{add_scaled, layer_norm},
    view::{Cpu, CpuFloats},
};

#[cfg(test)]
pub(crate) mod tests;
