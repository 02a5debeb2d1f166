//! Forms on the owner's pages: only the device that a form was shown to can send it.
use http::HeaderMap;

use super::consent::comes_from_us;
use super::params::{InvalidParams, Params};
use super::server::AuthorizationServer;
use crate::http::Origin;
use crate::model::Device;
use crate::store::StoreError;

/// Why a form does not count.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FormError {
    /// No paired device sent it.
    #[error("This device is not paired.")]
    NotPaired,
    /// It was not sent from the page that this device was shown, or the gateway started again since.
    #[error("This page is no longer good.")]
    Stale,
    /// It is malformed.
    #[error("The form is malformed: {0}.")]
    Malformed(#[from] InvalidParams),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthorizationServer {
    /// What a form carries in its field `proof`: bound to the device, by its cookie, and to what the
    /// form is about.
    #[must_use]
    pub fn form_proof(&self, device: &Device, about: &str) -> String {
        self.sealing_key().proof(&device.cookie, about)
    }

    /// The parameters of a form about `about`, and the paired device that sent it from our own page.
    ///
    /// # Errors
    ///
    /// See [`FormError`].
    pub fn open_form(
        &self,
        form: &[u8],
        about: &str,
        origin: &Origin,
        headers: &HeaderMap,
    ) -> Result<(Device, Params), FormError> {
        let device = self.device_of(headers, origin)?.ok_or(FormError::NotPaired)?;
        let params = Params::parse(form)?;
        let proof = params.text("proof")?.unwrap_or_default();
        let shown = self.sealing_key().is_proof(&device.cookie, about, proof);
        if comes_from_us(headers, origin) && shown {
            Ok((device, params))
        } else {
            Err(FormError::Stale)
        }
    }
}
