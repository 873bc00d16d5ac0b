//! The backends that the library under test was built with.

use indic_seamless::Backend;

/// Those beside Flex that can run on any machine: `wgpu` runs on software Vulkan too.
pub(crate) fn others() -> Vec<Backend> {
    let built = [(cfg!(feature = "ndarray"), Backend::NdArray), (cfg!(feature = "wgpu"), Backend::Wgpu)];
    built.into_iter().filter_map(|(built, backend)| built.then_some(backend)).collect()
}
