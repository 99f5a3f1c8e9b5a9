//! The services over a real listener.

#[cfg(test)]
mod support;

#[cfg(test)]
mod service {
    mod access;
    mod components;
    mod http;
    mod process;
    mod tls;
}
