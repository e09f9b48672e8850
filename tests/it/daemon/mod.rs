//! A pipeline that is kept up to date: the loop, by itself and as the real program.

mod hinted;
mod polled;
mod servers;
mod watch;
mod watcher;
