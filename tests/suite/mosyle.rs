//! Mosyle through the public door, against a simulated one.

mod answers;
mod bench;
mod login;
mod pages;
