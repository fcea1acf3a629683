//! Which addresses can be Apple's.
