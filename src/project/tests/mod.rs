//! Promises of the git contract, kept against the real git in temporary folders.
mod hostile;
mod index;
mod lab;
mod random;
mod result;
mod shapes;
