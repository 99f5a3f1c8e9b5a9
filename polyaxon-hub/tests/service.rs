//! The services over a real listener.

#[cfg(test)]
mod support;

#[cfg(test)]
mod service {
    mod access;
    mod admin_token;
    mod agents;
    mod components;
    mod crash;
    mod http;
    mod logs;
    mod process;
    mod retries;
    mod runs;
    mod tls;
}
