//! The decision on disclosure: its rules, its adversaries, and signatures as ssh-keygen makes them.

mod adversary;
mod basics;
mod properties;
mod ssh;
mod support;
mod table;
