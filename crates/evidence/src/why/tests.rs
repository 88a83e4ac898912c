//! Is the cause found?
