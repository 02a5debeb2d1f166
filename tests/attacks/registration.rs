//! Clients that register themselves, and those whose metadata is fetched from their address: whoever
//! builds one of these ways in puts its attacks here.
