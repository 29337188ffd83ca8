//! The outside world of the demonstration, on 127.0.0.0/8 and unprivileged ports: name servers,
//! resolvers, mail servers, the gateway and a mailbox. Real sockets, real protocols; only the
//! waiting is virtual, because everything that honours a time takes it from the shared clock.

mod address;
mod authority;
mod certificates;
mod error;
mod firewall;
mod gateway;
mod gateway_api;
mod mail_server;
mod mailbox;
mod outgoing;
mod policy_server;
mod resolver;
mod sender;
mod smtp;
mod stub;
mod task;
mod world;
mod zones;

pub use error::LabError;
pub use firewall::Firewall;
pub use gateway::MX_NAMES;
pub use mail_server::MailServer;
pub use mailbox::Mail;
pub use outgoing::Delivery;
pub use task::Task;
pub use world::{Copies, Lab};
