//! Which instructions the kernels use.

#[cfg(target_arch = "aarch64")]
use std::arch::is_aarch64_feature_detected;
use std::{fmt, str::FromStr, sync::OnceLock};

use pulp::{Arch, Simd, WithSimd};

use crate::error::{Error, Result, by_name};

/// Environment variable that forces a lower instruction set than the best one found: `avx512vnni`, `avxvnni`, `avx2`, `i8mm`,
/// `neon` or `portable`. For tests and comparisons.
pub const ISA_VARIABLE: &str = "INDIC_SEAMLESS_ISA";

#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;

/// An instruction set that the int8 kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// x86-64 with AVX-512 and its dot products of bytes.
    Avx512Vnni,
    /// x86-64 with AVX2 and dot products of bytes in 256 bits (Intel's client processors since the 12th generation).
    AvxVnni,
    /// x86-64 with AVX2, which has no dot product of bytes.
    Avx2,
    /// `AArch64` with dot products of bytes and products of matrices of bytes (Graviton3, Apple M2 and later).
    I8mm,
    /// `AArch64` with dot products of bytes (Graviton2, Apple M1 and later).
    Neon,
    /// Plain Rust, vectorised by the compiler.
    Portable,
}

impl Isa {
    /// All instruction sets, the best first.
    pub const ALL: &'static [Self] =
        &[Self::Avx512Vnni, Self::AvxVnni, Self::Avx2, Self::I8mm, Self::Neon, Self::Portable];

    /// `avx512vnni`, `avxvnni`, `avx2`, `i8mm`, `neon` or `portable`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512Vnni => "avx512vnni",
            Self::AvxVnni => "avxvnni",
            Self::Avx2 => "avx2",
            Self::I8mm => "i8mm",
            Self::Neon => "neon",
            Self::Portable => "portable",
        }
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        self.detect().is_some()
    }

    /// Those that this machine has, the best first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|isa| isa.is_available())
    }

    /// The one in use: the best that the machine has, or the one that [`ISA_VARIABLE`] names.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] if the variable names none that this machine has.
    pub fn checked() -> Result<Self> {
        match std::env::var(ISA_VARIABLE) {
            Ok(name) => name.parse(),
            Err(_) => Ok(Self::available().next().unwrap_or(Self::Portable)),
        }
    }

    /// The kernels of this instruction set, if the machine can run them.
    pub(super) fn detect(self) -> Option<Kernels> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni")
                // For the kernels that have no version of their own.
                && is_x86_feature_detected!("avx2"))
            .then_some(Kernels::Avx512Vnni(Proof(()))),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => {
                let vex = is_x86_feature_detected!("avxvnni");
                let evex = is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vnni");
                let prefix = if vex { Prefix::Vex } else { Prefix::Evex };
                ((vex || evex) && is_x86_feature_detected!("avx2")).then_some(Kernels::AvxVnni(Proof(()), prefix))
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2").then_some(Kernels::Avx2(Proof(()))),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512Vnni | Self::AvxVnni | Self::Avx2 => None,
            #[cfg(target_arch = "aarch64")]
            Self::I8mm => (is_aarch64_feature_detected!("dotprod") && is_aarch64_feature_detected!("i8mm"))
                .then_some(Kernels::I8mm(Proof(()))),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => is_aarch64_feature_detected!("dotprod").then_some(Kernels::Neon(Proof(()))),
            #[cfg(not(target_arch = "aarch64"))]
            Self::I8mm | Self::Neon => None,
            Self::Portable => Some(Kernels::Portable),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Isa {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        by_name(ISA_VARIABLE, text, Self::available(), Self::name)
    }
}

/// By which prefix instructions with the same effect are encoded.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(super) enum Prefix {
    /// AVX-VNNI's.
    Vex,
    /// AVX-512's, on processors that would take [`Isa::Avx512Vnni`]: for tests and comparisons.
    Evex,
}

/// Evidence that the machine has an instruction set. Only [`Isa::detect`] makes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proof(());

