//! Paired devices: browsers that hold a cookie which stands for the owner's presence.
use std::time::Duration;

use http::{HeaderMap, header};

use super::consent::ConsentProblem;
use super::digest::digest;
use super::pairing::TokenRefusal;
use super::params::{InvalidParams, Params};
use super::server::AuthorizationServer;
use crate::http::{Ingress, Origin};
use crate::model::{Device, DeviceId};
use crate::store::StoreError;

/// The cookie's name. Browsers accept the prefix only over https, for this host alone.
pub const DEVICE_COOKIE: &str = "__Host-gateway_device";
/// How long a pairing lasts.
pub const DEVICE_LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
const PREFIX: &str = "gwd_";

/// What a pairing link or code has opened.
#[derive(Clone, Debug)]
pub enum Paired {
    /// A device that from now on stands for the owner.
    Device {
        /// The device.
        device: Device,
        /// The value of `Set-Cookie`: a secret.
        set_cookie: super::OpaqueToken,
    },
    /// One look at the page, on this very machine: cookies of plain http would be shared with every
    /// other local port, so nothing is remembered.
    LocalPage,
}

/// Why a device was not paired.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PairError {
    /// The form came from elsewhere.
    #[error("This form was not sent from this gateway's own page.")]
    CrossSite,
    /// A code was sent by plain http, where only a link opens the page.
    #[error("On this computer the page opens by the link that `gateway pair` prints.")]
    NotHttps,
    /// The link paired a device before.
    #[error("This pairing link was used already.")]
    Used,
    /// The link has ended, or never was one.
    #[error("This pairing link has expired or is not complete.")]
    UnknownToken,
    /// The code is wrong.
    #[error("This code is not the one that the terminal shows.")]
    WrongCode,
    /// Neither a link nor a code.
    #[error("Neither a pairing link nor a code was sent.")]
    Nothing,
    /// Too many wrong codes of late.
    #[error("Too many wrong codes were entered. Wait {wait_secs} s, then try again.")]
    TooFast {
        /// Whole seconds until the next try.
        wait_secs: u64,
    },
    /// The form is malformed.
    #[error("The form is malformed: {0}.")]
    Malformed(#[from] InvalidParams),
    /// Something failed here.
    #[error("The gateway cannot answer at the moment (log id {id}).")]
    Unavailable {
        /// Finds the log line.
        id: String,
    },
}

impl PairError {
    /// What the person can do.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::CrossSite | Self::Nothing | Self::Malformed(_) => {
                "Open the connector URL again and pair from there."
            }
            Self::NotHttps => {
                "Open that link here. When an app asks for access, type the code into its page."
            }
            Self::Used | Self::UnknownToken => {
                "Run `gateway pair` on your machine and scan the fresh code. If you did not use this \
                 link yourself, look at `gateway devices list`."
            }
            Self::WrongCode => "Run `gateway pair` on your machine for a fresh one.",
            Self::TooFast { .. } => {
                "The code itself stays valid, and the link that `gateway pair` prints pairs at any \
                 time."
            }
            Self::Unavailable { .. } => {
                "Try again in a minute; `gateway doctor` on your machine names the cause."
            }
        }
    }

    /// After how many seconds trying again makes sense, where that is known.
    #[must_use]
    pub const fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::TooFast { wait_secs } => Some(*wait_secs),
            _ => None,
        }
    }

    /// The status of the page.
    #[must_use]
    pub const fn status(&self) -> http::StatusCode {
        match self {
            Self::CrossSite | Self::WrongCode | Self::NotHttps => http::StatusCode::FORBIDDEN,
            Self::Used | Self::UnknownToken => http::StatusCode::GONE,
            Self::Nothing | Self::Malformed(_) => http::StatusCode::BAD_REQUEST,
            Self::TooFast { .. } => http::StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<StoreError> for PairError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable { id: super::error::log_failure(&error) }
    }
}

/// Why a device is not revoked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DeviceError {
    /// No living device of that id.
    #[error("there is no paired device {0}")]
    Unknown(DeviceId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeviceError {
    /// What the owner can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "`gateway devices list` shows those that are paired",
            Self::Store(error) => error.hint(),
        }
    }
}

