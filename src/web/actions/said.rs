//! `POST /tenants/{name}/said/{word}`, `POST /accounts/{id}/duties/{duty}` and `POST /letter`: what people say is kept, with who
//! and when.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};

use super::wish::{Wish, day, remarks};
use super::{Actor, TOKEN, admit, is_theirs};
use crate::attest::{self, duty_done};
use crate::evaluate::TenantReport;
use crate::model::{AccountId, DutyDone, Memory, TenantName};
use crate::store;
use crate::web::access::User;
use crate::web::pages::{self, Refused, Room, refused};
use crate::web::parts::{Form, Parts};
use crate::web::problem::Problem;
use crate::web::{Context, Running};
use crate::words::clean;

/// A disk that takes longer than this to keep a word hangs.
const KEEPING: Duration = Duration::from_secs(10);

/// The parts of the form of a duty.
const DUTY: [&str; 4] = [TOKEN, "tenant", "on", "note"];

/// The parts of the form of the letter.
const LETTER: [&str; 2] = [TOKEN, "code"];

/// Who sends a form.
type Sender = (Option<Extension<User>>, HeaderMap);

/// Keeps what is said of a tenant, and goes back to the page on which that was said; if it may not be kept, shows that page
/// with the reason.
pub(in crate::web) async fn of_tenant(
    State(context): State<Context>,
    Path((name, word)): Path<(String, String)>,
    user: Option<Extension<User>>,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let sent = sent(&context, (user.clone(), headers), form, &Wish::PARTS).await;
    let (running, report) = context.report().await;
    let (actor, parts) = match sent {
        Ok(sent) => sent,
        Err(problem) => return refused(&report, &problem),
    };
    let Some((tenant, memory)) = pages::found(&context, &report, &name) else { return pages::missing(&report) };
    let room = if parts.typed("room") == Some("renewal") { Room::Renewal } else { Room::Tenant };
    let kept = match Wish::read(&word, &parts) {
        Ok(wish) => keep(&context, &running, (tenant, &memory), &actor, wish, &parts).await,
        Err(problem) => Err(problem),
    };
    match kept {
        Ok(()) => Redirect::to(&room.address(&tenant.name)).into_response(),
        Err(problem) => room.again(tenant, &memory, &report, &running.config, actor, Refused { word, parts, problem }),
    }
}

/// Keeps that a duty was done, and goes back to the tenant on whose page that was said.
pub(in crate::web) async fn duty(
    State(context): State<Context>,
    Path((account, duty)): Path<(String, String)>,
    user: Option<Extension<User>>,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let done = async {
        let (actor, parts) = sent(&context, (user, headers), form, &DUTY).await?;
        do_duty(&context, &account, &duty, &actor, &parts).await?;
        Ok(parts.typed("tenant").and_then(|name| TenantName::parse(name).ok()))
    };
    match done.await {
        Ok(Some(tenant)) => Redirect::to(&Room::Tenant.address(&tenant)).into_response(),
        Ok(None) => Redirect::to("/").into_response(),
        Err(problem) => refused(&context.report().await.1, &problem),
    }
}

/// Keeps that the letter was read, and goes back to its page; if it may not be kept, shows that page with the reason.
pub(in crate::web) async fn letter(
    State(context): State<Context>,
    user: Option<Extension<User>>,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let sent = sent(&context, (user, headers), form, &LETTER).await;
    let (_, report) = context.report().await;
    let (actor, parts) = match sent {
        Ok(sent) => sent,
        Err(problem) => return refused(&report, &problem),
    };
    let code = parts.typed("code").unwrap_or_default();
    let kept = async {
        let said = attest::letter_read(report.letter.as_ref(), code, &actor.by, context.clock.now());
        let said = said.map_err(|why| Problem::new(StatusCode::CONFLICT, why.to_string()))?;
        let Some(event) = said else { return Ok(()) };
        on_disk(context.store.tell_letter(event)).await?;
        let by = clean(&actor.by, 128);
        tracing::info!(%by, "said on the page by {by}: the monthly letter was read");
        Ok(())
    };
    match kept.await {
        Ok(()) => Redirect::to("/letter").into_response(),
        Err(problem) => pages::letter_again(&report, actor, code, &problem),
    }
}

