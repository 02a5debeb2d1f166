//! Promises of the git contract, kept against the real git in temporary folders.
mod apply;
mod corpus;
mod hostile;
mod index;
mod kept;
mod lab;
mod random;
mod result;
mod shapes;
