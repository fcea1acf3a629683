//! The list of devices, in the shapes in which the products tell it.

use serde_json::{Map, Value, json};

use super::{FirstPage, Fleet, Paging};

/// One page of a fleet, as it was asked for.
pub(super) fn page(fleet: &Fleet, is_business: bool, document: &Value) -> Value {
    let options = &document["options"];
    let asked = usize::try_from(options["page"].as_u64().unwrap_or_default()).unwrap_or(usize::MAX);
    let is_list = is_business != fleet.swapped;
    let index = match (fleet.first, asked) {
        (FirstPage::OneOnly, 0) => return wrapped(is_list, inner("DEVICES_NOTFOUND")),
        (FirstPage::Zero, page) => page,
        (FirstPage::One | FirstPage::OneOnly, page) => page.saturating_sub(1),
    };
    let index = if matches!(fleet.paging, Paging::Same | Paging::Endless) { 0 } else { index };
    let size = fleet.page_size.max(1);
    let devices: Vec<Value> = fleet.devices.chunks(size).nth(index).unwrap_or_default().to_vec();
    if devices.is_empty() && !matches!(fleet.paging, Paging::EmptyEnd) {
        return wrapped(is_list, inner("DEVICES_NOTFOUND"));
    }
    let columns: Vec<&str> =
        options["specific_columns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let told = devices.into_iter().map(|mut device| {
        if let (Paging::Endless, Some(id)) = (&fleet.paging, device["deviceudid"].as_str()) {
            device["deviceudid"] = json!(format!("{id}-{asked}"));
        }
        match device {
            Value::Object(all) => Value::Object(all.into_iter().filter(|(key, _)| columns.contains(&&**key)).collect()),
            other => other,
        }
    });
    let mut part = Map::new();
    part.insert("devices".to_owned(), told.collect());
    if fleet.counted {
        // Text or number as it falls: the one for Manager, the other for Business.
        let number = |number: usize| if is_business { json!(number) } else { json!(number.to_string()) };
        part.insert("rows".to_owned(), number(fleet.devices.len()));
        part.insert("page_size".to_owned(), number(size));
        part.insert("page".to_owned(), number(asked));
    }
    wrapped(is_list, Value::Object(part))
}

/// What stands in `response` when something is wrong, or when a list ends.
pub(super) fn inner(word: &str) -> Value {
    json!({ "status": word, "info": "Made up", "devices_notfound": [] })
}

/// The whole answer: a list for Business, an object for Manager.
pub(super) fn wrapped(is_list: bool, part: Value) -> Value {
    let response = if is_list { json!([part]) } else { part };
    json!({ "status": "OK", "response": response })
}