/// The sender and the parts of a form. Who may is settled before anything of it is read.
async fn sent(
    context: &Context,
    (user, headers): Sender,
    form: Form,
    known: &[&'static str],
) -> Result<(Actor, Parts), Problem> {
    let running = context.running.borrow().clone();
    let actor = admit(context, &running, user.as_ref().map(|user| &user.0), &headers)?;
    let parts = Parts::read(form, known).await?;
    is_theirs(&actor, parts.bytes(TOKEN).unwrap_or_default())?;
    if !context.clock.moment().is_plausible() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the clock of this machine cannot be right, so nothing can be dated and nothing was kept",
        ));
    }
    Ok((actor, parts))
}

/// Asks whether it may be kept, and keeps it. When this returns, it is on disk.
async fn keep(
    context: &Context,
    running: &Running,
    (tenant, memory): (&TenantReport, &Arc<Memory>),
    actor: &Actor,
    wish: Wish,
    parts: &Parts,
) -> Result<(), Problem> {
    let name = &tenant.name;
    let case = attest::Case { config: &running.config, name, memory, by: &actor.by, now: context.clock.now() };
    let all = context.store.snapshot().tenants;
    let kept = wish.put(&case, tenant, |name| all.get(name).map(AsRef::as_ref));
    let kept = kept.map_err(|why| Problem::new(StatusCode::CONFLICT, why.to_string()))?;
    let words = case.attestations(&kept, &remarks(parts));
    if words.is_empty() {
        return Err(Problem::new(StatusCode::CONFLICT, kept.told));
    }
    on_disk(context.store.attest(name, words, kept.pin, Arc::clone(memory))).await?;
    let (by, tenant) = (clean(&actor.by, 128), clean(name.as_str(), 128));
    tracing::info!(%tenant, %by, "said on the page by {by}: {}", clean(&kept.told, 500));
    Ok(())
}

async fn do_duty(context: &Context, account: &str, duty: &str, actor: &Actor, parts: &Parts) -> Result<(), Problem> {
    let config = context.running.borrow().config.clone();
    let refusal = |why: String| Problem::new(StatusCode::CONFLICT, why);
    let id = AccountId::parse(account).map_err(|why| refusal(why.to_owned()))?;
    let done = duty_done(&config, &id, duty, day(parts, "on")?, &actor.by, context.clock.now());
    let done = DutyDone { note: remarks(parts).note, ..done.map_err(|why| refusal(why.to_string()))? };
    on_disk(context.store.do_duty(&id, done)).await?;
    let (by, duty) = (clean(&actor.by, 128), clean(duty, 128));
    tracing::info!(account = %id, %by, "said on the page by {by}: duty {duty} was done");
    Ok(())
}

/// Waits until it is on disk.
async fn on_disk(keeping: impl Future<Output = Result<(), store::Error>>) -> Result<(), Problem> {
    let unkept = |why: &str| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why);
    match tokio::time::timeout(KEEPING, keeping).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error @ store::Error::Unsure)) => {
            tracing::error!(%error, "nobody can say whether what was said on the page was kept");
            Err(unkept("the database did not answer in time: look at what happened before you say it again"))
        }
        Ok(Err(error @ store::Error::Overtaken)) => Err(Problem::new(
            StatusCode::CONFLICT,
            format!("{error}, so nothing was kept: look at it, and say it again"),
        )),
        Ok(Err(error)) => {
            tracing::error!(%error, "what was said on the page could not be kept");
            Err(unkept("the store cannot be written, so nothing was kept"))
        }
        // It may be half way to the disk.
        Err(_) => Err(Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "the disk does not answer, so nobody knows yet whether it is kept: look at what happened before you say it again",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_a_disk_that_does_not_answer_nobody_says_that_nothing_was_kept() {
        let problem = on_disk(std::future::pending()).await.unwrap_err();
        assert!(problem.is_open() && !problem.detail().contains("nothing was kept"), "{problem:?}");
        let problem = on_disk(std::future::ready(Err(store::Error::Closed))).await.unwrap_err();
        assert!(!problem.is_open() && problem.detail().contains("nothing was kept"), "{problem:?}");
    }
}
