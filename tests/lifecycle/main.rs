//! The connection's state machine, told as stories.

mod script;
mod stories;
