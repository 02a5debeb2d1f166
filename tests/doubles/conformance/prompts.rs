//! The prompts.
use rmcp::ErrorData;
use rmcp::model::{
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequiredResult, Prompt,
};
use serde_json::{Value, json};

use crate::inputs;
use crate::tools::PNG;

pub(crate) fn declarations() -> Vec<Prompt> {
    let argument = |name: &str| json!({ "name": name, "required": true });
    let prompts = json!([
        { "name": "test_simple_prompt", "description": "Fixture" },
        { "name": "test_prompt_with_arguments", "description": "Fixture", "arguments": [argument("arg1"), argument("arg2")] },
        { "name": "test_prompt_with_embedded_resource", "description": "Fixture", "arguments": [argument("resourceUri")] },
        { "name": "test_prompt_with_image", "description": "Fixture" },
        { "name": "test_input_required_result_prompt", "description": "Fixture" },
    ]);
    serde_json::from_value(prompts).unwrap()
}

pub(crate) fn get(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let argument = |name: &str| {
        let arguments = request.arguments.as_ref();
        arguments.and_then(|it| it.get(name)).and_then(Value::as_str).unwrap_or_default()
    };
    let text = |text: String| json!({ "type": "text", "text": text });
    let contents = match request.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.".to_owned())],
        "test_prompt_with_arguments" => {
            let (one, two) = (argument("arg1"), argument("arg2"));
            vec![text(format!("Prompt with arguments: arg1='{one}', arg2='{two}'"))]
        }
        "test_prompt_with_embedded_resource" => {
            let resource = json!({
                "uri": argument("resourceUri"), "mimeType": "text/plain",
                "text": "Embedded resource content for testing.",
            });
            let words = text("Please process the embedded resource above.".to_owned());
            vec![json!({ "type": "resource", "resource": resource }), words]
        }
        "test_prompt_with_image" => {
            let image = json!({ "type": "image", "data": PNG, "mimeType": "image/png" });
            vec![image, text("Please analyze the image above.".to_owned())]
        }
        "test_input_required_result_prompt" => {
            let given = request.input_responses.as_ref();
            let Some(context) = inputs::accepted(given, "user_context", "context") else {
                let ask = "What context should the prompt use?";
                let asked = inputs::elicit("user_context", ask, "context", "string");
                return Ok(InputRequiredResult::new(Some(asked), None).into());
            };
            vec![text(format!("Use this context: {context}"))]
        }
        unknown => {
            return Err(ErrorData::invalid_params(format!("there is no prompt {unknown}"), None));
        }
    };
    let messages: Vec<Value> =
        contents.into_iter().map(|it| json!({ "role": "user", "content": it })).collect();
    let messages = serde_json::from_value(Value::Array(messages)).unwrap();
    Ok(GetPromptResult::new(messages).into())
}
