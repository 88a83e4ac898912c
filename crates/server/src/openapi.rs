//! What does the API look like to programs that are not ours?
