//! A proxy before a registry that answers chosen requests with an error, or cuts them off.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

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
    /// The request passes after a pause of so many seconds.
    Slow(u64),
    /// The connection is reset and from then on the port refuses everybody, until [`FaultProxy::listen`].
    Leave,
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
    address: SocketAddr,
    upstream: String,
    rule: Arc<Mutex<Option<Rule>>>,
    met: Arc<AtomicUsize>,
    /// `None` while the port refuses.
    listener: Arc<Mutex<Option<TcpListener>>>,
}

impl FaultProxy {
    /// Starts a proxy before `upstream` (`host:port`).
    ///
    /// # Errors
    /// No port is free.
    pub fn start(upstream: &str) -> Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), upstream)
    }

    /// As [`Self::start`], on another address of this machine.
    ///
    /// # Errors
    /// No port is free; the machine does not have the address.
    pub fn start_on(address: IpAddr, upstream: &str) -> Result<Self> {
        // Only to learn of a port that is free.
        let address = TcpListener::bind((address, 0))?.local_addr()?;
        let proxy = Self {
            address,
            upstream: upstream.to_owned(),
            rule: Arc::default(),
            met: Arc::default(),
            listener: Arc::default(),
        };
        proxy.listen()?;
        Ok(proxy)
    }

    /// Answers at its port, again after [`Fault::Leave`].
    ///
    /// # Errors
    /// Another program has the port.
    pub fn listen(&self) -> Result<()> {
        let listener = TcpListener::bind(self.address)?;
        *self.lock() = Some(listener.try_clone()?);
        let proxy = self.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let rule = *proxy.rule.lock().unwrap_or_else(PoisonError::into_inner);
                let proxy = proxy.clone();
                // A connection that breaks off is what this proxy is for.
                thread::spawn(move || proxy.serve(client, rule).ok());
            }
        });
        Ok(())
    }

    /// Refuses connections, and ends none.
    pub fn leave(&self) {
        if let Some(listener) = self.lock().take() {
            // Wakes the thread that accepts; it closes the port.
            let _ = rustix::net::shutdown(&listener, rustix::net::Shutdown::Both);
        }
    }

    /// Whether it refuses connections.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.lock().is_none()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<TcpListener>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `host:port` of the proxy.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Sets the rule for connections from now on; `None`: everything passes.
    pub fn set(&self, rule: Option<Rule>) {
        *self.rule.lock().unwrap_or_else(PoisonError::into_inner) = rule;
    }

    /// How many requests have met a rule; a connection that [`Fault::Away`] resets is none.
    #[must_use]
    pub fn met(&self) -> usize {
        self.met.load(Ordering::Relaxed)
    }

    fn serve(&self, client: TcpStream, rule: Option<Rule>) -> std::io::Result<()> {
        let upstream = self.upstream.as_str();
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
            self.met.fetch_add(1, Ordering::Relaxed);
            match rule.fault {
                Fault::Status(status, code) => return answer(client, status, code),
                Fault::Reset | Fault::Away => return reset(&client),
                Fault::Slow(seconds) => thread::sleep(Duration::from_secs(seconds)),
                Fault::Leave => {
                    self.leave();
                    return reset(&client);
                }
            }
        }
        let mut server = TcpStream::connect(upstream)?;
        server.write_all(head.as_bytes())?;
        server.write_all(reader.buffer())?;
        pass(client, server)
    }
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
    rustix::net::sockopt::set_socket_linger(client, Some(Duration::ZERO))?;
    Ok(())
}
