//! A proxy before a registry that answers chosen requests with an error, or cuts them off.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

/// The first byte of a TLS connection; executors try HTTPS before plain HTTP.
const TLS_HANDSHAKE: [u8; 1] = [0x16];

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This status, with a body of the registry's API.
    Status(u16, &'static str),
    /// The connection is reset before an answer.
    Reset,
    /// The port answers nobody.
    Away,
}

/// Which requests have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// `PUT`, `POST`, …; empty: every method.
    pub method: &'static str,
    /// Part of the path.
    pub path: &'static str,
    /// What happens.
    pub fault: Fault,
}

/// A running proxy; it lives as long as the process.
#[derive(Debug, Clone)]
pub struct FaultProxy {
    address: String,
    rule: Arc<Mutex<Option<Rule>>>,
}

impl FaultProxy {
    /// Starts a proxy before `upstream` (`host:port`).
    ///
    /// # Errors
    /// No port is free.
    pub fn start(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self {
            address: listener.local_addr()?.to_string(),
            rule: Arc::new(Mutex::new(None)),
        };
        let rule = Arc::clone(&proxy.rule);
        let upstream = upstream.to_owned();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let upstream = upstream.clone();
                let rule = *rule.lock().unwrap_or_else(PoisonError::into_inner);
                // A connection that breaks off is what this proxy is for.
                thread::spawn(move || serve(client, &upstream, rule).ok());
            }
        });
        Ok(proxy)
    }

    /// `host:port` of the proxy.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sets the rule for connections from now on; `None`: everything passes.
    pub fn set(&self, rule: Option<Rule>) {
        *self.rule.lock().unwrap_or_else(PoisonError::into_inner) = rule;
    }
}

fn serve(client: TcpStream, upstream: &str, rule: Option<Rule>) -> std::io::Result<()> {
    if rule.is_some_and(|rule| rule.fault == Fault::Away) {
        return reset(&client);
    }
    let mut first = [0];
    client.peek(&mut first)?;
    if first == TLS_HANDSHAKE {
        return pass(client, TcpStream::connect(upstream)?);
    }
    let mut reader = BufReader::new(client.try_clone()?);
    let mut request_line = String::new();
    reader.read_line(&mut request_line)?;
    let mut head = request_line.clone();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if !line.to_ascii_lowercase().starts_with("connection:") {
            head.push_str(&line);
        }
    }
    // One request a connection, so that each has its own fate.
    head.push_str("Connection: close\r\n\r\n");
    let (method, path) = request_line.split_once(' ').unwrap_or_default();
    if let Some(rule) = rule
        && (rule.method.is_empty() || rule.method == method)
        && path.contains(rule.path)
    {
        return match rule.fault {
            Fault::Status(status, code) => answer(client, status, code),
            Fault::Reset | Fault::Away => reset(&client),
        };
    }
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(head.as_bytes())?;
    server.write_all(reader.buffer())?;
    pass(client, server)
}

fn pass(mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
    let mut from_client = client.try_clone()?;
    let mut to_server = server.try_clone()?;
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        to_server.shutdown(Shutdown::Write)
    });
    std::io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Both)
}

fn answer(mut client: TcpStream, status: u16, code: &str) -> std::io::Result<()> {
    let body = format!("{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"made by the test\"}}]}}");
    write!(
        client,
        "HTTP/1.1 {status} Fault\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    // What the client still sends is read, so that it sees the answer and not a reset.
    client.shutdown(Shutdown::Write)?;
    let _ = std::io::copy(&mut (&client).take(1 << 30), &mut std::io::sink());
    Ok(())
}

/// Closes with unread input, which the kernel turns into a reset.
fn reset(client: &TcpStream) -> std::io::Result<()> {
    rustix::net::sockopt::set_socket_linger(client, Some(std::time::Duration::ZERO))?;
    Ok(())
}
