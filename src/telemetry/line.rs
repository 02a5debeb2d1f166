//! The layer that turns events into lines and hands them to the outputs.
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tracing::field::Visit;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::format::{Style, format};
use super::scrub::{MASK, scrub};
use super::sink::Sink;
use crate::clock::Clock;

/// A single value is cut to this many bytes.
const VALUE_BYTES_MAX: usize = 4 * 1024;

/// Of a single value no more than this is looked at.
const SCRUBBED_BYTES_MAX: usize = 64 * 1024;

/// What an event says.
pub(super) struct Line<'a> {
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) message: &'a str,
    pub(super) fields: &'a [Field],
    /// Innermost first.
    pub(super) spans: &'a [SpanFields],
}

/// A name with its value: a number, a bool, or a text already scrubbed and cut.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) value: Value,
}

/// A span an event lies in.
#[derive(Clone, Debug)]
pub(super) struct SpanFields {
    pub(super) name: &'static str,
    pub(super) fields: Vec<Field>,
}

/// A span as it was opened. Most spans see no event, so the costly part waits for the first.
struct OpenSpan {
    name: &'static str,
    unscrubbed: Vec<Field>,
}

impl OpenSpan {
    fn scrubbed(&self) -> SpanFields {
        let mut fields = Fields::default();
        for Field { name, value } in &self.unscrubbed {
            match value {
                Value::String(text) => fields.set(name, Value::String(scrubbed(text.clone()))),
                value => fields.set(name, value.clone()),
            }
        }
        SpanFields { name: self.name, fields: fields.values }
    }
}

/// Writes every event to every output.
pub(super) struct LineLayer {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) outputs: Vec<(Style, Sink)>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LineLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields { unscrubbed: true, ..Fields::default() };
        attributes.record(&mut fields);
        let open = OpenSpan { name: span.name(), unscrubbed: fields.values };
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<OpenSpan>() {
            let known = std::mem::take(&mut open.unscrubbed);
            let mut fields = Fields { values: known, unscrubbed: true, ..Fields::default() };
            values.record(&mut fields);
            open.unscrubbed = fields.values;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let spans: Vec<_> = context
            .event_scope(event)
            .into_iter()
            .flatten()
            .filter_map(|span| span.extensions().get().map(OpenSpan::scrubbed))
            .collect();
        let line = Line {
            level: *event.metadata().level(),
            target: event.metadata().target(),
            message: &fields.message,
            fields: &fields.values,
            spans: &spans,
        };
        let now = self.clock.now();
        for (style, sink) in &self.outputs {
            sink.send(format(*style, now, &line));
        }
    }
}

/// Collects the fields of an event or a span.
#[derive(Default)]
struct Fields {
    message: String,
    values: Vec<Field>,
    /// Whether to leave values as they come.
    unscrubbed: bool,
}

impl Fields {
    fn set(&mut self, name: &'static str, value: Value) {
        let masked = !self.unscrubbed && is_secret(name);
        let value = if masked { Value::String(MASK.to_owned()) } else { value };
        match self.values.iter_mut().find(|field| field.name == name) {
            Some(known) => known.value = value,
            None => self.values.push(Field { name, value }),
        }
    }

    fn set_text(&mut self, field: &tracing::field::Field, mut text: String) {
        cut(&mut text, SCRUBBED_BYTES_MAX);
        let text = if self.unscrubbed { text } else { scrubbed(text) };
        if field.name() == "message" {
            self.message = text;
        } else {
            self.set(field.name(), Value::String(text));
        }
    }
}

/// What announces a secret stands before it, so a cut never uncovers one. The first keeps the work
/// small, the second the line.
fn scrubbed(mut text: String) -> String {
    cut(&mut text, SCRUBBED_BYTES_MAX);
    let mut text = scrub(&text).into_owned();
    cut(&mut text, VALUE_BYTES_MAX);
    text
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.set_text(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.set_text(field, value.to_owned());
    }

    fn record_error(
        &mut self,
        field: &tracing::field::Field,
        value: &(dyn std::error::Error + 'static),
    ) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(err) = cause.filter(|_| text.len() < VALUE_BYTES_MAX) {
            text.push_str(": ");
            text.push_str(&err.to_string());
            cause = err.source();
        }
        self.set_text(field, text);
    }

    fn record_f64(&mut self, field: &tracing::field::Field, value: f64) {
        self.set(field.name(), Value::from(value));
    }

    fn record_i64(&mut self, field: &tracing::field::Field, value: i64) {
        self.set(field.name(), Value::from(value));
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.set(field.name(), Value::from(value));
    }

    fn record_bool(&mut self, field: &tracing::field::Field, value: bool) {
        self.set(field.name(), Value::Bool(value));
    }
}

/// Whether a field of this name holds a secret: decided by the scrubber, so that both agree.
fn is_secret(name: &str) -> bool {
    matches!(scrub(&format!("{name}=x")), std::borrow::Cow::Owned(_))
}

fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let mut end = bytes_max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
}
