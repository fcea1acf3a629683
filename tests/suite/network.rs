//! The way to Apple in network namespaces of our own, with Apple's addresses on their loopback: what a firewall drops
//! is really dropped there, and nothing can leave.

mod alerts;
mod daemon;
mod egress;
mod figures;
mod lab;
mod manners;
mod reasons;
mod sites;
