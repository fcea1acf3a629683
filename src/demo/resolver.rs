//! A small DNS server over UDP, for names of the demo's world and of tests.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// How long an answer may be kept.
const TTL: u32 = 60;

/// How a name is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With these addresses; without one in a family of which there is none.
    Addresses(Vec<IpAddr>),
    /// The name is there and has no address.
    Empty,
    /// There is no such name.
    NoSuchName,
    /// The server failed.
    Failure,
    /// Not at all.
    Silence,
}

/// A DNS server. It ends when dropped.
#[derive(Debug)]
pub struct Resolver {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    /// By the end of the name.
    answers: Mutex<BTreeMap<String, Answer>>,
    asked: Mutex<Vec<String>>,
}

impl Resolver {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    pub async fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(address).await?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(serve(socket, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers names that end so; the longest end that fits counts, and a name that fits none does not exist.
    pub fn set(&self, end: &str, answer: Answer) {
        self.shared.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(end.to_owned(), answer);
    }

    /// The names that were asked for, with the dot at their end.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, shared: Arc<Shared>) {
    let mut buffer = [0; 1500];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = Message::from_vec(&buffer[..length]).ok().and_then(|question| shared.answer(&question)) {
            // Who asked may have gone.
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

impl Shared {
    fn answer(&self, question: &Message) -> Option<Vec<u8>> {
        let query = question.queries.first()?;
        let name = query.name().to_string().to_lowercase();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = answers.iter().filter(|(end, _)| name.trim_end_matches('.').ends_with(end.as_str()));
        let answer = fitting.max_by_key(|(end, _)| end.len()).map_or(&Answer::NoSuchName, |(_, answer)| answer);
        let mut message = Message::response(question.metadata.id, question.metadata.op_code);
        message.metadata.message_type = MessageType::Response;
        message.metadata.recursion_desired = question.metadata.recursion_desired;
        message.metadata.recursion_available = true;
        message.add_query(query.clone());
        let code = match answer {
            Answer::Silence => return None,
            Answer::Failure => ResponseCode::ServFail,
            Answer::NoSuchName => ResponseCode::NXDomain,
            Answer::Empty => ResponseCode::NoError,
            Answer::Addresses(addresses) => {
                for address in addresses {
                    let data = match (address, query.query_type()) {
                        (IpAddr::V4(v4), RecordType::A) => RData::A(A(*v4)),
                        (IpAddr::V6(v6), RecordType::AAAA) => RData::AAAA(AAAA(*v6)),
                        _ => continue,
                    };
                    message.add_answer(Record::from_rdata(query.name().clone(), TTL, data));
                }
                ResponseCode::NoError
            }
        };
        message.metadata.response_code = code;
        message.to_vec().ok()
    }
}
