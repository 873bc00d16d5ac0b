//! Which instructions the kernels use.

use std::{fmt, str::FromStr, sync::OnceLock};

use pulp::{Arch, Simd, WithSimd};

use crate::error::{Error, Result, by_name};

/// Environment variable that forces a lower instruction set than the best one found: `avx512vnni`, `avx2`, `neon` or
/// `portable`. For tests and comparisons.
pub const ISA_VARIABLE: &str = "INDIC_SEAMLESS_ISA";

#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;

/// An instruction set that the int8 kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isa {
    /// x86-64 with AVX-512 and its dot products of bytes.
    Avx512Vnni,
    /// x86-64 with AVX2, which has no dot product of bytes.
    Avx2,
    /// `AArch64` with dot products of bytes (Graviton2, Apple M1 and later).
    Neon,
    /// Whatever the compiler makes of plain Rust.
    Portable,
}

impl Isa {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Avx512Vnni, Self::Avx2, Self::Neon, Self::Portable];

    /// `avx512vnni`, `avx2`, `neon` or `portable`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512Vnni => "avx512vnni",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Portable => "portable",
        }
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("dotprod"),
            Self::Portable => true,
            #[allow(unreachable_patterns, reason = "reachable on each architecture for the others' sets")]
            _ => false,
        }
    }

    /// Those that this machine has, the best first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
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

    /// [`checked`](Self::checked) once for the whole program; the portable kernels after an error there.
    pub(crate) fn current() -> Self {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| Self::checked().unwrap_or(Self::Portable))
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

/// The vector instructions of everything that is not int8: the best found, but none above [`Isa::current`].
pub(crate) fn arch() -> Arch {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    *ARCH.get_or_init(|| match (Isa::checked(), std::env::var_os(ISA_VARIABLE)) {
        (Ok(isa), Some(_)) => lowered(isa),
        _ => Arch::new(),
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

/// Asks for the cache lines of `values`, where the hardware would not see in time that they are needed.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T]) {
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

fn lowered(isa: Isa) -> Arch {
    match isa {
        Isa::Avx512Vnni | Isa::Neon => Arch::new(),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => pulp::x86::V3::try_new().map_or(Arch::Scalar, Arch::V3),
        #[allow(unreachable_patterns, reason = "Avx2 elsewhere than on x86-64 is never chosen")]
        Isa::Avx2 | Isa::Portable => Arch::Scalar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
