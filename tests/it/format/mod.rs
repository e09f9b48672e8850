//! Data that nobody here invented goes in, and what comes out is what other programs read.

mod dialects;
mod loaded;
mod logs;
mod many;
mod nested;
mod readers;
