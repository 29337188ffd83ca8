//! The outside world of the demonstration, on 127.0.0.0/8 and unprivileged ports: name servers,
//! resolvers, mail servers, the gateway and a mailbox. Real sockets, real protocols; only the
//! waiting is virtual, because everything that honours a time takes it from the shared clock.

pub mod address;
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

pub use authority::NameServer;
pub use certificates::CertificateAuthority;
pub use error::{LabError, LabResult};
pub use firewall::Firewall;
pub use gateway::{Gateway, MX_NAMES, Route, Routes, Stale};
pub use gateway_api::GatewayApi;
pub use mail_server::{MailServer, Received};
pub use mailbox::{Letters, Mail, Mailbox};
pub use outgoing::Delivery;
pub use policy_server::PolicyServer;
pub use resolver::Resolver;
pub use task::Task;
pub use world::{Copies, Lab};
pub use zones::{Zone, ZoneSet};
