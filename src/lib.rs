//! fencepost takes a customer of an e-mail filtering service from order to invoice.
//!
//! | module | for | never in there |
//! | --- | --- | --- |
//! | `fencepost-checks` (crate) | observation → finding → verdict | sockets, clock, database |
//! | [`order`] | what an order may contain | I/O |
//! | [`lifecycle`] | both state machines, permit, calendar | I/O, clock |
//! | [`words`] | languages, and how each writes times and amounts | what is said |
//! | [`status`] | what partners and notices are told about a domain | I/O, clock |
//! | [`ledger`] | billing entries, hash chain, invoices | I/O, clock |
//! | [`einvoice`] | lines of a run as invoices for buyers | I/O, clock |
//! | [`store`] | everything that is kept; the only SQL | decisions |
//! | [`engine`] | drives the lifecycle with facts | SQL, sockets of its own |
//! | [`probe`] | DNS, SMTP and HTTPS observations | judgement |
//! | [`gateway`] | sets routes on the gateway | decisions |
//! | [`intake`] | reads mail that comes in: delivery notices, evidence for billing | decisions |
//! | [`proposal`] | what a mail asks for, and whether it may | I/O, clock |
//! | [`report`] | the monthly security report: from facts to one value, and to text, HTML and pictures | I/O, clock |
//! | [`sweep`] | the MX of a whole base, one cheap question a domain | sockets, decisions |
//! | [`notify`] | renders and sends mail | decisions |
//! | [`http`] | API and pages | SQL, probes |
//! | [`agent`] | a vantage on another machine, which asks the engine for work | decisions, a database |
//! | [`metrics`] | numbers about the work of this process | names of customers |
//! | [`config`] | typed sections of the YAML file | behaviour |
//! | [`clock`] | the only reading of the wall clock | |
//! | [`dice`] | where chance comes from | secrets |
//! | [`failpoint`] | where a test may stop the program | anything that the program does |
//! | [`demo`] | a laboratory on loopback that runs this very engine | shortcuts |
//! | [`cli`] | one file a command; wires everything | |

pub mod agent;
pub mod cli;
pub mod clock;
pub mod config;
#[cfg(test)]
#[path = "../fuzz/properties/corpus.rs"]
mod corpus;
pub mod demo;
pub mod dice;
pub mod einvoice;
pub mod engine;
pub mod failpoint;
pub mod gateway;
pub mod http;
pub mod intake;
pub mod ledger;
pub mod lifecycle;
pub mod metrics;
pub mod notify;
pub mod order;
pub mod probe;
pub mod proposal;
pub mod report;
pub mod status;
pub mod store;
pub mod sweep;
pub mod telemetry;
pub mod words;
