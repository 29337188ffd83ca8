//! The connection's state machine, tested from outside: walked exhaustively, driven through long
//! random histories, and told as stories.

mod histories;
mod model;
mod oracle;
mod script;
mod stories;
