//! Somebody out in the world who sends mail to a customer: looks the MX up through a resolver, as
//! everybody does, and tries the exchanges best first. Putting a deferred message back in the queue
//! is the caller's business, who knows what time it is.

use std::net::{IpAddr, SocketAddr};

use super::address::WORLD;
use super::outgoing::{Delivery, Outgoing, addresses, deliver, exchanges};

const HELLO: &str = "mail.world.example";

/// One attempt to send a message with this `Message-ID` to `recipient`.
pub async fn send(resolver: SocketAddr, smtp_port: u16, message_id: &str, recipient: &str) -> Delivery {
    let Some((_, domain)) = recipient.rsplit_once('@') else {
        return Delivery::Refused("the recipient has no domain".to_owned());
    };
    let hosts = match exchanges(resolver, domain).await {
        Ok(hosts) if !hosts.is_empty() => hosts,
        Ok(_) => return Delivery::Deferred("the domain has no MX".to_owned()),
        Err(error) => return Delivery::Deferred(error.to_string()),
    };
    let mail = letter(message_id, recipient);
    let mut last = Delivery::Deferred("no exchange has an address".to_owned());
    for host in hosts {
        for address in addresses(resolver, &host).await.unwrap_or_default() {
            let server = SocketAddr::new(IpAddr::V4(address), smtp_port);
            last = deliver(WORLD, HELLO, server, &host, &mail).await;
            if !matches!(last, Delivery::Deferred(_)) {
                return last;
            }
        }
    }
    last
}

fn letter(message_id: &str, recipient: &str) -> Outgoing {
    let sender = "customer@world.example".to_owned();
    let content = format!(
        "From: A customer <{sender}>\r\nTo: <{recipient}>\r\nMessage-ID: {message_id}\r\n\
         Subject: An order\r\n\r\nPlease send one more.\r\n"
    );
    Outgoing { sender, recipients: vec![recipient.to_owned()], content: content.into_bytes() }
}