/// The kernels that can run here: one variant for each instruction set of the target, which holds the evidence that the machine
/// has it.
///
/// Kernels match on it without a wildcard, so that a new instruction set does not compile until each of them has an arm for it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kernels {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Proof),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(Proof, Prefix),
    #[cfg(target_arch = "x86_64")]
    Avx2(Proof),
    #[cfg(target_arch = "aarch64")]
    I8mm(Proof),
    #[cfg(target_arch = "aarch64")]
    Neon(Proof),
    Portable,
}

impl Kernels {
    /// Those of [`Isa::checked`], looked up once for the whole program; the portable ones after an error there.
    pub(super) fn current() -> Self {
        static CURRENT: OnceLock<Kernels> = OnceLock::new();
        *CURRENT.get_or_init(|| Isa::checked().ok().and_then(Isa::detect).unwrap_or(Self::Portable))
    }

    /// Whether there are products of bf16 numbers, two at a time.
    pub(super) fn bf16_pairs(self) -> Option<Bf16Pairs> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => is_x86_feature_detected!("avx512bf16").then_some(Bf16Pairs(())),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(..) | Self::Avx2(_) => None,
            #[cfg(target_arch = "aarch64")]
            Self::I8mm(_) | Self::Neon(_) => is_aarch64_feature_detected!("bf16").then_some(Bf16Pairs(())),
            Self::Portable => None,
        }
    }

    /// The vector instructions that kernels in plain Rust may use beside these.
    fn arch(self) -> Arch {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => Arch::new(),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(..) | Self::Avx2(_) => pulp::x86::V3::try_new().map_or(Arch::Scalar, Arch::V3),
            #[cfg(target_arch = "aarch64")]
            Self::I8mm(_) | Self::Neon(_) => Arch::new(),
            Self::Portable => Arch::Scalar,
        }
    }
}

/// Evidence that the machine multiplies pairs of bf16 numbers (AVX-512 BF16, Arm's bf16). Only [`Kernels::bf16_pairs`] makes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bf16Pairs(());

/// The vector instructions of everything that is not int8: the best found, but none above those that [`ISA_VARIABLE`] names.
pub(crate) fn arch() -> Arch {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    *ARCH.get_or_init(|| match std::env::var_os(ISA_VARIABLE) {
        Some(_) => Kernels::current().arch(),
        None => Arch::new(),
    })
}

/// Runs a closure in these instructions. Mark it `#[inline(always)]`, or it keeps those of its surroundings.
pub(crate) fn vectorise<R>(f: impl FnMut() -> R) -> R {
    // Called as `FnMut`: the shim that makes a borrowing closure an `FnOnce` is not inlined, which pulp's own way goes through.
    struct Vectorised<F>(F);
    impl<R, F: FnMut() -> R> WithSimd for Vectorised<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _simd: S) -> R {
            (self.0)()
        }
    }
    arch().dispatch(Vectorised(f))
}

/// Asks for the cache lines of `values` where the hardware would not see in time that they are needed.
#[inline(always)]
pub(super) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks((CACHE_LINE / size_of::<T>()).max(1)) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch has no effect that a program could see.
        #[allow(unsafe_code, reason = "the intrinsic takes a pointer")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

#[cfg(test)]
mod tests {
    use std::mem::discriminant;

    use super::*;

    #[test]
    fn the_kernels_in_use_are_those_that_are_asked_for() {
        let asked = Isa::checked().expect("a set of this machine");
        if let Ok(name) = std::env::var(ISA_VARIABLE) {
            assert_eq!(asked.name(), name);
            assert!(asked != Isa::Portable || matches!(arch(), Arch::Scalar));
        }
        let kernels = asked.detect().expect("kernels");
        assert_eq!(discriminant(&Kernels::current()), discriminant(&kernels));
    }

    #[test]
    fn instruction_sets_are_chosen_by_name() {
        for isa in Isa::available() {
            assert_eq!(isa.name().parse::<Isa>().expect("name"), isa);
        }
        let error = "sse9".parse::<Isa>().expect_err("no such set").to_string();
        assert!(error.contains("sse9") && error.contains("portable"), "{error}");
        let foreign = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
        assert!(foreign.parse::<Isa>().is_err());
    }
}
