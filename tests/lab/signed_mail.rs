//! A sender whose domain signs (DKIM, RFC 6376), and the DNS server that has its key.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, Record, RecordType};
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;
use tokio::net::UdpSocket;

pub struct Signer {
    domain: String,
    pkcs8: Vec<u8>,
}

impl Signer {
    pub fn new(domain: &str) -> Self {
        Self { domain: domain.to_owned(), pkcs8: Ed25519Key::generate_pkcs8().unwrap() }
    }

    fn key(&self) -> Ed25519Key {
        Ed25519Key::from_pkcs8_maybe_unchecked_der(&self.pkcs8).unwrap()
    }

    pub fn sign(&self, message: &str) -> Vec<u8> {
        let headers = ["From", "To", "Subject", "Date", "Message-ID"];
        let signer = DkimSigner::from_key(self.key()).domain(&self.domain).selector("s1").headers(headers);
        let signature = signer.sign(message.as_bytes()).unwrap();
        format!("{}{message}", signature.to_header()).into_bytes()
    }

    /// A DNS server on loopback that knows the key and nothing else, for as long as the runtime lives.
    pub async fn publish(&self) -> SocketAddr {
        let key = STANDARD.encode(self.key().public_key());
        let records = [(format!("s1._domainkey.{}", self.domain), format!("v=DKIM1; k=ed25519; p={key}"))];
        let records: Arc<BTreeMap<String, String>> = Arc::new(records.into_iter().collect());
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                let _ = socket.send_to(&answer(&question, &records).to_vec().unwrap(), peer).await;
            }
        });
        address
    }
}

fn answer(question: &Message, known: &BTreeMap<String, String>) -> Message {
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.recursion_desired = true;
    answer.metadata.recursion_available = true;
    let Some(query) = question.queries.first() else { return answer };
    answer.add_query(query.clone());
    match known.get(query.name().to_lowercase().to_string().trim_end_matches('.')) {
        Some(text) if query.query_type() == RecordType::TXT => {
            let txt = TXT::new(vec![text.clone()]);
            answer.add_answer(Record::from_rdata(query.name().clone(), 60, RData::TXT(txt)));
        }
        Some(_) => {}
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer
}
