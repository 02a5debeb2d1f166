//! The resources.
use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, Resource, ResourceTemplate};
use serde_json::json;

use crate::tools::PNG;

pub(crate) fn declarations() -> Vec<Resource> {
    let resource = |uri: &str, kind: &str| json!({ "uri": uri, "name": uri, "mimeType": kind });
    let resources = json!([
        resource("test://static-text", "text/plain"),
        resource("test://static-binary", "image/png"),
        resource("test://watched-resource", "text/plain"),
        resource("test://example-resource", "text/plain"),
    ]);
    serde_json::from_value(resources).unwrap()
}

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    let template = json!([{ "uriTemplate": "test://template/{id}/data", "name": "data" }]);
    serde_json::from_value(template).unwrap()
}

pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let id = uri.strip_prefix("test://template/").and_then(|it| it.strip_suffix("/data"));
    let text = |kind: &str, text: &str| json!([{ "uri": uri, "mimeType": kind, "text": text }]);
    let contents = match (uri, id) {
        ("test://static-binary", _) => {
            json!([{ "uri": uri, "mimeType": "image/png", "blob": PNG }])
        }
        ("test://static-text", _) => {
            text("text/plain", "This is the content of the static text resource.")
        }
        ("test://watched-resource" | "test://example-resource", _) => {
            text("text/plain", "Watched resource content")
        }
        (_, Some(id)) => {
            let data =
                json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            text("application/json", &data.to_string())
        }
        _ => {
            let message = "Resource not found";
            return Err(ErrorData::resource_not_found(message, Some(json!({ "uri": uri }))));
        }
    };
    Ok(ReadResourceResult::new(serde_json::from_value(contents).unwrap()))
}
