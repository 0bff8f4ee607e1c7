//! Fifty kills, with a fixed seed.

use crate::program::{prana, scratch};
