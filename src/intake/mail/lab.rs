//! For tests: a DNS server on loopback that knows a few TXT records, and a sender who signs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::EvidenceMail;
use crate::config::MailConfig;

/// Answers for TXT records; every other name does not exist. Dropped, it is silent.
pub(crate) struct TxtServer {
    pub(crate) address: SocketAddr,
    pub(crate) records: Arc<Mutex<BTreeMap<String, String>>>,
    task: JoinHandle<()>,
}

impl Drop for TxtServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TxtServer {
    pub(crate) async fn start(records: &[(&str, &str)]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let records: BTreeMap<String, String> =
            records.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let records = Arc::new(Mutex::new(records));
        let known = records.clone();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                let answer = answer(&question, &known.lock().unwrap());
                let _ = socket.send_to(&answer.to_vec().unwrap(), peer).await;
            }
        });
        Self { address, records, task }
    }

    pub(crate) fn reader(&self) -> EvidenceMail {
        EvidenceMail::new(&MailConfig { resolvers: vec![self.address], ..MailConfig::default() }).unwrap()
    }
}

fn answer(question: &Message, known: &BTreeMap<String, String>) -> Message {
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.recursion_desired = true;
    answer.metadata.recursion_available = true;
    let Some(query) = question.queries.first() else { return answer };
    answer.add_query(query.clone());
    let name = query.name().to_lowercase().to_string();
    match known.get(name.trim_end_matches('.')) {
        Some(record) if record == "SERVFAIL" => answer.metadata.response_code = ResponseCode::ServFail,
        Some(text) if query.query_type() == RecordType::TXT => {
            let name: Name = query.name().clone();
            let txt = TXT::new(
                text.as_bytes().chunks(200).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect(),
            );
            answer.add_answer(Record::from_rdata(name, 60, RData::TXT(txt)));
        }
        Some(_) => {}
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer
}

/// Somebody whose domain signs.
pub(crate) struct Signer {
    domain: String,
    pkcs8: Vec<u8>,
}

impl Signer {
    pub(crate) fn new(domain: &str) -> Self {
        Self { domain: domain.to_owned(), pkcs8: Ed25519Key::generate_pkcs8().unwrap() }
    }

    fn key(&self) -> Ed25519Key {
        Ed25519Key::from_pkcs8_maybe_unchecked_der(&self.pkcs8).unwrap()
    }

    /// Name and content of the record with the key.
    pub(crate) fn record(&self) -> (String, String) {
        let key = STANDARD.encode(self.key().public_key());
        (format!("s1._domainkey.{}", self.domain), format!("v=DKIM1; k=ed25519; p={key}"))
    }

    pub(crate) fn sign(&self, message: &str, headers: &[&str]) -> Vec<u8> {
        let signer =
            DkimSigner::from_key(self.key()).domain(&self.domain).selector("s1").headers(headers.iter().copied());
        let signature = signer.sign(message.as_bytes()).unwrap();
        format!("{}{message}", signature.to_header()).into_bytes()
    }
}

/// What a signer usually covers.
pub(crate) const COVERED: &[&str] = &["From", "To", "Subject", "Date", "Message-ID"];
