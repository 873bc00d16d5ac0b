//! Dot products of bf16 numbers, two at a time.

use half::bf16;

#[cfg(target_arch = "x86_64")]
use super::{PANEL, kernel};
#[cfg(target_arch = "x86_64")]
use crate::isa::Isa;

/// Two numbers that are neighbours along the axis that a product sums over.
pub(crate) type Pair = [bf16; 2];

/// Whether the machine has instructions for such products, and may use them.
pub(crate) fn has_pair_products() -> bool {
    #[cfg(target_arch = "x86_64")]
    if Isa::current() == Isa::Avx512Vnni {
        return is_x86_feature_detected!("avx512bf16");
    }
    false
}

/// `out[r][o] = Σ_k left[r][k] · panel[k][o]` for a panel of rows of `across`; rows of `out` begin `stride` apart.
#[inline(always)]
pub(crate) fn pair_sums<const R: usize>(
    left: [&[Pair]; R],
    panel: &[Pair],
    across: usize,
    out: &mut [f32],
    stride: usize,
) {
    #[cfg(target_arch = "x86_64")]
    if let (PANEL, (panel, []), true) = (across, panel.as_chunks::<PANEL>(), has_pair_products()) {
        // SAFETY: the machine has the instructions.
        #[allow(unsafe_code, reason = "code for instructions that the compiler does not take for granted")]
        return unsafe { kernel::avx512_bf16(left, panel, out, stride) };
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
