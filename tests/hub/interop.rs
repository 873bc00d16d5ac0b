//! One cache with Python's `huggingface_hub`.
