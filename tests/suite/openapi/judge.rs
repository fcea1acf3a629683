//! The description of the API, ready to judge real answers by it, more strictly than it is meant for readers: a field that
//! it does not name fails, and every field that was seen is counted.

use std::collections::BTreeSet;

use boon::{Compiler, Schemas};
use serde_json::{Map, Value, json};

/// Where its schemas stand.
const SCHEMAS: &str = "#/components/schemas/";

pub(super) struct Judge {
    document: Value,
    /// The fields that answers had so far, with the schema that has them.
    seen: BTreeSet<(String, String)>,
    judged: usize,
}

impl Judge {
    pub(super) fn new(document: &Value) -> Self {
        Self { document: document.clone(), seen: BTreeSet::new(), judged: 0 }
    }

    pub(super) fn schemas(&self) -> &Map<String, Value> {
        self.document["components"]["schemas"].as_object().unwrap()
    }

    pub(super) fn schema(&self, name: &str) -> &Value {
        self.schemas().get(name).unwrap_or_else(|| panic!("no schema {name}"))
    }

    /// Panics where the values are not as the schema of this name says, strictly.
    pub(super) fn judge(&mut self, name: &str, values: &[(String, Value)]) {
        let mut strict: Value = json!({ "$defs": self.schemas() });
        close(&mut strict);
        strict["$ref"] = json!(format!("#/$defs/{name}"));
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        compiler.add_resource("strict.json", strict).unwrap();
        let index = compiler.compile("strict.json", &mut schemas).unwrap();
        for (what, value) in values {
            if let Err(error) = schemas.validate(value, index) {
                panic!("{what} is no {name}: {error:#}\n{value}");
            }
            let mut seen = std::mem::take(&mut self.seen);
            self.walk(name, value, &mut seen);
            self.seen = seen;
            self.judged += 1;
        }
    }

    pub(super) fn judged(&self) -> usize {
        self.judged
    }

    fn walk(&self, name: &str, value: &Value, seen: &mut BTreeSet<(String, String)>) {
        self.walk_into(name, self.schema(name), value, seen);
    }

    fn walk_into(&self, name: &str, schema: &Value, value: &Value, seen: &mut BTreeSet<(String, String)>) {
        if let Some(other) = schema["$ref"].as_str().and_then(|other| other.strip_prefix(SCHEMAS)) {
            return self.walk(other, value, seen);
        }
        for item in value.as_array().into_iter().flatten() {
            self.walk_into(name, &schema["items"], item, seen);
        }
        for (field, value) in value.as_object().into_iter().flatten() {
            let Some(schema) = schema["properties"].get(field) else { continue };
            seen.insert((name.to_owned(), field.clone()));
            self.walk_into(name, schema, value, seen);
        }
    }

    /// The fields that are described and that no answer had.
    pub(super) fn unseen(&self) -> BTreeSet<String> {
        let fields = self.schemas().iter().flat_map(|(name, schema)| {
            let fields = schema["properties"].as_object().into_iter().flat_map(Map::keys);
            fields.map(|field| (name.clone(), field.clone()))
        });
        fields.filter(|field| !self.seen.contains(field)).map(|(name, field)| format!("{name}.{field}")).collect()
    }
}

/// Closes every object that has named fields, and points references at where the schemas stand here.
fn close(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        if object.contains_key("properties") && object.get("type") == Some(&json!("object")) {
            object.insert("additionalProperties".to_owned(), json!(false));
        }
        if let Some(Value::String(reference)) = object.get_mut("$ref") {
            *reference = reference.replace(SCHEMAS, "#/$defs/");
        }
        object.values_mut().for_each(close);
    } else if let Some(list) = schema.as_array_mut() {
        list.iter_mut().for_each(close);
    }
}
