//! The services over a real listener.

mod support;

mod service {
    mod access;
    mod components;
    mod http;
}
