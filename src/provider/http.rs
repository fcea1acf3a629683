//! What every provider needs from HTTP, and none should write again.
