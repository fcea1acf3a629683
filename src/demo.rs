//! A simulated world on loopback, for people and for the tests.
