//! Dot products of bf16 numbers, two at a time.

use half::bf16;

#[cfg(target_arch = "aarch64")]
use super::neon::{ACROSS, bf16_dot as native};
#[cfg(target_arch = "x86_64")]
use super::x86::{ACROSS, avx512_bf16 as native};
use crate::kernels::isa::{Bf16Pairs, Kernels};

/// Two numbers that are neighbours along the axis that a product sums over.
pub(in crate::kernels) type Pair = [bf16; 2];

/// `out[r][o] = Σ_k left[r][k] · panel[k][o]` for a panel of rows of `across`; rows of `out` begin `stride` apart.
#[inline(always)]
pub(super) fn pair_sums<const R: usize>(
    left: [&[Pair]; R],
    panel: &[Pair],
    across: usize,
    out: &mut [f32],
    stride: usize,
) {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if let (Some(Bf16Pairs { .. }), ACROSS, (panel, [])) =
        (Kernels::current().bf16_pairs(), across, panel.as_chunks::<ACROSS>())
    {
        // SAFETY: `Bf16Pairs` is evidence that the machine has the instructions.
        #[allow(unsafe_code, reason = "code for instructions that the compiler does not take for granted")]
        return unsafe { native(left, panel, out, stride) };
    }
    for (left, out) in left.into_iter().zip(out.chunks_mut(stride)) {
        out[..across].fill(0.0);
        for (left, right) in left.iter().zip(panel.chunks_exact(across)) {
            for (out, right) in out.iter_mut().zip(right) {
                *out += left[0].to_f32() * right[0].to_f32() + left[1].to_f32() * right[1].to_f32();
            }
        }
    }
}
