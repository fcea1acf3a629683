//! What Kandji writes, with everything that we are not to keep.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{Answer, Blueprint, Dates, Device, Integration, Resource, Tenant};
use crate::demo::asked::Asked;

/// A page of a list.
pub(super) fn page(asked: &Asked, tenant: &Tenant, resource: Resource, answer: &Answer) -> Value {
    let query = asked.query.as_deref().unwrap_or_default().as_bytes();
    let query: HashMap<String, String> = url::form_urlencoded::parse(query).into_owned().collect();
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    match resource {
        Resource::Devices => {
            let cursor = query.get("cursor").map(|text| text.trim_start_matches("at+").trim_end_matches('='));
            let from = cursor.and_then(|text| text.parse().ok()).unwrap_or(0);
            let limit = number("limit").unwrap_or(25).clamp(1, 300);
            devices(tenant, from, limit, answer)
        }
        Resource::Integrations => {
            let rows = tenant.integrations.iter().map(|row| integration(row, tenant.dates)).collect();
            links(asked, tenant, rows, number("limit"), number("offset"), answer)
        }
        Resource::Blueprints | Resource::Profile => {
            let rows = tenant.blueprints.iter().map(blueprint).collect();
            links(asked, tenant, rows, number("limit"), number("offset"), answer)
        }
    }
}

fn links(
    asked: &Asked,
    tenant: &Tenant,
    rows: Vec<Value>,
    limit: Option<usize>,
    offset: Option<usize>,
    answer: &Answer,
) -> Value {
    let (limit, from, count) = (limit.unwrap_or(tenant.page_size).max(1), offset.unwrap_or(0), rows.len());
    let address = match &tenant.next_host {
        Some(host) => format!("{host}{}/", asked.path),
        None => format!("http://{}{}", asked.host, asked.path),
    };
    let link = |offset: usize| format!("{address}?limit={limit}&offset={offset}");
    let next = match answer {
        Answer::SamePage => Some(link(from)),
        Answer::PagesWithoutEnd => Some(link(from + limit)),
        _ => (from + limit < count).then(|| link(from + limit)),
    };
    let previous = (from > 0).then(|| link(from.saturating_sub(limit)));
    // Those that do not end begin again and again.
    let from = if matches!(answer, Answer::PagesWithoutEnd) { 0 } else { from };
    let rows: Vec<Value> = rows.into_iter().skip(from).take(limit).collect();
    json!({ "count": count, "next": next, "previous": previous, "results": rows })
}

fn devices(tenant: &Tenant, from: usize, limit: usize, answer: &Answer) -> Value {
    let cursor = |from: usize| format!("at+{from}=");
    let (next, shown_from) = match answer {
        Answer::SamePage => (Some(cursor(from)), from),
        Answer::PagesWithoutEnd => (Some(cursor(from + limit)), 0),
        _ => ((from + limit < tenant.devices.len()).then(|| cursor(from + limit)), from),
    };
    let rows = tenant.devices.iter().enumerate().skip(shown_from).take(limit);
    let rows: Vec<Value> = rows.map(|(index, row)| device(row, index, tenant)).collect();
    json!({ "offset": from, "limit": limit, "total": null, "data": rows, "cursor": next })
}

fn date(moment: Option<DateTime<Utc>>, dates: Dates) -> Option<String> {
    let moment = moment?;
    Some(match dates {
        Dates::Iso => moment.to_rfc3339_opts(SecondsFormat::Micros, true),
        Dates::SpaceAndOffset => moment.format("%Y-%m-%d %H:%M:%S%.6f%:z").to_string(),
        Dates::TwoSpaces => moment.format("%Y-%m-%d %H:%M:%S %z").to_string(),
    })
}

fn integration(row: &Integration, dates: Dates) -> Value {
    json!({
        "id": row.id,
        "blueprint": null,
        "use_blueprint_routing": true,
        "access_token_expiry": date(row.not_after, dates).unwrap_or_default(),
        "days_left": 235,
        "server_name": row.name,
        "server_uuid": "00000000-0000-4000-8000-0000000000f1",
        "admin_id": "person@example.com",
        "org_name": "Example School",
        "org_email": "person@example.com",
        "org_phone": "+49 30 0000000",
        "org_address": "1 Made-up Street",
        "org_type": "org",
        "stoken_file_name": "made_up_smime.p7m",
        "last_device_sync": "2026-09-01T11:56:34.567587Z",
        "defaults": { "email": "person@example.com", "phone": "+49 30 0000000" },
        "status": row.status,
        "status_reason": row.status_reason,
        "status_received_at": "2026-09-01T11:00:00Z",
        "device_counts": { "Mac": 12, "total": 12 },
    })
}

fn device(row: &Device, index: usize, tenant: &Tenant) -> Value {
    let mut value = json!({
        "device_id": format!("00000000-0000-4000-8000-{index:012x}"),
        "device__name": format!("Made-up device {index}"),
        "device__family": row.family,
        "device__user_email": "person@example.com",
        "serial_number": format!("MADEUP{index:06}"),
        "mdm_enabled": row.managed,
        "last_collected_at": "2026-09-01T11:50:00Z",
        "updated_at": "2026-09-01T11:50:00Z",
    });
    if !tenant.old_devices {
        let (agent, checkin) = (date(row.agent, tenant.dates), date(row.checkin, tenant.dates));
        value["last_checkin"] = json!(checkin);
        value["last_checkin_agent"] = json!(agent);
        value["last_checkin_mdm"] = json!(checkin);
    }
    value
}

fn blueprint(row: &Blueprint) -> Value {
    json!({
        "id": row.id,
        "name": "Made-up blueprint",
        "icon": "ss-files",
        "color": "aqua-800",
        "computers_count": 3,
        "enrollment_code": { "code": row.code, "is_active": true },
    })
}

/// An enrolment profile in plain XML: with an MDM payload of this topic, or the first of Apple's two steps, which only
/// says where the second is.
#[must_use]
pub fn enrolment_profile(topic: Option<&str>) -> Vec<u8> {
    let content = match topic {
        Some(topic) => format!(
            "<key>PayloadContent</key><array><dict>\n\
             <key>PayloadType</key><string>com.apple.mdm</string>\n\
             <key>Topic</key>\n<string>{topic}</string>\n\
             <key>ServerURL</key><string>https://mdm.example.com/mdm/commands</string>\n\
             </dict><dict>\n\
             <key>PayloadType</key><string>com.apple.security.scep</string>\n\
             <key>PayloadContent</key><dict><key>Challenge</key><string>made-up-challenge</string></dict>\n\
             </dict></array>\n\
             <key>PayloadType</key><string>Configuration</string>"
        ),
        None => "<key>PayloadContent</key><dict>\n\
                 <key>URL</key><string>https://mdm.example.com/enroll-ota-callback/made-up-challenge</string>\n\
                 <key>DeviceAttributes</key><array><string>UDID</string></array>\n\
                 </dict>\n\
                 <key>PayloadType</key><string>Profile Service</string>"
            .to_owned(),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\"><dict>\n\
         {content}\n\
         <key>PayloadIdentifier</key><string>com.example.enrolment</string>\n\
         <key>PayloadUUID</key><string>00000000-0000-4000-8000-0000000000c1</string>\n\
         <key>PayloadVersion</key><integer>1</integer>\n\
         </dict></plist>\n"
    )
    .into_bytes()
}
