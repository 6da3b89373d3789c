//! No input panics, and what is refused is refused clearly.
