//! The command line. It decides nothing: it asks the other modules and puts their answers into words.

pub mod inspect;
