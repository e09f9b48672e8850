//! Histories that once broke a promise, shrunk, each with what went wrong.
