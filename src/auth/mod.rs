//! The authorization server (OAuth 2.1) and the bearer check of the resource behind it.
//!
//! Decisions are pure functions over typed requests with time passed in: [`redirect`], [`pkce`],
//! [`resource`], [`authorize`], [`metadata`], and the rotation rule of
//! [`crate::model::TokenFamily`]. [`AuthorizationServer`] puts them together with the store;
//! [`routes`] is the thin layer that speaks HTTP where the answer is JSON. Pages are typed here and
//! drawn by `web`.
//!
//! One rule: nothing is issued, and nothing is stored, before the owner was present: a paired
//! device's tap, or the code of the terminal. The one exception is a registration at `/register`, which
//! is bounded and worth nothing. A new way to register a client is a new
//! [`crate::model::Registration`] and an arm in `asking.rs`, where clients are looked up.
mod asking;
pub mod authorize;
pub mod bearer;
mod brake;
mod callback;
mod challenge;
mod client_auth;
mod clients;
mod consent;
mod devices;
mod digest;
pub(crate) mod document;
mod error;
mod form;
#[cfg(feature = "testing")]
pub(crate) mod fuzz;
mod ledger;
pub mod metadata;
mod pairing;
mod params;
pub mod pkce;
pub mod redirect;
mod register;
pub mod registration;
pub mod resource;
pub mod routes;
mod seal;
mod server;
mod settings;
mod static_token;
mod token;

pub use self::bearer::AuthorizedRequest;
pub use self::challenge::Challenge;
pub use self::clients::{ClientError, Minted, NewClient};
pub use self::consent::{ConsentOutcome, ConsentPage, ConsentProblem, KnownBy};
pub use self::devices::{DEVICE_COOKIE, DEVICE_LIFETIME, DeviceError, PairError, Paired};
pub use self::digest::OpaqueToken;
pub(crate) use self::document::is_public;
pub use self::document::{DocumentError, Fetch, FetchError};
pub use self::error::{OAuthError, RegistrationError};
pub use self::form::FormError;
pub use self::pairing::{ConsentCode, Pairing, PairingBook};
pub use self::params::{InvalidParams, Params};
pub use self::server::AuthorizationServer;
pub use self::settings::{AuthSettings, InvalidSetting};
pub use self::static_token::{MintedToken, NewToken};
pub use self::token::TokenResponse;
