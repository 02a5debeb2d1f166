//! The owner's paired devices, for the terminal.
use serde_json::{Value, json};

use super::admin::CallError;
use crate::auth::{AuthorizationServer, DeviceError};
use crate::clock::Timestamp;
use crate::model::{Device, DeviceId};

/// All devices, as `devices list` tells them.
///
/// # Errors
///
/// When the database cannot be read.
pub(super) fn list(auth: &AuthorizationServer, now: Timestamp) -> Result<Value, CallError> {
    let devices: Vec<Value> =
        auth.devices().map_err(refusal)?.iter().map(|device| device_json(device, now)).collect();
    Ok(json!({ "schema": 1, "devices": devices }))
}

/// Ends the device of this id, or every one for `all`: at its next request it is a stranger's.
///
/// # Errors
///
/// When there is no such device that is paired still.
pub(super) async fn revoke(
    auth: &AuthorizationServer,
    now: Timestamp,
    which: &str,
) -> Result<Value, CallError> {
    let devices = auth.devices().map_err(refusal)?;
    let mut paired = devices.into_iter().filter(|device| device.is_active(now));
    let revoked: Vec<DeviceId> = if which == "all" {
        paired.map(|device| device.id).collect()
    } else {
        let found = paired.find(|device| device.id.as_str() == which);
        let found = found.ok_or_else(|| {
            let hint = "`gateway devices list` shows the ids of those that are";
            CallError::invalid(format!("no paired device has the id {which:?}"), hint)
        })?;
        vec![found.id]
    };
    for id in &revoked {
        match auth.revoke_device(id).await {
            // Somebody else was faster, and it is gone.
            Ok(()) | Err(DeviceError::Unknown(_)) => {}
            Err(error) => return Err(refusal(error)),
        }
    }
    Ok(json!({ "schema": 1, "revoked": revoked }))
}

fn refusal(error: DeviceError) -> CallError {
    match error {
        DeviceError::Store(error) => error.into(),
        DeviceError::Unknown(_) => CallError::invalid(&error, error.hint()),
    }
}

fn device_json(device: &Device, now: Timestamp) -> Value {
    let state = match device {
        Device { revoked_at: Some(_), .. } => "revoked",
        device if device.is_active(now) => "paired",
        _ => "expired",
    };
    json!({
        "device_id": device.id,
        "name": device.name,
        "state": state,
        "paired_at": device.created_at.to_string(),
        "expires_at": device.expires_at.to_string(),
        "last_used_at": device.last_used_at.map(|at| at.to_string()),
    })
}