impl AuthorizationServer {
    /// Pairs the browser that sent `form`, by the one-time token of a pairing link (`token`) or by
    /// the code of the terminal (`code`).
    ///
    /// # Errors
    ///
    /// [`PairError`]; then nothing was paired.
    pub async fn pair(
        &self,
        form: &[u8],
        origin: &Origin,
        ingress: Ingress,
        headers: &HeaderMap,
    ) -> Result<Paired, PairError> {
        if !super::consent::comes_from_us(headers, origin) {
            return Err(PairError::CrossSite);
        }
        let params = Params::parse(form)?;
        match (params.text("token")?, params.text("code")?) {
            (None, Some(_)) if !origin.is_https() => return Err(PairError::NotHttps),
            (Some(token), _) => {
                self.pairings().redeem_token(token).map_err(|refusal| match refusal {
                    TokenRefusal::Used => PairError::Used,
                    TokenRefusal::Unknown => PairError::UnknownToken,
                })?;
            }
            (None, Some(code)) => {
                self.try_code(code, ingress).map_err(|problem| match problem {
                    ConsentProblem::TooFast { wait_secs } => PairError::TooFast { wait_secs },
                    _ => PairError::WrongCode,
                })?;
            }
            (None, None) => return Err(PairError::Nothing),
        }
        if !origin.is_https() {
            return Ok(Paired::LocalPage);
        }
        self.register_device(headers).await
    }

    async fn register_device(&self, headers: &HeaderMap) -> Result<Paired, PairError> {
        let cookie = self.random(PREFIX);
        let now = self.now();
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let device = Device {
            id: DeviceId::random(self.entropy()),
            name: device_name(agent.unwrap_or_default()),
            cookie: cookie.digest(),
            created_at: now,
            expires_at: now.after(DEVICE_LIFETIME),
            last_used_at: None,
            revoked_at: None,
        };
        let row = device.clone();
        self.store()
            .write(move |tx| {
                tx.prune_devices(tx.now())?;
                tx.insert_device(&row)
            })
            .await
            .map_err(PairError::from)?;
        tracing::info!(device = %device.id, name = device.name, "a device was paired");
        let set_cookie = super::OpaqueToken::new(format!(
            "{DEVICE_COOKIE}={}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax",
            cookie.expose(),
            DEVICE_LIFETIME.as_secs(),
        ));
        Ok(Paired::Device { device, set_cookie })
    }

    /// The paired device that sent a request, if one did. Cookies count on https origins only.
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn device_of(
        &self,
        headers: &HeaderMap,
        origin: &Origin,
    ) -> Result<Option<Device>, StoreError> {
        let Some(cookie) = cookie_of(headers).filter(|_| origin.is_https()) else {
            return Ok(None);
        };
        let device = self.store().read(|tx| tx.device_by_cookie(&digest(cookie)))?;
        Ok(device.filter(|device| device.is_active(self.now())))
    }

    /// All devices, revoked ones included, oldest first.
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn devices(&self) -> Result<Vec<Device>, DeviceError> {
        self.store().read(|tx| tx.devices().map_err(DeviceError::from))
    }

    /// Ends a device; at its next request it is a stranger's.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Unknown`], or the database's.
    pub async fn revoke_device(&self, id: &DeviceId) -> Result<(), DeviceError> {
        let revoked = id.clone();
        let found = self.store().write(move |tx| tx.revoke_device(&revoked)).await?;
        if found { Ok(()) } else { Err(DeviceError::Unknown(id.clone())) }
    }
}

fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut values = cookies.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == DEVICE_COOKIE && value.starts_with(PREFIX) && value.len() <= 128).then_some(value)
    });
    values.next()
}

/// A few words by which the owner recognises a device in a list.
fn device_name(agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name)
    };
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    let browser = first(&[
        ("Edg", "Edge"),
        ("Firefox", "Firefox"),
        ("FxiOS", "Firefox"),
        ("CriOS", "Chrome"),
        ("Chrome", "Chrome"),
        ("Safari", "Safari"),
    ]);
    match (system, browser) {
        (Some(system), Some(browser)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "unknown device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_by_a_few_known_words_only() {
        let iphone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/60";
        assert_eq!(device_name(iphone), "Safari on iPhone");
        assert_eq!(device_name("<script>"), "unknown device");
    }

    #[test]
    fn the_cookie_is_found_among_others_and_only_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=b; x__Host-gateway_device=gwd_no".parse().unwrap());
        assert_eq!(cookie_of(&headers), None);
        headers.append(header::COOKIE, "c=d;__Host-gateway_device=gwd_yes".parse().unwrap());
        assert_eq!(cookie_of(&headers), Some("gwd_yes"));
    }
}
