//! weft in real, untouched Docker engines of two releases.

#![allow(clippy::expect_used, reason = "also in what the tests share")]

mod cluster;
mod engines;
